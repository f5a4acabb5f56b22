//! Gateways on other machines: links through a real sshd and over pinned TLS, on the real binary.

// Tests may fail loudly and say why they skip something; their deadlines need a clock. Of the end-to-end world only
// a part is used here.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods, dead_code)]

#[path = "../e2e/browser.rs"]
mod browser;
#[path = "../e2e/look.rs"]
mod look;
#[path = "../e2e/npm.rs"]
mod npm;
#[path = "../e2e/ports.rs"]
mod ports;
#[path = "../e2e/tls.rs"]
mod tls;
#[path = "../e2e/world.rs"]
mod world;

mod claims;
mod cuts;
mod direct;
mod hosts;
mod links;
mod net;
mod nodes_real;
mod page;
mod probe;
mod secrets;
mod server;
mod trust;
mod turns;

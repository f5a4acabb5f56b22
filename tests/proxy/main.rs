//! The command line in front of gateways, on the real binary: which profile is meant, what is asked of whom, and what
//! is handed to the real OpenClaw CLI.

// Tests may fail loudly and say why they skip something; their deadlines need a clock. Of the end-to-end world only
// a part is used here.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods, dead_code)]

#[path = "../gateway/bot_api.rs"]
mod bot_api;
#[path = "../e2e/fake.rs"]
mod fake;
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

mod acts;
mod acts_real;
mod agent;
mod calls;
mod certificates;
mod codes;
mod compared_real;
mod contexts;
mod credentials;
mod devices;
mod devices_real;
mod embedded_acts_real;
mod embedded_real;
mod manners;
mod model;
mod passing;
mod places;
mod power;
mod recorded;
mod scripted;
mod served;
mod shapes;
mod starting;
mod strangers;
mod streams;
mod tables;
mod told;
mod verbs;

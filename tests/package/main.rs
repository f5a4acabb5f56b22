//! What people install: the Debian package in a root of its own, with nothing left of it after its removal but what is
//! the users', `make install` and `make uninstall`, and what the program asks of a system.

// Tests may fail loudly and say why they skip something; their deadlines need a clock. Of the end-to-end world only
// a part is used here.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods, dead_code)]

#[path = "../e2e/look.rs"]
mod look;
#[path = "../e2e/ports.rs"]
mod ports;
#[path = "../e2e/world.rs"]
mod world;

mod debian;
mod make;

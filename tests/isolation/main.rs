//! Isolation as it is seen from outside, on the real binary: what two profiles would share is found before a start,
//! and making or removing one profile touches no other. Tests that replay an incident carry its id.

// Tests may fail loudly and say why they skip something; their deadlines need a clock. Of the end-to-end world only
// a part is used here.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods, dead_code)]

#[path = "../e2e/fake.rs"]
mod fake;
#[path = "../e2e/look.rs"]
mod look;
#[path = "../e2e/ports.rs"]
mod ports;
#[path = "../e2e/world.rs"]
mod world;

mod bots;
mod clone;
mod confined;
mod pair;
mod removal;
mod shapes;
mod strangers;

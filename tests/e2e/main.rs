//! The real binary, real signals, real processes: what a user sees, checked from outside. Each test owns a
//! [`world::World`], so all of them run beside each other.

// Tests may fail loudly and say why they skip something; their deadlines need a clock.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods)]

mod fake;
mod look;
mod ports;
mod real;
mod world;

mod bad_files;
mod bad_input;
mod bad_places;
mod children;
mod endings;
mod joining;
mod lifecycle;
mod registry;
mod render;
mod secrets;
mod sharing;
mod survival;
mod taken_ports;
mod terminal;

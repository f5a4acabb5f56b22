//! The real binary, real signals, real processes: what a user sees, checked from outside. Each test owns a
//! [`world::World`], so all of them run beside each other.

// Tests may fail loudly and say why they skip something; their deadlines need a clock.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods)]

// Only a part of it is needed here.
#[allow(dead_code)]
#[path = "../gateway/bot_api.rs"]
mod bot_api;
mod browser;
mod fake;
mod held;
mod look;
mod npm;
mod ports;
mod real;
mod tls;
mod world;

mod adoption;
mod bad_files;
mod bad_input;
mod bad_places;
mod children;
mod completions;
mod endings;
mod help;
mod honeypot;
mod joining;
mod lifecycle;
mod nodes;
mod orders;
mod registry;
mod render;
mod rescue;
mod secrets;
mod sharing;
mod survival;
mod taken_ports;
mod terminal;
mod together;
mod watching;

/// A file that nothing includes is a test that nobody runs.
#[test]
fn every_file_beside_this_one_is_part_of_the_program() {
    let included = include_str!("main.rs");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e");
    for file in std::fs::read_dir(folder).unwrap().flatten() {
        let name = file.file_name().into_string().unwrap();
        let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "main") else { continue };
        assert!(included.contains(&format!("\nmod {module};\n")), "{name}");
    }
}

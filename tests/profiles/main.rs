//! Profiles as people write them: every sample file is one case, every cell of what a shell may have exported is
//! one line of a table, and the shipped templates stand next to each other.

// A test that cannot go on shall say where.
#![allow(clippy::unwrap_used)]

mod cells;
mod noise;
mod pairs;
mod ports;
mod samples;
// Not all of its words are used here.
#[allow(dead_code)]
#[path = "../sim/random.rs"]
mod random;
mod shipped;

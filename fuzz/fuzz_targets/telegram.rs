//! An update of the Bot API, and what is made of a text for it.

#![no_main]

#[path = "../properties/mod.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::telegram::hold(data));

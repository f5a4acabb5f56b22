//! The head of an HTTP request, and a hook's body.

#![no_main]

#[path = "../properties/mod.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::http::hold(data));

//! Links: byte streams turned into conversations, between this program and others. What is said over them
//! is data in [`crate::wire`]; who may say it is decided elsewhere.

pub mod ws;

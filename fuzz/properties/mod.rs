//! What holds of whatever comes in from outside. Each property is one function over bytes: the fuzz targets make up the
//! bytes, and `tests/gateway/fuzzed.rs` runs the same functions over the seeds and over spoilt copies of them.

// Each fuzz target uses one of them.
#![allow(dead_code)]

pub mod config;
pub mod frames;
pub mod handshake;
pub mod http;
pub mod telegram;

use serde_json::Value;

/// Whether two values say the same: a number that is no integer may change its last digit when it is written and read.
fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap_or(0.0), b.as_f64().unwrap_or(0.0));
            (a - b).abs() <= a.abs().max(b.abs()) * 1e-12
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| alike(a, b)))
        }
        (a, b) => a == b,
    }
}

//! The floor for `--profile NAME health`: the same WebSocket call and nothing else. Blocking, one thread, no
//! look-up of profiles, no question who listens; the port and the token's file come from argv.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own, which has no renderer")]

mod call;

use std::error::Error;
use std::process::ExitCode;

use serde_json::{Value, json};

fn main() -> ExitCode {
    let argv: Vec<String> = std::env::args().skip(1).collect();
    let [port, token_file] = &argv[..] else {
        eprintln!("usage: minimal-client PORT TOKEN-FILE");
        return ExitCode::from(2);
    };
    match health(port, token_file) {
        Ok(payload) => {
            println!("{payload}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("minimal-client: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Connects with the token in `token_file` and asks for the health.
fn health(port: &str, token_file: &str) -> Result<Value, Box<dyn Error>> {
    let token = std::fs::read_to_string(token_file)?;
    call::open(port.parse()?, token.trim())?.ask("health", &json!({}))
}

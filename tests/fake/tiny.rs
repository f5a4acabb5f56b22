//! The smallest child that a supervisor can start: it listens on `--port` at once, answers each connection
//! with one line and ends on TERM. Each start adds a byte to the file after `--starts`. The benches measure with it what starting costs beside the program started.

#![expect(clippy::print_stderr, reason = "a program of its own, which has no renderer")]

use std::fs::OpenOptions;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;

fn main() -> ExitCode {
    let value = |flag: &str| std::env::args().skip_while(|word| word != flag).nth(1);
    let Some(port) = value("--port").and_then(|word| word.parse::<u16>().ok()) else {
        eprintln!("usage: tiny-child --port N [--starts FILE]");
        return ExitCode::from(2);
    };
    if let Some(path) = value("--starts")
        && let Err(error) =
            OpenOptions::new().create(true).append(true).open(&path).and_then(|mut file| file.write_all(b"."))
    {
        eprintln!("tiny-child: {path}: {error}");
    }
    let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("tiny-child: port {port}: {error}");
            return ExitCode::FAILURE;
        }
    };
    for mut stream in listener.incoming().flatten() {
        // A caller that has gone already is no trouble of the child's.
        let _ = stream.write_all(b"ready\n");
    }
    ExitCode::SUCCESS
}

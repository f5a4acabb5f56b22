//! The floor for `--profile NAME health`: the same WebSocket call and nothing else. Blocking, one thread, no
//! look-up of profiles, no question who listens; the port and the token's file come from argv.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own, which has no renderer")]

use std::error::Error;
use std::net::{Ipv4Addr, TcpStream};
use std::process::ExitCode;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

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

/// Challenge, connect, health.
fn health(port: &str, token_file: &str) -> Result<Value, Box<dyn Error>> {
    let token = std::fs::read_to_string(token_file)?;
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port.parse::<u16>()?))?;
    stream.set_nodelay(true)?;
    let (mut socket, _) =
        client(format!("ws://127.0.0.1:{port}/"), stream).map_err(|error| error.to_string())?;
    until(&mut socket, |frame| frame["event"] == "connect.challenge")?;
    let connect = json!({"minProtocol": 4, "maxProtocol": 4,
        "client": {"id": "gateway-client", "version": "bench", "platform": "linux", "mode": "backend"},
        "role": "operator", "scopes": ["operator.read"], "auth": {"token": token.trim()}});
    socket.send(Message::text(
        json!({"type": "req", "id": "1", "method": "connect", "params": connect}).to_string(),
    ))?;
    until(&mut socket, |frame| frame["id"] == "1")?;
    socket.send(Message::text(
        json!({"type": "req", "id": "2", "method": "health", "params": {}}).to_string(),
    ))?;
    Ok(until(&mut socket, |frame| frame["id"] == "2")?["payload"].take())
}

/// Reads to the first frame that fits; a failed answer is an error.
fn until(socket: &mut WebSocket<TcpStream>, fits: impl Fn(&Value) -> bool) -> Result<Value, Box<dyn Error>> {
    loop {
        let Message::Text(text) = socket.read()? else { continue };
        let frame: Value = serde_json::from_str(&text)?;
        if !frame["error"].is_null() {
            return Err(frame["error"]["message"].to_string().into());
        }
        if fits(&frame) {
            return Ok(frame);
        }
    }
}

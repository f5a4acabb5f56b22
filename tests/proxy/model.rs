//! A model of the test's own behind the OpenAI-compatible interface. It says the same sentence to everybody, a word at a
//! time, to whoever wants it slowly only the first word until it is let go on, and refuses what it is told to refuse.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use serde_json::{Value, json};

use super::compared_real::LONG;

/// What it says.
pub const SENTENCE: &str = "Hello from the small model.";
/// What it is told by whoever wants it slowly.
pub const SLOWLY: &str = "say it slowly";

/// What it is told by whoever wants no answer.
pub const REFUSED: &str = "refuse this";

/// The model; it serves until the test ends.
pub struct Model {
    port: u16,
    gate: Arc<(Mutex<bool>, Condvar)>,
}

impl Model {
    /// One on a port of its own.
    pub fn new() -> Model {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let model = Model { port: listener.local_addr().unwrap().port(), gate: Arc::default() };
        let gate = Arc::clone(&model.gate);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let gate = Arc::clone(&gate);
                // A caller that went away is no concern of the model's.
                std::thread::spawn(move || drop(answer(stream, &gate)));
            }
        });
        model
    }

    /// Lets it go on for whoever wants it slowly.
    pub fn go_on(&self) {
        *self.gate.0.lock().unwrap() = true;
        self.gate.1.notify_all();
    }

    /// Makes it the model of a profile's configuration.
    pub fn configure(&self, config: &mut Value) {
        let model = json!({"id": "small", "name": "Small", "reasoning": false, "input": ["text"],
            "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
            "contextWindow": 128_000, "maxTokens": 4096});
        config["models"] = json!({"providers": {"test": {"baseUrl": format!("http://127.0.0.1:{}/v1", self.port),
            "apiKey": "the-key-of-this-test", "api": "openai-completions", "models": [model]}}});
        config["agents"] = json!({"defaults": {"model": {"primary": "test/small"}}});
    }
}

fn answer(stream: TcpStream, (gate, opened): &(Mutex<bool>, Condvar)) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim().to_ascii_lowercase();
        if let Some(text) = line.strip_prefix("content-length:") {
            length = text.trim().parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let asked = String::from_utf8_lossy(&body);
    let is_slow = asked.contains(SLOWLY);
    let mut stream = stream;
    if asked.contains(REFUSED) {
        let why = json!({"error": {"message": "I was told to refuse"}}).to_string();
        let length = why.len();
        return write!(
            stream,
            "HTTP/1.1 400 x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{why}"
        );
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")?;
    for (nth, word) in SENTENCE.split_inclusive(' ').enumerate() {
        if is_slow && nth == 1 {
            drop(opened.wait_timeout_while(gate.lock().unwrap(), LONG, |is_open| !*is_open));
        }
        say(&mut stream, &json!({"index": 0, "delta": {"role": "assistant", "content": word}}))?;
    }
    say(&mut stream, &json!({"index": 0, "delta": {}, "finish_reason": "stop"}))?;
    stream.write_all(b"data: [DONE]\n\n")
}

fn say(stream: &mut TcpStream, choice: &Value) -> std::io::Result<()> {
    let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "small",
        "choices": [choice]});
    stream.write_all(format!("data: {chunk}\n\n").as_bytes())
}

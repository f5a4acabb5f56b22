//! A provider of the test's own: it speaks what OpenAI-compatible servers speak, and does what each request's scene
//! says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// What one request meets.
pub enum Scene {
    /// These pieces of text, then the end.
    Says(&'static [&'static str]),
    /// Calls of tools: names and arguments.
    Calls(&'static [(&'static str, &'static str)]),
    /// This status with these header lines and this body.
    Refuses(u16, &'static str, String),
    /// The pieces that [`Scene::steps`] is given, as they come; the last one is followed by the end.
    Steps(mpsc::UnboundedReceiver<&'static str>),
    /// A piece of text, then silence until the client goes.
    Hangs(&'static str),
    /// A piece of text, then the connection ends.
    Cuts(&'static str),
}

impl Scene {
    /// An answer that comes in the pieces that are sent, and ends when the sender is dropped.
    pub fn steps() -> (mpsc::UnboundedSender<&'static str>, Scene) {
        let (say, pieces) = mpsc::unbounded_channel();
        (say, Scene::Steps(pieces))
    }
}

/// A running provider.
pub struct Provider {
    pub port: u16,
    asked: Arc<Mutex<Vec<Value>>>,
    /// Hears when a client goes in the middle of silence.
    pub gone: mpsc::UnboundedReceiver<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Provider {
    pub async fn start(scenes: Vec<Scene>) -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let scenes = Arc::new(Mutex::new(VecDeque::from(scenes)));
        let (tell, gone) = mpsc::unbounded_channel();
        let heard = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&scenes), Arc::clone(&heard), tell.clone()));
            }
        });
        Provider { port, asked, gone, task }
    }

    /// The requests so far: `authorization` and `body`.
    pub fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }

    /// The configuration that leads here.
    pub fn config(&self, key: &str) -> Value {
        json!({
            "models": { "providers": { "own": {
                "baseUrl": format!("http://127.0.0.1:{}/v1", self.port),
                "apiKey": key,
                "api": "openai-completions",
                "models": [{ "id": "small", "name": "Small", "contextWindow": 8192 }],
            }}},
            "agents": { "defaults": { "model": { "primary": "own/small" } } },
        })
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    scenes: Arc<Mutex<VecDeque<Scene>>>,
    asked: Arc<Mutex<Vec<Value>>>,
    gone: mpsc::UnboundedSender<()>,
) {
    while let Some(request) = read(&mut stream).await {
        asked.lock().unwrap().push(request);
        let scene = scenes.lock().unwrap().pop_front();
        let goes_on = match scene {
            None => refuse(&mut stream, 500, "", "no scene is left").await,
            Some(Scene::Refuses(status, headers, body)) => refuse(&mut stream, status, headers, &body).await,
            Some(Scene::Says(pieces)) => {
                begin(&mut stream).await;
                for piece in pieces {
                    speak(&mut stream, piece).await;
                }
                end(&mut stream, "stop").await
            }
            Some(Scene::Calls(calls)) => {
                begin(&mut stream).await;
                for (at, (name, arguments)) in calls.iter().enumerate() {
                    let call = json!({ "index": at, "id": format!("c{at}"), "function": { "name": name, "arguments": arguments } });
                    say(&mut stream, &json!({ "choices": [{ "delta": { "tool_calls": [call] } }] })).await;
                }
                end(&mut stream, "tool_calls").await
            }
            Some(Scene::Steps(mut pieces)) => {
                begin(&mut stream).await;
                loop {
                    let mut rest = [0; 64];
                    tokio::select! {
                        piece = pieces.recv() => match piece {
                            Some(piece) => speak(&mut stream, piece).await,
                            None => break end(&mut stream, "stop").await,
                        },
                        read = stream.read(&mut rest) => if !matches!(read, Ok(read) if read > 0) {
                            let _ = gone.send(());
                            break false;
                        },
                    }
                }
            }
            Some(Scene::Hangs(piece)) => {
                begin(&mut stream).await;
                speak(&mut stream, piece).await;
                while matches!(stream.read(&mut [0; 64]).await, Ok(read) if read > 0) {}
                let _ = gone.send(());
                false
            }
            Some(Scene::Cuts(piece)) => {
                begin(&mut stream).await;
                speak(&mut stream, piece).await;
                false
            }
        };
        if !goes_on {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Value> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let field = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
    };
    let length: usize = field("content-length:").and_then(|length| length.parse().ok()).unwrap_or(0);
    while bytes.len() < head + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body: Value = serde_json::from_slice(&bytes[head + 4..head + 4 + length]).unwrap_or_default();
    Some(json!({ "line": text.lines().next(), "authorization": field("authorization:"), "body": body }))
}

async fn refuse(stream: &mut TcpStream, status: u16, headers: &str, body: &str) -> bool {
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status} x\r\n{headers}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.is_ok()
}

async fn begin(stream: &mut TcpStream) {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let _ = stream.write_all(head.as_bytes()).await;
}

async fn speak(stream: &mut TcpStream, piece: &str) {
    say(stream, &json!({ "choices": [{ "delta": { "content": piece } }] })).await;
}

async fn say(stream: &mut TcpStream, event: &Value) {
    chunk(stream, &format!("data: {event}\n\n")).await;
}

async fn end(stream: &mut TcpStream, why: &str) -> bool {
    say(stream, &json!({ "choices": [{ "delta": {}, "finish_reason": why }] })).await;
    say(stream, &json!({ "choices": [], "usage": { "prompt_tokens": 11, "completion_tokens": 5 } })).await;
    chunk(stream, "data: [DONE]\n\n").await;
    stream.write_all(b"0\r\n\r\n").await.is_ok()
}

async fn chunk(stream: &mut TcpStream, text: &str) {
    let _ = stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).await;
}

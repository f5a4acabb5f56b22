//! What the fake gateway answers on its port: nothing, HTTP, or HTTP and the Gateway protocol. One thread a
//! connection; a gateway that hangs goes on accepting and reading, and answers no more.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, WebSocket, accept};

use crate::knobs::{Knobs, Mode};

/// Longest request head, in bytes.
const HEAD_MAX: usize = 16 * 1024;

/// What all connections share.
struct Service {
    mode: Mode,
    hangs_at: Option<Instant>,
    stuck_at: Option<Instant>,
    slow: Option<Duration>,
    flap: bool,
    /// Whether anybody was let in yet.
    greeted: AtomicBool,
    rounds: AtomicUsize,
    record: Option<Mutex<File>>,
    answers: Option<Value>,
    /// What the next connects are refused with, the last one first.
    faults: Mutex<Vec<String>>,
    protocol: u64,
    tick: u64,
    mute: Option<String>,
    device_token: Option<String>,
    redirect: Option<String>,
    boot_id: Option<String>,
}

/// Serves `listener` from threads of its own.
///
/// # Errors
/// When the file for `record` cannot be opened.
pub fn spawn(listener: TcpListener, knobs: &Knobs) -> io::Result<()> {
    let open =
        |path: &std::path::PathBuf| File::options().create(true).append(true).open(path).map(Mutex::new);
    let service = Arc::new(Service {
        mode: knobs.mode,
        hangs_at: knobs.hang_after.map(|after| Instant::now() + after),
        stuck_at: knobs.stuck_after.map(|after| Instant::now() + after),
        slow: knobs.slow,
        flap: knobs.flap,
        greeted: AtomicBool::new(false),
        rounds: AtomicUsize::new(0),
        record: knobs.record.as_ref().map(open).transpose()?,
        answers: knobs.answers.as_deref().map(recorded).transpose()?,
        faults: Mutex::new(knobs.faults.iter().rev().cloned().collect()),
        protocol: knobs.protocol,
        tick: knobs.tick,
        mute: knobs.mute.clone(),
        device_token: knobs.device_token.clone(),
        redirect: knobs.redirect.clone(),
        boot_id: knobs.boot_id.clone(),
    });
    if let Some(after) = knobs.close_after {
        return close_after(listener, service, after);
    }
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let service = Arc::clone(&service);
            // How a connection ends is the client's affair; there is nobody here to tell.
            thread::spawn(move || service.serve(stream));
        }
    });
    Ok(())
}

/// The answers in a file.
fn recorded(file: &std::path::Path) -> io::Result<Value> {
    Ok(serde_json::from_str(&std::fs::read_to_string(file)?)?)
}

/// Serves for `after`, then closes the listener.
fn close_after(listener: TcpListener, service: Arc<Service>, after: Duration) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    thread::spawn(move || {
        let (_never, pace) = std::sync::mpsc::channel::<()>();
        let due = Instant::now() + after;
        while Instant::now() < due {
            if let Ok((stream, _)) = listener.accept() {
                let service = Arc::clone(&service);
                thread::spawn(move || stream.set_nonblocking(false).and_then(|()| service.serve(stream)));
            }
            let _ = pace.recv_timeout(Duration::from_millis(2));
        }
    });
    Ok(())
}

impl Service {
    /// Waits before an answer where it is slow by now.
    fn think(&self) {
        if let Some(slow) = self.slow.filter(|_| self.greeted.load(Ordering::SeqCst)) {
            let (_never, pace) = std::sync::mpsc::channel::<()>();
            let _ = pace.recv_timeout(slow);
        }
    }

    /// Whether this connection is one of those that are not answered.
    fn flaps(&self) -> bool {
        self.flap
            && self.greeted.load(Ordering::SeqCst)
            && self.rounds.fetch_add(1, Ordering::SeqCst).is_multiple_of(4)
    }

    /// Serves one connection until its client leaves.
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        if self.mode == Mode::Tcp {
            return drain(&mut stream);
        }
        let head = read_head(&mut stream)?;
        if self.hangs() || self.flaps() {
            return drain(&mut stream);
        }
        self.think();
        let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
        if let Some(url) = self.redirect.as_ref().filter(|_| text.contains("upgrade: websocket")) {
            return write!(
                stream,
                "HTTP/1.1 302 Found\r\nlocation: {url}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
        }
        if self.mode == Mode::Ws && text.contains("upgrade: websocket") {
            if self.stuck_at.is_some_and(|at| Instant::now() >= at) {
                return drain(&mut stream);
            }
            let socket = accept(Replay { head: head.into(), stream }).map_err(io::Error::other)?;
            return self.speak(socket);
        }
        let live = text.starts_with("get /healthz ") || text.starts_with("get /health ");
        let (status, body) =
            if live { ("200 OK", r#"{"ok":true,"status":"live"}"#) } else { ("404 Not Found", "Not Found") };
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
             connection: close\r\n\r\n{body}"
        )
    }

    /// Whether the time to hang has come.
    fn hangs(&self) -> bool {
        self.hangs_at.is_some_and(|at| Instant::now() >= at)
    }

    /// The Gateway protocol, as much as a handshake and `health` need; any credential is right.
    fn speak(&self, mut socket: WebSocket<Replay>) -> io::Result<()> {
        let challenge = json!({"nonce": format!("fake-{}", std::process::id()), "ts": 1, "capabilities": []});
        send(&mut socket, &json!({"type": "event", "event": "connect.challenge", "payload": challenge}))?;
        loop {
            let text = match socket.read().map_err(io::Error::other)? {
                Message::Text(text) => text,
                Message::Close(_) => return Ok(()),
                _ => continue,
            };
            if let Some(file) = &self.record {
                let mut file = file.lock().map_err(|_| io::Error::other("another connection panicked"))?;
                file.write_all(format!("{text}\n").as_bytes())?;
            }
            if self.hangs() {
                return drain(&mut socket.get_mut().stream);
            }
            let request: Value = serde_json::from_str(&text)?;
            if self.mute.as_deref() == request["method"].as_str() {
                continue;
            }
            let mut answer = self.answer(&request);
            if let (Some(id), true) = (&self.boot_id, request["method"] == "connect" && answer["ok"] == true)
            {
                answer["payload"]["server"]["bootId"] = json!(id);
            }
            send(&mut socket, &answer)?;
            if answer["ok"] == false && request["method"] == "connect" {
                return Ok(());
            }
            self.greeted.store(true, Ordering::SeqCst);
        }
    }
}

impl Service {
    /// The answer to a call.
    fn answer(&self, request: &Value) -> Value {
        let id = &request["id"];
        let method = request["method"].as_str().unwrap_or_default();
        let token = &request["params"]["auth"]["token"];
        let wrong = token.as_str().is_some_and(|token| token.starts_with("wrong"));
        if self.answers.is_some() && wrong {
            return json!({"type": "res", "id": id, "ok": false, "error": {
                "code": "INVALID_REQUEST", "message": "unauthorized: gateway token mismatch (provide gateway auth token)",
                "details": {"code": "AUTH_TOKEN_MISMATCH"}, "retryable": false}});
        }
        if let Some(answer) = self.answers.as_ref().and_then(|answers| answers.get(method)) {
            if let Some(error) = answer.get("error") {
                return json!({"type": "res", "id": id, "ok": false, "error": error});
            }
            return json!({"type": "res", "id": id, "ok": true, "payload": answer});
        }
        let payload = match method {
            "connect" => match self.refusal(&request["params"]) {
                Some(error) => return json!({"type": "res", "id": id, "ok": false, "error": error}),
                None => self.hello(&request["params"]),
            },
            "health" => json!({"ok": true, "ts": 1, "durationMs": 0, "channels": {}, "agents": []}),
            other => {
                let message = format!("unknown method: {other}");
                return json!({"type": "res", "id": id, "ok": false,
                    "error": {"code": "INVALID_REQUEST", "message": message}});
            }
        };
        json!({"type": "res", "id": id, "ok": true, "payload": payload})
    }

    /// Why this connect is refused, if it is.
    fn refusal(&self, params: &Value) -> Option<Value> {
        let offered = params["minProtocol"].as_u64()?..=params["maxProtocol"].as_u64()?;
        if !offered.contains(&self.protocol) {
            return Some(json!({"code": "INVALID_REQUEST", "message": "protocol mismatch",
                "details": {"code": "PROTOCOL_MISMATCH", "expectedProtocol": self.protocol}}));
        }
        let fault = self.faults.lock().ok()?.pop()?;
        Some(match fault.as_str() {
            "-" => return None,
            "startup-sidecars" => json!({"code": "UNAVAILABLE", "message": "gateway starting; retry shortly",
                "retryable": true, "retryAfterMs": 100, "details": {"reason": fault}}),
            "PAIRING_REQUIRED" => json!({"code": "NOT_PAIRED",
                "message": "pairing required: device is not approved yet",
                "details": {"code": fault, "reason": "not-paired", "requestId": "request-1"}}),
            _ => {
                json!({"code": "INVALID_REQUEST", "message": "unauthorized", "details": {"code": fault}})
            }
        })
    }

    /// The smallest `hello-ok` that the published schema accepts; grants what was asked for.
    fn hello(&self, params: &Value) -> Value {
        let scopes = params["scopes"].as_array().cloned().unwrap_or_default();
        let mut auth = json!({"role": "operator", "scopes": scopes});
        if let Some(token) = self.device_token.as_ref().filter(|_| params["device"].is_object()) {
            auth["deviceToken"] = token.clone().into();
        }
        json!({"type": "hello-ok", "protocol": self.protocol,
            "server": {"version": "0.0.0-fake", "connId": "fake"},
            "features": {"methods": ["health"], "events": ["connect.challenge"]},
            "snapshot": {"presence": [], "health": {}, "stateVersion": {"presence": 1, "health": 1}, "uptimeMs": 1},
            "auth": auth,
            "policy": {"maxPayload": 26_214_400, "maxBufferedBytes": 52_428_800, "tickIntervalMs": self.tick}})
    }
}

/// Sends one frame.
fn send(socket: &mut WebSocket<Replay>, frame: &Value) -> io::Result<()> {
    socket.send(Message::text(frame.to_string())).map_err(io::Error::other)
}

/// Reads until the client leaves, and answers nothing.
fn drain(stream: &mut TcpStream) -> io::Result<()> {
    io::copy(stream, &mut io::sink()).map(|_| ())
}

/// Reads to the end of the request's head. A client that follows the protocol sends nothing behind it before
/// it is answered, so what was read is the head.
fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut part = [0; 2048];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut part)?;
        if count == 0 || head.len() > HEAD_MAX {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.extend_from_slice(&part[..count]);
        // The beginning of TLS, which this port does not speak.
        if head[0] == 0x16 {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    Ok(head)
}

/// A stream whose first bytes were read already.
struct Replay {
    head: std::collections::VecDeque<u8>,
    stream: TcpStream,
}

impl Read for Replay {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.head.is_empty() { self.stream.read(buffer) } else { self.head.read(buffer) }
    }
}

impl Write for Replay {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

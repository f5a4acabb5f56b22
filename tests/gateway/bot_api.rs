//! A small Bot API of our own: it holds questions for updates, counts offsets, ends the older of two polls with 409 and
//! refuses what Telegram refuses. No emulator of the registries does all of that.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Long enough for a loaded machine, short enough to fail.
const DEADLINE: Duration = Duration::from_secs(30);

pub const BOT_TOKEN: &str = "7:a-token-that-nobody-may-see";

#[derive(Default)]
struct State {
    updates: Vec<Value>,
    next: i64,
    polls: u64,
    asked: Vec<(String, Value)>,
    forced: VecDeque<(String, u16, Value)>,
}

/// The server; its tasks end with the test's runtime.
#[derive(Clone)]
pub struct BotApi {
    pub port: u16,
    state: Arc<Mutex<State>>,
    changed: watch::Sender<u64>,
}

impl BotApi {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let api = BotApi { port, state: Arc::default(), changed: watch::Sender::new(0) };
        api.state.lock().unwrap().next = 100;
        let serving = api.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let api = serving.clone();
                let service = service_fn(move |request| {
                    let api = api.clone();
                    async move { Ok::<_, Infallible>(api.answer(request).await) }
                });
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        api
    }

    /// `channels.telegram` that leads here, with more keys.
    pub fn config(&self, more: Value) -> Value {
        let mut config =
            json!({"botToken": BOT_TOKEN, "apiRoot": format!("http://127.0.0.1:{}/", self.port)});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        config
    }

    /// Somebody writes to the bot in private.
    pub fn write(&self, sender: i64, text: &str) -> i64 {
        self.update(json!({"message_id": 1, "text": text, "chat": {"id": sender, "type": "private"},
            "from": {"id": sender, "first_name": "Ana", "username": "ana"}}))
    }

    pub fn update(&self, message: Value) -> i64 {
        let mut state = self.state.lock().unwrap();
        let number = state.next;
        state.next += 1;
        state.updates.push(json!({"update_id": number, "message": message}));
        drop(state);
        self.changed.send_modify(|count| *count += 1);
        number
    }

    /// Telegram says again what it has said before.
    pub fn again(&self, number: i64, sender: i64, text: &str) {
        let message = json!({"message_id": 1, "text": text, "chat": {"id": sender, "type": "private"}, "from": {"id": sender}});
        self.state.lock().unwrap().updates.push(json!({"update_id": number, "message": message}));
    }

    /// The next question of that method is answered so.
    pub fn force(&self, method: &str, status: u16, body: Value) {
        self.state.lock().unwrap().forced.push_back((method.into(), status, body));
    }

    /// Everything asked of `method` so far.
    pub fn asked(&self, method: &str) -> Vec<Value> {
        let state = self.state.lock().unwrap();
        state.asked.iter().filter(|(name, _)| name == method).map(|(_, params)| params.clone()).collect()
    }

    /// Waits until `method` was asked `count` times.
    pub async fn was_asked(&self, method: &str, count: usize) -> Vec<Value> {
        let mut changed = self.changed.subscribe();
        let found = tokio::time::timeout(DEADLINE, async {
            loop {
                let asked = self.asked(method);
                if asked.len() >= count {
                    return asked;
                }
                changed.changed().await.unwrap();
            }
        });
        found.await.unwrap_or_else(|_| panic!("not {count} times {method}: {:?}", self.asked(method)))
    }

    /// Waits for message number `count` and gives its text.
    pub async fn sent(&self, count: usize) -> String {
        let sent = self.was_asked("sendMessage", count).await;
        sent[count - 1]["text"].as_str().unwrap().to_owned()
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let params: Value = serde_json::from_slice(&body).unwrap_or_default();
        let (status, body) = match path.strip_prefix(&format!("/bot{BOT_TOKEN}/")) {
            Some(method) => self.of(method, params).await,
            None => told(401, "Unauthorized"),
        };
        let body = Full::new(Bytes::from(body.to_string()));
        Response::builder().status(status).header("content-type", "application/json").body(body).unwrap()
    }

    async fn of(&self, method: &str, params: Value) -> (u16, Value) {
        {
            let mut state = self.state.lock().unwrap();
            state.asked.push((method.into(), params.clone()));
            if let Some(at) = state.forced.iter().position(|(name, _, _)| name == method) {
                let (_, status, body) = state.forced.remove(at).unwrap();
                drop(state);
                self.changed.send_modify(|count| *count += 1);
                return (status, body);
            }
        }
        self.changed.send_modify(|count| *count += 1);
        match method {
            "getMe" => {
                (200, json!({"ok": true, "result": {"id": 7, "is_bot": true, "username": "gate_bot"}}))
            }
            "getUpdates" => self.poll(&params).await,
            "sendMessage" => self.message(&params),
            "sendChatAction" => (200, json!({"ok": true, "result": true})),
            _ => told(404, "Not Found"),
        }
    }

    async fn poll(&self, params: &Value) -> (u16, Value) {
        let offset = params["offset"].as_i64().unwrap_or(0);
        let mut changed = self.changed.subscribe();
        let mine = {
            let mut state = self.state.lock().unwrap();
            state.updates.retain(|update| update["update_id"].as_i64().unwrap() >= offset);
            state.polls += 1;
            state.polls
        };
        self.changed.send_modify(|count| *count += 1);
        let timeout = Duration::from_secs(params["timeout"].as_u64().unwrap_or(0).min(2));
        let waited = tokio::time::timeout(timeout, async {
            loop {
                {
                    let state = self.state.lock().unwrap();
                    if state.polls != mine {
                        let said = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
                        return told(409, said);
                    }
                    if !state.updates.is_empty() {
                        return (200, json!({"ok": true, "result": state.updates}));
                    }
                }
                changed.changed().await.unwrap();
            }
        });
        waited.await.unwrap_or((200, json!({"ok": true, "result": []})))
    }

    fn message(&self, params: &Value) -> (u16, Value) {
        let text = params["text"].as_str().unwrap_or_default();
        if text.trim().is_empty() {
            return told(400, "Bad Request: message text is empty");
        }
        let shown = if params["parse_mode"] == "HTML" { visible(text) } else { text.to_owned() };
        if shown.encode_utf16().count() > 4096 {
            return told(400, "Bad Request: message is too long");
        }
        let number = self.state.lock().unwrap().asked.len();
        (200, json!({"ok": true, "result": {"message_id": number, "chat": {"id": params["chat_id"]}}}))
    }
}

pub fn told(code: u16, said: &str) -> (u16, Value) {
    (code, json!({"ok": false, "error_code": code, "description": said}))
}

/// The text without tags.
pub fn visible(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some((before, behind)) = rest.split_once('<') {
        text.push_str(before);
        rest = behind.split_once('>').map_or("", |(_, rest)| rest);
    }
    text.push_str(rest);
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

//! A gateway that belongs to one test, and a client that holds every frame against the schema.

use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use openclaw_supervisor::base::{Result, Secret};
use openclaw_supervisor::gateway::{self, Access, Auth, Limits, LogFile, LogLayer, Options};
use openclaw_supervisor::host::rotate::RotatingFile;
use openclaw_supervisor::profile::{Embedded, Fence};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::{Error, Message};
use tracing_subscriber::layer::SubscriberExt;

use super::schema;

pub const TOKEN: &str = "the-shared-token";
/// Long enough for a loaded machine, short enough to fail.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Ends with what it was given, or fails loudly.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("{what} took too long"))
}

/// A running gateway; dropping it stops it.
pub struct Gateway {
    pub port: u16,
    pub home: TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Gateway {
    pub async fn start() -> Self {
        Gateway::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let home = tempfile::tempdir().unwrap();
        let log = LogFile::new(RotatingFile::open(home.path().join("gateway.log"), 1 << 20, 2).unwrap());
        let (ready, port) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let mut options = Options {
            profile: "work".parse().unwrap(),
            version: "0.1.0-test".into(),
            port: 0,
            addresses: vec!["127.0.0.1".parse().unwrap()],
            store: home.path().join("embedded/gateway.sqlite"),
            state_dir: home.path().display().to_string(),
            config_path: home.path().join("openclaw.json").display().to_string(),
            access: Access { auth: Auth::Token(Secret::new(TOKEN)), fence: Fence::default() },
            embedded: Embedded::default(),
            reload: None,
            tls: None,
            tailnet: None,
            rescue: None,
            log: log.clone(),
            limits: Limits { penalty: Duration::from_millis(1), ..Limits::default() },
            ready: Some(ready),
        };
        change(&mut options);
        let thread = std::thread::spawn(move || {
            let layer = LogLayer::new(log, std::io::sink());
            let _logging = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(gateway::run(options, async { drop(stopped.await) }))
        });
        let port = port.await.unwrap_or(0);
        Gateway { port, home, stop: Some(stop), thread: Some(thread) }
    }

    /// Asks it to stop; [`Gateway::join`] waits for that.
    pub fn ask_to_stop(&mut self) {
        drop(self.stop.take());
    }

    pub fn join(&mut self) -> Result<()> {
        self.ask_to_stop();
        self.thread.take().map_or(Ok(()), |thread| thread.join().expect("the gateway does not panic"))
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("gateway.log")).unwrap()
    }

    /// A WebSocket to it, or the status and body of its refusal.
    pub async fn open(
        &self,
        path: &str,
        headers: &Value,
    ) -> std::result::Result<Client, (StatusCode, String)> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let mut request = format!("ws://127.0.0.1:{}{path}", self.port).into_client_request().unwrap();
        for (name, value) in headers.as_object().into_iter().flatten() {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, HeaderValue::from_str(value.as_str().unwrap()).unwrap());
        }
        match within("the upgrade", tokio_tungstenite::client_async(request, stream)).await {
            Ok((socket, _)) => Ok(Client { socket, closed: None }),
            Err(Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                Err((response.status(), String::from_utf8(body).unwrap()))
            }
            Err(error) => panic!("the upgrade failed: {error}"),
        }
    }

    /// A WebSocket that has received its challenge, and the nonce.
    pub async fn challenged(&self) -> (Client, String) {
        let mut client = self.open("/", &json!({})).await.expect("an upgrade");
        let challenge = client.recv().await.expect("a challenge");
        assert_eq!((&challenge["event"], &challenge["seq"]), (&json!("connect.challenge"), &Value::Null));
        assert_eq!(challenge["payload"]["capabilities"], json!([]));
        let nonce = challenge["payload"]["nonce"].as_str().unwrap().to_owned();
        (client, nonce)
    }

    /// A connection of the command line with these scopes, and its hello.
    pub async fn connected(&self, scopes: &[&str]) -> (Client, Value) {
        self.connected_as("cli", "cli", scopes).await
    }

    pub async fn connected_as(&self, id: &str, mode: &str, scopes: &[&str]) -> (Client, Value) {
        let (mut client, _) = self.challenged().await;
        client.send(&connect(id, mode, scopes, json!({ "token": TOKEN }))).await;
        let hello = client.answer("c").await;
        assert_eq!(hello["ok"], true, "{hello}");
        (client, hello["payload"].clone())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.ask_to_stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A `connect` request with id `c`.
pub fn connect(id: &str, mode: &str, scopes: &[&str], auth: Value) -> Value {
    json!({"type": "req", "id": "c", "method": "connect", "params": {
        "minProtocol": 4, "maxProtocol": 4,
        "client": {"id": id, "version": "1", "platform": "linux", "mode": mode},
        "role": "operator", "scopes": scopes, "auth": auth,
    }})
}

/// A client's end.
pub struct Client {
    pub socket: WebSocketStream<TcpStream>,
    closed: Option<(u16, String)>,
}

impl Client {
    pub async fn send(&mut self, frame: &Value) {
        self.send_text(frame.to_string()).await;
    }

    pub async fn send_text(&mut self, text: impl Into<String>) {
        // The other side may have closed already; what it said last is still to be read.
        let _ = self.socket.send(Message::text(text.into())).await;
    }

    /// The next frame; none when the connection was closed.
    pub async fn recv(&mut self) -> Option<Value> {
        loop {
            match within("a frame", self.socket.next()).await {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).expect("a frame is JSON");
                    // As the real gateway does, a numeric id comes back as it was; the schema has only texts.
                    if !frame["id"].is_number() {
                        schema::assert_frame(&frame);
                    }
                    return Some(frame);
                }
                Some(Ok(Message::Close(frame))) => {
                    self.closed = Some(frame.map_or((1005, String::new()), |frame| {
                        (frame.code.into(), frame.reason.to_string())
                    }));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// The next response.
    pub async fn response(&mut self) -> Option<Value> {
        loop {
            let frame = self.recv().await?;
            if frame["type"] == "res" {
                return Some(frame);
            }
        }
    }

    /// The answer to request `id`.
    pub async fn answer(&mut self, id: &str) -> Value {
        loop {
            let frame = self.response().await.expect("an answer before the end");
            if frame["id"] == id {
                return frame;
            }
        }
    }

    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        self.send(&json!({"type": "req", "id": method, "method": method, "params": params})).await;
        self.answer(method).await
    }

    /// The next event of that name.
    pub async fn event(&mut self, name: &str) -> Value {
        loop {
            let frame = self.recv().await.expect("an event before the end");
            if frame["event"] == name {
                return frame;
            }
        }
    }

    /// Reads to the end and gives the close code and reason.
    pub async fn closed(&mut self) -> Option<(u16, String)> {
        while self.recv().await.is_some() {}
        self.closed.clone()
    }
}

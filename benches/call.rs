//! The Gateway protocol in its smallest form, blocking, for the minimal client and for the bench's own eyes:
//! challenge, connect, one call at a time. Shares no code with the program that is measured.

use std::error::Error;
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open connection.
pub struct Connection(WebSocket<TcpStream>);

/// Connects to the gateway on 127.0.0.1 and waits for `hello-ok`.
pub fn open(port: u16, token: &str) -> Result<Connection, Box<dyn Error>> {
    let mut connection = bare(port)?;
    connection.until(|frame| frame["event"] == "connect.challenge")?;
    connection.0.send(Message::text(connect(token, &["operator.read"]).to_string()))?;
    connection.until(|frame| frame["id"] == "connect")?;
    Ok(connection)
}

/// Connects to a WebSocket on 127.0.0.1 and says nothing yet.
pub fn bare(port: u16) -> Result<Connection, Box<dyn Error>> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let (socket, _) = client(format!("ws://127.0.0.1:{port}/"), stream).map_err(|error| error.to_string())?;
    Ok(Connection(socket))
}

/// The request that lets a backend in with `scopes`; its id is `connect`.
pub fn connect(token: &str, scopes: &[&str]) -> Value {
    json!({"type": "req", "id": "connect", "method": "connect", "params": {"minProtocol": 4, "maxProtocol": 4,
        "client": {"id": "gateway-client", "version": "bench", "platform": "linux", "mode": "backend"},
        "role": "operator", "scopes": scopes, "auth": {"token": token}}})
}

impl Connection {
    /// Calls `method` and gives its payload.
    pub fn ask(&mut self, method: &str, params: &Value) -> Result<Value, Box<dyn Error>> {
        let request = json!({"type": "req", "id": method, "method": method, "params": params});
        self.0.send(Message::text(request.to_string()))?;
        Ok(self.until(|frame| frame["id"] == method)?["payload"].take())
    }

    /// Calls `method` and waits for an answer without reading what it says.
    #[allow(dead_code, reason = "the minimal client reads its answers")]
    pub fn exchange(&mut self, method: &str, params: &Value) -> Result<(), Box<dyn Error>> {
        let request = json!({"type": "req", "id": method, "method": method, "params": params});
        self.0.send(Message::text(request.to_string()))?;
        let mark = format!(r#""id":"{method}""#);
        while !matches!(self.0.read()?, Message::Text(text) if text.contains(&mark)) {}
        Ok(())
    }

    /// Reads to the first frame that fits; a failed answer is an error.
    fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Result<Value, Box<dyn Error>> {
        loop {
            let Message::Text(text) = self.0.read()? else { continue };
            let frame: Value = serde_json::from_str(&text)?;
            if !frame["error"].is_null() {
                return Err(frame["error"]["message"].to_string().into());
            }
            if fits(&frame) {
                return Ok(frame);
            }
        }
    }
}

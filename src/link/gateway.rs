//! A connection to a gateway: TCP, TLS where it is asked for, the upgrade, the handshake, then calls and events. The
//! supervisor's probe and the command line open the same one.
//!
//! The credential is asked for only after the challenge came, and the caller has had the listener's owner or the
//! certificate checked before that (invariant I8). A redirect is an answer like any other that is no upgrade: it is
//! not followed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::http;
use super::stream::Stream;
use super::tls::{self, Mistrust, Shown, Trust};
use crate::wire::connect::Challenge;
use crate::wire::handshake::{Handshake, Step};
use crate::wire::limits::FRAME_MAX;
use crate::wire::{ConnectParams, Fault, Frame, HelloOk};

/// Buffer of one connection in each direction, in bytes; a health answer fits.
const BUFFER: usize = 16 * 1024;

/// How far a connection came before it failed.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// Nobody accepts on the port.
    Refused(String),
    /// The certificate did not convince.
    Mistrusted(Mistrust),
    /// Somebody accepts, but does not speak the Gateway protocol.
    Foreign(String),
    /// The gateway answered `connect` or a call with an error.
    Fault(Fault),
    /// The connection ended; code and reason of the close frame where there was one.
    Closed(Option<(u16, String)>),
}

/// An open TCP connection that has not said anything of the protocol yet.
pub struct Opening {
    stream: Stream,
    /// Host and port, as the upgrade names them.
    authority: String,
    path: String,
}

/// A connection on which `hello-ok` came.
pub struct Gateway {
    socket: WebSocketStream<Stream>,
    /// What the gateway granted.
    pub hello: HelloOk,
    next_id: u64,
}

impl Opening {
    /// Connects to `port` on loopback.
    ///
    /// # Errors
    /// [`Trouble::Refused`].
    pub async fn to(port: u16) -> Result<Opening, Trouble> {
        Opening::at(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
    }

    /// Connects to `address`.
    ///
    /// # Errors
    /// [`Trouble::Refused`].
    pub async fn at(address: SocketAddr) -> Result<Opening, Trouble> {
        Opening::over(TcpStream::connect(address).await, address.to_string())
    }

    /// Connects to `host`, a name or an address; `localhost` is this host whatever a resolver says.
    ///
    /// # Errors
    /// [`Trouble::Refused`].
    pub async fn reach(host: &str, port: u16) -> Result<Opening, Trouble> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Opening::at(SocketAddr::new(address, port)).await;
        }
        let authority = format!("{host}:{port}");
        if host.eq_ignore_ascii_case("localhost") {
            let both = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
            let both = both.map(|address| SocketAddr::new(address, port));
            return Opening::over(TcpStream::connect(&both[..]).await, authority);
        }
        Opening::over(TcpStream::connect((host, port)).await, authority)
    }

    fn over(connected: std::io::Result<TcpStream>, authority: String) -> Result<Opening, Trouble> {
        let refused = |error: std::io::Error| Trouble::Refused(error.to_string());
        let stream = connected.map_err(refused)?;
        stream.set_nodelay(true).map_err(refused)?;
        Ok(Opening { stream: Stream::Plain(stream), authority, path: "/".into() })
    }

    /// The same towards another path than `/`.
    #[must_use]
    pub fn path(mut self, path: &str) -> Opening {
        self.path = path.to_owned();
        self
    }

    /// Speaks TLS from here on; the other end must show a certificate that `trust` accepts for `host`.
    ///
    /// # Errors
    /// [`Trouble::Mistrusted`].
    pub async fn secured(mut self, host: &str, trust: &Trust) -> Result<Opening, Trouble> {
        if let Stream::Plain(stream) = self.stream {
            let secured = tls::secure(stream, host, trust).await.map_err(Trouble::Mistrusted)?;
            self.stream = Stream::Tls(Box::new(secured));
        }
        Ok(self)
    }

    /// The certificate in DER that the other end showed; none where nothing speaks TLS.
    pub fn certificate(&self) -> Option<&[u8]> {
        let Stream::Tls(stream) = &self.stream else { return None };
        stream.get_ref().1.peer_certificates()?.first().map(|one| one.as_ref())
    }

    /// Looks at the certificate that the other end shows to whoever asks for `host`, and goes.
    ///
    /// # Errors
    /// [`Trouble::Mistrusted`] when it shows none.
    pub async fn shown(self, host: &str) -> Result<Shown, Trouble> {
        match self.stream {
            Stream::Plain(stream) => tls::look(stream, host).await.map_err(Trouble::Mistrusted),
            Stream::Tls(_) => Err(Trouble::Foreign("it has shown its certificate already".into())),
        }
    }

    /// `GET path` over this connection, which ends with the answer.
    ///
    /// # Errors
    /// In words, what went wrong on the way.
    pub async fn get(self, path: &str) -> Result<http::Answer, String> {
        http::get_over(self.stream, &self.authority, path).await
    }

    /// Upgrades and shakes hands. `challenged` is called once when the challenge has come; `connect` makes
    /// the parameters.
    ///
    /// # Errors
    /// [`Trouble`], by how far it came.
    pub async fn shake_hands(
        self,
        connect: impl FnOnce(&Challenge) -> ConnectParams,
    ) -> Result<Gateway, Trouble> {
        let mut socket = self.upgrade().await?;
        let mut handshake = Handshake::AwaitChallenge;
        let mut connect = Some(connect);
        loop {
            let frame = next_frame(&mut socket).await?;
            let step = handshake.take(frame, |challenge| {
                connect.take().map(|connect| connect(challenge)).unwrap_or_default()
            });
            match step {
                Step::Send(frame) => send(&mut socket, &frame).await?,
                Step::Wait => {}
                Step::Open(hello) => return Ok(Gateway { socket, hello: *hello, next_id: 1 }),
                Step::Refused(fault) => return Err(Trouble::Fault(fault)),
                Step::Foreign(why) => return Err(Trouble::Foreign(why)),
            }
        }
    }

    /// Upgrades and waits for the challenge alone, which every gateway sends unasked: the proof that it is one. Nothing
    /// is said but the upgrade.
    ///
    /// # Errors
    /// [`Trouble`], by how far it came.
    pub async fn challenge(self) -> Result<Challenge, Trouble> {
        let mut socket = self.upgrade().await?;
        let mut found = None;
        let step = Handshake::AwaitChallenge.take(next_frame(&mut socket).await?, |challenge| {
            found = Some(challenge.clone());
            ConnectParams::default()
        });
        match (found, step) {
            (Some(challenge), _) => Ok(challenge),
            (None, Step::Foreign(why)) => Err(Trouble::Foreign(why)),
            (None, _) => Err(Trouble::Foreign("it sent no challenge".into())),
        }
    }

    /// The bytes below, for whoever passes them on.
    pub fn into_stream(self) -> Stream {
        self.stream
    }

    async fn upgrade(self) -> Result<WebSocketStream<Stream>, Trouble> {
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(FRAME_MAX))
            .max_frame_size(Some(FRAME_MAX));
        let scheme = if matches!(self.stream, Stream::Tls(_)) { "wss" } else { "ws" };
        let url = format!("{scheme}://{}{}", self.authority, self.path);
        let upgraded = client_async_with_config(url, self.stream, Some(config)).await;
        upgraded.map(|(socket, _)| socket).map_err(|error| Trouble::Foreign(error.to_string()))
    }
}

impl Gateway {
    /// Sends a frame.
    ///
    /// # Errors
    /// [`Trouble::Closed`].
    pub async fn send(&mut self, frame: &Frame) -> Result<(), Trouble> {
        send(&mut self.socket, frame).await
    }

    /// Waits for the next frame. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Trouble::Closed`] when the connection ended, [`Trouble::Foreign`] for what is no frame.
    pub async fn next(&mut self) -> Result<Frame, Trouble> {
        next_frame(&mut self.socket).await
    }

    /// Calls `method` and waits for its answer; events that come meanwhile are dropped.
    ///
    /// # Errors
    /// [`Trouble::Fault`] for a failed answer, [`Trouble::Closed`] when the connection ended first.
    pub async fn call(
        &mut self,
        method: &str,
        params: serde_json::Value,
    ) -> Result<serde_json::Value, Trouble> {
        let id = format!("r{}", self.next_id);
        self.next_id += 1;
        self.send(&Frame::request(id.clone(), method, params)).await?;
        loop {
            if let Frame::Res(response) = self.next().await?
                && response.id == id
            {
                return match response.error {
                    Some(fault) => Err(Trouble::Fault(fault)),
                    None => Ok(response.payload.unwrap_or_default()),
                };
            }
        }
    }

    /// Says goodbye without waiting for an answer.
    pub async fn close(mut self) {
        let _ = self.socket.close(None).await;
    }
}

async fn send(socket: &mut WebSocketStream<Stream>, frame: &Frame) -> Result<(), Trouble> {
    socket.send(Message::text(frame.to_text())).await.map_err(|error| ended(&error))
}

async fn next_frame(socket: &mut WebSocketStream<Stream>) -> Result<Frame, Trouble> {
    loop {
        match socket.next().await {
            None => return Err(Trouble::Closed(None)),
            Some(Err(error)) => return Err(ended(&error)),
            Some(Ok(Message::Text(text))) => {
                return serde_json::from_str(&text).map_err(|error| {
                    Trouble::Foreign(format!("it sent something that is no frame: {error}"))
                });
            }
            Some(Ok(Message::Close(close))) => {
                return Err(Trouble::Closed(
                    close.map(|close| (close.code.into(), close.reason.to_string())),
                ));
            }
            Some(Ok(_)) => {}
        }
    }
}

fn ended(error: &tokio_tungstenite::tungstenite::Error) -> Trouble {
    tracing::debug!(%error, "gateway connection ended");
    Trouble::Closed(None)
}

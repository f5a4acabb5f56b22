//! From HTTP to WebSocket: who may try, and the handover of the stream to a session.

use std::net::SocketAddr;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderMap, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::admission::{Identity, Peer};
use super::door::{Caller, Door};
use super::http::{self, Answer, JSON, build};
use super::hub::{Hub, Stranger};
use super::session;
use crate::link::ws::Ws;
use crate::wire::limits;

const TEXT: &str = "text/plain; charset=utf-8";

/// Whether the request asks for another protocol.
pub fn is_wanted(headers: &HeaderMap) -> bool {
    headers.contains_key(UPGRADE) && has_token(headers, CONNECTION, "upgrade")
}

/// Whether the header lists the token, in any case.
pub fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name);
    let mut listed = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    listed.any(|word| word.trim().eq_ignore_ascii_case(token))
}

/// Answers a request for another protocol; on success a session takes the stream.
pub fn answer(hub: &Rc<Hub>, door: Door, peer: SocketAddr, mut request: Request<Incoming>) -> Answer {
    let caller = match http::caller(hub, door, peer, request.headers()) {
        Ok(caller) => caller,
        Err(body) => return refuse(peer, StatusCode::FORBIDDEN, JSON, &body),
    };
    let Some(accept) = accept_key(&request) else {
        return refuse(peer, StatusCode::BAD_REQUEST, TEXT, "Bad Request");
    };
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    if hub.is_draining() {
        return refuse(peer, unavailable, TEXT, "Gateway websocket admission closed");
    }
    let Some(stranger) = hub.stranger(caller.ip) else {
        return refuse(peer, unavailable, TEXT, "Too many unauthenticated sockets");
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let hub = Rc::clone(hub);
    tokio::task::spawn_local(async move {
        match upgrade.await {
            Ok(upgraded) => {
                let identity = proved(&hub, &caller).await;
                let Caller { ip, local, origin, host, user, .. } = caller;
                let who = Peer { ip, local, origin, host, user, identity };
                hand_over(hub, upgraded, who, stranger).await;
            }
            Err(error) => tracing::info!(target: "gateway/ws", "the upgrade failed: {error}"),
        }
    });
    build(
        StatusCode::SWITCHING_PROTOCOLS,
        &[("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", &accept)],
        String::new(),
    )
}

/// What the identity that is stated for a caller is worth.
async fn proved(hub: &Hub, caller: &Caller) -> Identity {
    match (&hub.front, &caller.stated) {
        (Some(front), Some(login)) => front.proved(caller.ip, login).await,
        _ => Identity::None,
    }
}

async fn hand_over(hub: Rc<Hub>, upgraded: Upgraded, who: Peer, stranger: Stranger) {
    // The stream itself, without the layers that HTTP needed.
    match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => {
            let ws = Ws::server(parts.io.into_inner(), parts.read_buf.into(), limits::PREAUTH_FRAME_MAX);
            session::serve(hub, ws, who, stranger).await;
        }
        Err(upgraded) => {
            let ws = Ws::server(TokioIo::new(upgraded), Vec::new(), limits::PREAUTH_FRAME_MAX);
            session::serve(hub, ws, who, stranger).await;
        }
    }
}

/// The answer to a sound opening handshake (RFC 6455, 4.2.1).
fn accept_key(request: &Request<Incoming>) -> Option<String> {
    let headers = request.headers();
    let key = headers.get(SEC_WEBSOCKET_KEY)?;
    let sound = request.method() == Method::GET
        && has_token(headers, UPGRADE, "websocket")
        && headers.get(SEC_WEBSOCKET_VERSION)? == "13"
        && STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16);
    sound.then(|| derive_accept_key(key.as_bytes()))
}

fn refuse(peer: SocketAddr, status: StatusCode, kind: &str, body: &str) -> Answer {
    let length = body.len().to_string();
    tracing::warn!(target: "gateway/ws", %peer, status = status.as_u16(), "upgrade refused");
    build(
        status,
        &[("Connection", "close"), ("Content-Type", kind), ("Content-Length", &length)],
        body.to_owned(),
    )
}

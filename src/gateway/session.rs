//! One connection, from the challenge to the close, over any byte stream: the handshake here, what follows it
//! in [`Conversation`]. It knows nothing of HTTP.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::broadcast;
use tokio::time::{Instant, timeout, timeout_at};
use uuid::Uuid;

use super::admission::{Grant, Peer, Role};
use super::connect::{self, Refusal};
use super::connection::{Connection, Letters};
use super::conversation::Conversation;
use super::devices::Token;
use super::entry::{self, Entry};
use super::hello;
use super::hub::{Admitted, Announcement, Hub, Stranger};
use super::nodes::{self, Attached};
use crate::host::clock;
use crate::link::ws::{Broken, Incoming, Ws};
use crate::wire::{ConnectParams, Frame, limits};

/// Frames that may wait while a wrong credential is paid for.
const QUEUED_FRAMES_MAX: usize = 15;

/// How a connection ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// The peer is gone.
    Gone(String),
    /// We close, with code and reason.
    Close(u16, String),
    /// We close, and what the peer has not read is not worth waiting for.
    Abort(u16, &'static str),
}

impl From<Broken> for Ending {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Ended => Ending::Gone("stream ended".into()),
            Broken::TooLarge => Ending::Close(1009, String::new()),
            Broken::NotText => Ending::Close(1007, String::new()),
            Broken::Protocol(wrong) => Ending::Close(1002, wrong),
            Broken::Io(error) => Ending::Gone(error.to_string()),
        }
    }
}

/// The end that every connection meets when the gateway stops.
pub fn going_down() -> Ending {
    Ending::Close(1012, "service restart".into())
}

/// The end of a connection that was let in by a credential that counts no more.
pub fn locked_out() -> Ending {
    Ending::Close(4001, "gateway auth changed".into())
}

/// A connection that said hello.
pub struct Open {
    /// Who it is.
    pub connection: Rc<Connection>,
    /// What it alone is told.
    pub letters: Letters,
    /// Keeps it on the list of the open ones.
    pub _listed: Admitted,
    /// Keeps it known as a node that is here, where it is one.
    pub _node: Option<Attached>,
    /// The credential that let it in, by [`Hub::epoch`].
    pub epoch: u64,
    /// What was announced since.
    pub heard: broadcast::Receiver<Rc<Announcement>>,
}

/// Speaks with a peer until one of the two ends it.
pub async fn serve<S>(hub: Rc<Hub>, mut ws: Ws<S>, peer: Peer, stranger: Stranger)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let _counted = hub.opened();
    let conn_id = Uuid::new_v4().to_string();
    // What the handshake needs is given back after it: a connection may stay for weeks.
    let greeted = Box::pin(greet(&hub, &mut ws, &peer, stranger, &conn_id)).await;
    let ending = match greeted {
        Ok(open) => {
            let ending = Conversation::new(&hub, &mut ws, open).run().await;
            hub.change_presence(|presence, now| presence.left(&conn_id, now));
            ending
        }
        Err(ending) => ending,
    };
    let linger = hub.options.limits.linger;
    match ending {
        Ending::Gone(why) => tracing::info!(target: "gateway/ws", conn = conn_id, "gone: {why}"),
        Ending::Close(code, reason) => {
            tracing::info!(target: "gateway/ws", conn = conn_id, code, "closed: {reason}");
            let _ = timeout(linger, ws.close(code, &reason)).await;
        }
        Ending::Abort(code, reason) => {
            tracing::warn!(target: "gateway/ws", conn = conn_id, code, "closed: {reason}");
            ws.discard_queued();
            let _ = timeout(linger, ws.close(code, reason)).await;
        }
    }
}

/// From the challenge to `hello-ok`, within the handshake's time.
async fn greet<S>(
    hub: &Rc<Hub>,
    ws: &mut Ws<S>,
    peer: &Peer,
    stranger: Stranger,
    conn_id: &str,
) -> Result<Open, Ending>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let deadline = Instant::now() + hub.options.limits.handshake;
    let nonce = Uuid::new_v4().to_string();
    let challenge = json!({ "nonce": nonce, "ts": clock::epoch_ms(), "capabilities": [] });
    ws.push(Frame::event("connect.challenge", challenge).to_text());
    let handshake = async {
        let frame = next_frame(ws).await?;
        let (id, params) = connect::read(&frame).map_err(|refusal| refuse(ws, refusal))?;
        let party = stranger.party(peer);
        match entry::decide(hub, peer, &party, &nonce, &params).await {
            Entry::In(grant, token) => Ok((id, params, grant, token)),
            Entry::Out { fault, code, close, delay } => {
                pay(ws, delay).await?;
                Err(refuse(ws, Refusal { answer: Some((id, fault)), code, reason: close }))
            }
        }
    };
    let (id, params, grant, token) = tokio::select! {
        result = timeout_at(deadline, handshake) => {
            result.unwrap_or_else(|_| Err(Ending::Close(1000, String::new())))?
        }
        () = hub.drained() => return Err(going_down()),
    };
    Ok(welcome(hub, ws, &id, params, (grant, token), peer, conn_id))
}

/// Says hello. Whoever is announced from here on is heard, the connection's own arrival included.
fn welcome<S: AsyncRead + AsyncWrite + Unpin>(
    hub: &Rc<Hub>,
    ws: &mut Ws<S>,
    id: &str,
    params: ConnectParams,
    (grant, token): (Grant, Option<Token>),
    peer: &Peer,
    conn_id: &str,
) -> Open {
    let heard = hub.listen();
    let (connection, letters) = Connection::new(
        conn_id,
        grant,
        params.client.clone(),
        params.caps.clone().unwrap_or_default(),
        peer.clone(),
    );
    let grant = &connection.grant;
    let node = (grant.role == Role::Node).then(|| nodes::attach(hub, &connection, &params));
    hub.change_presence(|presence, now| presence.joined(conn_id, &params, grant, now));
    let hello = json!(hello::greeting(hub, grant, token.as_ref(), conn_id));
    ws.set_max_frame(limits::FRAME_MAX);
    ws.push(Frame::success(id, hello).to_text());
    tracing::info!(
        target: "gateway/ws",
        conn = conn_id,
        client = params.client.id,
        mode = params.client.mode,
        role = grant.role.as_str(),
        scopes = grant.scopes.len(),
        device = grant.device,
        "connected"
    );
    Open { _listed: hub.admitted(&connection), _node: node, connection, letters, epoch: hub.epoch(), heard }
}

/// The next message, whatever pings come before it.
async fn next_frame<S: AsyncRead + AsyncWrite + Unpin>(ws: &mut Ws<S>) -> Result<Bytes, Ending> {
    loop {
        match ws.recv().await? {
            Incoming::Data(frame) => return Ok(frame),
            Incoming::Ping | Incoming::Pong => {}
            Incoming::Close(code, _) => return Err(Ending::Gone(format!("closed by peer with {code}"))),
        }
    }
}

/// Lets a wrong credential wait for its answer. What the peer sends meanwhile is counted and thrown away: the
/// connection will be refused.
async fn pay<S: AsyncRead + AsyncWrite + Unpin>(ws: &mut Ws<S>, delay: Duration) -> Result<(), Ending> {
    if delay.is_zero() {
        return Ok(());
    }
    let flood = async {
        for _ in 0..=QUEUED_FRAMES_MAX {
            next_frame(ws).await?;
        }
        Err(Ending::Close(1008, "too many pending handshake frames".into()))
    };
    timeout(delay, flood).await.unwrap_or(Ok(()))
}

/// Sends a refusal's answer and gives back its close.
fn refuse<S: AsyncRead + AsyncWrite + Unpin>(ws: &mut Ws<S>, refusal: Refusal) -> Ending {
    if let Some((id, fault)) = refusal.answer {
        ws.push(Frame::failure(id, *fault).to_text());
    }
    Ending::Close(refusal.code, refusal.reason)
}

//! The HTTP side of the port (OPENCLAW.md 3): probes, a page that says what this is, and the way into a
//! WebSocket. Headers, their order and the bodies are those of the real gateway.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONNECTION, HeaderMap};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};

use super::door::{self, Caller, Door};
use super::hub::Hub;
use super::load::EventLoop;
use super::options::Auth;
use super::tailnet::Front;
use super::throttle::Party;
use super::{date, upgrade};
use crate::host::clock;
use crate::wire::limits;

/// Largest request head in bytes, as Node.js takes it.
const HEAD_MAX: usize = 16 * 1024;
const JSON: &str = "application/json; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const PAGE: &str = "OpenClaw gateway (embedded). It speaks Gateway protocol v4 over WebSocket on this port; see /healthz, /startupz and /readyz.\n";

/// An answer over HTTP.
pub type Answer = Response<Full<Bytes>>;

/// Answers the requests of one connection until it ends or becomes a WebSocket.
pub async fn connection<S>(hub: Rc<Hub>, stream: S, peer: SocketAddr, door: Door)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let answer = route(&hub, door, peer, request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let served = http1::Builder::new()
        .title_case_headers(true)
        .auto_date_header(false)
        .max_buf_size(HEAD_MAX)
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HANDSHAKE_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = served.await {
        tracing::debug!(target: "gateway/http", "connection ended: {error}");
    }
}

fn route(hub: &Rc<Hub>, door: Door, peer: SocketAddr, request: Request<Incoming>) -> Answer {
    if upgrade::is_wanted(request.headers()) {
        return upgrade::answer(hub, door, peer, request);
    }
    let path = request.uri().path();
    let liveness = matches!(path, "/health" | "/healthz");
    let known = hub.front.as_ref().and_then(Front::known);
    let caller = door::caller(door, peer, request.headers(), known.as_ref());
    let draft = if !liveness && caller.is_none() {
        Draft { length_last: true, ..Draft::new(StatusCode::FORBIDDEN, JSON, attribution_required()) }
    } else {
        match path {
            "/health" | "/healthz" | "/startup" | "/startupz" | "/ready" | "/readyz" | "/"
                if !matches!(*request.method(), Method::GET | Method::HEAD) =>
            {
                let mut draft = Draft::new(StatusCode::METHOD_NOT_ALLOWED, TEXT, "Method Not Allowed".into());
                draft.extra = Some(("Allow", "GET, HEAD"));
                Draft { length_last: true, ..draft }
            }
            "/health" | "/healthz" => probe(true, json!({ "ok": true, "status": "live" }).to_string()),
            "/startup" | "/startupz" => startup(hub, is_trusted(hub, caller.as_ref(), request.headers())),
            "/ready" | "/readyz" => ready(hub, is_trusted(hub, caller.as_ref(), request.headers())),
            "/" => Draft::new(StatusCode::OK, TEXT, PAGE.into()),
            _ => Draft::new(StatusCode::NOT_FOUND, TEXT, "Not Found".into()),
        }
    };
    draft.finish(&request)
}

/// Details are for programs on this machine, and for whoever has the credential; a wrong one counts as anywhere else.
fn is_trusted(hub: &Hub, caller: Option<&Caller>, headers: &HeaderMap) -> bool {
    let Some(caller) = caller else { return false };
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let (Some(text), false) = (bearer, caller.local) else { return caller.local };
    let (party, now) = (Party::Remote(caller.ip), hub.moment());
    let matched = match &hub.options.auth {
        Auth::Token(secret) | Auth::Password(secret) => secret.matches(text),
        Auth::None => false,
    };
    if hub.throttle().locked(&party, now).is_some() {
        return false;
    }
    if matched {
        hub.throttle().succeeded(&party);
    } else {
        hub.throttle().failed(&party, now);
    }
    matched
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Startup<'a> {
    ok: bool,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uptime_ms: Option<u64>,
}

fn startup(hub: &Hub, details: bool) -> Draft {
    let ok = !hub.is_draining();
    probe_json(
        ok,
        &Startup {
            ok,
            status: if ok { "started" } else { "draining" },
            version: details.then_some(hub.options.version.as_str()),
            uptime_ms: details.then(|| hub.uptime_ms()),
        },
    )
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ready {
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    failing: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uptime_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_loop: Option<EventLoop>,
}

fn ready(hub: &Hub, details: bool) -> Draft {
    let ready = !hub.is_draining();
    probe_json(
        ready,
        &Ready {
            ready,
            failing: details.then(|| if ready { vec![] } else { vec!["gateway-draining"] }),
            uptime_ms: details.then(|| hub.uptime_ms()),
            event_loop: details.then(|| hub.load.borrow().show()),
        },
    )
}

fn probe_json(ok: bool, body: &impl Serialize) -> Draft {
    // These structures hold nothing that JSON cannot say.
    probe(ok, serde_json::to_string(body).unwrap_or_default())
}

fn probe(ok: bool, body: String) -> Draft {
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Draft { extra: None, store: false, ..Draft::new(status, JSON, body) }
}

/// The body that tells a proxy what it lacks.
pub fn attribution_required() -> String {
    r#"{"error":{"message":"Proxy client attribution is required. Configure gateway.trustedProxies narrowly and make the proxy overwrite or safely rebuild forwarded client headers.","type":"proxy_attribution_required"}}"#.into()
}

/// An answer before its headers are written.
struct Draft {
    status: StatusCode,
    kind: &'static str,
    extra: Option<(&'static str, &'static str)>,
    store: bool,
    length_last: bool,
    body: String,
}

impl Draft {
    fn new(status: StatusCode, kind: &'static str, body: String) -> Self {
        Draft { status, kind, extra: None, store: true, length_last: false, body }
    }

    fn finish(self, request: &Request<Incoming>) -> Answer {
        let length = self.body.len().to_string();
        let date = date::http_date(clock::epoch_ms());
        let mut headers = vec![
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Permissions-Policy", "camera=(), microphone=(self), geolocation=()"),
        ];
        headers.extend(self.extra);
        headers.push(("Content-Type", self.kind));
        if !self.store {
            headers.push(("Cache-Control", "no-store"));
        }
        if !self.length_last {
            headers.push(("Content-Length", &length));
        }
        headers.push(("Date", &date));
        if ends_connection(request) {
            headers.push(("Connection", "close"));
        } else {
            headers.extend([("Connection", "keep-alive"), ("Keep-Alive", "timeout=5")]);
        }
        if self.length_last {
            headers.push(("Content-Length", &length));
        }
        build(self.status, &headers, self.body)
    }
}

/// Whether the client wants the connection closed behind the answer.
fn ends_connection(request: &Request<Incoming>) -> bool {
    request.version() < Version::HTTP_11 || upgrade::has_token(request.headers(), CONNECTION, "close")
}

/// A response of these headers in this order.
pub fn build(status: StatusCode, headers: &[(&str, &str)], body: String) -> Answer {
    let builder = headers
        .iter()
        .fold(Response::builder().status(status), |builder, (name, value)| builder.header(*name, *value));
    // The names and values are our own; a response that cannot be built would be an empty one.
    builder.body(Full::new(Bytes::from(body))).unwrap_or_default()
}

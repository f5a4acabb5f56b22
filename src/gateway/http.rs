//! The HTTP side of the port (OPENCLAW.md 3): probes, the page, and the way into a WebSocket. Headers, their order and the bodies are those of the real gateway.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONNECTION, HOST, HeaderMap, IF_NONE_MATCH};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};

use super::admission::Guess;
use super::door::{self, Caller, Door};
use super::hub::Hub;
use super::load::EventLoop;
use super::options::Auth;
use super::tailnet::Front;
use super::throttle::Party;
use super::{asker, date, hook, machine, origin, page, upgrade};
use crate::host::clock;
use crate::wire::limits;

/// Largest request head in bytes, as Node.js takes it.
const HEAD_MAX: usize = 16 * 1024;
/// The kind of all that is told to programs.
pub const JSON: &str = "application/json; charset=utf-8";
/// The kind of all that is told to people.
pub const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// What a page is told that speaks with a name which is not known to be this machine's.
const HOST_REFUSED: &str = r#"{"error":{"message":"Host not allowed. Open the gateway by its address or by localhost, or allow the page's origin in gateway.controlUi.allowedOrigins.","type":"host_not_allowed"}}"#;

/// An answer over HTTP.
pub type Answer = Response<Full<Bytes>>;

/// Answers the requests of one connection until it ends or becomes a WebSocket.
pub async fn connection<S>(hub: Rc<Hub>, stream: S, peer: SocketAddr, door: Door)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let hub = Rc::clone(&hub);
        async move {
            if !door::names_one_host(request.version(), request.uri(), request.headers()) {
                return Ok(Draft::new(StatusCode::BAD_REQUEST, TEXT, "Bad Request").send(true));
            }
            let is_hook = hook::name_of(&hub.embedded().hooks, request.uri().path()).is_some();
            Ok::<_, Infallible>(match is_hook && !upgrade::is_wanted(request.headers()) {
                true => hook::answer(&hub, door, peer, request).await,
                false => route(&hub, door, peer, request),
            })
        }
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
    let draft = match path {
        // Whether it lives is for everybody.
        "/health" | "/healthz" => only_read(&request).map_or_else(
            |refusal| *refusal,
            |()| probe(true, json!({ "ok": true, "status": "live" }).to_string()),
        ),
        _ => admitted(hub, door, peer, request.headers())
            .and_then(|caller| answered(hub, &request, &caller))
            .unwrap_or_else(|refusal| *refusal),
    };
    draft.finish(&request)
}

fn answered(hub: &Hub, request: &Request<Incoming>, caller: &Caller) -> Result<Draft, Box<Draft>> {
    let details = || only_read(request).and_then(|()| is_trusted(hub, caller, request.headers()));
    Ok(match request.uri().path() {
        "/startup" | "/startupz" => startup(hub, details()?),
        "/ready" | "/readyz" => ready(hub, details()?),
        "/" if page::is_at("/", &hub.embedded().page) => only_read(request).map(|()| shown(request))?,
        path if only_read(request).is_ok() && page::is_at(path, &hub.embedded().page) => shown(request),
        _ => Draft::new(StatusCode::NOT_FOUND, TEXT, "Not Found"),
    })
}

/// The page, or the word that the browser has it already.
fn shown(request: &Request<Incoming>) -> Draft {
    let (page, header) =
        (page::page(), |name| request.headers().get(name).and_then(|value| value.to_str().ok()));
    let same = header(IF_NONE_MATCH).is_some_and(|known| known.split(',').any(|one| one.trim() == page.etag));
    let status = if same { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let body = if same { Bytes::new() } else { page.body.clone() };
    let mut draft = Draft::new(status, HTML, body);
    draft.extra = vec![
        ("X-Frame-Options", "DENY".into()),
        ("Content-Security-Policy", page.policy(header(HOST))),
        ("Cross-Origin-Resource-Policy", "same-origin".into()),
        ("ETag", page.etag.clone()),
        ("Cache-Control", "no-cache".into()),
    ];
    draft
}

/// Refuses everything but looking.
fn only_read(request: &Request<Incoming>) -> Result<(), Box<Draft>> {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(());
    }
    let mut draft = Draft::new(StatusCode::METHOD_NOT_ALLOWED, TEXT, "Method Not Allowed");
    draft.extra = vec![("Allow", "GET, HEAD".into())];
    Err(Box::new(Draft { length_last: true, ..draft }))
}

/// Who asks, if they may at all.
fn admitted(hub: &Hub, door: Door, peer: SocketAddr, headers: &HeaderMap) -> Result<Caller, Box<Draft>> {
    caller(hub, door, peer, headers).map_err(|body| {
        Box::new(Draft { length_last: true, ..Draft::new(StatusCode::FORBIDDEN, JSON, body) })
    })
}

/// Who asks; the body of a refusal for whom nobody vouches, and for a page that believes to speak with another host.
pub fn caller(hub: &Hub, door: Door, peer: SocketAddr, headers: &HeaderMap) -> Result<Caller, String> {
    let (known, access) = (hub.front.as_ref().and_then(Front::known), hub.access());
    let caller =
        door::caller(door, peer, headers, known.as_ref(), &access).ok_or_else(attribution_required)?;
    // Behind a proxy the name is the proxy's business, and the tailnet's door has asked for its own.
    let direct = door == Door::Own && !asker::is_forwarded(headers);
    if direct && origin::is_rebound(headers, &machine::hostname(), &access.fence.allowed_origins) {
        return Err(HOST_REFUSED.into());
    }
    Ok(caller)
}

/// Details are for programs on this machine, and for whoever has the credential. A wrong one costs what it costs
/// at a connect.
///
/// # Errors
/// The answer to whom too many wrong ones were tried from.
fn is_trusted(hub: &Hub, caller: &Caller, headers: &HeaderMap) -> Result<bool, Box<Draft>> {
    let access = hub.access();
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let secret = match &access.auth {
        _ if caller.local => return Ok(true),
        Auth::Token(secret) | Auth::Password(secret) => secret,
        Auth::TrustedProxy => return Ok(caller.user.is_some()),
        Auth::None => return Ok(false),
    };
    let Some(bearer) = bearer else { return Ok(false) };
    let (party, now) = (Party::Remote(caller.ip), hub.moment());
    if let Some(left) = hub.throttle().locked(&party, Guess::Secret, now) {
        let body = r#"{"error":{"message":"Too many failed authentication attempts. Please try again later.","type":"rate_limited"}}"#;
        let mut draft = Draft::new(StatusCode::TOO_MANY_REQUESTS, JSON, body);
        draft.extra = vec![("Retry-After", left.as_millis().div_ceil(1000).to_string())];
        return Err(Box::new(Draft { length_last: true, ..draft }));
    }
    if secret.matches(bearer) {
        hub.throttle().succeeded(&party, Guess::Secret);
        return Ok(true);
    }
    // There is nothing to wait for but the lockout: what is told without details is told to everybody.
    hub.throttle().failed(&party, Guess::Secret, now);
    Ok(false)
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
    Draft { store: false, ..Draft::new(status, JSON, body) }
}

/// The body that tells a proxy what it lacks.
fn attribution_required() -> String {
    r#"{"error":{"message":"Proxy client attribution is required. Configure gateway.trustedProxies narrowly and make the proxy overwrite or safely rebuild forwarded client headers.","type":"proxy_attribution_required"}}"#.into()
}

/// An answer before its headers are written.
pub struct Draft {
    status: StatusCode,
    kind: &'static str,
    /// Headers of its own.
    pub extra: Vec<(&'static str, String)>,
    store: bool,
    length_last: bool,
    body: Bytes,
}

impl Draft {
    /// An answer of that kind.
    pub fn new(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Self {
        Draft { status, kind, extra: Vec::new(), store: true, length_last: false, body: body.into() }
    }

    fn finish(self, request: &Request<Incoming>) -> Answer {
        self.send(ends_connection(request))
    }

    /// The answer; `closes` ends the connection behind it.
    pub fn send(self, closes: bool) -> Answer {
        let length = self.body.len().to_string();
        let date = date::http_date(clock::epoch_ms());
        let mut headers = vec![
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Permissions-Policy", "camera=(), microphone=(self), geolocation=()"),
        ];
        headers.extend(self.extra.iter().map(|(name, value)| (*name, value.as_str())));
        headers.push(("Content-Type", self.kind));
        if !self.store {
            headers.push(("Cache-Control", "no-store"));
        }
        if !self.length_last {
            headers.push(("Content-Length", &length));
        }
        headers.push(("Date", &date));
        if closes {
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
pub fn ends_connection(request: &Request<Incoming>) -> bool {
    request.version() < Version::HTTP_11 || upgrade::has_token(request.headers(), CONNECTION, "close")
}

/// A response of these headers in this order.
pub fn build(status: StatusCode, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    let builder = headers
        .iter()
        .fold(Response::builder().status(status), |builder, (name, value)| builder.header(*name, *value));
    // The names and values are our own; a response that cannot be built would be an empty one.
    builder.body(Full::new(body.into())).unwrap_or_default()
}

//! Hooks: other programs bring orders over HTTP, with a token of their own. What they say comes from outside and gives no
//! orders: it is talked to the agent with the rights of a stranger.
//!
//! | file | its part |
//! | --- | --- |
//! | `order` | what a request asks for, pure |
//! | `template` | texts with places for what the request says, pure |
//! | `run` | the agent's run for it, and where its answer goes |

pub mod order;
mod run;
pub mod template;

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::admission::Guess;
use super::door::{Caller, Door};
use super::http::{self, Answer, Draft, JSON, TEXT};
use super::hub::Hub;
use super::origin;
use super::throttle::{Cost, Party};
use crate::profile::embedded::HookRules;
use order::Asked;

/// Largest body in bytes.
const BODY_MAX: usize = 256 * 1024;
/// How long a body may take.
const BODY_WITHIN: Duration = Duration::from_secs(30);
/// The header that may hold the token in place of `Authorization`.
const TOKEN_HEADER: &str = "x-openclaw-token";

/// The name of the hook that `path` is, where hooks are switched on.
pub fn name_of<'a>(rules: &HookRules, path: &'a str) -> Option<&'a str> {
    rules.token.as_ref()?;
    let rest = path.strip_prefix(rules.path.as_str())?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
}

/// Answers a request for a hook.
pub async fn answer(hub: &Rc<Hub>, door: Door, peer: SocketAddr, request: Request<Incoming>) -> Answer {
    let mut closes = http::ends_connection(&request);
    let draft = match taken(hub, door, peer, request).await {
        Ok(body) => Draft::new(StatusCode::OK, JSON, body.to_string()),
        Err(refusal) => {
            // What is left of the body is not read.
            closes = true;
            *refusal
        }
    };
    draft.send(closes)
}

type Refusal = Box<Draft>;

fn refused(status: StatusCode, why: &str) -> Refusal {
    Box::new(Draft::new(status, JSON, json!({ "ok": false, "error": why }).to_string()))
}

fn plainly(status: StatusCode, why: &'static str) -> Refusal {
    Box::new(Draft::new(status, TEXT, why))
}

async fn taken(
    hub: &Rc<Hub>,
    door: Door,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Value, Refusal> {
    let caller = http::caller(hub, door, peer, request.headers())
        .map_err(|body| Box::new(Draft::new(StatusCode::FORBIDDEN, JSON, body)))?;
    if request.method() != Method::POST {
        let mut draft = plainly(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
        draft.extra = vec![("Allow", "POST".into())];
        return Err(draft);
    }
    let query = template::pairs(request.uri().query().unwrap_or_default());
    if query.iter().any(|(name, _)| name.eq_ignore_ascii_case("token")) {
        let why = "Hook token must be provided via Authorization: Bearer <token> or X-OpenClaw-Token header \
                   (query parameters are not allowed).";
        return Err(plainly(StatusCode::BAD_REQUEST, why));
    }
    let rules = hub.embedded();
    prove(hub, &rules.hooks, &caller, request.headers()).await?;
    if hub.is_draining() {
        return Err(refused(StatusCode::SERVICE_UNAVAILABLE, "gateway_unavailable"));
    }
    let (head, body) = request.into_parts();
    let is_json = |kind: &str| {
        kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    };
    match head.headers.get(CONTENT_TYPE).map(|kind| kind.to_str().is_ok_and(is_json)) {
        None | Some(true) => {}
        Some(false) => {
            return Err(refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be application/json"));
        }
    }
    let body = read(body).await?;
    let body: Value = match body.is_empty() {
        true => json!({}),
        false => {
            serde_json::from_slice(&body).map_err(|_| refused(StatusCode::BAD_REQUEST, "invalid JSON"))?
        }
    };
    let name = name_of(&rules.hooks, head.uri.path()).unwrap_or_default();
    let headers = head.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let asked = Asked { name, body: &body, headers: headers.collect(), query: &query };
    match order::read(&rules.hooks, &asked) {
        Ok(Some(order)) => run::take(hub, order).await.map_err(|(status, why)| refused(status, &why)),
        Ok(None) => Err(plainly(StatusCode::NOT_FOUND, "Not Found")),
        Err(why) => Err(refused(StatusCode::BAD_REQUEST, &why)),
    }
}

/// Holds the token of a request against the one that there is; a wrong one costs what it costs at a connect.
async fn prove(
    hub: &Rc<Hub>,
    rules: &HookRules,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let bearer = text(AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer ")).map(str::trim);
    let shown = bearer.filter(|token| !token.is_empty()).or(text(TOKEN_HEADER)).unwrap_or_default();
    let party = match &caller.origin {
        Some(origin) if caller.local => Party::Page(origin::party_of(origin)),
        None if caller.local => Party::Local,
        _ => Party::Remote(caller.ip),
    };
    if let Some(left) = hub.throttle().locked(&party, Guess::Hook, hub.moment()) {
        let mut draft = plainly(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
        draft.extra = vec![("Retry-After", left.as_millis().div_ceil(1000).to_string())];
        return Err(draft);
    }
    if rules.token.as_ref().is_some_and(|token| token.matches(shown)) {
        hub.throttle().succeeded(&party, Guess::Hook);
        return Ok(());
    }
    let cost = hub.throttle().failed(&party, Guess::Hook, hub.moment());
    if let Cost::Delay(time) = cost {
        tokio::time::sleep(time).await;
    }
    Err(plainly(StatusCode::UNAUTHORIZED, "Unauthorized"))
}

async fn read(body: Incoming) -> Result<Bytes, Refusal> {
    let whole = tokio::time::timeout(BODY_WITHIN, Limited::new(body, BODY_MAX).collect()).await;
    match whole {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(refused(StatusCode::PAYLOAD_TOO_LARGE, "payload too large"))
        }
        Ok(Err(_)) => Err(refused(StatusCode::BAD_REQUEST, "the body broke off")),
        Err(_) => Err(refused(StatusCode::REQUEST_TIMEOUT, "request body timeout")),
    }
}

//! The head of an HTTP request, and a hook's body behind an empty line. Nobody whom somebody brings is a program of this
//! machine, a user is named by a trusted proxy alone, a page with a name of its own gets nothing, and a hook orders only
//! what its rules let it. The first byte says how the gateway asks and through which door the request came.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::LazyLock;

use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use openclaw_supervisor::base::Secret;
use openclaw_supervisor::gateway::door::{self, Door};
use openclaw_supervisor::gateway::hook::order::{self, Asked, Order};
use openclaw_supervisor::gateway::hook::{self, template};
use openclaw_supervisor::gateway::{Access, Auth, asker, origin};
use openclaw_supervisor::profile::config::{GatewayConfig, SecretSource};
use openclaw_supervisor::profile::embedded::HookRules;
use openclaw_supervisor::profile::{Embedded, Fence};
use serde_json::{Value, json};

/// The one proxy that is trusted, and the user header of its rules.
const PROXY: &str = "10.0.0.1";
const USER: &str = "x-user";
/// What the gateway of these rules is called, and the one page that may besides.
const OWN: &str = "box";
const ALLOWED: &str = "https://ui.test";
/// What a hook's session begins with in the rules that let a request choose one.
const PREFIX: &str = "hook:";

static FENCE: LazyLock<Fence> = LazyLock::new(|| {
    let tree = json!({"gateway": {"trustedProxies": [PROXY], "allowRealIpFallback": true,
        "controlUi": {"allowedOrigins": [ALLOWED]},
        "auth": {"trustedProxy": {"userHeader": USER, "requiredHeaders": ["x-proxy"]}}}});
    GatewayConfig::from_value(&tree, Path::new("openclaw.json")).expect("the rules are right").fence
});
static HOOKS: LazyLock<[HookRules; 2]> = LazyLock::new(|| {
    let mappings = json!([
        {"match": {"path": "ci"}, "messageTemplate": "Build {{id}} of {{repo.name}} {{headers.authorization}}",
         "sessionKey": "hook:{{id}}", "name": "{{name}}"},
        {"match": {"source": "gh"}, "action": "wake", "textTemplate": "{{list[0].s}} {{query.k}} {{path}}"},
    ]);
    let closed = json!({"enabled": true, "token": "t", "mappings": mappings});
    let open = json!({"enabled": true, "token": "t", "mappings": mappings, "allowRequestSessionKey": true,
        "allowedSessionKeyPrefixes": [PREFIX]});
    [closed, open].map(|hooks| {
        let follow = |source: &SecretSource| match source {
            SecretSource::Inline(secret) => Ok(Some(secret.clone())),
            _ => Ok(None),
        };
        let tree = json!({"hooks": hooks});
        Embedded::read(&tree, Path::new("openclaw.json"), &follow).expect("the rules are right").hooks
    })
});

/// Holds it.
pub fn hold(data: &[u8]) {
    let Some((byte, rest)) = data.split_first() else { return };
    let (head, body) = match rest.windows(2).position(|two| two == b"\n\n") {
        Some(at) => (&rest[..at], &rest[at + 2..]),
        None => (rest, &[][..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let target = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let headers: HeaderMap = lines.filter_map(header).collect();
    for peer in ["127.0.0.1:9", "10.0.0.1:9", "192.0.2.9:9", "[::ffff:127.0.0.1]:9"] {
        caller(*byte, peer.parse().expect("an address"), &headers);
    }
    rebound(&headers);
    hooked(&target, &headers, body);
}

fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let at = line.iter().position(|byte| *byte == b':')?;
    let value = HeaderValue::from_bytes(line[at + 1..].trim_ascii()).ok()?;
    Some((HeaderName::from_bytes(&line[..at]).ok()?, value))
}

fn caller(byte: u8, peer: SocketAddr, headers: &HeaderMap) {
    let auth = if byte & 1 == 0 { Auth::Token(Secret::new("x")) } else { Auth::TrustedProxy };
    let access = Access { auth, fence: FENCE.clone() };
    let known = door::Known { host: "h.t.ts.net".into(), port: 443 };
    let (forwarded, near) = (asker::is_forwarded(headers), peer.ip().to_canonical().is_loopback());
    let proxy = peer.ip().to_string() == PROXY;
    if let Some(caller) = door::caller(Door::Own, peer, headers, Some(&known), &access) {
        assert_eq!(caller.local, near && !forwarded, "{caller:?}");
        assert!(!forwarded || proxy, "somebody was believed who is no proxy: {caller:?}");
        assert!(proxy || caller.ip == peer.ip().to_canonical(), "{caller:?}");
        let by_proxy = proxy && matches!(access.auth, Auth::TrustedProxy);
        assert!(caller.user.is_none() || by_proxy && headers.get_all(USER).iter().count() == 1, "{caller:?}");
        assert!(caller.stated.is_none(), "{caller:?}");
        assert_eq!(caller.origin.is_some(), headers.contains_key(ORIGIN));
    }
    if let Some(caller) = door::caller(Door::Tailnet, peer, headers, Some(&known), &access) {
        assert!(!caller.local && caller.user.is_none(), "{caller:?}");
        assert!(headers.get_all(HOST).iter().count() == 1, "{caller:?}");
        assert!(caller.stated.is_none() || !headers.contains_key("tailscale-funnel-request"), "{caller:?}");
    }
    assert_eq!(door::caller(Door::Tailnet, peer, headers, None, &access), None);
}

/// A page reaches the gateway by an address, by `localhost`, or by a name that is known; a program by any.
fn rebound(headers: &HeaderMap) {
    let rebound = origin::is_rebound(headers, OWN, &[ALLOWED.to_owned()]);
    let page = headers.keys().any(|name| *name == ORIGIN || name.as_str().starts_with("sec-fetch-"));
    assert!(page || !rebound, "a program was taken for a page");
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return };
    let name = host.trim().to_lowercase();
    let bare = match name.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => name.split(':').next().unwrap_or_default(),
    };
    let known = [OWN, "box.local", "ui.test", "localhost"].contains(&bare);
    let address = bare.parse::<IpAddr>().is_ok();
    assert!(rebound || !page || known || address, "a page came by the name {host:?}");
}

/// A hook's name, and what it orders.
fn hooked(target: &str, headers: &HeaderMap, body: &[u8]) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = template::pairs(query);
    let body: Value = serde_json::from_slice(body).unwrap_or_else(|_| json!({}));
    let headers: Vec<(&str, &str)> =
        headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
    assert_eq!(hook::name_of(&HookRules::default(), path), None, "hooks are off unless they are switched on");
    for (open, rules) in [false, true].into_iter().zip(&*HOOKS) {
        let Some(name) = hook::name_of(rules, path) else { continue };
        assert!(path.starts_with("/hooks") && path.ends_with(name), "{path}");
        let asked = Asked { name, body: &body, headers: headers.clone(), query: &query };
        match order::read(rules, &asked) {
            Ok(Some(order)) => ordered(&order, open, &asked),
            Ok(None) => assert!(!["wake", "agent"].contains(&name)),
            Err(why) => assert!(!why.is_empty()),
        }
    }
}

fn ordered(order: &Order, open: bool, asked: &Asked<'_>) {
    assert!(!order.message.trim().is_empty(), "an empty order");
    assert!(order.name.chars().count() <= 64 && !order.name.chars().any(char::is_control), "{}", order.name);
    assert!(order.repeats.as_ref().is_none_or(|key| key.len() == 32), "{:?}", order.repeats);
    let prefix = format!("agent:main:{PREFIX}");
    let own =
        order.session_key.as_deref().is_none_or(|key| key == "agent:main:main" || key.starts_with(&prefix));
    assert!(own, "{:?} was chosen from outside", order.session_key);
    let chosen = order.session_key.is_some() && order.wake.is_none();
    assert!(!chosen || open, "a session was chosen where nobody may");
    let secret = asked.headers.iter().find(|(name, value)| *name == "authorization" && value.len() > 40);
    let told = |secret: &str| order.message.contains(secret) && !asked.body.to_string().contains(secret);
    let elsewhere = |secret: &str| {
        asked.name.contains(secret) || asked.query.iter().any(|(_, value)| value.contains(secret))
    };
    assert!(
        secret.is_none_or(|(_, secret)| !told(secret) || elsewhere(secret)),
        "the credential became a text"
    );
}

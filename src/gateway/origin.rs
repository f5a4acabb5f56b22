//! Which web pages may open a connection (OPENCLAW.md 3.3, INCIDENTS H3). A browser names the page's origin in a header
//! that the page cannot forge; programs send none. Without this check any page could talk to the loopback port. The
//! host that the browser believes to speak with counts too: a name of the page's own may be made to mean this machine.

use std::net::IpAddr;

use hyper::header::{HOST, HeaderMap, ORIGIN};
use serde_json::json;

use super::admission::Peer;
use crate::access::reach;
use crate::wire::Fault;

/// Whether the page of `peer` may connect; one that is none may. It has to be allowed by name, or to be served by
/// this very port: at an address, which no name server can make mean another, or at `localhost`.
pub fn is_allowed(peer: &Peer, allowed: &[String]) -> bool {
    let Some(origin) = peer.origin.as_deref() else { return true };
    let plain = origin.to_lowercase();
    // `null` is what a browser says of a page that has no origin, so no list can mean one.
    if plain != "null" && allowed.iter().any(|known| known == "*" || *known == plain) {
        return true;
    }
    let (Some((host, port)), Some((asked, at))) =
        (authority_of(&plain), peer.host.as_deref().and_then(authority))
    else {
        return false;
    };
    let same = host == asked || (reach::is_loopback(host) && reach::is_loopback(&asked));
    let is_ours = match reach::is_loopback(host) {
        true => peer.local,
        false => host.parse::<IpAddr>().is_ok() && reach::may_be_plain(host, false),
    };
    same && port.unwrap_or(default_port(&plain)) == at.unwrap_or(default_port(&plain)) && is_ours
}

/// Whose failures are counted together with those of a page: the pages of this machine are one.
pub fn party_of(origin: &str) -> String {
    let plain = origin.to_lowercase();
    match authority_of(&plain) {
        Some((host, _)) if reach::is_loopback(host) => "localhost".into(),
        _ => plain,
    }
}

/// Whether a page asks, and of a host that is a name and not known to be this machine's: `own` one, or one that
/// `allowed` origins have.
pub fn is_rebound(headers: &HeaderMap, own: &str, allowed: &[String]) -> bool {
    let by_page = headers.keys().any(|name| *name == ORIGIN || name.as_str().starts_with("sec-fetch-"));
    if !by_page {
        return false;
    }
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return true };
    let Some((name, _)) = authority(host) else { return true };
    let known = |other: &str| name.eq_ignore_ascii_case(other);
    let among = |origin: &String| authority_of(origin).is_some_and(|(host, _)| known(host));
    !(reach::is_loopback(&name)
        || name.parse::<IpAddr>().is_ok()
        || known(own)
        || known(&format!("{own}.local"))
        || allowed.iter().any(among))
}

/// What a page that may not is told.
pub fn refusal() -> Fault {
    Fault::invalid(
        "origin not allowed (open the Control UI from the gateway host or allow it in gateway.controlUi.allowedOrigins)",
    )
    .details(json!({ "code": "CONTROL_UI_ORIGIN_NOT_ALLOWED", "reason": "origin not allowed" }))
}

/// Host and port of `scheme://host[:port]`; nothing else is an origin.
fn authority_of(origin: &str) -> Option<(&str, Option<u16>)> {
    split(origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))?)
}

/// Host and port of a `Host` header, in lower case.
fn authority(header: &str) -> Option<(String, Option<u16>)> {
    split(header.trim()).map(|(host, port)| (host.to_lowercase(), port))
}

fn split(rest: &str) -> Option<(&str, Option<u16>)> {
    if rest.contains(['/', '@', '?', '#', '\\']) {
        return None;
    }
    let (host, port) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => rest.find(':').map_or((rest, ""), |at| rest.split_at(at)),
    };
    match port.strip_prefix(':') {
        Some(digits) => Some((host, Some(digits.parse().ok()?))),
        None => port.is_empty().then_some((host, None)),
    }
}

fn default_port(origin: &str) -> u16 {
    if origin.starts_with("https://") { 443 } else { 80 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::admission::Identity;

    fn page(origin: &str, host: &str, local: bool) -> Peer {
        Peer {
            ip: [127, 0, 0, 1].into(),
            local,
            origin: Some(origin.into()),
            host: Some(host.into()),
            user: None,
            identity: Identity::None,
        }
    }

    #[test]
    fn incident_h3_a_page_of_this_port_may_and_all_others_may_not() {
        for (origin, host) in [
            ("http://localhost:18789", "localhost:18789"),
            ("http://127.0.0.1:18789", "localhost:18789"),
            ("https://LOCALHOST:18789", "127.0.0.1:18789"),
            ("http://[::1]:18789", "127.0.0.1:18789"),
            ("http://localhost", "localhost"),
        ] {
            assert!(is_allowed(&page(origin, host, true), &[]), "{origin}");
            assert!(!is_allowed(&page(origin, host, false), &[]), "{origin}");
        }
        let here = "127.0.0.1:18789";
        for origin in [
            "https://evil.test",
            "null",
            "",
            "http://127.0.0.1:5173",
            "http://127.0.0.1",
            "http://localhost.evil.test:18789",
            "http://127.0.0.1.evil.test:18789",
            "http://127.0.0.1.:18789",
            "http://localhost.:18789",
            "http://evil@localhost:18789",
            "http://localhost:18789/x",
            "http://localhost:x",
            "http://[::1",
            "file://localhost:18789",
        ] {
            assert!(!is_allowed(&page(origin, here, true), &[]), "{origin}");
        }
        assert!(!is_allowed(&page("http://evil.test:18789", "evil.test:18789", true), &[]), "rebound");
        assert!(!is_allowed(&Peer { host: None, ..page("http://localhost:1", "", true) }, &[]));
    }

    #[test]
    fn an_address_in_a_private_network_may_be_the_pages_own() {
        let (own, host) = ("http://10.99.0.1:18789", "10.99.0.1:18789");
        assert!(is_allowed(&page(own, host, false), &[]));
        assert!(!is_allowed(&page(own, "10.99.0.2:18789", false), &[]));
        assert!(!is_allowed(&page("http://8.8.8.8:18789", "8.8.8.8:18789", false), &[]));
    }

    #[test]
    fn what_is_allowed_by_name_is_that_name_alone() {
        let allowed = ["https://ui.test".to_owned()];
        assert!(is_allowed(&page("https://UI.test", "10.0.0.1:1", false), &allowed));
        for origin in
            ["https://ui.test:444", "http://ui.test", "https://ui.test.evil.test", "https://a.ui.test"]
        {
            assert!(!is_allowed(&page(origin, "10.0.0.1:1", false), &allowed), "{origin}");
        }
        let (all, none) = (["*".to_owned()], ["null".to_owned()]);
        assert!(is_allowed(&page("https://any.test", "x", false), &all));
        assert!(!is_allowed(&page("null", "127.0.0.1:1", true), &none));
        assert!(!is_allowed(&page("null", "127.0.0.1:1", true), &all));
    }

    #[test]
    fn incident_h3_a_name_of_the_pages_own_is_not_this_machine() {
        let allowed = ["https://ui.test".to_owned()];
        let rebound = |host: &str, by: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            headers.insert(by, "x".parse().unwrap());
            is_rebound(&headers, "box", &allowed)
        };
        for host in ["evil.test", "evil.test:18789", "127.0.0.1.", "127.0.0.1.:1", "localhost.", "a b", ""] {
            for by in ["origin", "sec-fetch-site", "sec-fetch-mode"] {
                assert!(rebound(host, by), "{host} {by}");
            }
            assert!(!rebound(host, "accept"), "a program may ask by any name: {host}");
        }
        for host in ["127.0.0.1:1", "localhost", "[::1]:1", "10.99.0.1:1", "Box", "box.local:1", "ui.test"] {
            assert!(!rebound(host, "origin"), "{host}");
        }
    }

    #[test]
    fn all_pages_of_this_machine_are_one_party() {
        for origin in ["http://localhost:1", "http://127.0.0.1:2", "http://127.9.9.9:2", "https://[::1]:3"] {
            assert_eq!(party_of(origin), "localhost", "{origin}");
        }
        assert_eq!(party_of("https://UI.test"), "https://ui.test");
    }
}

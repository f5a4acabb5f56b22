//! Which web pages may open a connection (OPENCLAW.md 3.3). A browser names the page's origin in a header that
//! the page cannot forge; programs send none. Without this check any page could talk to the loopback port.

use serde_json::json;

use crate::wire::Fault;

/// Whether a page of `origin` may connect: only one that this very machine serves.
pub fn is_allowed(origin: &str, peer_is_local: bool) -> bool {
    peer_is_local && host_of(origin).is_some_and(is_loopback)
}

/// What a page that may not is told.
pub fn refusal() -> Fault {
    Fault::invalid(
        "origin not allowed (open the Control UI from the gateway host or allow it in gateway.controlUi.allowedOrigins)",
    )
    .details(json!({ "code": "CONTROL_UI_ORIGIN_NOT_ALLOWED", "reason": "origin not allowed" }))
}

/// The host of `scheme://host[:port]`; nothing else is an origin.
fn host_of(origin: &str) -> Option<&str> {
    let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))?;
    if rest.contains(['/', '@', '?', '#', '\\']) {
        return None;
    }
    let (host, port) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => rest.find(':').map_or((rest, ""), |at| rest.split_at(at)),
    };
    let digits = port.strip_prefix(':');
    (port.is_empty() || digits.is_some_and(|digits| digits.parse::<u16>().is_ok())).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_this_machine_may_and_all_others_may_not() {
        for origin in
            ["http://localhost", "http://127.0.0.1:18789", "https://LOCALHOST:1", "http://[::1]:18789"]
        {
            assert!(is_allowed(origin, true), "{origin}");
            assert!(!is_allowed(origin, false), "{origin}");
        }
        for origin in [
            "https://evil.example",
            "null",
            "",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "http://evil@localhost",
            "http://localhost/x",
            "http://localhost:x",
            "http://[::1",
            "file://localhost",
        ] {
            assert!(!is_allowed(origin, true), "{origin}");
        }
    }
}

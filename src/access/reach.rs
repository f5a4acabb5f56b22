//! Which hosts may be spoken to without TLS (OPENCLAW.md 7.3): this one, and private networks. A host is judged by
//! what it is, an address or a name, never by what it looks like (INCIDENTS F1, section 3).

use std::net::IpAddr;

use crate::base::{Error, Kind, Result};

use super::Endpoint;
use crate::profile::Environment;

/// Lets plain `ws://` go to host names that are not known to be private; never to public addresses.
pub const ALLOW_NAMES: &str = "OPENCLAW_ALLOW_INSECURE_PRIVATE_WS";

/// Whether [`ALLOW_NAMES`] is set.
pub fn names_allowed(env: &Environment) -> bool {
    env.get(ALLOW_NAMES).is_some_and(|value| value.trim() == "1")
}

/// Whether `host` is this host: the exact name `localhost`, or an address that can mean nothing else.
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Whether plain `ws://` may go to `host`; `names` lets names through whose address is not known here.
pub fn may_be_plain(host: &str, names: bool) -> bool {
    if is_loopback(host) {
        return true;
    }
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            let [a, b, ..] = address.octets();
            address.is_private() || address.is_link_local() || (a == 100 && (64..128).contains(&b))
        }
        // An IPv4 address in IPv6 spelling is none of these.
        Ok(IpAddr::V6(address)) => address.is_unique_local() || address.is_unicast_link_local(),
        Err(_) => names || is_below(host, ".local") || is_below(host, ".ts.net"),
    }
}

fn is_below(host: &str, domain: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host.strip_suffix(domain).is_some_and(|rest| !rest.is_empty() && !rest.ends_with('.'))
}

/// Refuses an endpoint to which a secret would travel readable.
///
/// # Errors
/// [`Kind::Denied`], code `url_not_private`.
pub fn check(endpoint: &Endpoint, names: bool) -> Result<()> {
    if endpoint.is_tls() || may_be_plain(&endpoint.host, names) {
        return Ok(());
    }
    let what = format!(
        "{} of {} is not encrypted, and {} is neither this host nor in a private network; nothing was sent",
        endpoint.url,
        endpoint.source.as_str(),
        endpoint.host
    );
    let mut remedy = "use wss://, or a tunnel: a remote profile with transport = \"ssh\"".to_owned();
    if endpoint.host.parse::<IpAddr>().is_err() {
        remedy.push_str(&format!("; for a name in a trusted private network set {ALLOW_NAMES}=1"));
    }
    Err(Error::new(Kind::Denied, "url_not_private", what).remedy(remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_private_is_spoken_to_plainly() {
        // host, plain, plain where names are let through
        for (host, plain, with_names) in [
            ("127.0.0.1", true, true),
            ("127.8.9.10", true, true),
            ("::1", true, true),
            ("localhost", true, true),
            ("LocalHost", true, true),
            ("localhost.", false, true),
            ("localhost.evil.test", false, true),
            ("127.evil.com", false, true),
            ("127.0.0.1.evil.com", false, true),
            ("::ffff:127.0.0.1", false, false),
            ("::127.0.0.1", false, false),
            ("::", false, false),
            ("0.0.0.0", false, false),
            ("10.0.0.7", true, true),
            ("172.16.0.1", true, true),
            ("172.32.0.1", false, false),
            ("192.168.1.1", true, true),
            ("192.0.2.2", false, false),
            ("8.8.8.8", false, false),
            ("169.254.1.1", true, true),
            ("100.64.0.1", true, true),
            ("100.127.255.255", true, true),
            ("100.128.0.1", false, false),
            ("fd00::1", true, true),
            ("fe80::1", true, true),
            ("2001:db8::1", false, false),
            ("::ffff:10.0.0.7", false, false),
            ("box.local", true, true),
            ("BOX.LOCAL", true, true),
            ("box.local.", false, true),
            (".local", false, true),
            ("evil-local", false, true),
            ("box.tail1.ts.net", true, true),
            ("ts.net", false, true),
            ("box.ts.net.evil.com", false, true),
            ("gateway", false, true),
        ] {
            assert_eq!((may_be_plain(host, false), may_be_plain(host, true)), (plain, with_names), "{host}");
        }
    }
}

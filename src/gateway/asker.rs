//! Who asks over HTTP, and before an upgrade: the peer itself, or the client for whom a trusted proxy speaks
//! (OPENCLAW.md 3.2). What such headers say is worth nothing from anybody else; and nobody whom a proxy brings is
//! ever taken for a program of this machine (INCIDENTS, section 3).

use std::net::IpAddr;

use hyper::header::HeaderMap;

use super::access::Access;
use super::options::Auth;
use crate::profile::Fence;

/// Whoever is behind a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The address that failures are counted by.
    pub ip: IpAddr,
    /// Whether it is a program on this machine.
    pub local: bool,
    /// The user that a proxy has asked for us.
    pub user: Option<String>,
}

/// Whether someone forwarded the request.
pub fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| {
        let name = name.as_str();
        name == "forwarded"
            || name == "x-real-ip"
            || name.starts_with("x-forwarded-")
            || name.starts_with("tailscale-")
    })
}

/// Who asks; `None` for a forwarded request of which nobody trusted says whose it is.
pub fn identify(peer: IpAddr, headers: &HeaderMap, access: &Access) -> Option<Asker> {
    let peer = peer.to_canonical();
    let by_proxy = matches!(access.auth, Auth::TrustedProxy);
    let trusted = access.fence.trusts(peer);
    if !(is_forwarded(headers) || trusted && by_proxy) {
        return Some(Asker { ip: peer, local: peer.is_loopback(), user: None });
    }
    if !trusted {
        return None;
    }
    let ip = match client_ip(headers, &access.fence) {
        Some(ip) => ip,
        // It names nobody, but whom it has asked; its own address has to do.
        None if by_proxy && !headers.contains_key("x-forwarded-for") => peer,
        None => return None,
    };
    let user = if by_proxy { user_of(peer, headers, &access.fence) } else { None };
    Some(Asker { ip, local: false, user })
}

/// The nearest hop that is no trusted proxy: everything left of it is its own invention.
fn client_ip(headers: &HeaderMap, fence: &Fence) -> Option<IpAddr> {
    let lines: Option<Vec<&str>> =
        headers.get_all("x-forwarded-for").iter().map(|value| value.to_str().ok()).collect();
    let hops: Vec<&str> = lines?.iter().flat_map(|line| line.split(',')).map(str::trim).collect();
    if hops.is_empty() {
        let only = headers.get("x-real-ip").filter(|_| fence.real_ip)?;
        return address(only.to_str().ok()?.trim());
    }
    let mut last = None;
    for hop in hops.iter().rev() {
        let ip = address(hop)?;
        last = Some(ip);
        if !fence.trusts(ip) {
            break;
        }
    }
    last
}

/// An address, with a port or without, as proxies write it.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip());
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(with_port).map(|ip: IpAddr| ip.to_canonical())
}

/// The user that the proxy names, where it may and all that has to be there is.
fn user_of(peer: IpAddr, headers: &HeaderMap, fence: &Fence) -> Option<String> {
    let rules = &fence.proxy_auth;
    if rules.user_header.is_empty() || (peer.is_loopback() && !rules.allow_loopback) {
        return None;
    }
    let one = |name: &String| {
        let mut values = headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?.trim();
        // Two of them are one of the client's own and one of the proxy's.
        (values.next().is_none() && !value.is_empty()).then(|| value.to_owned())
    };
    if !rules.required_headers.iter().all(|name| one(name).is_some()) {
        return None;
    }
    let user = one(&rules.user_header)?;
    let allowed = |known: &String| known.eq_ignore_ascii_case(&user);
    (rules.allow_users.is_empty() || rules.allow_users.iter().any(allowed)).then_some(user)
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;
    use crate::base::Secret;
    use crate::profile::fence::{Network, ProxyAuth};

    fn access(auth: Auth, allow_loopback: bool) -> Access {
        let proxies = ["10.0.0.1", "10.0.1.0/24", "127.0.0.1"];
        let fence = Fence {
            trusted_proxies: proxies.iter().map(|text| Network::parse(text).unwrap()).collect(),
            proxy_auth: ProxyAuth {
                user_header: "x-user".into(),
                required_headers: vec!["x-proxy".into()],
                allow_users: vec!["Ana".into()],
                allow_loopback,
            },
            ..Fence::default()
        };
        Access { auth, fence }
    }

    fn asked(peer: &str, headers: &[(&str, &str)], access: &Access) -> Option<(String, bool, bool)> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let asker = identify(peer.parse().unwrap(), &map, access)?;
        Some((asker.ip.to_string(), asker.local, asker.user.is_some()))
    }

    fn some(ip: &str, local: bool, user: bool) -> Option<(String, bool, bool)> {
        Some((ip.into(), local, user))
    }

    #[test]
    fn incident_h3_only_a_trusted_proxy_says_for_whom_it_asks() {
        let access = access(Auth::Token(Secret::new("x")), false);
        for (peer, headers, expected) in [
            ("127.0.0.1", &[][..], some("127.0.0.1", true, false)),
            ("::ffff:127.0.0.1", &[], some("127.0.0.1", true, false)),
            ("192.0.2.9", &[], some("192.0.2.9", false, false)),
            ("10.0.0.1", &[], some("10.0.0.1", false, false)),
            ("192.0.2.9", &[("x-forwarded-for", "127.0.0.1")], None),
            ("127.0.0.2", &[("x-forwarded-for", "1.2.3.4")], None),
            ("192.0.2.9", &[("tailscale-user-login", "ana")], None),
            ("10.0.0.1", &[("x-forwarded-for", "1.2.3.4")], some("1.2.3.4", false, false)),
            ("10.0.0.1", &[("x-forwarded-for", "127.0.0.1")], some("127.0.0.1", false, false)),
            ("127.0.0.1", &[("x-forwarded-for", "127.0.0.1")], some("127.0.0.1", false, false)),
            ("10.0.0.1", &[("x-forwarded-for", "6.6.6.6, 1.2.3.4, 10.0.1.9")], some("1.2.3.4", false, false)),
            (
                "10.0.0.1",
                &[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "[fd00::1]:99")],
                some("fd00::1", false, false),
            ),
            ("10.0.0.1", &[("x-forwarded-for", "who, ever")], None),
            ("10.0.0.1", &[("x-forwarded-for", "")], None),
            ("10.0.0.1", &[("x-real-ip", "1.2.3.4")], None),
            ("10.0.0.1", &[("forwarded", "for=1.2.3.4")], None),
            ("10.0.0.1", &[("x-user", "ana"), ("x-proxy", "1")], some("10.0.0.1", false, false)),
        ] {
            assert_eq!(asked(peer, headers, &access), expected, "{peer} {headers:?}");
        }
    }

    #[test]
    fn incident_h3_a_user_is_believed_from_the_proxy_alone_and_never_from_a_program_of_this_machine() {
        let (far, near) = (access(Auth::TrustedProxy, false), access(Auth::TrustedProxy, true));
        let ana = [("x-user", "ANA"), ("x-proxy", "1")];
        assert_eq!(asked("10.0.0.1", &ana, &far), some("10.0.0.1", false, true));
        assert_eq!(asked("192.0.2.9", &ana, &far), some("192.0.2.9", false, false));
        assert_eq!(asked("127.0.0.2", &ana, &far), some("127.0.0.2", true, false));
        assert_eq!(asked("127.0.0.1", &ana, &far), some("127.0.0.1", false, false));
        assert_eq!(asked("127.0.0.1", &ana, &near), some("127.0.0.1", false, true));
        for lacking in [
            &[("x-user", "ana")][..],
            &[("x-proxy", "1")],
            &[("x-user", "bo"), ("x-proxy", "1")],
            &[("x-user", " "), ("x-proxy", "1")],
            &[("x-user", "ana"), ("x-user", "bo"), ("x-proxy", "1")],
        ] {
            assert_eq!(asked("10.0.0.1", lacking, &far), some("10.0.0.1", false, false), "{lacking:?}");
        }
    }
}

//! Through which listener a connection came, and who speaks there. What a header says of its sender counts at the
//! tailnet's door alone, where Tailscale's proxy has written it; at every other door such headers show only that the
//! peer is not who asks, and are refused.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{HOST, HeaderMap, ORIGIN};
use hyper::{Uri, Version};

use super::access::Access;
use super::asker::{self, Asker};

/// Who put the request through, by whose word: `Tailscale-User-Login`.
const LOGIN: &str = "tailscale-user-login";
/// Stands on whatever came in from the internet.
const FUNNELLED: &str = "tailscale-funnel-request";
const FORWARDED_FOR: &str = "x-forwarded-for";
/// Longest login that is looked at, in bytes.
const LOGIN_MAX: usize = 256;

/// A listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The gateway's own port.
    Own,
    /// The one that only Tailscale's proxy is told of.
    Tailnet,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The address that asks.
    pub ip: IpAddr,
    /// Whether it is a program on this machine.
    pub local: bool,
    /// The web page that it speaks for, unless that is this gateway's own.
    pub origin: Option<String>,
    /// The host that it believes to speak with.
    pub host: Option<String>,
    /// The user that a trusted proxy names.
    pub user: Option<String>,
    /// The login that Tailscale's proxy states; not proved yet.
    pub stated: Option<String>,
}

/// How the tailnet knows this gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The machine's name.
    pub host: String,
    /// The https port.
    pub port: u16,
}

impl Known {
    fn is_meant_by(&self, host: &str) -> bool {
        let (name, port) = host.rsplit_once(':').unwrap_or((host, "443"));
        name.eq_ignore_ascii_case(&self.host) && port.parse() == Ok(self.port)
    }

    fn is_origin(&self, origin: &str) -> bool {
        origin.strip_prefix("https://").is_some_and(|host| self.is_meant_by(host))
    }
}

/// Whether a request says once which host it is for, in its head and in its target (RFC 9112, 3.2). Of two hosts a proxy
/// before us may have believed the other one.
pub fn names_one_host(version: Version, target: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    let is_meant =
        |host: &str| first.is_some_and(|first| first.as_bytes().eq_ignore_ascii_case(host.as_bytes()));
    second.is_none()
        && (first.is_some() || version < Version::HTTP_11)
        && target.authority().is_none_or(|authority| is_meant(authority.as_str()))
}

/// Who asks; `None` when a request came another way than this door is for. `known` is how the tailnet knows the
/// gateway, while it is shown there.
pub fn caller(
    door: Door,
    peer: SocketAddr,
    headers: &HeaderMap,
    known: Option<&Known>,
    access: &Access,
) -> Option<Caller> {
    // An origin that is not even text is certainly none of ours.
    let origin = headers.get(ORIGIN).map(|value| value.to_str().unwrap_or("null").to_owned());
    let host = headers.get(HOST).and_then(|value| value.to_str().ok()).map(str::to_owned);
    match door {
        Door::Own => {
            let asker = asker::identify(peer.ip(), headers, access)?;
            let Asker { ip, local, user } = asker;
            Some(Caller { ip, local, origin, host, user, stated: None })
        }
        Door::Tailnet => {
            let known = known?;
            let ip: IpAddr = only(headers, FORWARDED_FOR)?.trim().parse().ok()?;
            known.is_meant_by(only(headers, HOST.as_str())?).then_some(())?;
            let own_page = origin.as_deref().is_some_and(|origin| known.is_origin(origin));
            Some(Caller {
                ip: ip.to_canonical(),
                local: false,
                host,
                user: None,
                origin: origin.filter(|_| !own_page),
                stated: stated(headers),
            })
        }
    }
}

/// The login that is stated for a member of the tailnet. What is encoded because it is not ASCII is nobody's that
/// could be compared, and the credential decides.
fn stated(headers: &HeaderMap) -> Option<String> {
    let login = only(headers, LOGIN).filter(|login| login.len() <= LOGIN_MAX && !login.starts_with("=?"))?;
    (!headers.contains_key(FUNNELLED) && !login.is_empty()).then(|| login.to_owned())
}

/// The value of a header that stands there once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;
    use crate::gateway::options::Auth;
    use crate::profile::Fence;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
        };
        let mut map = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            map.append(name, value);
        }
        map
    }

    fn access() -> Access {
        Access { auth: Auth::None, fence: Fence::default() }
    }

    fn at(door: Door, pairs: &[(&str, &str)]) -> Option<Caller> {
        let known = Known { host: "h.t.ts.net".into(), port: 8443 };
        caller(door, "127.0.0.1:9".parse().unwrap(), &headers(pairs), Some(&known), &access())
    }

    const WHOLE: [(&str, &str); 3] = [
        ("host", "H.t.ts.net:8443"),
        ("x-forwarded-for", "100.64.0.9"),
        ("tailscale-user-login", "ana@example.com"),
    ];

    #[test]
    fn at_its_own_door_a_forwarded_request_has_no_caller() {
        assert!(at(Door::Own, &[]).is_some_and(|caller| caller.local && caller.stated.is_none()));
        for pair in &WHOLE[1..] {
            assert_eq!(at(Door::Own, &[*pair]), None, "{pair:?}");
        }
    }

    #[test]
    fn at_the_tailnets_door_nobody_is_local_and_the_way_must_be_whole() {
        let caller = at(Door::Tailnet, &WHOLE).unwrap();
        assert_eq!((caller.local, caller.ip.to_string().as_str()), (false, "100.64.0.9"));
        assert_eq!(caller.stated.as_deref(), Some("ana@example.com"));
        for missing in 0..2 {
            let left: Vec<_> = (0..3).filter(|index| *index != missing).map(|index| WHOLE[index]).collect();
            assert_eq!(at(Door::Tailnet, &left), None, "{left:?}");
        }
        for (name, value) in [("x-forwarded-for", "100.64.0.1"), ("host", "h.t.ts.net:8443")] {
            let mut twice = WHOLE.to_vec();
            twice.push((name, value));
            assert_eq!(at(Door::Tailnet, &twice), None, "{name} twice");
        }
        for host in ["h.t.ts.net", "evil.example:8443", "h.t.ts.net.evil:8443", "127.0.0.1:8443"] {
            assert_eq!(at(Door::Tailnet, &[("host", host), WHOLE[1]]), None, "{host}");
        }
        assert_eq!(caller_without_exposure(), None);
    }

    fn caller_without_exposure() -> Option<Caller> {
        caller(Door::Tailnet, "127.0.0.1:9".parse().unwrap(), &headers(&WHOLE), None, &access())
    }

    #[test]
    fn a_request_is_for_one_host_and_for_no_other_in_its_target() {
        let (old, new) = (Version::HTTP_10, Version::HTTP_11);
        let (one, two) = (&[("host", "H:1")][..], &[("host", "h:1"), ("host", "h:1")][..]);
        for (version, target, hosts, sound) in [
            (new, "/", one, true),
            (new, "/", two, false),
            (old, "/", two, false),
            (new, "/", &[], false),
            (old, "/", &[], true),
            (new, "http://h:1/", one, true),
            (new, "http://h/", one, false),
            (new, "http://evil.test/", one, false),
            (old, "http://h:1/", &[], false),
        ] {
            let said = names_one_host(version, &target.parse().unwrap(), &headers(hosts));
            assert_eq!(said, sound, "{version:?} {target} {hosts:?}");
        }
    }

    #[test]
    fn a_funnel_states_nobody_and_a_page_of_the_gateways_own_is_none() {
        let with = |name: &'static str, value: &'static str| {
            let mut pairs = WHOLE.to_vec();
            pairs.push((name, value));
            at(Door::Tailnet, &pairs).unwrap()
        };
        assert_eq!(with("tailscale-funnel-request", "?1").stated, None);
        assert_eq!(with("tailscale-user-login", "bo@example.com").stated, None, "twice");
        assert_eq!(with("origin", "https://h.t.ts.net:8443").origin, None);
        for foreign in ["https://h.t.ts.net", "http://h.t.ts.net:8443", "https://evil.example", "null"] {
            assert_eq!(with("origin", foreign).origin.as_deref(), Some(foreign));
        }
    }
}

//! Where a gateway is reached, and who said so.

use crate::base::port::DEFAULT_PORT;
use crate::base::{Error, Kind, Result};
use crate::profile::Profile;
use crate::profile::remote::websocket_url;

/// Who named an endpoint; the words are those of the real CLI's `urlSource`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointSource {
    /// `--url`.
    Flag,
    /// `OPENCLAW_GATEWAY_URL`.
    Environment,
    /// A remote profile's own URL.
    Remote,
    /// The local end of a remote profile's tunnel.
    Tunnel,
    /// The profile's gateway on this host.
    Loopback,
}

impl EndpointSource {
    /// The words used in JSON and in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            EndpointSource::Flag => "cli --url",
            EndpointSource::Environment => "env OPENCLAW_GATEWAY_URL",
            EndpointSource::Remote => "config gateway.remote.url",
            EndpointSource::Tunnel => "ssh tunnel",
            EndpointSource::Loopback => "local loopback",
        }
    }
}

/// Where a gateway is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `ws://` or `wss://`, without credentials.
    pub url: String,
    /// The host alone, an IPv6 address without brackets.
    pub host: String,
    /// The port; 80 or 443 where the URL names none.
    pub port: u16,
    /// Who named it.
    pub source: EndpointSource,
}

/// The endpoint of a profile: its own loopback port, the near end of its tunnel, or its remote URL.
///
/// # Errors
/// As [`from_url`], for a remote profile's URL.
pub fn for_profile(profile: &Profile) -> Result<Endpoint> {
    match &profile.remote {
        Some(remote) => match &remote.url {
            Some(url) => from_url(url, EndpointSource::Remote),
            // The far end speaks TLS through the tunnel only when its fingerprint is known.
            None => Ok(loopback(profile.port, remote.tls_fingerprint.is_some(), EndpointSource::Tunnel)),
        },
        None => Ok(loopback(profile.port, profile.tls, EndpointSource::Loopback)),
    }
}

/// The endpoint that a URL names; `http` is `ws` and `https` is `wss`.
///
/// # Errors
/// [`Kind::Usage`], code `url_invalid`: not a URL, another scheme, no host, or credentials inside. The URL is not
/// repeated in the message, since it may hold a secret.
pub fn from_url(text: &str, source: EndpointSource) -> Result<Endpoint> {
    let refused = |why: String| {
        Error::new(Kind::Usage, "url_invalid", format!("the URL of {} is not usable: {why}", source.as_str()))
            .remedy(format!("write for example ws://127.0.0.1:{DEFAULT_PORT} or wss://server.example"))
    };
    let url = websocket_url(text).map_err(refused)?;
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port),
        None => authority.split_at(authority.rfind(':').unwrap_or(authority.len())),
    };
    let port = match port {
        "" if scheme == "wss" => 443,
        "" => 80,
        port => match port.strip_prefix(':').map(str::parse) {
            Some(Ok(port)) if port > 0 => port,
            _ => return Err(refused("its port is not from 1 to 65535".into())),
        },
    };
    if host.is_empty() || (host.contains(':') && host.parse::<std::net::Ipv6Addr>().is_err()) {
        return Err(refused("its host is not a name or an address".into()));
    }
    let host = host.to_owned();
    Ok(Endpoint { url, host, port, source })
}

fn loopback(port: u16, tls: bool, source: EndpointSource) -> Endpoint {
    let scheme = if tls { "wss" } else { "ws" };
    Endpoint { url: format!("{scheme}://127.0.0.1:{port}"), host: "127.0.0.1".into(), port, source }
}

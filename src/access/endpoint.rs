//! Where a gateway is reached, and who said so.

use crate::base::port::DEFAULT_PORT;
use crate::base::{Error, Kind, Result};
use crate::profile::{GatewayUrl, Profile};

/// Who named an endpoint; the words are those of the real CLI's `urlSource`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointSource {
    /// `--url`.
    Flag,
    /// `OPENCLAW_GATEWAY_URL`.
    Environment,
    /// `gateway.remote.url` of an `openclaw.json` in remote mode.
    Remote,
    /// `remote.url` of a manifest.
    Manifest,
    /// The local end of a remote profile's tunnel.
    Tunnel,
    /// This host, because `gateway.mode` is `remote` and no URL is given.
    Fallback,
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
            EndpointSource::Manifest => "manifest remote.url",
            EndpointSource::Tunnel => "ssh tunnel",
            EndpointSource::Fallback => "missing gateway.remote.url (fallback local)",
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
    /// What stands behind host and port; `/` where the URL names nothing.
    pub path: String,
    /// Who named it.
    pub source: EndpointSource,
}

impl Endpoint {
    /// The endpoint at `url`.
    pub fn new(url: &GatewayUrl, source: EndpointSource) -> Self {
        let path = url.path().to_owned();
        Endpoint { url: url.to_string(), host: url.host().to_owned(), port: url.port(), path, source }
    }

    /// Whether the gateway speaks TLS there.
    pub fn is_tls(&self) -> bool {
        self.url.starts_with("wss:")
    }
}

/// The endpoint of a profile: its own loopback port, the near end of its tunnel, or its remote URL.
pub fn for_profile(profile: &Profile) -> Endpoint {
    let here = |source| Endpoint::new(&GatewayUrl::loopback(profile.port, profile.speaks_tls_here()), source);
    match &profile.remote {
        Some(remote) => match &remote.url {
            Some(url) if profile.managed => Endpoint::new(url, EndpointSource::Manifest),
            Some(url) => Endpoint::new(url, EndpointSource::Remote),
            None => here(EndpointSource::Tunnel),
        },
        None => here(EndpointSource::Loopback),
    }
}

/// The endpoint that a URL names; `http` is `ws` and `https` is `wss`.
///
/// # Errors
/// [`Kind::Usage`], code `url_invalid`: not a URL, another scheme, no host, or credentials inside. The URL is not
/// repeated in the message, since it may hold a secret.
pub fn from_url(text: &str, source: EndpointSource) -> Result<Endpoint> {
    let url: GatewayUrl = text.parse().map_err(|why: String| {
        Error::new(Kind::Usage, "url_invalid", format!("the URL of {} is not usable: {why}", source.as_str()))
            .remedy(format!("write for example ws://127.0.0.1:{DEFAULT_PORT} or wss://server.example"))
    })?;
    Ok(Endpoint::new(&url, source))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::profile::{Environment, Flags, GatewayConfig, Manifest, resolve};

    fn endpoint(manifest: &str, config: &str) -> Endpoint {
        let manifest =
            (!manifest.is_empty()).then(|| Manifest::parse(manifest, Path::new("m.toml")).unwrap());
        let config = GatewayConfig::parse(config, Path::new("openclaw.json")).unwrap();
        let env = Environment::from_pairs([("HOME", "/h")]);
        let name = "work".parse().unwrap();
        for_profile(&resolve(&name, manifest.as_ref(), &config, &Flags::default(), &env).unwrap())
    }

    #[test]
    fn each_kind_of_profile_has_its_endpoint() {
        let ssh = "kind = 'remote'\nremote.target = 'h'\nremote.local_port = 7000";
        let direct = "kind = 'remote'\nremote.url = 'https://h.example'";
        let remote_mode = "{gateway: {mode: 'remote', remote: {url: 'wss://h:7'}}}";
        for (manifest, config, url, source) in [
            ("", "{}", "ws://127.0.0.1:41984", EndpointSource::Loopback),
            (
                "gateway.port = 7000",
                "{gateway: {port: 8000}}",
                "ws://127.0.0.1:7000",
                EndpointSource::Loopback,
            ),
            (
                "",
                "{gateway: {port: 8000, tls: {enabled: true}}}",
                "wss://127.0.0.1:8000",
                EndpointSource::Loopback,
            ),
            (ssh, "{}", "ws://127.0.0.1:7000", EndpointSource::Tunnel),
            (direct, "{}", "wss://h.example", EndpointSource::Manifest),
            ("", remote_mode, "wss://h:7", EndpointSource::Remote),
            ("", "{gateway: {mode: 'remote'}}", "ws://127.0.0.1:41984", EndpointSource::Loopback),
        ] {
            let endpoint = endpoint(manifest, config);
            assert_eq!((endpoint.url.as_str(), endpoint.source), (url, source));
            assert_eq!(endpoint.is_tls(), url.starts_with("wss"));
        }
    }

    #[test]
    fn a_given_url_is_checked_and_not_repeated() {
        let endpoint = from_url("http://h.example", EndpointSource::Flag).unwrap();
        assert_eq!((endpoint.url.as_str(), endpoint.port), ("ws://h.example", 80));
        let error = from_url("wss://a:hunter2@h", EndpointSource::Flag).unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Usage, "url_invalid"));
        assert!(error.message().contains("--url") && !error.to_string().contains("hunter2"), "{error}");
    }
}

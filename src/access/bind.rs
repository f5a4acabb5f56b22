//! On which addresses a gateway listens, and whether it may (OPENCLAW.md 3.4, INCIDENTS H2). Not the word in a file
//! decides but the address that it comes to: one that others reach is refused unless a strong secret guards it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::credential::{Credential, CredentialSource};
use super::strength;
use crate::base::reach::is_tailnet;
use crate::base::{Error, Kind, Reach, Result};
use crate::profile::config::{AuthMode, Bind, GatewayConfig};

/// What decides the addresses.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// `gateway.bind`, from whichever place it was taken.
    pub bind: Bind,
    /// `gateway.customBindHost`.
    pub custom: Option<&'a str>,
    /// The addresses that this host has.
    pub own: &'a [IpAddr],
    /// Whether this host is a container, whose only way in is a forwarded port.
    pub container: bool,
}

impl Wanted<'_> {
    /// The addresses that a gateway listens on, IPv4 loopback or a wildcard among them, so that this host's own
    /// clients reach it.
    ///
    /// # Errors
    /// [`Kind::Config`], `bind_host_missing` or `bind_host_invalid`, for `custom` without an address. A name is none:
    /// what it means may change between the look and the bind.
    pub fn addresses(&self) -> Result<Vec<IpAddr>> {
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let every = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Ok(match self.bind {
            Bind::Loopback => vec![local],
            Bind::Auto if self.container => vec![every],
            Bind::Auto => vec![local],
            Bind::Lan => vec![every],
            Bind::Tailnet => {
                let tailnet = self.own.iter().find(|own| own.is_ipv4() && is_tailnet(**own));
                tailnet.copied().into_iter().chain([local]).collect()
            }
            Bind::Custom => match self.custom_address()? {
                address if address == local || address == every => vec![address],
                IpAddr::V6(Ipv6Addr::UNSPECIFIED) => vec![IpAddr::V6(Ipv6Addr::UNSPECIFIED), every],
                address => vec![address, local],
            },
        })
    }

    fn custom_address(&self) -> Result<IpAddr> {
        let Some(text) = self.custom else {
            let what = "gateway.bind is `custom`, and gateway.customBindHost names no address";
            return Err(Error::new(Kind::Config, "bind_host_missing", what)
                .remedy("set gateway.customBindHost in openclaw.json to one address of this host"));
        };
        text.parse().map(|address: IpAddr| address.to_canonical()).map_err(|_| {
            let what = format!("gateway.customBindHost is `{text}`, which is no IP address");
            Error::new(Kind::Config, "bind_host_invalid", what).remedy(
                "write the address itself, for example 192.168.1.10; a name could come to mean another",
            )
        })
    }
}

/// What stands between a gateway and whoever reaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// A secret that cannot be guessed.
    Strong,
    /// A secret that can, in words.
    Weak(String),
    /// A proxy that asks, at addresses that are named.
    Proxies,
    /// Nothing, in words.
    Nothing(&'static str),
    /// A secret that only the real program can look up, or none that can be read, in words.
    Unseen(String),
}

impl Guard {
    /// The guard by the configuration and by the credential that was found for it.
    pub fn of(config: &GatewayConfig, found: Result<(Credential, CredentialSource)>) -> Guard {
        match (config.auth.mode, found) {
            (Some(AuthMode::None), _) => Guard::Nothing("gateway.auth.mode is `none`"),
            (Some(AuthMode::TrustedProxy), _) if config.fence.trusted_proxies.is_empty() => {
                Guard::Nothing("gateway.auth.mode is `trusted-proxy` and gateway.trustedProxies is empty")
            }
            (Some(AuthMode::TrustedProxy), _) if config.fence.trusts_everybody() => {
                Guard::Nothing("gateway.trustedProxies takes every address for the proxy")
            }
            (Some(AuthMode::TrustedProxy), _) => Guard::Proxies,
            (_, Ok((Credential::Token(secret) | Credential::Password(secret), source))) => {
                let place = source.to_string();
                let place = place.strip_prefix("config ").unwrap_or(&place);
                strength::weakness(place, &secret).map_or(Guard::Strong, Guard::Weak)
            }
            (_, Ok((Credential::None, _))) => {
                Guard::Nothing("neither gateway.auth.token nor gateway.auth.password is set")
            }
            (_, Err(error)) if error.code() == "credential_unsupported" => {
                Guard::Unseen(error.message().to_owned())
            }
            (_, Err(error)) => Guard::Weak(error.message().to_owned()),
        }
    }
}

/// Refuses `addresses` that others reach unless `guard` keeps them out; `opaque` lets a secret count that only the
/// gateway's own program can look up.
///
/// # Errors
/// [`Kind::Config`], code `bind_unsafe`, with the address, its bind word and what is wrong with the guard.
pub fn check(bind: Bind, addresses: &[IpAddr], guard: &Guard, opaque: bool) -> Result<()> {
    let Some(open) = addresses.iter().find(|address| Reach::of(**address) != Reach::Loopback) else {
        return Ok(());
    };
    let why = match guard {
        Guard::Strong | Guard::Proxies => return Ok(()),
        Guard::Unseen(_) if opaque => return Ok(()),
        Guard::Weak(why) | Guard::Unseen(why) => why.as_str(),
        Guard::Nothing(why) => why,
    };
    let what = format!(
        "gateway.bind `{}` makes the gateway listen on {open}, where others reach it, and {why}",
        bind.as_str()
    );
    Err(Error::new(Kind::Config, "bind_unsafe", what).remedy(
        "set gateway.auth.mode to \"token\" and gateway.auth.token to a long random text \
         (openssl rand -hex 32), or set gateway.bind to \"loopback\"",
    ))
}

#[cfg(test)]
mod tests;

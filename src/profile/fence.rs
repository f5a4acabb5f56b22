//! What `openclaw.json` says of who may come in beside the credential itself: proxies that are believed, web pages
//! that may connect, and what a wrong credential costs (OPENCLAW.md 8.2).

use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;

use super::config::Node;
use crate::base::Result;

/// Some of the addresses of one protocol: one, or those with a common beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `10.0.0.5` or `10.0.0.0/8`.
    pub fn parse(text: &str) -> Option<Network> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(at, bits)| (at, Some(bits)));
        let address: IpAddr = address.trim().parse().ok()?;
        let most: u8 = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), |bits| bits.trim().parse().ok().filter(|bits| *bits <= most))?;
        // An IPv4 address in IPv6 spelling is met as what it is.
        Some(match address.to_canonical() {
            plain if plain.is_ipv4() && most == 128 => {
                Network { address: plain, bits: bits.checked_sub(96)? }
            }
            plain => Network { address: plain, bits },
        })
    }

    /// Whether `address` is one of them.
    pub fn has(&self, address: IpAddr) -> bool {
        let shift = |width: u32| width - u32::from(self.bits);
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                (a.to_bits() ^ b.to_bits()).checked_shr(shift(32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                (a.to_bits() ^ b.to_bits()).checked_shr(shift(128)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// `gateway.auth.trustedProxy`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyAuth {
    /// The header in which the proxy names the user, in lower case; empty when it is not set.
    pub user_header: String,
    /// Headers that have to be there too, in lower case.
    pub required_headers: Vec<String>,
    /// The users that may come in; everyone that the proxy names where it is empty.
    pub allow_users: Vec<String>,
    /// Whether a proxy on this host is believed.
    pub allow_loopback: bool,
}

/// `gateway.auth.rateLimit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Failures within the window that are answered; at least 1.
    pub attempts: usize,
    /// Within which time they count.
    pub window: Duration,
    /// How long nobody of that place gets in then.
    pub lockout: Duration,
    /// Whether programs of this host are slowed down instead.
    pub exempt_loopback: bool,
}

impl Default for RateLimit {
    fn default() -> Self {
        RateLimit {
            attempts: 10,
            window: Duration::from_secs(60),
            lockout: Duration::from_secs(300),
            exempt_loopback: true,
        }
    }
}

/// Who may come in beside the credential itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fence {
    /// `gateway.trustedProxies`.
    pub trusted_proxies: Vec<Network>,
    /// `gateway.allowRealIpFallback`.
    pub real_ip: bool,
    /// `gateway.controlUi.allowedOrigins`, in lower case.
    pub allowed_origins: Vec<String>,
    /// `gateway.auth.trustedProxy`.
    pub proxy_auth: ProxyAuth,
    /// `gateway.auth.rateLimit`.
    pub rate_limit: RateLimit,
}

impl Fence {
    /// Reads what stands below `gateway`.
    ///
    /// # Errors
    /// A wrong value, by its key.
    pub(super) fn read(gateway: &Node<'_>, auth: &Node<'_>) -> Result<Fence> {
        let proxy = auth.child("trustedProxy").object()?;
        let limit = auth.child("rateLimit").object()?;
        let usual = RateLimit::default();
        let lower = |texts: Vec<String>| texts.iter().map(|text| text.to_lowercase()).collect();
        let millis = |key: &str, usual: Duration| {
            Ok::<_, crate::base::Error>(limit.child(key).count()?.map_or(usual, Duration::from_millis))
        };
        let proxies = gateway.child("trustedProxies");
        let networks = proxies.texts()?.iter().map(|text| Network::parse(text)).collect::<Option<_>>();
        Ok(Fence {
            trusted_proxies: networks.ok_or_else(|| {
                proxies.wrong("a list of addresses or networks, for example [\"10.0.0.5\", \"10.1.0.0/24\"]")
            })?,
            real_ip: gateway.child("allowRealIpFallback").boolean()?.unwrap_or(false),
            allowed_origins: lower(gateway.child("controlUi").object()?.child("allowedOrigins").texts()?),
            proxy_auth: ProxyAuth {
                user_header: proxy.child("userHeader").text()?.unwrap_or_default().to_lowercase(),
                required_headers: lower(proxy.child("requiredHeaders").texts()?),
                allow_users: proxy.child("allowUsers").texts()?,
                allow_loopback: proxy.child("allowLoopback").boolean()?.unwrap_or(false),
            },
            rate_limit: RateLimit {
                attempts: limit.child("maxAttempts").count()?.map_or(usual.attempts, |n| n.max(1) as usize),
                window: millis("windowMs", usual.window)?,
                lockout: millis("lockoutMs", usual.lockout)?,
                exempt_loopback: limit.child("exemptLoopback").boolean()?.unwrap_or(usual.exempt_loopback),
            },
        })
    }

    /// Whether `address` is that of a proxy that is believed.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.has(address))
    }

    /// Whether a whole protocol is taken for the proxy, so that anybody could say who they are.
    pub fn trusts_everybody(&self) -> bool {
        self.trusted_proxies.iter().any(|network| network.bits == 0)
    }
}

impl Node<'_> {
    /// A list of texts; empty where there is none.
    pub(super) fn texts(&self) -> Result<Vec<String>> {
        let Some(value) = self.value() else { return Ok(Vec::new()) };
        let texts = value.as_array().and_then(|items| {
            items.iter().map(|item| item.as_str().map(|text| text.trim().to_owned())).collect()
        });
        texts.ok_or_else(|| self.wrong("a list of texts"))
    }

    /// A whole number that is not negative.
    pub(super) fn count(&self) -> Result<Option<u64>> {
        self.value().map(|value| whole(value).ok_or_else(|| self.wrong("a whole number"))).transpose()
    }
}

fn whole(value: &Value) -> Option<u64> {
    // JavaScript does not tell 10.0 from 10.
    let exact =
        |number: f64| (number.fract() == 0.0 && (0.0..9e15).contains(&number)).then_some(number as u64);
    value.as_u64().or_else(|| exact(value.as_f64()?))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::profile::GatewayConfig;

    #[test]
    fn a_network_has_its_own_and_no_other() {
        for (network, within, without) in [
            ("10.0.0.5", "10.0.0.5", "10.0.0.6"),
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("0.0.0.0/0", "8.8.8.8", "::1"),
            ("fd00::/8", "fdff::1", "fe80::1"),
            ("::/0", "2001:db8::1", "10.0.0.1"),
            ("::ffff:10.0.0.0/104", "::ffff:10.1.1.1", "11.0.0.1"),
            ("127.0.0.1", "::ffff:127.0.0.1", "127.0.0.2"),
        ] {
            let parsed = Network::parse(network).unwrap();
            assert!(parsed.has(within.parse().unwrap()), "{network} {within}");
            assert!(!parsed.has(without.parse().unwrap()), "{network} {without}");
        }
        for wrong in ["", "proxy", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0", "10.0.0.0/x", "::ffff:1.2.3.4/8"] {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_keys_are_read_and_a_wrong_one_is_named() {
        let fence =
            |text: &str| GatewayConfig::parse(text, Path::new("openclaw.json")).map(|config| config.fence);
        let read = fence(
            "{gateway: {trustedProxies: ['10.0.0.0/24'], controlUi: {allowedOrigins: ['https://UI.test']},
              auth: {rateLimit: {maxAttempts: 3, windowMs: 1000, lockoutMs: 2000.0, exemptLoopback: false},
                     trustedProxy: {userHeader: 'X-User', allowUsers: ['Ana']}}}}",
        )
        .unwrap();
        assert!(read.trusts("10.0.0.7".parse().unwrap()) && !read.trusts_everybody());
        assert_eq!(
            (read.allowed_origins, read.proxy_auth.user_header),
            (vec!["https://ui.test".into()], "x-user".into())
        );
        let limit = RateLimit {
            attempts: 3,
            window: Duration::from_secs(1),
            lockout: Duration::from_secs(2),
            exempt_loopback: false,
        };
        assert_eq!(read.rate_limit, limit);
        assert_eq!(fence("{}").unwrap(), Fence::default());
        for (text, key) in [
            ("{gateway: {trustedProxies: 'x'}}", "gateway.trustedProxies"),
            ("{gateway: {trustedProxies: ['x']}}", "gateway.trustedProxies"),
            ("{gateway: {controlUi: {allowedOrigins: [1]}}}", "gateway.controlUi.allowedOrigins"),
            ("{gateway: {auth: {rateLimit: {maxAttempts: -1}}}}", "gateway.auth.rateLimit.maxAttempts"),
        ] {
            let error = fence(text).unwrap_err();
            assert!(error.code() == "config_invalid" && error.message().contains(key), "{error}");
        }
    }
}

//! From how far away an address of this host is reached. Judged by what the address is, never by a host's name.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// From how far away an address is reached; the later, the farther.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// From this host alone.
    #[default]
    Loopback,
    /// From the devices of a tailnet.
    Tailnet,
    /// From every network that the address is in.
    Lan,
}

impl Reach {
    /// Who reaches a socket that is bound to `address`. A wildcard is every address of the host.
    pub fn of(address: IpAddr) -> Reach {
        match address.to_canonical() {
            address if address.is_loopback() => Reach::Loopback,
            address if is_tailnet(address) => Reach::Tailnet,
            _ => Reach::Lan,
        }
    }

    /// The farthest of several; loopback where there is none.
    pub fn farthest<'a>(addresses: impl IntoIterator<Item = &'a IpAddr>) -> Reach {
        addresses.into_iter().map(|address| Reach::of(*address)).max().unwrap_or_default()
    }

    /// The word in tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reach::Loopback => "loopback",
            Reach::Tailnet => "tailnet",
            Reach::Lan => "lan",
        }
    }
}

/// The ranges that Tailscale gives addresses from: 100.64.0.0/10 and fd7a:115c:a1e0::/48.
pub fn is_tailnet(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            a == 100 && (64..128).contains(&b)
        }
        IpAddr::V6(address) => address.segments().starts_with(&[0xfd7a, 0x115c, 0xa1e0]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_judged_by_what_it_is() {
        for (address, exposure) in [
            ("127.0.0.1", Reach::Loopback),
            ("127.0.0.2", Reach::Loopback),
            ("::1", Reach::Loopback),
            ("::ffff:127.0.0.1", Reach::Loopback),
            ("100.64.0.1", Reach::Tailnet),
            ("100.127.255.255", Reach::Tailnet),
            ("fd7a:115c:a1e0::1", Reach::Tailnet),
            ("100.128.0.1", Reach::Lan),
            ("0.0.0.0", Reach::Lan),
            ("::", Reach::Lan),
            ("10.99.0.1", Reach::Lan),
            ("::ffff:10.99.0.1", Reach::Lan),
            ("fe80::1", Reach::Lan),
        ] {
            assert_eq!(Reach::of(address.parse().unwrap()), exposure, "{address}");
        }
        assert_eq!(Reach::farthest([]), Reach::Loopback);
    }
}

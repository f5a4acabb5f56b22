//! The address of a gateway as a URL: checked once, in the WebSocket scheme, never with credentials, a query or a
//! fragment inside: what stands there reaches logs.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A gateway's URL. A path is kept as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayUrl {
    text: String,
    host: String,
    port: u16,
}

impl GatewayUrl {
    /// The gateway on this host's loopback address.
    pub fn loopback(port: u16, tls: bool) -> Self {
        let scheme = if tls { "wss" } else { "ws" };
        GatewayUrl { text: format!("{scheme}://127.0.0.1:{port}"), host: "127.0.0.1".into(), port }
    }

    /// The URL: `ws://…` or `wss://…`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host alone; an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 80 or 443 where the URL names none.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What stands behind host and port, at least `/`.
    pub fn path(&self) -> &str {
        let rest = self.text.split_once("://").map_or("", |(_, rest)| rest);
        rest.find('/').map_or("/", |slash| &rest[slash..])
    }

    /// Whether the gateway speaks TLS there.
    pub fn is_tls(&self) -> bool {
        self.text.starts_with("wss:")
    }
}

impl FromStr for GatewayUrl {
    /// A reason in words. It never repeats the URL, which may hold a password.
    type Err = String;

    /// Reads `ws`, `wss`, `http` (meaning `ws`) and `https` (meaning `wss`).
    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) =
            text.trim().split_once("://").ok_or("it is not a URL; write ws://… or wss://…")?;
        let (scheme, usual_port) = match scheme.to_ascii_lowercase().as_str() {
            "ws" | "http" => ("ws", 80),
            "wss" | "https" => ("wss", 443),
            _ => return Err("its scheme is not one of ws, wss, http, https".into()),
        };
        if rest.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err("it has a space or a control character".into());
        }
        if rest.contains(['?', '#']) {
            return Err("it has a query or a fragment; a gateway's URL has neither".into());
        }
        let authority = rest.split('/').next().unwrap_or_default();
        if authority.contains('@') {
            return Err("it holds credentials; put them in a file and name that".into());
        }
        let (host, port) = match authority.strip_prefix('[').map(|rest| rest.split_once(']')) {
            Some(Some((host, port))) if host.parse::<Ipv6Addr>().is_ok() => (host, port),
            Some(_) => return Err("its host is not an IPv6 address".into()),
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        if host.is_empty() {
            return Err("it has no host".into());
        }
        check_name(host)?;
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => usual_port,
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                digits.parse().ok().filter(|port| *port > 0).ok_or("its port is not from 1 to 65535")?
            }
            _ => return Err("its port is not from 1 to 65535".into()),
        };
        Ok(GatewayUrl { text: format!("{scheme}://{rest}"), host: host.to_owned(), port })
    }
}

/// Refuses what some resolver would take for an address although it is none (`127.1`, `0x7f000001`), and what no
/// host name has.
fn check_name(host: &str) -> Result<(), String> {
    if host.parse::<Ipv6Addr>().is_ok() || host.parse::<Ipv4Addr>().is_ok() {
        return Ok(());
    }
    if !host.bytes().all(|c| c.is_ascii_alphanumeric() || b"-._".contains(&c)) {
        return Err(
            "its host has a character that no host name has; an international name begins with xn--".into()
        );
    }
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let number = last.bytes().all(|c| c.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|c| c.is_ascii_hexdigit()));
    if number { Err("its host looks like an address and is none".into()) } else { Ok(()) }
}

impl fmt::Display for GatewayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_host_and_port_in_the_websocket_scheme() {
        for (text, url, host, port) in [
            ("ws://h", "ws://h", "h", 80),
            (" HTTPS://h.example/x ", "wss://h.example/x", "h.example", 443),
            ("http://127.0.0.1:7/", "ws://127.0.0.1:7/", "127.0.0.1", 7),
            ("wss://[::1]:65535", "wss://[::1]:65535", "::1", 65535),
            ("wss://[fd00::1]", "wss://[fd00::1]", "fd00::1", 443),
            ("ws://h/@x", "ws://h/@x", "h", 80),
        ] {
            let read: GatewayUrl = text.parse().unwrap();
            assert_eq!((read.as_str(), read.host(), read.port()), (url, host, port), "{text}");
            assert_eq!(read.is_tls(), url.starts_with("wss"));
            assert!(
                read.path().starts_with('/') && url.ends_with(read.path().trim_end_matches('/')),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_the_rest_and_repeats_no_password() {
        for text in [
            "h:1",
            "ftp://h",
            "ws://",
            "ws://:1",
            "ws://h:",
            "ws://h:0",
            "ws://h:65536",
            "ws://h:+1",
            "ws://a:1:2",
            "ws://::1",
            "ws://[h]",
            "ws://[::1]x",
            "ws:// h",
            "ws://h\\@x",
            "wss://ana:hunter2@h",
            "wss://h/?token=hunter2",
            "wss://h#hunter2",
            "ws://127.1",
            "ws://127.0.0.1.",
            "ws://0x7f000001",
            "ws://2130706433",
            "ws://0177.0.0.1",
            "ws://[::ffff:127.0.0.1%lo]",
            "ws://höst",
        ] {
            let why = text.parse::<GatewayUrl>().unwrap_err();
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}

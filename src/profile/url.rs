//! The address of a gateway as a URL: checked once, in the WebSocket scheme, never with credentials inside.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// A gateway's URL. A path or query is kept as written.
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
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
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
            (" HTTPS://h.example/x?y ", "wss://h.example/x?y", "h.example", 443),
            ("http://127.0.0.1:7/", "ws://127.0.0.1:7/", "127.0.0.1", 7),
            ("wss://[::1]:65535", "wss://[::1]:65535", "::1", 65535),
            ("wss://[fd00::1]", "wss://[fd00::1]", "fd00::1", 443),
            ("ws://h/@x", "ws://h/@x", "h", 80),
        ] {
            let read: GatewayUrl = text.parse().unwrap();
            assert_eq!((read.as_str(), read.host(), read.port()), (url, host, port), "{text}");
            assert_eq!(read.is_tls(), url.starts_with("wss"));
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
        ] {
            let why = text.parse::<GatewayUrl>().unwrap_err();
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}

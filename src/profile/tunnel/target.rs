//! Where an SSH link goes, as people write it. It ends as one argument of the SSH client and, through the user's own
//! configuration, perhaps in a command line of theirs: nothing that a shell would take for more than a name is let in.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// Longest target, in bytes: a host name has at most 253.
const LENGTH_MAX: usize = 255;

/// A host, with or without a user and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshTarget {
    /// `user@host` or `host`, an IPv6 address without brackets.
    pub destination: String,
    /// The server's port, where one was written.
    pub port: Option<u16>,
}

impl fmt::Display for SshTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(port) = self.port else { return f.write_str(&self.destination) };
        let (user, host) = self
            .destination
            .rsplit_once('@')
            .map_or(("", &*self.destination), |(user, host)| (&self.destination[..=user.len()], host));
        if host.contains(':') { write!(f, "{user}[{host}]:{port}") } else { write!(f, "{user}{host}:{port}") }
    }
}

impl FromStr for SshTarget {
    /// A reason in words.
    type Err = String;

    /// Reads `host`, `user@host`, `user@host:2222`, `user@[::1]:2222` and the same behind `ssh://`.
    fn from_str(text: &str) -> Result<SshTarget, String> {
        let refused =
            |why: &str| format!("{} is not an SSH target: {why}; write for example ana@server", brief(text));
        if text.len() > LENGTH_MAX {
            return Err(refused("it is too long"));
        }
        let plain = text.strip_prefix("ssh://").unwrap_or(text);
        let (user, place) = match plain.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, plain),
        };
        let (host, port) = split_port(place).map_err(refused)?;
        if host.is_empty() || user.is_some_and(str::is_empty) {
            return Err(refused("it names no host, or an empty user"));
        }
        if host.starts_with('-') || user.is_some_and(|user| user.starts_with('-')) {
            return Err(refused("it would be taken for an option"));
        }
        let is_host = |c: char| c.is_ascii_alphanumeric() || "._-:%".contains(c);
        let is_user = |c: char| c.is_ascii_alphanumeric() || "._-+@".contains(c);
        if !host.chars().all(is_host) || !user.unwrap_or_default().chars().all(is_user) {
            return Err(refused("it has a character that no host or user name has"));
        }
        let destination = user.map_or_else(|| host.to_owned(), |user| format!("{user}@{host}"));
        Ok(SshTarget { destination, port })
    }
}

/// Host and port; an address with colons of its own has its port behind brackets.
fn split_port(place: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or("a bracket is not closed")?,
        None if place.parse::<Ipv6Addr>().is_ok() => (place, ""),
        None => place.split_at(place.find(':').unwrap_or(place.len())),
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => return Ok((host, None)),
        None => return Err("something stands behind the bracket"),
        Some(digits) => digits.parse().ok().filter(|port| *port > 0),
    };
    port.map(|port| (host, Some(port))).ok_or("its port is not from 1 to 65535")
}

/// The beginning of what was written, safe to print.
fn brief(text: &str) -> String {
    format!("{:?}", text.chars().take(60).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incident_f5_only_names_and_addresses_are_targets() {
        for (text, destination, port) in [
            ("server", "server", None),
            ("ana@server", "ana@server", None),
            ("ana@server:2222", "ana@server", Some(2222)),
            ("ssh://ana@server:2222", "ana@server", Some(2222)),
            ("ssh://server", "server", None),
            ("ana@corp.example@server", "ana@corp.example@server", None),
            ("[::1]:2222", "::1", Some(2222)),
            ("ana@[fd00::1]", "ana@fd00::1", None),
            ("ana@fd00::1", "ana@fd00::1", None),
            ("my-alias_2", "my-alias_2", None),
            ("10.0.0.7:22", "10.0.0.7", Some(22)),
        ] {
            let target = SshTarget { destination: destination.into(), port };
            assert_eq!(target.to_string().parse(), Ok(target.clone()), "{target}");
            assert_eq!(text.parse::<SshTarget>(), Ok(target), "{text}");
        }
    }

    #[test]
    fn incident_f5_nothing_that_could_do_more_gets_in() {
        let long = "h".repeat(300);
        for bad in [
            "",
            "@",
            "ana@",
            "@host",
            "-oProxyCommand=touch /tmp/x",
            "ana@-oProxyCommand=x",
            "-l@host",
            "a b",
            "a;b",
            "$(x)",
            "`x`",
            "a|b",
            "a\nb",
            "a\\b",
            "a'b",
            "a\"b",
            "host:",
            "host:0",
            "host:x",
            "host:70000",
            "[::1",
            "[::1]x",
            "http://host",
            "ssh://host/path",
            "a:b:c",
            "höst",
            &long,
        ] {
            let error = bad.parse::<SshTarget>().unwrap_err();
            assert!(error.contains("is not an SSH target") && error.len() < 250, "{bad}: {error}");
        }
    }
}

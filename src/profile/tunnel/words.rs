//! What the SSH client says on standard error before it ends, and what that means: it has one exit code, 255, for
//! everything. The texts are those of OpenSSH's client, versions 8 to 10.

/// Why a link did not stand, as far as the client's words tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The server shows another host key than the one that is known.
    HostKeyChanged,
    /// The server's host key is not known, and unknown ones are refused.
    HostKeyUnknown,
    /// The server's host key was revoked.
    HostKeyRevoked,
    /// The server does not let this user in.
    AuthRefused,
    /// The client's own configuration or the command line is wrong.
    ConfigInvalid,
    /// A near end of the link could not be bound.
    ForwardTaken,
    /// The server forbids forwarding.
    ForwardForbidden,
    /// The far end answers, and nobody listens on the gateway's port there.
    GatewayDown,
    /// The server is not reached, or was lost.
    Unreachable,
}

impl Cause {
    /// The code that errors carry.
    pub const fn code(self) -> &'static str {
        match self {
            Cause::HostKeyChanged => "host_key_changed",
            Cause::HostKeyUnknown => "host_key_unknown",
            Cause::HostKeyRevoked => "host_key_revoked",
            Cause::AuthRefused => "ssh_auth_refused",
            Cause::ConfigInvalid => "ssh_config_invalid",
            Cause::ForwardTaken => "link_port_taken",
            Cause::ForwardForbidden => "ssh_forward_forbidden",
            Cause::GatewayDown => "remote_gateway_down",
            Cause::Unreachable => "ssh_unreachable",
        }
    }

    /// Whether trying again is pointless until somebody changes something: no network that comes back heals it.
    pub const fn is_permanent(self) -> bool {
        match self {
            Cause::HostKeyChanged
            | Cause::HostKeyUnknown
            | Cause::HostKeyRevoked
            | Cause::AuthRefused
            | Cause::ConfigInvalid => true,
            Cause::ForwardTaken | Cause::ForwardForbidden | Cause::GatewayDown | Cause::Unreachable => false,
        }
    }
}

/// What the client's words amount to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Why.
    pub cause: Cause,
    /// The line that says it, as the client wrote it.
    pub line: String,
    /// The fingerprint of the key that the server showed, `SHA256:…`.
    pub shown: Option<String>,
    /// Where the key stands that was expected: file and line, from 1.
    pub known_at: Option<(String, usize)>,
}

/// Where the words of a cause stand in a line. The far end can have lines of its own printed, a greeting or the reason of
/// its goodbye, and what it writes there must not decide.
enum Where {
    /// At the beginning.
    Begin,
    /// Behind `channel N: `.
    Channel,
    /// At the end.
    End,
    /// Behind the client's own name or the user's, `ssh: …`, `user@host: …`, or the name of a file.
    Within,
}

use Where::{Begin, Channel, End, Within};

/// Words and what they mean; of several the first that is found decides.
const WORDS: [(Where, &str, Cause); 29] = [
    (Begin, "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!", Cause::HostKeyChanged),
    (Begin, "@       WARNING: REVOKED HOST KEY DETECTED!", Cause::HostKeyRevoked),
    (Within, "host key is known for", Cause::HostKeyUnknown),
    (Begin, "Host key verification failed", Cause::HostKeyUnknown),
    (Within, "Bad configuration option", Cause::ConfigInvalid),
    (Within, "bad configuration options", Cause::ConfigInvalid),
    (Begin, "Bad owner or permissions on", Cause::ConfigInvalid),
    (Begin, "hostname contains invalid characters", Cause::ConfigInvalid),
    (Begin, "remote username contains invalid characters", Cause::ConfigInvalid),
    (Within, ": Permission denied (", Cause::AuthRefused),
    (Begin, "No supported authentication methods available", Cause::AuthRefused),
    (Begin, "Could not request local forwarding", Cause::ForwardTaken),
    (Begin, "Error: remote port forwarding failed", Cause::ForwardTaken),
    (Within, "cannot listen to port", Cause::ForwardTaken),
    (Channel, "open failed: administratively prohibited", Cause::ForwardForbidden),
    (Within, "not responding", Cause::Unreachable),
    (Within, "Could not resolve hostname", Cause::Unreachable),
    (End, "Connection timed out", Cause::Unreachable),
    (End, "Operation timed out", Cause::Unreachable),
    (End, "Network is unreachable", Cause::Unreachable),
    (End, "No route to host", Cause::Unreachable),
    (End, "Host is down", Cause::Unreachable),
    (Begin, "kex_exchange_identification", Cause::Unreachable),
    (Begin, "Connection reset", Cause::Unreachable),
    (Begin, "Connection closed", Cause::Unreachable),
    (End, "Broken pipe", Cause::Unreachable),
    (Channel, "open failed: connect failed", Cause::GatewayDown),
    (End, "Connection refused", Cause::Unreachable),
    (Within, "banner exchange", Cause::Unreachable),
];

/// What `lines`, the last that the client wrote, amount to; `None` where they say nothing that is known.
pub fn trouble<'a>(lines: impl IntoIterator<Item = &'a str>) -> Option<Trouble> {
    let lines: Vec<&str> = lines.into_iter().map(str::trim_end).filter(|line| is_the_clients(line)).collect();
    let (cause, line) = WORDS.iter().find_map(|(place, words, cause)| {
        let said = lines.iter().rfind(|line| stands(line, place, words))?;
        Some((*cause, said.trim_matches('@').trim().to_owned()))
    })?;
    // What belongs to a warning stands behind it.
    let begun = lines.iter().rposition(|line| line.starts_with("@    WARNING")).unwrap_or(lines.len());
    let shown = lines[begun..].iter().find_map(|line| line.strip_prefix("SHA256:"));
    let known_at = lines[begun..].iter().find_map(|line| {
        let place = line.strip_prefix("Offending ")?.split_once(" key in ")?.1;
        let (file, number) = place.rsplit_once(':')?;
        Some((file.to_owned(), number.parse().ok()?))
    });
    Some(Trouble {
        cause,
        line,
        shown: shown.map(|rest| format!("SHA256:{}", rest.trim_end_matches('.'))),
        known_at,
    })
}

/// Whether the client speaks for itself, and does not repeat the far end's goodbye.
fn is_the_clients(line: &str) -> bool {
    !line.starts_with("Received disconnect from") && !line.starts_with("Disconnected from")
}

fn stands(line: &str, place: &Where, words: &str) -> bool {
    let channel = line.strip_prefix("channel ").and_then(|rest| rest.split_once(": ")).map(|(_, rest)| rest);
    match (place, channel) {
        (Channel, Some(rest)) => rest.starts_with(words),
        // What follows there is the far end's.
        (Channel, None) | (_, Some(_)) => false,
        (Begin, None) => line.starts_with(words),
        (End, None) => line.ends_with(words),
        (Within, None) => line.contains(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(text: &str) -> Option<Cause> {
        trouble(text.lines()).map(|trouble| trouble.cause)
    }

    #[test]
    fn incident_f5_a_changed_key_is_told_with_both_places() {
        let said = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\n\
                    @    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n\
                    @@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\n\
                    IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\n\
                    The fingerprint for the ED25519 key sent by the remote host is\n\
                    SHA256:abcDEF123+/.\n\
                    Please contact your system administrator.\n\
                    Offending ED25519 key in /h/known_hosts:3\n\
                    Host key for [127.0.0.1]:2222 has changed and you have requested strict checking.\n\
                    Host key verification failed.\n";
        let trouble = trouble(said.lines()).unwrap();
        assert_eq!(trouble.cause, Cause::HostKeyChanged);
        assert_eq!(trouble.line, "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!");
        assert_eq!(trouble.shown.as_deref(), Some("SHA256:abcDEF123+/"));
        assert_eq!(trouble.known_at, Some(("/h/known_hosts".into(), 3)));
    }

    #[test]
    fn what_the_client_says_is_understood() {
        for (said, expected) in [
            (
                "No ED25519 host key is known for [127.0.0.1]:2222 and you have requested strict checking.\nHost key verification failed.",
                Some(Cause::HostKeyUnknown),
            ),
            (
                "@       WARNING: REVOKED HOST KEY DETECTED!               @\nHost key verification failed.",
                Some(Cause::HostKeyRevoked),
            ),
            ("ana@h: Permission denied (publickey).", Some(Cause::AuthRefused)),
            // What the far end says decides nothing, and neither does its greeting.
            ("Received disconnect from h port 22:2: Permission denied (publickey).", None),
            ("Received disconnect from h port 22:2: REMOTE HOST IDENTIFICATION HAS CHANGED!", None),
            ("Welcome! REMOTE HOST IDENTIFICATION HAS CHANGED!", None),
            (
                "channel 2: open failed: connect failed: h: Permission denied (publickey).",
                Some(Cause::GatewayDown),
            ),
            ("Error: remote port forwarding failed for listen port 7", Some(Cause::ForwardTaken)),
            ("ssh: connect to host h port 22: Connection refused", Some(Cause::Unreachable)),
            ("ssh: connect to host h port 22: Network is unreachable", Some(Cause::Unreachable)),
            ("ssh: Could not resolve hostname h: Name or service not known", Some(Cause::Unreachable)),
            ("Timeout, server h not responding.", Some(Cause::Unreachable)),
            ("client_loop: send disconnect: Broken pipe", Some(Cause::Unreachable)),
            (
                "bind [127.0.0.1]:7: Address already in use\nchannel_setup_fwd_listener_tcpip: cannot listen to port: 7\nCould not request local forwarding.",
                Some(Cause::ForwardTaken),
            ),
            ("channel 2: open failed: connect failed: Connection refused", Some(Cause::GatewayDown)),
            (
                "channel 2: open failed: administratively prohibited: open failed",
                Some(Cause::ForwardForbidden),
            ),
            ("/h/.ssh/config: line 3: Bad configuration option: colour", Some(Cause::ConfigInvalid)),
            ("Authenticated to h ([10.0.0.1]:22) using \"publickey\".", None),
            ("", None),
        ] {
            assert_eq!(cause(said), expected, "{said}");
        }
    }

    #[test]
    fn a_network_that_failed_after_a_login_is_no_lost_key() {
        let said =
            "Authenticated to h ([10.0.0.1]:22) using \"publickey\".\nTimeout, server h not responding.";
        let trouble = trouble(said.lines()).unwrap();
        assert_eq!((trouble.cause, trouble.cause.is_permanent()), (Cause::Unreachable, false));
        assert_eq!(trouble.line, "Timeout, server h not responding.");
    }
}

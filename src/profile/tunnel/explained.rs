//! What went wrong with a tunnel, in this program's words: what happened, and what to do about it.

use super::words::{Cause, Trouble};
use crate::base::{Error, Kind};

/// Whose tunnel it is, and so what is to be done about it.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    /// Where it was to lead.
    pub target: &'a str,
    /// The same as somebody types it behind `ssh`.
    pub typed: String,
    /// The command that tries it again.
    pub again: String,
    /// Where the key is named with which the server is to let us in.
    pub identity: String,
    /// Where the rest is written.
    pub settings: &'a str,
    /// Where the gateway's port at the far end is named.
    pub port: &'a str,
    /// What to do about a server that is not reached.
    pub unreached: String,
}

/// The error for what the SSH client said. `known` is the fingerprint of the key that was expected, where the client
/// named its place and it could be read there: a changed key is shown with both, and neither accepted nor removed
/// (INCIDENTS F5).
pub fn explain(place: &Place<'_>, trouble: &Trouble, known: Option<&str>) -> Error {
    let target = place.target;
    let kind = if trouble.cause.is_permanent() { Kind::Config } else { Kind::Unavailable };
    let (message, remedy) = match trouble.cause {
        Cause::HostKeyChanged => changed_key(target, trouble, known),
        Cause::HostKeyUnknown => (
            format!("{target} is not known yet, and unknown host keys are refused"),
            format!(
                "connect once by hand and compare the fingerprint with the server's own: ssh {} true; then: {}",
                place.typed, place.again
            ),
        ),
        Cause::HostKeyRevoked => (
            format!("the host key of {target} was revoked"),
            "ask whoever looks after the server for its new key".into(),
        ),
        Cause::AuthRefused => (
            format!("{target} does not let this user in: {}", trouble.line),
            format!(
                "try it by hand: ssh -o BatchMode=yes {} true; name the key {}",
                place.typed, place.identity
            ),
        ),
        Cause::ConfigInvalid => (
            format!("the SSH client refuses its configuration: {}", trouble.line),
            format!("mend ~/.ssh/config, or {}", place.settings),
        ),
        Cause::ForwardTaken => (
            format!("a port of the tunnel to {target} is taken on this machine: {}", trouble.line),
            "see by whom: openclaw host status; LocalForward lines of ~/.ssh/config for this host count too"
                .into(),
        ),
        Cause::ForwardForbidden => (
            format!("{target} lets this user in but forbids forwarding"),
            "set AllowTcpForwarding and PermitOpen in the server's sshd_config".into(),
        ),
        Cause::GatewayDown => (
            format!("the tunnel to {target} stands, but no gateway listens at its far end"),
            format!("start the gateway there, or {}", place.port),
        ),
        Cause::Unreachable => (format!("{target} is not reached: {}", trouble.line), place.unreached.clone()),
    };
    Error::new(kind, trouble.cause.code(), message).remedy(remedy)
}

fn changed_key(target: &str, trouble: &Trouble, known: Option<&str>) -> (String, String) {
    let shown = trouble.shown.as_deref().unwrap_or("an unknown key");
    let place = trouble.known_at.as_ref().map(|(file, number)| format!("{file}:{number}"));
    let message = format!(
        "the host key of {target} has changed: it shows {shown}, and {} in {} is what was known",
        known.unwrap_or("another key"),
        place.as_deref().unwrap_or("the known hosts"),
    );
    let remedy = format!(
        "ask whoever looks after the server whether its key was changed; only then remove {} by hand and connect \
         once with ssh. Nothing was sent",
        place.as_deref().unwrap_or("the old key"),
    );
    (message, remedy)
}

#[cfg(test)]
mod tests {
    use super::super::trouble;
    use super::*;

    #[test]
    fn each_trouble_says_what_happened_and_what_to_do() {
        let place = Place {
            target: "ana@h",
            typed: "-p 22 ana@h".into(),
            again: "openclaw gateway probe --ssh ana@h".into(),
            identity: "with --ssh-identity".into(),
            settings: "the command line",
            port: "name its port with --port",
            unreached: "see whether it runs".into(),
        };
        let told = |said: &str| explain(&place, &trouble(said.lines()).unwrap(), Some("SHA256:old"));
        let changed = told(
            "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nSHA256:new.\nOffending ED25519 key in /k:3",
        );
        assert_eq!(
            (changed.kind(), changed.message()),
            (
                Kind::Config,
                "the host key of ana@h has changed: it shows SHA256:new, and SHA256:old in /k:3 is what was known"
            )
        );
        let unknown = told("No ED25519 host key is known for h and you have requested strict checking.");
        assert!(unknown.remedy_text().unwrap().ends_with("openclaw gateway probe --ssh ana@h"), "{unknown}");
        let refused = told("ana@h: Permission denied (publickey).");
        assert!(refused.remedy_text().unwrap().ends_with("name the key with --ssh-identity"), "{refused}");
        let gone = told("ssh: connect to host h port 22: Connection refused");
        assert_eq!(
            (gone.kind(), gone.code(), gone.remedy_text()),
            (Kind::Unavailable, "ssh_unreachable", Some("see whether it runs"))
        );
    }
}

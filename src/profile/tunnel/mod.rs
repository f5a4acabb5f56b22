//! The SSH client's command line for a link, and what it means when the client ends. Where it matters our options
//! come first, and OpenSSH takes the first value that it meets: the user's own configuration still decides about
//! aliases, jump hosts, agents and keys (INCIDENTS F2, F5; ssh_config(5)).

mod explained;
mod known;
mod target;
mod words;

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

pub use explained::{Place, explain};
pub use known::fingerprint;
pub use target::SshTarget;
pub use words::{Cause, Trouble, trouble};

use super::remote::Remote;
use super::resolved::{HostKeyPolicy, Supervise};

/// What always holds, whatever the user's configuration says.
///
/// The claim on the profile is the client's standard input, so that must stay what it is. Nobody is there to answer a
/// question, a forward that fails is a failed link, a silent server is given up, and the process stays the
/// one that was made: no multiplexing, no background. An option that this client does not know is passed over: some of
/// these are younger than it may be, and of two such lists the user's own would be void. `VERBOSE` tells how it was let
/// in, and nothing per connection.
const FIXED: [&str; 23] = [
    "IgnoreUnknown=*",
    "BatchMode=yes",
    "ExitOnForwardFailure=yes",
    "ClearAllForwardings=no",
    "ConnectionAttempts=1",
    "ServerAliveCountMax=3",
    "TCPKeepAlive=yes",
    "ControlMaster=no",
    "ControlPath=none",
    "ControlPersist=no",
    "ForkAfterAuthentication=no",
    "StdinNull=no",
    "SessionType=none",
    "RemoteCommand=none",
    "PermitLocalCommand=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ForwardX11Trusted=no",
    "Tunnel=no",
    "GatewayPorts=no",
    "UpdateHostKeys=no",
    "AddKeysToAgent=no",
    "LogLevel=VERBOSE",
];

/// What makes strict of checking host keys: by the files of known hosts alone, on this very host too.
const STRICT: [&str; 3] =
    ["StrictHostKeyChecking=yes", "NoHostAuthenticationForLocalhost=no", "VerifyHostKeyDNS=no"];

/// Parts of the hang timeout: the distance of two questions to a silent server. With three of them unanswered a dead
/// one is found after two thirds of it, before the gateway behind it is taken for hung.
const ALIVE: u32 = 6;
/// Parts of the start timeout: how long the server may take to say who it is.
const CONNECT: u32 = 3;

/// The command line of the SSH client `program` for `remote`, whose near end is `local_port` on 127.0.0.1, with the
/// patience of `pace`; `None` for a link without SSH. The target stands behind `--`, as one argument, and no shell sees
/// it.
pub fn command_line(
    program: &Path,
    remote: &Remote,
    local_port: u16,
    pace: &Supervise,
) -> Option<Vec<OsString>> {
    let target = remote.target.as_ref()?;
    let mut line: Vec<OsString> = vec![program.into(), "-N".into(), "-T".into()];
    let mut option = |text: String| line.extend(["-o".into(), OsString::from(text)]);
    for fixed in FIXED {
        option(fixed.into());
    }
    // Whole seconds, and 0 would be never.
    let seconds = |span: Duration, parts: u32| (span / parts).as_secs().max(1);
    option(format!("ServerAliveInterval={}", seconds(pace.hang_timeout, ALIVE)));
    option(format!("ConnectTimeout={}", seconds(pace.start_timeout, CONNECT)));
    if remote.host_key_policy == HostKeyPolicy::Strict {
        STRICT.into_iter().for_each(|strict| option(strict.into()));
    }
    if let Some(file) = &remote.known_hosts {
        option(format!("UserKnownHostsFile={}", quoted(file)));
    }
    if let Some(file) = &remote.identity {
        // A full agent would use up the server's patience before the key that is meant is tried.
        option("IdentitiesOnly=yes".into());
        option(format!("IdentityFile={}", quoted(file)));
    }
    if let Some(port) = remote.ssh_port {
        line.extend(["-p".into(), port.to_string().into()]);
    }
    let all = [(local_port, remote.remote_port)].into_iter().chain(remote.forwards.iter().copied());
    for (near, far) in all {
        line.extend(["-L".into(), format!("127.0.0.1:{near}:127.0.0.1:{far}").into()]);
    }
    line.extend(["--".into(), OsString::from(target)]);
    Some(line)
}

/// The target of `remote` as somebody types it behind `ssh`, with its port where one is named.
pub fn typed(remote: &Remote) -> String {
    let port = remote.ssh_port.map(|port| format!("-p {port} ")).unwrap_or_default();
    format!("{port}{}", remote.target.as_deref().unwrap_or_default())
}

/// A path as one word of an option, neither split nor expanded; what quotes cannot hold is refused before.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('%', "%%"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::record::Place;
    use crate::profile::Manifest;

    fn line(remote: &str) -> Vec<String> {
        let text = format!("kind = 'remote'\n[remote]\n{remote}");
        let manifest = Manifest::parse(&text, Path::new("m.toml")).unwrap();
        let link = manifest.remote.unwrap();
        let remote = Remote::from_manifest(&"home".parse().unwrap(), &link, Path::new("/h")).unwrap();
        let pace = Supervise::usual(Place::Remote);
        let line = command_line(Path::new("/usr/bin/ssh"), &remote, 24000, &pace).unwrap();
        line.into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    /// What every one begins with; a change here is a change of what the user's configuration may decide.
    const BEGINNING: &str = "/usr/bin/ssh -N -T -o IgnoreUnknown=* -o BatchMode=yes -o ExitOnForwardFailure=yes \
        -o ClearAllForwardings=no -o ConnectionAttempts=1 \
        -o ServerAliveCountMax=3 -o TCPKeepAlive=yes -o ControlMaster=no -o ControlPath=none -o ControlPersist=no \
        -o ForkAfterAuthentication=no -o StdinNull=no -o SessionType=none -o RemoteCommand=none \
        -o PermitLocalCommand=no -o ForwardAgent=no -o ForwardX11=no -o ForwardX11Trusted=no -o Tunnel=no \
        -o GatewayPorts=no -o UpdateHostKeys=no -o AddKeysToAgent=no -o LogLevel=VERBOSE \
        -o ServerAliveInterval=4 -o ConnectTimeout=10";

    #[test]
    fn incident_f5_the_command_line_is_this_one() {
        let strict =
            "-o StrictHostKeyChecking=yes -o NoHostAuthenticationForLocalhost=no -o VerifyHostKeyDNS=no";
        let plain = format!("{BEGINNING} {strict} -L 127.0.0.1:24000:127.0.0.1:18789 -- ana@server");
        assert_eq!(line("target = 'ana@server'").join(" "), plain);
        let full = format!(
            "{BEGINNING} -o UserKnownHostsFile=\"/h/known hosts\" -o IdentitiesOnly=yes -o IdentityFile=\"/k/%%d\" \
             -p 2222 -L 127.0.0.1:24000:127.0.0.1:29443 -L 127.0.0.1:24001:127.0.0.1:29444 -- ana@::1"
        );
        let written = "target = 'ana@[::1]:2222'\nidentity = '/k/%d'\nknown_hosts = '~/known hosts'\n\
                       host_key_policy = 'openssh'\nremote_port = 29443\nforwards = ['24001:29444']";
        assert_eq!(line(written).join(" "), full);
    }

    #[test]
    fn a_silent_server_is_asked_at_the_pace_of_the_profile_and_at_least_each_second() {
        let manifest = Manifest::parse("kind = 'remote'\nremote.target = 'h'", Path::new("m.toml")).unwrap();
        let link = manifest.remote.unwrap();
        let remote = Remote::from_manifest(&"home".parse().unwrap(), &link, Path::new("/h")).unwrap();
        for (hang, start, alive, connect) in [(24, 30, 4, 10), (60, 90, 10, 30), (3, 2, 1, 1), (0, 0, 1, 1)] {
            let pace = Supervise {
                hang_timeout: Duration::from_secs(hang),
                start_timeout: Duration::from_secs(start),
                ..Supervise::usual(Place::Remote)
            };
            let line = command_line(Path::new("ssh"), &remote, 24000, &pace).unwrap();
            for word in [format!("ServerAliveInterval={alive}"), format!("ConnectTimeout={connect}")] {
                assert!(line.contains(&word.clone().into()), "{word}: {line:?}");
            }
        }
    }
}

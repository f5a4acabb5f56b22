//! Preparing the link of a remote profile: what runs here is an SSH client or this program's own forwarder, under the
//! same claims and the same machine as a gateway. The claim on the profile's directory is the link's standard input:
//! an SSH client closes every other descriptor that it inherits.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Setup;
use super::adoption::RunRecord;
use super::confining::Held;
use super::prepare::{self, Cleared, Prepared};
use super::real::on_path;
use crate::base::record::Runtime;
use crate::base::{Error, Exit, Kind, Result};
use crate::host::{inherit, process};
use crate::profile::remote::Remote;
use crate::profile::resolved::Transport;
use crate::profile::tunnel::{self, Cause, Trouble};
use crate::profile::{Environment, Profile, child_env, launch};
use crate::supervise::echo::telling;

/// What an SSH client may know besides what any program does: the user's agent and what unlocks a hardware key.
const SSH_VARIABLES: [&str; 3] = ["SSH_AUTH_SOCK", "SSH_SK_HELPER", "SSH_SK_PROVIDER"];

/// The exit code of an SSH client for everything that went wrong before or between it and the server (ssh(1)).
const SSH_FAILED: i32 = 255;

/// A link that may be made, as something to spawn.
///
/// # Errors
/// [`Kind::Unavailable`] `ssh_missing`; what the run's record or the host says otherwise.
pub fn prepare(setup: &Setup, cleared: Cleared, remote: &Remote) -> Result<Prepared> {
    let Cleared { profile, claims, shared } = cleared;
    let mut environment = child_env::plain_env(&setup.environment);
    let (argv, claim_as_input) = match remote.transport {
        Transport::Ssh => {
            environment.extend(ssh_variables(&setup.environment));
            let client = ssh_client(&profile, &setup.environment)?;
            (tunnel::command_line(&client, remote, profile.port).unwrap_or_default(), true)
        }
        Transport::Direct => {
            environment.extend(claims.first().map(inherit::variable));
            (launch::command_line(&profile, Runtime::Link, &process::own_program(), None)?, false)
        }
    };
    let pipe = setup.run_dir().join(format!("{}.out", profile.name));
    let run = RunRecord::new(&profile, Runtime::Link, &pipe)?;
    environment.extend([run.mark.variable()]);
    let policy = prepare::policy_of(&profile, Runtime::Link);
    let held = Held::default();
    let runtime = Runtime::Link;
    Ok(Prepared { profile, runtime, policy, shared, held, argv, environment, claims, claim_as_input, run })
}

fn ssh_variables(environment: &Environment) -> BTreeMap<String, String> {
    let known = SSH_VARIABLES.iter().filter_map(|name| Some((*name, environment.get(name)?)));
    known.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn ssh_client(profile: &Profile, environment: &Environment) -> Result<PathBuf> {
    on_path(environment, "ssh").next().ok_or_else(|| {
        Error::new(Kind::Unavailable, "ssh_missing", "there is no SSH client on PATH")
            .profile(&profile.name)
            .remedy("install OpenSSH's client, for example: apt install openssh-client")
    })
}

/// What the end of a link means, by the client's last `lines`: the error that people see, and the exit as the machine
/// shall take it. What no network heals counts as a configuration that has to be mended first.
pub fn judged(profile: &Profile, exit: Exit, lines: &[String]) -> (Exit, Option<Error>) {
    let denied = Some(Kind::Denied.exit_code().into());
    match profile.remote.as_ref().map(|remote| remote.transport) {
        Some(Transport::Ssh) if exit.code == Some(SSH_FAILED) => {
            let Some(trouble) = tunnel::trouble(lines.iter().map(String::as_str)) else {
                return (exit, None);
            };
            let exit = if trouble.cause.is_permanent() { for_good() } else { exit };
            (exit, Some(error_of(profile, &trouble)))
        }
        Some(Transport::Direct) if exit.code == denied => {
            let said = telling(lines).map_or("it was refused", String::as_str);
            let error =
                Error::new(Kind::Config, "link_refused", format!("the link of `{}`: {said}", profile.name))
                    .profile(&profile.name)
                    .remedy(format!("see what changed: openclaw profile trust {}", profile.name));
            (for_good(), Some(error))
        }
        _ => (exit, None),
    }
}

/// An end after which no further attempt is made.
fn for_good() -> Exit {
    Exit::code(Kind::Config.exit_code().into())
}

/// The error for what a link's client said.
pub fn error_of(profile: &Profile, trouble: &Trouble) -> Error {
    let name = &profile.name;
    let target = profile.remote.as_ref().and_then(|remote| remote.target.as_deref()).unwrap_or("the server");
    let kind = if trouble.cause.is_permanent() { Kind::Config } else { Kind::Unavailable };
    let (message, remedy) = match trouble.cause {
        Cause::HostKeyChanged => changed_key(target, trouble),
        Cause::HostKeyUnknown => (
            format!("{target} is not known yet, and unknown host keys are refused"),
            format!(
                "connect once by hand and compare the fingerprint with the server's own: ssh {target} true; then: \
                 openclaw profile start {name}"
            ),
        ),
        Cause::HostKeyRevoked => (
            format!("the host key of {target} was revoked"),
            "ask whoever looks after the server for its new key".into(),
        ),
        Cause::AuthRefused => (
            format!("{target} does not let this user in: {}", trouble.line),
            format!(
                "try it by hand: ssh -o BatchMode=yes {target} true; name the key as remote.identity in {}",
                profile.paths.manifest.display()
            ),
        ),
        Cause::ConfigInvalid => (
            format!("the SSH client refuses its configuration: {}", trouble.line),
            "mend ~/.ssh/config, or the [remote] table of the manifest".into(),
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
            "start the gateway there, or correct remote_port".into(),
        ),
        Cause::Unreachable => (
            format!("{target} is not reached: {}", trouble.line),
            "it is tried again by itself; see: openclaw profile show NAME".replace("NAME", name.as_str()),
        ),
    };
    Error::new(kind, trouble.cause.code(), message).profile(name).remedy(remedy)
}

/// A changed host key is shown with both fingerprints, and neither accepted nor removed (INCIDENTS F5).
fn changed_key(target: &str, trouble: &Trouble) -> (String, String) {
    let shown = trouble.shown.as_deref().unwrap_or("an unknown key");
    let known = trouble.known_at.as_ref().and_then(|(file, number)| known_key(file, *number));
    let place = trouble.known_at.as_ref().map(|(file, number)| format!("{file}:{number}"));
    let message = format!(
        "the host key of {target} has changed: it shows {shown}, and {} in {} is what was known",
        known.as_deref().unwrap_or("another key"),
        place.as_deref().unwrap_or("the known hosts"),
    );
    let remedy = format!(
        "ask whoever looks after the server whether its key was changed; only then remove {} by hand and connect \
         once with ssh. Nothing was sent",
        place.as_deref().unwrap_or("the old key"),
    );
    (message, remedy)
}

/// The fingerprint of the key in line `number` of `file`, as OpenSSH writes it.
fn known_key(file: &str, number: usize) -> Option<String> {
    let text = crate::host::files::read(std::path::Path::new(file)).ok()??;
    tunnel::fingerprint(text.lines().nth(number.checked_sub(1)?)?)
}

//! Preparing the link of a remote profile: what runs here is an SSH client or this program's own forwarder, under the
//! same claims and the same machine as a gateway. The claim on the profile's directory is the link's standard input:
//! an SSH client closes every other descriptor that it inherits.
//!
//! A link without SSH is for what cannot prove a pinned gateway itself, a browser above all, and for knowing whether the
//! gateway is there: this program's own verbs dial such a gateway's URL, whether its link is up or not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Setup;
use super::adoption::RunRecord;
use super::confining::Held;
use super::prepare::{self, Cleared, DISK, Prepared};
use super::real::on_path;
use crate::base::record::Runtime;
use crate::base::{Error, Exit, Kind, PortBlock, Result};
use crate::host::{files, inherit, process};
use crate::profile::remote::Remote;
use crate::profile::resolved::Transport;
use crate::profile::tunnel::{self, Place, Trouble};
use crate::profile::{Environment, Profile, Registry, child_env, launch};
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
            let client = ssh_client(&setup.environment).map_err(|error| error.profile(&profile.name))?;
            let line = tunnel::command_line(&client, remote, profile.port, &profile.supervise);
            (line.unwrap_or_default(), true)
        }
        Transport::Direct => {
            // It finds the same files as this supervisor, whatever the variables of its shell were.
            environment.extend(child_env::selectors(&profile));
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

/// The profile once for each further near end of its link, as if that were its port: each is a claim like the first.
pub fn further_ends(profile: &Profile) -> impl Iterator<Item = Profile> {
    let forwards = profile.remote.iter().flat_map(|remote| &remote.forwards);
    forwards.map(|(near, _)| Profile { port: *near, block: PortBlock::at(*near), ..profile.clone() })
}

/// Whether the profile's files describe another link by now than `started`: an attempt that began before they were
/// changed must not install what nobody wants any more (INCIDENTS F2). Files that cannot be read change nothing.
pub fn is_stale(setup: &Setup, started: &Profile) -> bool {
    let registry = Registry::new(DISK, &setup.environment);
    let now = registry.and_then(|registry| registry.load(&started.name));
    now.is_ok_and(|now| (now.port, &now.remote) != (started.port, &started.remote))
}

/// Those of them that are set.
pub fn ssh_variables(environment: &Environment) -> BTreeMap<String, String> {
    let known = SSH_VARIABLES.iter().filter_map(|name| Some((*name, environment.get(name)?)));
    known.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The user's SSH client.
///
/// # Errors
/// [`Kind::Unavailable`], code `ssh_missing`.
pub fn ssh_client(environment: &Environment) -> Result<PathBuf> {
    on_path(environment, "ssh").next().ok_or_else(|| {
        Error::new(Kind::Unavailable, "ssh_missing", "there is no SSH client on PATH")
            .remedy("install OpenSSH's client, for example: apt install openssh-client")
    })
}

/// What the end of a link means, by the client's last `lines`: the error that people see, and the exit as the machine
/// shall take it. What no network heals counts as a configuration that has to be mended first. So is a
/// certificate that is not the pinned one; one that no authority vouches for may be that of a hotel's network where the
/// link was up before.
pub fn judged(profile: &Profile, exit: Exit, lines: &[String], was_up: bool) -> (Exit, Option<Error>) {
    let denied = Some(Kind::Denied.exit_code().into());
    match profile.remote.as_ref().map(|remote| remote.transport) {
        Some(Transport::Ssh) if exit.code == Some(SSH_FAILED) => {
            let Some(trouble) = tunnel::trouble(lines.iter().map(String::as_str)) else {
                return (exit, None);
            };
            let exit = if trouble.cause.is_permanent() { for_good() } else { exit };
            (exit, Some(error_of(profile, &trouble)))
        }
        Some(Transport::Direct) if exit.is_config() || exit.code == denied => {
            let said = telling(lines).map_or("it was refused", String::as_str);
            let (exit, kind) = if was_up && exit.code == denied {
                (exit, Kind::Unavailable)
            } else {
                (for_good(), Kind::Config)
            };
            let error = Error::new(kind, "link_refused", format!("the link of `{}`: {said}", profile.name))
                .profile(&profile.name)
                .remedy(format!("see what changed: openclaw profile trust {}", profile.name));
            (exit, Some(error))
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
    let place = Place {
        target,
        typed: profile.remote.as_ref().map(tunnel::typed).unwrap_or_default(),
        again: format!("openclaw profile start {name}"),
        identity: format!("as remote.identity in {}", profile.paths.manifest.display()),
        settings: "the [remote] table of the manifest",
        port: "correct remote_port",
        unreached: format!("it is tried again by itself; see: openclaw profile show {name}"),
    };
    tunnel::explain(&place, trouble, known_key(trouble).as_deref()).profile(name)
}

/// The fingerprint of the key that the client expected, read where it says that it stands.
pub fn known_key(trouble: &Trouble) -> Option<String> {
    let (file, number) = trouble.known_at.as_ref()?;
    // The client names it, but a pipe of that name would keep whoever opens it.
    let file = Path::new(file);
    let text = files::is_file(file).then(|| files::read(file).ok()).flatten()??;
    tunnel::fingerprint(text.lines().nth(number.checked_sub(1)?)?)
}

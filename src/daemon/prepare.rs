//! Looking before a launch (invariants I2, I3): the profile is resolved anew from its files, its isolation is
//! proved over all profiles, its state directory claimed, its port looked at under the claim. Only then is
//! there something to spawn.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::net::unix::pipe;

use super::Setup;
use super::adoption::RunRecord;
use super::census::{self, HOST_LOCK};
use super::confining::{self, Held};
use super::sharing::sharings;
use super::{after, binding, exposing, holder, journal, leftovers, linking, real};
use crate::base::record::{Isolation, Runtime};
use crate::base::{Error, Kind, ProfileName, Result};
use crate::conflict::host::{PrimaryClaim, primary_refusal};
use crate::conflict::{self, Claim as Wanted, Facts, Listener};
use crate::host::census::own_tree;
use crate::host::lock::{self, Claim, Outcome, Record};
use crate::host::output::{self, Output};
use crate::host::{crash, files, foreign, inherit, process, slot, socket};
use crate::profile::isolation::Sharing;
use crate::profile::resolved::{Restart as Wish, RuntimeChoice};
use crate::profile::{Disk, Environment, Profile, Registry, child_env, launch as words};
use crate::supervise::{Policy, Restart, order};
use crate::wire::control::SOCKET_VARIABLE;

/// How this program looks at the disk.
pub const DISK: Disk =
    Disk { read: files::read, list: files::entries, is_dir: files::is_dir, real: files::real_path };

/// How long an unseen holder of a state directory is waited for: a refusal has to stay quick.
const DYING: Duration = Duration::from_millis(80);

/// A profile that may run, with its claims held.
pub struct Cleared {
    /// The profile.
    pub profile: Profile,
    /// Its state directory's lock first; a primary gateway has the host's slot too.
    pub claims: Vec<Claim>,
    /// What it shares by permission, mostly a channel, and with whom.
    pub shared: Vec<(String, ProfileName)>,
}

/// Everything that a spawn needs.
pub struct Prepared {
    /// The profile, as its files say now.
    pub profile: Profile,
    /// What it is made of.
    pub runtime: Runtime,
    /// How it is looked after.
    pub policy: Policy,
    /// What it shares by permission, and with whom.
    pub shared: Vec<(String, ProfileName)>,
    /// What it is confined to.
    pub held: Held,
    /// Its command line.
    pub argv: Vec<OsString>,
    /// Its whole environment.
    pub environment: BTreeMap<String, String>,
    /// The claims that it holds from its first moment on, its state directory's first.
    pub claims: Vec<Claim>,
    /// Whether the first of them is its standard input too.
    pub claim_as_input: bool,
    /// What the next supervisor would have to know of the run.
    pub run: RunRecord,
}

/// Why a gateway is launched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// Somebody asks for a gateway that did not run.
    Asked,
    /// It ran before: a restart, or a new supervisor that brings back what was up.
    Again,
}

/// Looks at everything that could forbid a run of `profile`, and claims its state directory.
///
/// # Errors
/// Mostly [`Kind::Config`]: the start is refused for good and the error names the holder and what to do.
pub fn clear(registry: &Registry<'_>, profile: Profile, occasion: Occasion) -> Result<Cleared> {
    let name = profile.name.clone();
    let mut shared = Vec::new();
    for sharing in &sharings(registry, Some(&name))? {
        if !sharing.allowed {
            return Err(refused_for(&name, sharing));
        }
        tracing::warn!(profile = %name, "{}", sharing.message);
        let other = if sharing.a == name { &sharing.b } else { &sharing.a };
        shared.push((sharing.what.clone(), other.clone()));
    }
    exposing::refuse(registry, &profile)?;
    let state_dir = &profile.paths.state_dir;
    files::private_dir(state_dir)?;
    let mut claims = match lock::claim_after_the_dying(state_dir, DYING)? {
        Outcome::Held(claim) => vec![claim],
        Outcome::Taken => return Err(refusal(&profile, &facts(&profile, true)?)),
    };
    if profile.isolation == Isolation::Primary && profile.remote.is_none() {
        refuse_second_primary(registry, &profile, occasion)?;
        claims.push(host_slot(&profile, registry.environment())?);
    }
    crash::point("claimed");
    // The verdict that counts: under the claim, with the port as it is now.
    let found = facts(&profile, false)?;
    if !conflict::judge(&wanted(&profile), &found).is_empty() {
        return Err(refusal(&profile, &found));
    }
    if let Some(taken) = linking::further_ends(&profile).find_map(|end| port_taken(&end)) {
        return Err(taken);
    }
    if let Err(error) = socket::try_bind(profile.port) {
        if error.kind() == io::ErrorKind::AddrInUse {
            // A listener would have been named above.
            return Err(port_busy(&profile));
        }
        return Err(Error::new(
            Kind::Config,
            "port_unusable",
            format!("port {} cannot be bound", profile.port),
        )
        .profile(&name)
        .caused_by(error)
        .remedy(format!("choose another port in {}", profile.paths.manifest.display())));
    }
    Ok(Cleared { profile, claims, shared })
}

/// Refuses a primary gateway while any other gateway runs on the host, whoever started it (invariant I2).
fn refuse_second_primary(registry: &Registry<'_>, profile: &Profile, occasion: Occasion) -> Result<()> {
    let mut found = census::gateways(&census::profiles(registry)?, registry.environment());
    if occasion == Occasion::Again {
        // What was started beside it on purpose, while it ran, is no reason to let it stay down. One that this
        // supervisor brings back at the same moment has no record yet, but is its child.
        let own = own_tree();
        found.retain(|gateway| !(gateway.ours || gateway.pid.is_some_and(|pid| own.contains(&pid))));
    }
    let claim = PrimaryClaim {
        profile: profile.name.clone(),
        isolation: profile.isolation,
        user: process::user_name(process::own_user()),
        port: profile.port,
        state_dir: files::real_path(&profile.paths.state_dir),
    };
    match primary_refusal(&claim, &found) {
        Some(conflict) => Err(conflict.to_error()),
        None => Ok(()),
    }
}

/// The refusal to start `name` because of what it shares.
pub fn refused_for(name: &ProfileName, sharing: &Sharing) -> Error {
    Error::new(Kind::Config, sharing.code, sharing.message.clone())
        .profile(name)
        .remedy(sharing.remedy.clone())
}

/// The host's slot for its primary gateway, which is one for all users (invariant I2).
fn host_slot(profile: &Profile, environment: &Environment) -> Result<Claim> {
    let path = slot::path(environment.get(HOST_LOCK));
    match slot::claim(&path)? {
        Outcome::Held(claim) => Ok(claim),
        Outcome::Taken => {
            let holder = holder::of(lock::holder_of(&path));
            let name = &profile.name;
            let message =
                format!("`{name}` is to be this host's primary gateway, and the host has one already");
            Err(Error::new(Kind::Config, "host_has_primary", message).profile(name).holder(holder).remedy(
                "stop that one first, or start a named profile, which is isolated: openclaw profile start work",
            ))
        }
    }
}

fn wanted(profile: &Profile) -> Wanted {
    Wanted {
        profile: profile.name.clone(),
        port: profile.port,
        block: profile.block,
        state_dir: profile.paths.state_dir.clone(),
    }
}

/// What the host shows about the things that `profile` wants.
fn facts(profile: &Profile, locked: bool) -> Result<Facts> {
    let unknown = |error: io::Error| {
        Error::new(Kind::Failed, "listeners_unknown", "the kernel does not tell who listens").caused_by(error)
    };
    let record = Record::read(&profile.paths.state_dir);
    let likely = record.as_ref().map(|record| record.pid);
    // The embedded gateway uses the base alone; the real program may take any port of its block.
    let listeners = if profile.runtime == RuntimeChoice::Openclaw {
        let mut all = socket::all_listeners().map_err(unknown)?;
        all.retain(|listener| profile.block.contains(listener.port));
        all
    } else {
        socket::listeners_on(profile.port).map_err(unknown)?
    };
    let listeners = listeners.iter().map(|listener| {
        let holder = holder::of_listener(listener, likely);
        Listener { port: listener.port, address: listener.address, uid: listener.uid, holder }
    });
    let state_dir = &profile.paths.state_dir;
    let proved = || record.as_ref().filter(|record| record.is_proved(state_dir)).map(|record| record.pid);
    // The real program knows nothing of our lock; its own record of a living process counts as one.
    let state_lock = match locked {
        // One that died before it wrote its record, or has none of ours, is found by its descriptor.
        true => Some(holder::of(proved().or_else(|| lock::holder_of(state_dir)))),
        false => foreign::owner_of(state_dir).map(|pid| holder::of(Some(pid))),
    };
    Ok(Facts { listeners: listeners.collect(), state_lock, own_pids: Vec::new() })
}

fn refusal(profile: &Profile, facts: &Facts) -> Error {
    conflict::first_refusal(&conflict::judge(&wanted(profile), facts)).unwrap_or_else(|| {
        // The holder vanished between two looks: a later attempt may succeed.
        Error::new(Kind::Failed, "state_dir_shared", "the state directory was held a moment ago")
            .profile(&profile.name)
            .remedy("try again")
    })
}

/// The refusal that `profile` would meet now, by its port: for a gateway that could not bind what was free when its
/// launch was cleared. `None` when nobody else listens there.
pub fn port_taken(profile: &Profile) -> Option<Error> {
    let found = facts(profile, false).ok()?;
    let refusal = conflict::first_refusal(&conflict::judge(&wanted(profile), &found))?;
    Some(refusal).filter(|refusal| refusal.code() == conflict::Code::PortInUse.as_str())
}

/// What is said of a port that nobody listens on and that cannot be bound now. It passes, so it is no refusal for good.
fn port_busy(profile: &Profile) -> Error {
    let port = profile.port;
    let message = format!(
        "port {port} of `{}` is used by an outgoing connection as its own port, or was a moment ago",
        profile.name
    );
    Error::new(Kind::Failed, "port_busy", message).profile(&profile.name).remedy(format!(
        "see whose it is: ss -tanp sport = :{port}; a port below the kernel's range for outgoing connections \
         (net.ipv4.ip_local_port_range) avoids it"
    ))
}

/// The trouble of a gateway that ended because its port could not be bound although nobody listens there.
pub fn port_lent(profile: &Profile) -> Option<Error> {
    socket::is_lent(profile.port).then(|| port_busy(profile))
}

/// Prepares a run of `name` from its files; with `repair`, the real program's own repair runs before; the
/// `first` run of this supervisor's life first ends what an earlier one left behind.
///
/// # Errors
/// As [`clear`]; [`Kind::Unavailable`] when the real program is asked for and not installed.
pub fn launch(
    setup: &Setup,
    name: &ProfileName,
    occasion: Occasion,
    repair: bool,
    first: bool,
) -> Result<Prepared> {
    let registry = Registry::new(DISK, &setup.environment)?;
    let profile = registry.load(name)?;
    if let Some(refusal) = after::refusal(&registry, name)? {
        return Err(refusal);
    }
    if first {
        leftovers::end(&profile);
    }
    let cleared = clear(&registry, profile, occasion)?;
    if let Some(remote) = cleared.profile.remote.clone() {
        return linking::prepare(setup, cleared, &remote);
    }
    let Cleared { profile, claims, shared } = cleared;
    let found = real::choose(&profile, &setup.environment)?;
    let (runtime, program) = (found.runtime(), process::own_program());
    binding::addresses(&registry, &profile, runtime)?;
    let argv = words::command_line(&profile, runtime, &program, found.installed())?;
    let pipe = setup.run_dir().join(format!("{name}.out"));
    let mut run = RunRecord::new(&profile, runtime, &pipe)?;
    let mut environment = child_env::child_env(&profile, runtime, &setup.environment);
    // One that ended with a session of its own is gone; the usual folder serves.
    environment.retain(|name, value| name != "TMPDIR" || files::is_dir(Path::new(value)));
    let held = confining::held(&registry, &profile, runtime, &argv, &mut environment)?;
    if let Some(real) = found.installed().filter(|_| repair) {
        real::repair(&profile, real, &environment, held.ruleset()?)?;
    }
    environment.extend(claims.first().map(inherit::variable));
    (run.confinement, run.warning) = (held.confinement.clone(), held.warning.clone());
    environment.extend([run.mark.variable()]);
    if profile.rescue.is_some() {
        environment.insert(SOCKET_VARIABLE.into(), setup.socket.display().to_string());
    }
    let policy = policy_of(&profile, runtime);
    let claim_as_input = false;
    Ok(Prepared { policy, held, argv, environment, claims, claim_as_input, shared, run, runtime, profile })
}

impl Prepared {
    /// Spawns the gateway. From here on the claim lives in it alone.
    ///
    /// # Errors
    /// When the pipe or the process cannot be made.
    pub fn spawn(self) -> Result<(u32, pipe::Receiver)> {
        let name = &self.profile.name;
        let failed = |what: &str, error: io::Error| {
            Error::new(Kind::Failed, "spawn_failed", format!("{what} of `{name}` cannot be made"))
                .profile(name)
                .caused_by(error)
        };
        let Output { writer, reader } =
            output::open(&self.run.pipe).map_err(|e| failed("the output pipe", e))?;
        let state_dir = &self.profile.paths.state_dir;
        let spawn = process::Spawn {
            argv: &self.argv,
            environment: &self.environment,
            directory: state_dir,
            output: writer,
            claims: &self.claims,
            claim_as_input: self.claim_as_input,
            confined: self.held.ruleset()?,
        };
        let pid = process::spawn(spawn).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => missing(&self.argv, name, &error),
            _ => failed("the process", error),
        })?;
        Ok((pid, reader))
    }
}

fn missing(argv: &[OsString], name: &ProfileName, error: &io::Error) -> Error {
    let program = argv.first().map(|word| Path::new(word).display().to_string()).unwrap_or_default();
    Error::new(
        Kind::Unavailable,
        "program_missing",
        format!("the program of `{name}` cannot be run: {program}"),
    )
    .profile(name)
    .caused_by(error)
    .remedy("correct [runtime] in its manifest")
}

/// The profiles that come up with the supervisor, each with those it comes after and behind them: those that were up,
/// unless their manifest forbids it; and, where it runs as a service, those whose manifest asks for it and that nobody
/// ever started or stopped. One whose files are broken comes back, so that its error shows.
///
/// # Errors
/// When the directories cannot be listed.
pub fn coming_up(setup: &Setup) -> Result<Vec<(ProfileName, Vec<ProfileName>)>> {
    let records = &setup.paths.records_dir;
    let registry = Registry::new(DISK, &setup.environment)?;
    let wish = |name: &ProfileName| {
        let manifest = registry.manifest(name).ok().flatten();
        manifest.and_then(|manifest| manifest.supervise.autostart)
    };
    let mut names = journal::wanted_up(records)?;
    names.retain(|name| wish(name) != Some(false));
    if setup.is_service() {
        let asked = |name: &ProfileName| wish(name) == Some(true) && journal::intent(records, name).is_none();
        names.extend(registry.names()?.into_iter().filter(asked));
    }
    let mut wishes = after::wishes(&registry)?;
    let sorted = order::sorted(&names, &wishes);
    Ok(sorted.into_iter().map(|name| (name.clone(), wishes.remove(&name).unwrap_or_default())).collect())
}

/// How `profile` wants a gateway of this runtime to be looked after.
pub fn policy_of(profile: &Profile, runtime: Runtime) -> Policy {
    let wish = &profile.supervise;
    Policy {
        restart: match wish.restart {
            // Its restarts keep the pid, so when the real program ends by itself with 0, somebody asked it to
            // (OPENCLAW.md 9.2).
            Wish::Always if runtime == Runtime::Openclaw => Restart::OnFailure,
            Wish::Always => Restart::Always,
            Wish::OnFailure => Restart::OnFailure,
            Wish::Never => Restart::Never,
        },
        start_timeout: wish.start_timeout,
        stop_timeout: wish.stop_timeout,
        delay_min: wish.restart_delay_min,
        delay_max: wish.restart_delay_max,
        restarts_per_hour: wish.restarts_per_hour,
        stable_after: wish.stable_after,
        probe_interval: wish.probe_interval,
        hang_timeout: wish.hang_timeout,
        endless: runtime == Runtime::Link,
        ..Policy::default()
    }
}

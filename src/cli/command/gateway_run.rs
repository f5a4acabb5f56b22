//! `gateway run`: the selected profile's gateway in the foreground, under the same looks and claims as a
//! supervised one. The embedded gateway runs in this process; another runtime replaces it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::gateway_access::{self, Watched};
use super::gateway_notice::{self, Ear};
use super::supervisor_run::stop_signal;
use crate::access::own_tls::own_tls;
use crate::base::exposure::ExposureRecord;
use crate::base::record::Runtime;
use crate::base::{Error, Kind, Result};
use crate::cli::{Context, block_on, chosen, survey};
use crate::daemon::{self, Chosen, Held, Occasion, binding};
use crate::gateway::fleet::Post;
use crate::gateway::{Exposing, Limits, LogFile, LogLayer, Options, Pace, Reload, Tls};
use crate::host::confine as kernel;
use crate::host::inherit::{self, CLAIM_VARIABLE};
use crate::host::lock::{self, Claim, Record};
use crate::host::rotate::RotatingFile;
use crate::host::tree::Mark;
use crate::host::{files, process, settle, trace};
use crate::profile::config::Bind;
use crate::profile::removal::{STORE, STORE_FILE};
use crate::profile::resolve::Flags;
use crate::profile::tailscale::LISTENER_OFFSET;
use crate::profile::{Environment, Profile, Registry, child_env, launch};
use crate::wire::control::SOCKET_VARIABLE;

/// Size at which the gateway's own log is rotated, in bytes.
const LOG_BYTES: u64 = 5 * 1024 * 1024;
/// Rotated logs that are kept beside the current one.
const LOGS_KEPT: u32 = 2;

/// Runs until SIGTERM or SIGINT.
pub fn run(context: &Context, port: Option<u16>, bind: Option<Bind>) -> Result<()> {
    let registry = survey::registry(context)?;
    let flags = Flags { port, bind, ..chosen::flags(context) };
    let name = chosen::selection(context)?.name;
    let profile = registry.load_with(&name, &flags)?;
    if profile.remote.is_some() {
        let what = format!("the gateway of `{name}` runs on another machine");
        return Err(Error::new(Kind::Usage, "profile_remote", what)
            .profile(&name)
            .remedy(format!("bring its link up: openclaw profile start {name}")));
    }
    let inherited = context.environment.get(CLAIM_VARIABLE);
    if inherited.is_some_and(|value| inherit::is_claim_on(value, &profile.paths.state_dir)) {
        // The supervisor has looked, claimed and decided; what it spawns under this name is the embedded one.
        return embedded(context, &registry, &profile, &flags);
    }
    let cleared = daemon::clear(&registry, profile, Occasion::Asked)?;
    let chosen = daemon::choose(&cleared.profile, &context.environment)?;
    let profile = &cleared.profile;
    binding::addresses(&registry, profile, chosen.runtime())?;
    // A record that cannot be written only informs less; the lock itself is held.
    let (pid, nonce) = (process::own_pid(), lock::new_nonce());
    let record = Record::of(name.as_str(), pid, profile.port, chosen.runtime(), nonce);
    if let Err(error) = record.write(&profile.paths.state_dir) {
        context.render.notice(&format!("warning: {error}"));
    }
    let runtime = chosen.runtime();
    let argv = launch::command_line(profile, runtime, &process::own_program(), chosen.installed())?;
    let mut environment = child_env::child_env(profile, runtime, &context.environment);
    let held = daemon::held(&registry, profile, runtime, &argv, &mut environment)?;
    if held.confinement.is_in_force() {
        // By this a supervisor knows that what comes from here is confined.
        environment.extend(Mark::new(&profile.paths.state_dir).as_ref().map(Mark::variable));
    }
    confine(context, &held)?;
    match chosen {
        Chosen::Embedded => embedded(context, &registry, profile, &flags),
        Chosen::Openclaw(_) | Chosen::Command => {
            if let Some(ear) = Ear::of(&context.environment) {
                ear.hand_over("cleared; the gateway is a program that says nothing here");
            }
            become_it(profile, &argv, &environment, &cleared.claims)
        }
    }
}

/// Takes on what the manifest's `[confine]` asks for, before this process becomes the gateway.
fn confine(context: &Context, held: &Held) -> Result<()> {
    if let Some(warning) = &held.warning {
        context.render.notice(&format!("warning: {warning}"));
    }
    let Some(ruleset) = held.ruleset()? else { return Ok(()) };
    kernel::take_on(ruleset).map_err(|error| {
        Error::new(Kind::Config, "confinement_unavailable", "the kernel refuses to confine this process")
            .caused_by(error)
    })
}

/// Replaces this process by the profile's program; the claims go with it.
fn become_it(
    profile: &Profile,
    argv: &[OsString],
    environment: &BTreeMap<String, String>,
    claims: &[Claim],
) -> Result<()> {
    let failed = |error: io::Error| {
        Error::new(
            Kind::Unavailable,
            "program_missing",
            format!("the program of `{}` cannot be run", profile.name),
        )
        .profile(&profile.name)
        .caused_by(error)
    };
    claims.iter().try_for_each(|claim| process::keep_across_exec(claim, true)).map_err(failed)?;
    Err(failed(process::exec(argv, environment)))
}

fn embedded(context: &Context, registry: &Registry<'_>, profile: &Profile, flags: &Flags) -> Result<()> {
    settle::settle();
    settle::raise_file_limit();
    // What a supervisor cleared is looked at once more: this process is the one that binds.
    let addresses = binding::addresses(registry, profile, Runtime::Embedded)?;
    let settings = gateway_access::settings(registry, profile)?;
    let watched = Watched::new(&context.environment, profile, flags, &addresses);
    let tls = tls_of(registry, profile)?;
    let directory = profile.paths.state_dir.join("logs");
    files::private_dir(&directory)?;
    let log = LogFile::new(RotatingFile::open(directory.join("gateway.log"), LOG_BYTES, LOGS_KEPT)?);
    trace::through(LogLayer::new(log.clone(), trace::terminal()));
    let options = Options {
        profile: profile.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        port: profile.port,
        addresses,
        access: settings.access,
        embedded: settings.embedded,
        reload: Some(Reload::new(watched.looks())),
        store: profile.paths.state_dir.join(STORE).join(STORE_FILE),
        state_dir: profile.paths.state_dir.display().to_string(),
        config_path: profile.paths.config_path.display().to_string(),
        tls,
        tailnet: exposing(profile, registry.environment()),
        rescue: profile.rescue.clone().map(|rescue| Post { rescue, socket: supervisor_of(context) }),
        log,
        limits: Limits::default(),
        ready: None,
    };
    let ear = Ear::of(&context.environment);
    block_on(async { gateway_notice::serve(options, stop_signal()?, ear).await }).map_err(|error| match error
        .code()
    {
        // Free at the look, taken at the bind: whoever came between is named as at the look.
        "port_in_use" => daemon::port_taken(profile).unwrap_or(error),
        _ => error,
    })
}

/// Where the supervisor that began this gateway listens.
fn supervisor_of(context: &Context) -> Option<PathBuf> {
    context.environment.get(SOCKET_VARIABLE).map(PathBuf::from)
}

/// The embedded gateway's own TLS, where its configuration switches it on.
fn tls_of(registry: &Registry<'_>, profile: &Profile) -> Result<Option<Tls>> {
    let config = registry.config(&profile.paths.config_path)?;
    let files = own_tls(profile, &config, registry.environment())?;
    files.map(|files| Tls::open(files).map_err(|error| error.profile(&profile.name))).transpose()
}

/// How the embedded gateway is shown to its tailnet.
fn exposing(profile: &Profile, environment: &Environment) -> Option<Exposing> {
    // What macOS's own application brings is on no PATH.
    let application = "/Applications/Tailscale.app/Contents/MacOS/Tailscale";
    let path = environment.path().unwrap_or_default().split(':').filter(|folder| folder.starts_with('/'));
    let candidates = path.map(|folder| Path::new(folder).join("tailscale"));
    profile.tailnet.is_wanted().then(|| Exposing {
        wish: profile.tailnet.clone(),
        candidates: candidates.chain([PathBuf::from(application)]).collect(),
        listener: profile.block.base().checked_add(LISTENER_OFFSET).unwrap_or_default(),
        record: profile.paths.state_dir.join(ExposureRecord::NAME),
        pace: Pace::default(),
    })
}

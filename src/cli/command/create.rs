//! `profile create`: a new profile with a port block, a token and a manifest of its own. Creating is done by
//! one process at a time, so that two names never get crossing blocks.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tokio::time::{sleep, timeout};

use super::adopt;
use crate::access::{EndpointSource, endpoint, reach};
use crate::base::record::Isolation;
use crate::base::{Error, Kind, ProfileName, Result, Secret};
use crate::cli::args::{Create, PolicyArg, RuntimeArg, Sharing, There};
use crate::cli::{Context, survey, turned};
use crate::daemon;
use crate::host::lock::{self, Claim, Outcome};
use crate::host::{files, socket};
use crate::profile::channels::ANY;
use crate::profile::create::{Fill, config_text, manifest_text, template};
use crate::profile::create_remote;
use crate::profile::creation::Creation;
use crate::profile::manifest::RemoteTable;
use crate::profile::paths::WORKSPACE_DIR;
use crate::profile::ports::{Allocation, Ports, allocate};
use crate::profile::resolved::{HostKeyPolicy, RuntimeChoice};
use crate::profile::status::described;
use crate::profile::{Paths, Profile, Registry};

/// How long another process may take to create its profiles.
const TURN_TIMEOUT: Duration = Duration::from_secs(20);
/// Distance of two looks whether it is our turn.
const TURN_RETRY: Duration = Duration::from_millis(2);

/// Creates a profile and says what it got.
pub async fn run(context: &Context, create: &Create) -> Result<()> {
    let registry = survey::registry(context)?;
    let _turn = turn(&registry).await?;
    let name = &create.name;
    refuse_existing(&registry, name)?;
    let profile = make(context, &registry, create)?;
    let status = described(&profile);
    let sentence = format!(
        "created {name}: port {}, state {}\nstart it: openclaw profile start {name}",
        profile.port,
        profile.paths.state_dir.display()
    );
    context.render.done(json!(status), &sentence);
    Ok(())
}

/// Refuses a name that is taken.
pub fn refuse_existing(registry: &Registry<'_>, name: &ProfileName) -> Result<()> {
    if !exists(registry, name)? {
        return Ok(());
    }
    let remedy = if registry.manifest(name)?.is_some() {
        format!("openclaw profile show {name}")
    } else {
        format!("take it under supervision: openclaw profile adopt {name}")
    };
    Err(Error::new(Kind::Usage, "profile_exists", format!("the profile `{name}` exists already"))
        .profile(name)
        .remedy(remedy))
}

/// Makes sure that a profile may be started: creates one that does not exist, and takes a state directory
/// that nobody manages under supervision.
pub async fn ensure(context: &Context, name: &ProfileName) -> Result<()> {
    let registry = survey::registry(context)?;
    // What stands in it is the supervisor's to judge.
    if files::identity(&registry.paths().manifest(name)).is_some() {
        return registry.load(name).map_or(Ok(()), |profile| turned::refuse(&profile));
    }
    let _turn = turn(&registry).await?;
    if registry.manifest(name)?.is_some() {
        return Ok(());
    }
    if exists(&registry, name)? {
        adopt::take(context, &registry, name, None, None)?;
        return Ok(());
    }
    let create = Create {
        name: name.clone(),
        from: None,
        runtime: None,
        port: None,
        there: There::default(),
        sharing: Sharing::default(),
        command: Vec::new(),
    };
    let profile = make(context, &registry, &create)?;
    context.render.notice(&format!(
        "created profile {name}: port {}, state {}",
        profile.port,
        profile.paths.state_dir.display()
    ));
    Ok(())
}

/// Whether there is anything of a profile `name`. An empty state directory, as a creation leaves it that could
/// not go on, is nothing.
fn exists(registry: &Registry<'_>, name: &ProfileName) -> Result<bool> {
    if registry.manifest(name)?.is_some() || !registry.names()?.contains(name) {
        return Ok(registry.manifest(name)?.is_some());
    }
    let paths = registry.derived_paths(name)?;
    let is_remnant = |entry: &String| entry == WORKSPACE_DIR || entry.ends_with(".tmp");
    let begun = files::entries(&paths.state_dir)?.iter().all(is_remnant);
    Ok(!begun || !files::entries(&paths.workspace)?.is_empty())
}

/// Waits until no other process creates profiles; the turn lasts as long as the claim is kept.
pub async fn turn(registry: &Registry<'_>) -> Result<Claim> {
    let directory = &registry.paths().config_dir;
    files::private_dir(directory)?;
    let wait = async {
        loop {
            if let Outcome::Held(claim) = lock::claim(directory)? {
                return Ok(claim);
            }
            sleep(TURN_RETRY).await;
        }
    };
    timeout(TURN_TIMEOUT, wait).await.unwrap_or_else(|_| {
        let what = format!("another process keeps {} busy", directory.display());
        Err(Error::new(Kind::Deadline, "registry_busy", what)
            .remedy(format!("see which one: fuser -v {}", directory.display())))
    })
}

fn make(context: &Context, registry: &Registry<'_>, create: &Create) -> Result<Profile> {
    let name = &create.name;
    name.check_creatable(&registry.names()?)?;
    if create.from.as_deref() == Some("remote") {
        let what = "a remote profile needs to know where its gateway is";
        return Err(Error::new(Kind::Usage, "profile_remote", what)
            .profile(name)
            .remedy(format!("openclaw profile create {name} --remote ssh://user@host")));
    }
    let Allocation { block, note } = allocate_block(registry, name, create.port)?;
    if let Some(note) = note {
        context.render.notice(&note);
    }
    if let Some(there) = &create.there.remote {
        return make_remote(context, registry, create, there, block.base());
    }
    if context.global.token_file.is_some() || context.global.tls_fingerprint.is_some() {
        let what =
            "--token-file and --tls-fingerprint belong to a gateway on another machine, which --remote names";
        return Err(Error::new(Kind::Usage, "remote_missing", what).profile(name).remedy("leave them out"));
    }
    let runtime = runtime_of(create.runtime, &create.command)?;
    let mut fill = Fill { port: Some(block.base()), runtime, ..Fill::default() };
    if create.from.is_some() && !name.is_default() {
        // A named profile is a further one, whatever the template was written for.
        fill.isolation = Some(Isolation::Isolated);
    }
    if template_name(create) != name.as_str() {
        fill.description = Some(String::new());
    }
    let paths = registry.derived_paths(name)?;
    if context.environment.get("OPENCLAW_HOME").is_some() {
        // A supervisor that was started elsewhere must find the same directory.
        fill.state_dir = Some(paths.state_dir.clone());
    }
    if let Some(channel) = &create.sharing.allow_shared_channel {
        // A new profile shares nothing yet: what is not named narrower is every channel.
        fill.allow_shared_channels =
            Some(vec![if channel.is_empty() { ANY.into() } else { channel.clone() }]);
    }
    if runtime == Some(RuntimeChoice::Command) {
        fill.command = Some(create.command.clone());
    }
    pin_real(context, &mut fill)?;
    let text = manifest_text(template(template_name(create))?, &fill)?;
    let config = config_text(block.base(), &new_token()?);
    establish(registry, name, &Texts { paths, config, manifest: text }, |_| Ok(()))
}

/// A profile whose gateway is elsewhere; `local_port` is the near end of its link.
fn make_remote(
    context: &Context,
    registry: &Registry<'_>,
    create: &Create,
    there: &str,
    local_port: u16,
) -> Result<Profile> {
    let (name, global, given) = (&create.name, &context.global, &create.there);
    if global.token.is_some() || global.password.is_some() {
        let what = "a credential is kept in a file of yours; its text is not written anywhere";
        return Err(Error::new(Kind::Usage, "credential_inline", what)
            .profile(name)
            .remedy("say --token-file FILE or --password-file FILE"));
    }
    let file = |path: &Option<PathBuf>| -> Result<Option<String>> {
        let path = path.as_deref().map(files::absolute).transpose()?;
        Ok(path.map(|path| path.display().to_string()))
    };
    let link = RemoteTable {
        remote_port: given.remote_port,
        identity: file(&given.identity)?,
        known_hosts: file(&given.known_hosts)?,
        host_key_policy: given.host_key_policy.map(|policy| match policy {
            PolicyArg::Strict => HostKeyPolicy::Strict,
            PolicyArg::Openssh => HostKeyPolicy::OpenSsh,
        }),
        local_port: Some(local_port),
        tls_fingerprint: global.tls_fingerprint.clone(),
        token_file: file(&global.token_file)?,
        password_file: file(&global.password_file)?,
        ..create_remote::link(there)?
    };
    if let Some(url) = link.url.as_deref() {
        let endpoint = endpoint::from_url(url, EndpointSource::Manifest)?;
        reach::check(&endpoint, reach::names_allowed(&context.environment))
            .map_err(|error| error.profile(name))?;
    }
    let manifest = create_remote::manifest_text(name, &link)?;
    let config = create_remote::config_text(&link, local_port);
    let paths = registry.derived_paths(name)?;
    establish(registry, name, &Texts { paths, config, manifest }, |_| Ok(()))
}

/// Where a new profile's files come to be, and what they say.
pub struct Texts {
    /// Its paths.
    pub paths: Paths,
    /// Its `openclaw.json`.
    pub config: String,
    /// Its manifest.
    pub manifest: String,
}

/// Writes the files of a new profile, and the record of what is created; `furnish` may put something into its
/// workspace. The manifest comes last: until then the profile does not exist and creating it again goes on from
/// here.
pub fn establish(
    registry: &Registry<'_>,
    name: &ProfileName,
    texts: &Texts,
    furnish: impl FnOnce(&Path) -> Result<()>,
) -> Result<Profile> {
    let Texts { paths, config, manifest } = texts;
    let mut creation = Creation::default();
    // Where there was an empty one, nothing is lost either when it is removed as ours.
    creation.directories.extend([paths.state_dir.clone(), paths.workspace.clone()]);
    if !files::is_there(&paths.config_path) {
        creation.file(&paths.config_path, config);
    }
    files::private_dir(&paths.state_dir)?;
    files::private_dir(&paths.workspace)?;
    files::private_dir(&registry.paths().records_dir)?;
    files::write_atomic(&registry.paths().creation(name), &creation.text())?;
    match files::create_new(&paths.config_path, config) {
        // What is there from an unfinished creation, or from the user, is kept.
        Err(error) if error.code() == "file_exists" => {}
        outcome => outcome?,
    }
    furnish(&paths.workspace)?;
    files::create_new(&paths.manifest, manifest)?;
    registry.load(name)
}

/// The template that was asked for; else the one of the profile's own name, or the general one.
fn template_name(create: &Create) -> &str {
    match &create.from {
        Some(from) => from,
        None if create.name.is_default() => "default",
        None if create.name.as_str() == "rescue" => "rescue",
        None => "work",
    }
}

/// A token of the operating system's randomness.
///
/// # Errors
/// When there is none.
pub fn new_token() -> Result<Secret> {
    Secret::generate().map_err(|error| {
        Error::new(Kind::Failed, "randomness_unavailable", "no token can be made").caused_by(error)
    })
}

/// A free block for `name` beside those of all known profiles.
pub fn allocate_block(
    registry: &Registry<'_>,
    name: &ProfileName,
    wanted: Option<u16>,
) -> Result<Allocation> {
    let taken: Vec<(ProfileName, Ports)> = registry
        .all()?
        .into_iter()
        .filter(|(other, _)| other != name)
        .filter_map(|(other, profile)| Some((other, profile.ok()?.ports())))
        .collect();
    // A kernel that does not tell is asked again by the bind itself.
    let busy = socket::busy_ports().unwrap_or_default();
    allocate(name, wanted, &taken, &|port| busy.contains(&port))
}

/// The runtime that was asked for.
///
/// # Errors
/// [`Kind::Usage`] when a command is given without `--runtime command`, or the other way round.
pub fn runtime_of(asked: Option<RuntimeArg>, command: &[String]) -> Result<Option<RuntimeChoice>> {
    let refuse = |message: &str| {
        Err(Error::new(Kind::Usage, "runtime_command", message)
            .remedy("openclaw profile create NAME --runtime command -- PROGRAM --port {port}"))
    };
    match (asked, command) {
        (Some(RuntimeArg::Command), []) => refuse("the runtime `command` needs a program behind `--`"),
        (Some(RuntimeArg::Command), _) => Ok(Some(RuntimeChoice::Command)),
        (_, [_, ..]) => refuse("a program behind `--` needs --runtime command"),
        (Some(RuntimeArg::Auto), []) => Ok(Some(RuntimeChoice::Auto)),
        (Some(RuntimeArg::Embedded), []) => Ok(Some(RuntimeChoice::Embedded)),
        (Some(RuntimeArg::Openclaw), []) => Ok(Some(RuntimeChoice::Openclaw)),
        (None, []) => Ok(None),
    }
}

/// Writes into a manifest for the real program where it is now, so that its start depends on no shell.
///
/// # Errors
/// When it is asked for and not installed, or its Node.js is too old.
pub fn pin_real(context: &Context, fill: &mut Fill) -> Result<()> {
    if fill.runtime == Some(RuntimeChoice::Openclaw) {
        let found = daemon::find_real(None, None, &context.environment)?;
        fill.program = Some(found.program);
        fill.node = Some(found.node);
    }
    Ok(())
}

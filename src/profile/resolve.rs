//! From what was typed, exported and written to the profile that is meant: flag, then environment, then manifest,
//! then `openclaw.json`, then what follows from the name. An `OPENCLAW_*` value that was inherited from another
//! profile is never used; a warning names it (INCIDENTS B2).

use std::path::{Path, PathBuf};

use super::config::{Bind, Mode};
use super::environment::expand_tilde;
use super::manifest::{Manifest, RemoteTable, SuperviseTable};
use super::paths::{CONFIG_FILE, projected_from};
use super::remote::Remote;
use super::resolved::{ConfineLevel, Profile, Ready, RuntimeChoice, Source, Supervise};
use super::{Environment, GatewayConfig, Paths};
use crate::base::port::{DEFAULT_PORT, DEV_PORT, derived_port};
use crate::base::record::{Isolation, Place};
use crate::base::{Error, Kind, PortBlock, ProfileName, Result};

/// What the command line says about the profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--profile NAME`, unchecked.
    pub profile: Option<String>,
    /// `--dev`, which means the profile `dev`.
    pub dev: bool,
    /// `--port`, where a command has it.
    pub port: Option<u16>,
}

/// Which profile is meant, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The profile.
    pub name: ProfileName,
    /// [`Source::Flag`], [`Source::Environment`], or [`Source::Derived`] for "nobody said anything".
    pub source: Source,
}

/// Where a profile's files are, before its configuration has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The paths; the configuration may still move the workspace.
    pub paths: Paths,
    /// Inherited variables that were not used.
    pub warnings: Vec<String>,
}

/// Which profile is meant.
///
/// # Errors
/// [`Kind::Usage`]: `--dev` together with `--profile`, or an invalid name, wherever it came from.
pub fn select(flags: &Flags, env: &Environment) -> Result<Selection> {
    if let Some(text) = &flags.profile {
        if flags.dev {
            return Err(Error::new(Kind::Usage, "profile_and_dev", "cannot combine --dev with --profile")
                .remedy("leave one of them out; --dev means --profile dev"));
        }
        return Ok(Selection { name: text.parse()?, source: Source::Flag });
    }
    if flags.dev {
        return Ok(Selection { name: "dev".parse()?, source: Source::Flag });
    }
    match env.get("OPENCLAW_PROFILE") {
        Some(text) => {
            let name = text.trim().parse::<ProfileName>().map_err(|error| {
                Error::new(Kind::Usage, "profile_name_invalid", format!("OPENCLAW_PROFILE: {error}"))
                    .remedy("set OPENCLAW_PROFILE to a valid name, unset it, or say --profile NAME")
            })?;
            Ok(Selection { name, source: Source::Environment })
        }
        None => Ok(Selection { name: ProfileName::default_profile(), source: Source::Derived }),
    }
}

/// Whether the `OPENCLAW_*` variables of `env` were exported for this profile: `OPENCLAW_PROFILE` is its name, or is
/// not set and the profile is the default one.
pub fn own_env(name: &ProfileName, env: &Environment) -> bool {
    match env.get("OPENCLAW_PROFILE") {
        Some(text) => text.trim().parse::<ProfileName>().is_ok_and(|exported| exported == *name),
        None => name.is_default(),
    }
}

/// Where the profile's files are, so that its configuration can be read.
///
/// # Errors
/// [`Kind::Config`] when no home is known or a path of its own is not absolute.
pub fn locate(name: &ProfileName, manifest: Option<&Manifest>, env: &Environment) -> Result<Located> {
    let mut inherited = Inherited { name, env, home: env.home()?, warnings: Vec::new() };
    let derived = Paths::derive(name, env)?;
    let written = manifest.map(|manifest| &manifest.paths);
    let home = inherited.home.clone();
    let from_manifest = |text: Option<&String>| text.and_then(|text| expand_tilde(text, &home));
    let state_dir = match inherited.path("OPENCLAW_STATE_DIR")? {
        Some(path) => path,
        None => {
            from_manifest(written.and_then(|paths| paths.state_dir.as_ref())).unwrap_or(derived.state_dir)
        }
    };
    let config_path = match inherited.path("OPENCLAW_CONFIG_PATH")? {
        Some(path) => path,
        None => from_manifest(written.and_then(|paths| paths.config_path.as_ref()))
            .unwrap_or_else(|| state_dir.join(CONFIG_FILE)),
    };
    let workspace = match inherited.path("OPENCLAW_WORKSPACE_DIR")? {
        Some(path) => path,
        None => from_manifest(written.and_then(|paths| paths.workspace.as_ref()))
            .unwrap_or_else(|| state_dir.join("workspace")),
    };
    let paths = Paths { state_dir, config_path, workspace, manifest: derived.manifest };
    Ok(Located { paths, warnings: inherited.warnings })
}

/// Resolves a profile. The supervisor hands in an environment without `OPENCLAW_*` and no flags, so that a managed
/// profile is the same whoever asks.
///
/// # Errors
/// [`Kind::Config`] when no home is known, or paths or the link to a remote gateway are not usable;
/// [`Kind::Usage`] for `--port 0`.
pub fn resolve(
    name: &ProfileName,
    manifest: Option<&Manifest>,
    config: &GatewayConfig,
    flags: &Flags,
    env: &Environment,
) -> Result<Profile> {
    let Located { mut paths, mut warnings } = locate(name, manifest, env)?;
    let home = env.home()?;
    if let Some(path) = workspace_of(config, env, &home, &mut warnings) {
        let elsewhere = manifest.and_then(|manifest| manifest.paths.workspace.as_ref());
        if elsewhere.is_some() && path != paths.workspace {
            warnings.push(format!(
                "openclaw.json puts the workspace at {}; OpenClaw follows it, not paths.workspace of the manifest",
                path.display()
            ));
        }
        paths.workspace = path;
    }
    let remote = remote_of(name, manifest, config, &home, &mut warnings)?;
    let place = if remote.is_some() { Place::Remote } else { Place::Local };
    let link = manifest.and_then(|manifest| manifest.remote.as_ref());
    let (port, port_source) = match place {
        Place::Local => local_port(name, manifest, config, flags, env, &mut warnings)?,
        Place::Remote => tunnel_port(name, link),
    };
    let written = manifest.cloned().unwrap_or_default();
    let alone = if name.is_default() { Isolation::Primary } else { Isolation::Isolated };
    Ok(Profile {
        name: name.clone(),
        description: written.description.unwrap_or_default(),
        place,
        isolation: written.isolation.unwrap_or(alone),
        runtime: written.runtime.kind.unwrap_or(RuntimeChoice::Auto),
        command: written.runtime.command.unwrap_or_default(),
        ready: written.runtime.ready.unwrap_or(Ready::Gateway),
        node: written.runtime.node.and_then(|text| expand_tilde(&text, &home)),
        program: written.runtime.program.and_then(|text| expand_tilde(&text, &home)),
        doctor_on_78: written.runtime.doctor_on_78.unwrap_or(false),
        pass_env: written.runtime.pass_env.unwrap_or_default(),
        port,
        port_source,
        block: PortBlock::at(port),
        // Loopback is always said aloud: in a container the real program would listen on every address.
        bind: written.bind.or(config.bind).unwrap_or(Bind::Loopback),
        custom_bind_host: config.custom_bind_host.clone(),
        tls: config.tls.enabled,
        paths,
        supervise: supervise(written.supervise),
        confine: written.confine.unwrap_or(ConfineLevel::Off),
        managed: manifest.is_some(),
        remote,
        warnings,
    })
}

/// The environment as one profile may read it: values of another profile are dropped with a warning.
struct Inherited<'a> {
    name: &'a ProfileName,
    env: &'a Environment,
    home: PathBuf,
    warnings: Vec<String>,
}

impl Inherited<'_> {
    fn path(&mut self, variable: &str) -> Result<Option<PathBuf>> {
        let Some(text) = self.env.get(variable) else { return Ok(None) };
        let path = expand_tilde(text, &self.home);
        let owner = path.as_ref().and_then(|path| projected_from(path, &self.home, self.name));
        if owner.is_none() && own_env(self.name, self.env) {
            let refused = || {
                let what = format!("{variable} is `{}`, which is not an absolute path", text.trim());
                Error::new(Kind::Config, "path_not_absolute", what)
                    .profile(self.name)
                    .remedy(format!("set {variable} to an absolute path, or unset it"))
            };
            return path.map(Some).ok_or_else(refused);
        }
        self.warnings.push(dropped(self.name, self.env, variable, owner.as_ref()));
        Ok(None)
    }
}

/// The sentence about an inherited value that was not used.
fn dropped(name: &ProfileName, env: &Environment, variable: &str, owner: Option<&ProfileName>) -> String {
    let exported = env.get("OPENCLAW_PROFILE").and_then(|text| text.trim().parse().ok());
    let owner = owner.cloned().or(exported).unwrap_or_else(ProfileName::default_profile);
    if owner == *name {
        // Only a value of the default profile, exported beside another profile's name, comes here.
        return format!("{variable} in the environment is not this profile's and is not used");
    }
    format!(
        "{variable} in the environment belongs to the profile `{owner}` and is not used for `{name}`; \
         export OPENCLAW_PROFILE={name} with it if it is meant"
    )
}

/// The gateway's port and who decided it (OPENCLAW.md 1.5, with the manifest in its place).
fn local_port(
    name: &ProfileName,
    manifest: Option<&Manifest>,
    config: &GatewayConfig,
    flags: &Flags,
    env: &Environment,
    warnings: &mut Vec<String>,
) -> Result<(u16, Source)> {
    let kept = manifest.and_then(|manifest| manifest.port);
    if let (Some(kept), Some(other)) = (kept, config.port)
        && kept != other
    {
        warnings.push(format!(
            "gateway.port is {other} in openclaw.json and {kept} in the manifest, which counts"
        ));
    }
    if let Some(port) = flags.port {
        if port == 0 {
            return Err(Error::new(Kind::Usage, "port_invalid", "--port 0 is not a port from 1 to 65535")
                .remedy(format!("say for example --port {DEFAULT_PORT}")));
        }
        return Ok((port, Source::Flag));
    }
    if let Some(port) = env.get("OPENCLAW_GATEWAY_PORT").and_then(port_in) {
        let owner = match port {
            DEFAULT_PORT => Some("default"),
            DEV_PORT => Some("dev"),
            _ => None,
        };
        let owner = owner.and_then(|owner| owner.parse().ok()).filter(|owner| owner != name);
        if owner.is_none() && own_env(name, env) {
            return Ok((port, Source::Environment));
        }
        warnings.push(dropped(name, env, "OPENCLAW_GATEWAY_PORT", owner.as_ref()));
    }
    let written = kept.map(|port| (port, Source::Manifest));
    let configured = config.port.map(|port| (port, Source::Config));
    Ok(written.or(configured).unwrap_or_else(|| (derived_port(name), Source::Derived)))
}

fn tunnel_port(name: &ProfileName, link: Option<&RemoteTable>) -> (u16, Source) {
    match link.and_then(|link| link.local_port) {
        Some(port) => (port, Source::Manifest),
        None => (derived_port(name), Source::Derived),
    }
}

/// The port in `18789`, `host:18789` or `[::1]:18789`; anything else is ignored, as the real program does.
fn port_in(text: &str) -> Option<u16> {
    let text = text.trim();
    let digits = match text.rsplit_once(':') {
        // A bare IPv6 address has no port.
        Some((host, port)) if !host.contains(':') || (host.starts_with('[') && host.ends_with(']')) => port,
        Some(_) => return None,
        None => text,
    };
    let all_digits = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    digits.parse().ok().filter(|port| all_digits && *port > 0)
}

/// `agents.defaults.workspace`, which the real program follows before anything else.
fn workspace_of(
    config: &GatewayConfig,
    env: &Environment,
    home: &Path,
    warnings: &mut Vec<String>,
) -> Option<PathBuf> {
    let text = config.workspace.as_deref()?;
    let text = config.expand(text, env);
    let path = expand_tilde(&text, home);
    if path.is_none() {
        warnings
            .push(format!("agents.defaults.workspace is `{text}`, which is not an absolute path; not used"));
    }
    path
}

fn remote_of(
    name: &ProfileName,
    manifest: Option<&Manifest>,
    config: &GatewayConfig,
    home: &Path,
    warnings: &mut Vec<String>,
) -> Result<Option<Remote>> {
    if let Some(manifest) = manifest {
        if let Some(link) = &manifest.remote {
            return Remote::from_manifest(name, link, home).map(Some);
        }
        if config.mode == Some(Mode::Remote) {
            warnings.push(
                "gateway.mode is `remote` in openclaw.json: OpenClaw refuses to start a gateway".into(),
            );
        }
        return Ok(None);
    }
    if config.mode != Some(Mode::Remote) {
        return Ok(None);
    }
    if config.remote.url.is_none() && config.remote.ssh_target.is_none() {
        warnings.push(
            "gateway.mode is `remote` but gateway.remote.url is missing; the local endpoint is used".into(),
        );
        return Ok(None);
    }
    Remote::from_config(name, &config.remote, home).map(Some)
}

fn supervise(table: SuperviseTable) -> Supervise {
    let default = Supervise::default();
    let delay_min = table.restart_delay_min.map_or(default.restart_delay_min, |span| span.0);
    let delay_max = table.restart_delay_max.map_or(default.restart_delay_max, |span| span.0);
    Supervise {
        autostart: table.autostart.unwrap_or(default.autostart),
        restart: table.restart.unwrap_or(default.restart),
        start_timeout: table.start_timeout.map_or(default.start_timeout, |span| span.0),
        stop_timeout: table.stop_timeout.map_or(default.stop_timeout, |span| span.0),
        restarts_per_hour: table.restarts_per_hour.unwrap_or(default.restarts_per_hour),
        // A long first wait alone lifts the default longest one; a short longest one alone lowers the first.
        restart_delay_min: if table.restart_delay_min.is_none() {
            delay_min.min(delay_max)
        } else {
            delay_min
        },
        restart_delay_max: delay_max.max(if table.restart_delay_min.is_none() {
            delay_max
        } else {
            delay_min
        }),
        memory_high: table.memory_high.unwrap_or(default.memory_high),
        on_memory_high: table.on_memory_high.unwrap_or(default.on_memory_high),
        alert: table.alert.unwrap_or(default.alert),
    }
}

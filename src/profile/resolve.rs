//! From what was typed, exported and written to the profile that is meant: flag, then environment, then manifest,
//! then `openclaw.json`, then what follows from the name. An `OPENCLAW_*` value that was inherited from another
//! profile is never used; a warning names it (INCIDENTS B2).

use std::path::{Path, PathBuf};

use super::config::{Bind, Mode};
use super::environment::expand_tilde;
use super::inherited::Inherited;
use super::manifest::{Manifest, RemoteTable, SuperviseTable};
use super::paths::{CONFIG_FILE, WORKSPACE_DIR};
use super::remote::{self, Remote};
use super::resolved::{ConfineLevel, Profile, Ready, RuntimeChoice, Source, Supervise};
use super::tailscale::Tailnet;
use super::{Environment, GatewayConfig, Paths};
use crate::base::port::{DEFAULT_PORT, derived_port};
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
    /// `--bind`, where a command has it.
    pub bind: Option<Bind>,
}

/// Which profile is meant, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The profile.
    pub name: ProfileName,
    /// [`Source::Flag`], [`Source::Environment`], [`Source::Used`], or [`Source::Derived`] for "nobody said anything".
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

/// Which profile is meant: by the flag, else the environment, else `used`, which answers what `profile use` has
/// written and is asked only when the two are silent, else the default one.
///
/// # Errors
/// [`Kind::Usage`]: `--dev` together with `--profile`, or an invalid name, wherever it came from; what `used` says.
pub fn select(
    flags: &Flags,
    env: &Environment,
    used: impl FnOnce() -> Result<Option<ProfileName>>,
) -> Result<Selection> {
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
        None => Ok(match used()? {
            Some(name) => Selection { name, source: Source::Used },
            None => Selection { name: ProfileName::default_profile(), source: Source::Derived },
        }),
    }
}

/// Where the profile's files are, so that its configuration can be read.
///
/// # Errors
/// [`Kind::Config`] when no home is known or a path of its own is not absolute.
pub fn locate(name: &ProfileName, manifest: Option<&Manifest>, env: &Environment) -> Result<Located> {
    let mut inherited = Inherited::new(name, env)?;
    let derived = Paths::derive(name, env)?;
    let written = manifest.map(|manifest| manifest.paths.clone()).unwrap_or_default();
    let home = env.home()?;
    let or = |text: Option<String>, otherwise: PathBuf| {
        text.and_then(|text| expand_tilde(&text, &home)).unwrap_or(otherwise)
    };
    let state_dir = inherited.path("OPENCLAW_STATE_DIR", or(written.state_dir, derived.state_dir))?;
    let config_path = or(written.config_path, state_dir.join(CONFIG_FILE));
    let config_path = inherited.path("OPENCLAW_CONFIG_PATH", config_path)?;
    let workspace = or(written.workspace, state_dir.join(WORKSPACE_DIR));
    let workspace = inherited.path("OPENCLAW_WORKSPACE_DIR", workspace)?;
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
        Place::Remote => tunnel_port(name, link, config),
    };
    let written = manifest.cloned().unwrap_or_default();
    let alone = if name.is_default() { Isolation::Primary } else { Isolation::Isolated };
    Ok(Profile {
        name: name.clone(),
        description: written.description.unwrap_or_default(),
        place,
        isolation: written.isolation.unwrap_or(alone),
        allow_shared_channels: written.allow_shared_channels.unwrap_or_default(),
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
        bind: bind_of(written.bind, config, flags, &mut warnings),
        custom_bind_host: config.custom_bind_host.clone(),
        tailnet: Tailnet::resolved(config, written.tailnet_port, written.tailnet_path),
        tls: config.tls.enabled,
        paths,
        supervise: supervise(written.supervise, Supervise::usual(place)),
        confine: written.confine.unwrap_or(ConfineLevel::Off),
        confine_fallback: written.confine_fallback.unwrap_or(false),
        rescue: written.rescue.clone(),
        managed: manifest.is_some(),
        remote,
        warnings,
    })
}

/// Where the gateway listens.
fn bind_of(kept: Option<Bind>, config: &GatewayConfig, flags: &Flags, warnings: &mut Vec<String>) -> Bind {
    if let (Some(kept), Some(other)) = (kept, config.bind)
        && kept != other
    {
        let (kept, other) = (kept.as_str(), other.as_str());
        warnings.push(format!(
            "gateway.bind is `{other}` in openclaw.json and `{kept}` in the manifest, which counts"
        ));
    }
    // Loopback is always said aloud: in a container the real program would listen on every address.
    flags.bind.or(kept).or(config.bind).unwrap_or(Bind::Loopback)
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
    let written = kept.map(|port| (port, Source::Manifest));
    let configured = config.port.map(|port| (port, Source::Config));
    let otherwise = written.or(configured).unwrap_or_else(|| (derived_port(name), Source::Derived));
    let mut inherited = Inherited::new(name, env)?;
    let exported = inherited.port(otherwise.0);
    warnings.append(&mut inherited.warnings);
    Ok(exported.map_or(otherwise, |port| (port, Source::Environment)))
}

/// The near end of a link and who decided it. Without a manifest it is where the real CLI dials.
fn tunnel_port(name: &ProfileName, link: Option<&RemoteTable>, config: &GatewayConfig) -> (u16, Source) {
    let configured = || remote::table_of(&config.remote).local_port.map(|port| (port, Source::Config));
    let decided = match link {
        Some(link) => link.local_port.map(|port| (port, Source::Manifest)),
        None => configured(),
    };
    decided.unwrap_or_else(|| (derived_port(name), Source::Derived))
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

fn supervise(table: SuperviseTable, default: Supervise) -> Supervise {
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
        stable_after: table.stable_after.map_or(default.stable_after, |span| span.0),
        probe_interval: table.probe_interval.map_or(default.probe_interval, |span| span.0),
        hang_timeout: table.hang_timeout.map_or(default.hang_timeout, |span| span.0),
        rollback: table.rollback.unwrap_or(default.rollback),
        probation: table.probation.map_or(default.probation, |span| span.0),
        after: table.after.unwrap_or(default.after),
        memory_high: table.memory_high.unwrap_or(default.memory_high),
        on_memory_high: table.on_memory_high.unwrap_or(default.on_memory_high),
        alert: table.alert.unwrap_or(default.alert),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(
        name: &str,
        manifest: Option<&str>,
        config: &str,
        port: Option<u16>,
        env: &[(&str, &str)],
    ) -> Profile {
        let manifest = manifest.map(|text| Manifest::parse(text, Path::new("m.toml")).unwrap());
        let config = GatewayConfig::parse(config, Path::new("openclaw.json")).unwrap();
        let env = Environment::from_pairs(env.iter().copied().chain([("HOME", "/h")]));
        let flags = Flags { port, ..Flags::default() };
        resolve(&name.parse().unwrap(), manifest.as_ref(), &config, &flags, &env).unwrap()
    }

    #[test]
    fn flag_beats_environment_beats_manifest_beats_configuration_beats_name() {
        let env = [("OPENCLAW_PROFILE", "work"), ("OPENCLAW_GATEWAY_PORT", "2")];
        let (manifest, config) = (Some("gateway.port = 3"), "{gateway: {port: 4}}");
        for (profile, port, source) in [
            (resolved("work", manifest, config, Some(1), &env), 1, Source::Flag),
            (resolved("work", manifest, config, None, &env), 2, Source::Environment),
            (resolved("work", manifest, config, None, &[]), 3, Source::Manifest),
            (resolved("work", None, config, None, &[]), 4, Source::Config),
            (resolved("work", None, "{}", None, &[]), 41984, Source::Derived),
            (resolved("default", None, "{}", None, &[]), 18789, Source::Derived),
        ] {
            assert_eq!((profile.port, profile.port_source), (port, source));
            assert_eq!(profile.block, PortBlock::at(port));
        }
        let both = resolved("work", manifest, config, None, &[]);
        assert!(both.warnings[0].contains("4 in openclaw.json and 3 in the manifest"), "{:?}", both.warnings);
    }

    #[test]
    fn a_bind_that_the_manifest_overrules_is_told() {
        let told = |config| {
            let profile = resolved("work", Some("gateway.bind = \"loopback\""), config, None, &[]);
            (profile.bind, profile.warnings.len())
        };
        assert_eq!(told("{gateway: {bind: 'lan'}}"), (Bind::Loopback, 1));
        assert_eq!(told("{gateway: {bind: 'loopback'}}"), (Bind::Loopback, 0));
        assert_eq!(told("{}"), (Bind::Loopback, 0));
    }

    #[test]
    fn port_zero_is_refused() {
        let flags = Flags { port: Some(0), ..Flags::default() };
        let (env, config) = (Environment::from_pairs([("HOME", "/h")]), GatewayConfig::default());
        let error = resolve(&ProfileName::default_profile(), None, &config, &flags, &env).unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Usage, "port_invalid"));
    }

    #[test]
    fn the_workspace_is_where_the_real_program_looks_for_it() {
        let config = "{agents: {defaults: {workspace: '~/code'}}}";
        let env = [("OPENCLAW_PROFILE", "work"), ("OPENCLAW_WORKSPACE_DIR", "/env")];
        let manifest = Some("paths.workspace = '/m'");
        for (profile, workspace) in [
            (resolved("work", manifest, config, None, &env), "/h/code"),
            (resolved("work", manifest, "{}", None, &env), "/env"),
            (resolved("work", manifest, "{}", None, &[]), "/m"),
            (resolved("work", Some("paths.state_dir = '/s'"), "{}", None, &[]), "/s/workspace"),
        ] {
            assert_eq!(profile.paths.workspace, Path::new(workspace));
        }
        let relative = resolved("work", None, "{agents: {defaults: {workspace: 'code'}}}", None, &[]);
        assert_eq!(relative.paths.workspace, Path::new("/h/.openclaw-work/workspace"));
        assert_eq!(relative.warnings.len(), 1);
    }

    #[test]
    fn a_local_profile_whose_configuration_points_elsewhere_is_told() {
        let config = "{gateway: {mode: 'remote', remote: {url: 'wss://h'}}}";
        let managed = resolved("work", Some(""), config, None, &[]);
        assert!(managed.remote.is_none() && managed.warnings[0].contains("gateway.mode"));
        let found = resolved("work", None, config, None, &[]);
        assert!(found.remote.is_some() && found.place == Place::Remote && !found.managed);
    }

    #[test]
    fn the_bind_is_always_said_aloud() {
        for (manifest, config, bind) in [
            (None, "{}", Bind::Loopback),
            (None, "{gateway: {bind: 'lan'}}", Bind::Lan),
            (Some("gateway.bind = 'tailnet'"), "{gateway: {bind: 'lan'}}", Bind::Tailnet),
        ] {
            assert_eq!(resolved("work", manifest, config, None, &[]).bind, bind);
        }
    }
}

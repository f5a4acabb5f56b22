//! A profile's manifest as it was written (DESIGN 3.6): every value optional, nothing derived, unknown keys
//! refused. What is left out is decided by `profile::resolve`.

pub mod keys;
mod rescue;
mod section;

use std::path::Path;

use toml_edit::Document;

use self::section::{Section, Text};
use super::rescue::Rescue;
use super::resolved::{ConfineLevel, HostKeyPolicy, OnMemoryHigh, Ready, Restart, RuntimeChoice, Transport};
use super::size::ByteSize;
use super::{child_env, launch, remote, tailscale};
use crate::base::port::BASE_MAX;
use crate::base::record::{Isolation, Place};
use crate::base::{ProfileName, Result, Span};
use crate::profile::config::Bind;

/// A manifest as written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    /// Local or remote; local when left out.
    pub kind: Option<Place>,
    /// A sentence for people.
    pub description: Option<String>,
    /// Primary or isolated.
    pub isolation: Option<Isolation>,
    /// Channels whose credential another profile may have too; `*` stands for all.
    pub allow_shared_channels: Option<Vec<String>>,
    /// What the gateway is made of.
    pub runtime: RuntimeTable,
    /// `gateway.port`, 1 to 65425.
    pub port: Option<u16>,
    /// `gateway.bind`.
    pub bind: Option<Bind>,
    /// `gateway.tailnet_port`: the https port that Tailscale shows the gateway on.
    pub tailnet_port: Option<u16>,
    /// `gateway.tailnet_path`: the path there.
    pub tailnet_path: Option<String>,
    /// Where its things are.
    pub paths: PathsTable,
    /// How it is looked after.
    pub supervise: SuperviseTable,
    /// `confine.level`.
    pub confine: Option<ConfineLevel>,
    /// `confine.fallback`.
    pub confine_fallback: Option<bool>,
    /// What it may see and do of the other profiles; there if and only if the manifest has the table.
    pub rescue: Option<Rescue>,
    /// How a remote gateway is reached; there if and only if the manifest has the table.
    pub remote: Option<RemoteTable>,
}

impl Manifest {
    /// Whether its gateway runs on this machine.
    pub fn is_local(&self) -> bool {
        self.kind != Some(Place::Remote)
    }
}

/// The table `[runtime]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuntimeTable {
    /// Which runtime.
    pub kind: Option<RuntimeChoice>,
    /// The program and its arguments, for kind `command`.
    pub command: Option<Vec<String>>,
    /// What shows that it is ready, for kind `command`.
    pub ready: Option<Ready>,
    /// The Node.js that runs the real OpenClaw, pinned when the profile was created.
    pub node: Option<String>,
    /// The real OpenClaw's entry file, pinned when the profile was created.
    pub program: Option<String>,
    /// Whether to run OpenClaw's `doctor --fix` once after it exits with 78.
    pub doctor_on_78: Option<bool>,
    /// Variables handed to the child besides the allow-list.
    pub pass_env: Option<Vec<String>>,
}

/// The table `[paths]`; a leading `~` is the home.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PathsTable {
    /// The state directory.
    pub state_dir: Option<String>,
    /// The configuration file.
    pub config_path: Option<String>,
    /// The workspace.
    pub workspace: Option<String>,
}

/// The table `[supervise]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SuperviseTable {
    /// Start it with the supervisor when the user last wanted it up.
    pub autostart: Option<bool>,
    /// When an ended gateway is started again.
    pub restart: Option<Restart>,
    /// How long a start may take without progress.
    pub start_timeout: Option<Span>,
    /// How long a stop may take before it is forced.
    pub stop_timeout: Option<Span>,
    /// Unasked restarts within an hour before it is given up; 0 to 1000.
    pub restarts_per_hour: Option<u32>,
    /// The first wait before a restart.
    pub restart_delay_min: Option<Span>,
    /// The longest wait before a restart.
    pub restart_delay_max: Option<Span>,
    /// How long it must be ready before earlier failures are forgotten.
    pub stable_after: Option<Span>,
    /// Distance of two looks at a gateway that is well; at least 100 ms.
    pub probe_interval: Option<Span>,
    /// How long a gateway that uses no processor may answer nothing before it is taken for hung; at least 1 s.
    pub hang_timeout: Option<Span>,
    /// Whether files that keep it from booting are replaced by those with which it last worked.
    pub rollback: Option<bool>,
    /// How long after the first failed boot.
    pub probation: Option<Span>,
    /// Profiles that are to be ready, or to have failed, before it is started together with them.
    pub after: Option<Vec<ProfileName>>,
    /// Above this much memory something is said or done.
    pub memory_high: Option<ByteSize>,
    /// What is done then.
    pub on_memory_high: Option<OnMemoryHigh>,
    /// A command that is run once per incident.
    pub alert: Option<Vec<String>>,
}

/// The table `[remote]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RemoteTable {
    /// By tunnel or directly.
    pub transport: Option<Transport>,
    /// `user@host` or a host of the user's SSH configuration.
    pub target: Option<String>,
    /// The SSH server's port.
    pub ssh_port: Option<u16>,
    /// The SSH key file.
    pub identity: Option<String>,
    /// The file of known host keys.
    pub known_hosts: Option<String>,
    /// Who decides about an unknown host key.
    pub host_key_policy: Option<HostKeyPolicy>,
    /// The gateway's port on the other machine.
    pub remote_port: Option<u16>,
    /// The tunnel's port on this machine.
    pub local_port: Option<u16>,
    /// Further ports that go through the tunnel, `NEAR:FAR`, or one port for both ends.
    pub forwards: Option<Vec<String>>,
    /// Where the gateway answers, for transport `direct`.
    pub url: Option<String>,
    /// SHA-256 of the certificate, 64 hexadecimal digits, colons and `sha256:` allowed.
    pub tls_fingerprint: Option<String>,
    /// A file that holds the token.
    pub token_file: Option<String>,
    /// A file that holds the password.
    pub password_file: Option<String>,
}

impl Manifest {
    /// Reads the text of a manifest; `file` is how errors speak of it.
    ///
    /// # Errors
    /// [`crate::base::Kind::Config`], code `manifest_invalid`, with file and line: not TOML, an unknown key, a value of
    /// the wrong type or range, or values that do not fit together.
    pub fn parse(text: &str, file: &Path) -> Result<Manifest> {
        let source = Text { file, text };
        let document = Document::parse(text)
            .map_err(|error| source.error(error.span().map(|span| span.start), error.message()))?;
        let top = Section::top(source, document.as_table())?;
        let remote = top.table("remote")?;
        let (gateway, confine) = (top.table("gateway")?, top.table("confine")?);
        let manifest = Manifest {
            kind: top.choice("kind", &[("local", Place::Local), ("remote", Place::Remote)])?,
            description: top.text("description")?,
            isolation: top
                .choice("isolation", &[("primary", Isolation::Primary), ("isolated", Isolation::Isolated)])?,
            allow_shared_channels: top.list("allow_shared_channels")?,
            runtime: runtime(&top.table("runtime")?)?,
            port: gateway.port("port", BASE_MAX)?,
            bind: gateway.choice("bind", &Bind::WORDS)?,
            tailnet_port: gateway.port("tailnet_port", u16::MAX)?,
            tailnet_path: tailnet_path(&gateway)?,
            paths: paths(&top.table("paths")?)?,
            supervise: supervise(&top.table("supervise")?)?,
            confine: confine.choice("level", &ConfineLevel::WORDS)?,
            confine_fallback: confine.boolean("fallback")?,
            rescue: rescue::table(&top.table("rescue")?)?,
            remote: if remote.exists() { Some(remote_table(&remote)?) } else { None },
        };
        manifest.check_kind(&top, &remote)?;
        Ok(manifest)
    }

    /// A remote profile has a link and nothing of a local gateway, and the other way round.
    fn check_kind(&self, top: &Section<'_>, remote: &Section<'_>) -> Result<()> {
        match (self.kind.unwrap_or(Place::Local), &self.remote) {
            (Place::Local, None)
                if self.rescue.is_some() && self.runtime.kind != Some(RuntimeChoice::Embedded) =>
            {
                let what = "[rescue] needs `kind = \"embedded\"` in [runtime]";
                Err(top.error("rescue", format!("{what}: only the embedded gateway can mend others")))
            }
            (Place::Local, None) => Ok(()),
            (Place::Local, Some(_)) => {
                Err(top.error("remote", "[remote] needs `kind = \"remote\"` at the top of the file"))
            }
            (Place::Remote, None) => Err(top.error("kind", "`kind = \"remote\"` needs a table [remote]")),
            (Place::Remote, Some(link)) => {
                for table in ["runtime", "gateway", "paths", "rescue"] {
                    if top.table(table)?.exists() {
                        let what = format!("[{table}] has no meaning in a remote profile; remove it");
                        return Err(top.error(table, what));
                    }
                }
                remote::check(link).map_err(|(key, why)| match key {
                    Some(key) => remote.error(key, format!("`{}`: {why}", remote.full(key))),
                    None => top.error("remote", format!("[remote] {why}")),
                })
            }
        }
    }
}

fn tailnet_path(section: &Section<'_>) -> Result<Option<String>> {
    let path = section.text("tailnet_path")?;
    if let Some(why) = path.as_deref().and_then(|path| tailscale::check_path(path).err()) {
        return Err(section.error("tailnet_path", format!("`gateway.tailnet_path` {why}")));
    }
    Ok(path)
}

fn runtime(section: &Section<'_>) -> Result<RuntimeTable> {
    let table = RuntimeTable {
        kind: section.choice("kind", &RuntimeChoice::WORDS)?,
        command: section.list("command")?,
        ready: section.choice("ready", &Ready::WORDS)?,
        node: absolute(section, "node")?,
        program: absolute(section, "program")?,
        doctor_on_78: section.boolean("doctor_on_78")?,
        pass_env: section.list("pass_env")?,
    };
    let is_command = table.kind == Some(RuntimeChoice::Command);
    match &table.command {
        Some(command) if is_command => {
            if command.first().is_none_or(|program| program.trim().is_empty()) {
                return Err(section.error("command", "`runtime.command` must begin with a program"));
            }
            for argument in command {
                launch::check_placeholders(argument)
                    .map_err(|why| section.error("command", format!("`runtime.command`: {why}")))?;
            }
        }
        Some(_) => return Err(section.error("command", "`runtime.command` needs `kind = \"command\"`")),
        None if is_command => {
            return Err(section.error("kind", "`runtime.kind = \"command\"` needs `runtime.command`"));
        }
        None => {}
    }
    if table.ready.is_some() && !is_command {
        return Err(section.error("ready", "`runtime.ready` needs `kind = \"command\"`"));
    }
    for name in table.pass_env.iter().flatten() {
        child_env::check_passable(name)
            .map_err(|why| section.error("pass_env", format!("`runtime.pass_env`: {why}")))?;
    }
    Ok(table)
}

fn paths(section: &Section<'_>) -> Result<PathsTable> {
    Ok(PathsTable {
        state_dir: absolute(section, "state_dir")?,
        config_path: absolute(section, "config_path")?,
        workspace: absolute(section, "workspace")?,
    })
}

fn supervise(section: &Section<'_>) -> Result<SuperviseTable> {
    let duration = "a duration in quotes, for example \"5m\"";
    let table = SuperviseTable {
        autostart: section.boolean("autostart")?,
        restart: section.choice("restart", &Restart::WORDS)?,
        start_timeout: section.measure("start_timeout", duration)?,
        stop_timeout: section.measure("stop_timeout", duration)?,
        restarts_per_hour: section.integer("restarts_per_hour", 0..=1000)?,
        restart_delay_min: section.measure("restart_delay_min", duration)?,
        restart_delay_max: section.measure("restart_delay_max", duration)?,
        stable_after: section.measure("stable_after", duration)?,
        probe_interval: section.measure("probe_interval", duration)?,
        hang_timeout: section.measure("hang_timeout", duration)?,
        rollback: section.boolean("rollback")?,
        probation: section.measure("probation", duration)?,
        after: profiles(section, "after")?,
        memory_high: section
            .measure("memory_high", "an amount of memory in quotes, for example \"1.5GiB\"")?,
        on_memory_high: section.choice("on_memory_high", &OnMemoryHigh::WORDS)?,
        alert: section.list("alert")?,
    };
    for (key, value) in [
        ("start_timeout", table.start_timeout),
        ("stop_timeout", table.stop_timeout),
        ("restart_delay_min", table.restart_delay_min),
        ("restart_delay_max", table.restart_delay_max),
        ("stable_after", table.stable_after),
    ] {
        if value.is_some_and(|span| span.0.is_zero()) {
            return Err(section.error(key, format!("`supervise.{key}` must be longer than nothing")));
        }
    }
    for (key, value, least) in
        [("probe_interval", table.probe_interval, "100ms"), ("hang_timeout", table.hang_timeout, "1s")]
    {
        if value.is_some_and(|span| least.parse().is_ok_and(|least: Span| span < least)) {
            return Err(section.error(key, format!("`supervise.{key}` must be at least {least}")));
        }
    }
    if let (Some(min), Some(max)) = (table.restart_delay_min, table.restart_delay_max)
        && min > max
    {
        let what = "`supervise.restart_delay_min` is longer than `supervise.restart_delay_max`";
        return Err(section.error("restart_delay_min", what));
    }
    Ok(table)
}

/// A list of profile names.
fn profiles(section: &Section<'_>, key: &'static str) -> Result<Option<Vec<ProfileName>>> {
    let Some(names) = section.list(key)? else { return Ok(None) };
    let parsed = names.iter().map(|name| {
        name.parse::<ProfileName>()
            .map_err(|error| section.error(key, format!("`{}`: {}", section.full(key), error.message())))
    });
    parsed.collect::<Result<Vec<_>>>().map(Some)
}

fn remote_table(section: &Section<'_>) -> Result<RemoteTable> {
    Ok(RemoteTable {
        transport: section.choice("transport", &Transport::WORDS)?,
        target: section.text("target")?,
        ssh_port: section.port("ssh_port", u16::MAX)?,
        identity: absolute(section, "identity")?,
        known_hosts: absolute(section, "known_hosts")?,
        host_key_policy: section.choice("host_key_policy", &HostKeyPolicy::WORDS)?,
        remote_port: section.port("remote_port", u16::MAX)?,
        local_port: section.port("local_port", BASE_MAX)?,
        forwards: section.list("forwards")?,
        url: section.text("url")?,
        tls_fingerprint: section.text("tls_fingerprint")?,
        token_file: absolute(section, "token_file")?,
        password_file: absolute(section, "password_file")?,
    })
}

/// A path that means the same from every working directory: absolute, or from the home by `~/`.
fn absolute(section: &Section<'_>, key: &'static str) -> Result<Option<String>> {
    let Some(text) = section.text(key)? else { return Ok(None) };
    if super::environment::expand_tilde(&text, Path::new("/")).is_none() {
        let what = format!("`{}` must be an absolute path or begin with ~/, not `{text}`", section.full(key));
        return Err(section.error(key, what));
    }
    Ok(Some(text))
}

//! Records that cross floors and leave the program as JSON; their keys are the contract of DESIGN 3.4.

use serde::{Deserialize, Serialize};

use super::port::derived_port;
use super::{Confinement, PortBlock, ProfileName};

/// What a profile's gateway is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    /// This binary's own gateway.
    Embedded,
    /// The npm program.
    Openclaw,
    /// Any other program, named by the manifest.
    Command,
    /// The way to a gateway elsewhere: an SSH client, or this binary's own forwarder.
    Link,
}

impl Runtime {
    /// The word used in manifests, tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Runtime::Embedded => "embedded",
            Runtime::Openclaw => "openclaw",
            Runtime::Command => "command",
            Runtime::Link => "link",
        }
    }
}

/// Whether a profile's gateway is the one of its host or deliberately beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// The one gateway that a host has by default.
    Primary,
    /// A further one, sharing nothing.
    Isolated,
}

impl Isolation {
    /// The word used in manifests, tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Isolation::Primary => "primary",
            Isolation::Isolated => "isolated",
        }
    }
}

/// Where a profile's gateway runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// On this host.
    Local,
    /// On another machine, behind a link.
    Remote,
}

/// What the user last asked for; it outlives crashes and reboots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Intent {
    /// The gateway shall run.
    Up,
    /// The gateway shall not run.
    #[default]
    Down,
}

/// What a profile's gateway is doing, as people and scripts see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing runs.
    #[default]
    Stopped,
    /// Launched, not yet ready.
    Starting,
    /// Answers the protocol.
    Ready,
    /// Was ready; its last probe failed.
    Degraded,
    /// Asked to end, not yet gone.
    Stopping,
    /// Ended unasked; waits before the next attempt.
    Backoff,
    /// Given up; needs the user.
    Failed,
}

impl State {
    /// The word used in tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Stopped => "stopped",
            State::Starting => "starting",
            State::Ready => "ready",
            State::Degraded => "degraded",
            State::Stopping => "stopping",
            State::Backoff => "backoff",
            State::Failed => "failed",
        }
    }
}

/// Who runs the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// `supervisor` for ours, `none` when nothing runs it; further managers are named by what they are.
    pub kind: String,
    /// The service unit, where one runs it.
    pub unit: Option<String>,
}

impl Owner {
    /// Our supervisor.
    pub fn supervisor() -> Self {
        Owner { kind: "supervisor".into(), unit: None }
    }

    /// Nobody.
    pub fn none() -> Self {
        Owner { kind: "none".into(), unit: None }
    }
}

/// How the last run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastExit {
    /// The exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal's number, when one ended it.
    pub signal: Option<i32>,
    /// In one sentence, why the run is over.
    pub reason: String,
    /// Memory of its whole tree at the last look before its end, in bytes; where it was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The last captured lines of its output, oldest first.
    pub last_lines: Vec<String>,
    /// When it ended, in milliseconds since the epoch.
    pub at_ms: u64,
}

/// What the last probe saw, layer by layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// The port accepts a connection.
    pub tcp: bool,
    /// The health path answers.
    pub http: bool,
    /// The gateway sent its challenge.
    pub challenge: bool,
    /// The gateway said `hello-ok`.
    pub hello: bool,
    /// How long all layers took together, in milliseconds.
    pub latency_ms: Option<f64>,
}

/// The way to a remote profile's gateway (DESIGN 3.4).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkStatus {
    /// `ssh` or `direct`.
    pub transport: String,
    /// `user@host` or a host of the SSH configuration; of a direct link the URL.
    pub target: String,
    /// The near end, on 127.0.0.1.
    pub local_port: u16,
    /// The gateway's port at the far end.
    pub remote_port: u16,
    /// Further ports that go the same way: near end and far end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forwards: Vec<(u16, u16)>,
    /// What proves who is at the far end: a policy of host keys, a pin, or authorities.
    pub trust: String,
    /// Whether a handshake with the gateway succeeded at the last look.
    pub up: bool,
    /// The link's process.
    pub pid: Option<u32>,
    /// When the last handshake succeeded, in milliseconds since the epoch.
    pub last_handshake_at_ms: Option<u64>,
    /// What has passed through the tunnel since its process began, both ways; of a link without SSH it is not known.
    pub bytes: Option<u64>,
    /// How often it was made anew since the profile was started.
    pub reconnects: u32,
    /// What was wrong last.
    pub last_error: Option<String>,
    /// While it waits for its next attempt: when that is, in milliseconds since the epoch.
    pub next_attempt_at_ms: Option<u64>,
}

/// A profile wherever it appears in JSON (DESIGN 3.4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProfileStatus {
    /// The profile's name.
    pub name: String,
    /// Local or remote.
    pub kind: Place,
    /// Primary or isolated.
    pub isolation: Isolation,
    /// What the gateway is made of.
    pub runtime: Runtime,
    /// The running gateway's version; what it says of itself in `hello-ok`.
    pub version: Option<String>,
    /// What the user last asked for.
    pub intent: Intent,
    /// What it is doing.
    pub state: State,
    /// While starting or stopping: which step.
    pub phase: Option<String>,
    /// The gateway's process.
    pub pid: Option<u32>,
    /// The gateway's port.
    pub port: u16,
    /// Where clients connect.
    pub url: String,
    /// First and last port of its block; a remote profile has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_block: Option<(u16, u16)>,
    /// The way to its gateway; there if and only if the profile is remote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkStatus>,
    /// The state directory.
    pub state_dir: String,
    /// The configuration file.
    pub config_path: String,
    /// The workspace directory.
    pub workspace: String,
    /// Whether a manifest puts it under our supervision.
    pub managed: bool,
    /// Who runs it.
    pub owner: Owner,
    /// Start of the current run, milliseconds since the epoch.
    pub started_at_ms: Option<u64>,
    /// Age of the current run in milliseconds.
    pub uptime_ms: Option<u64>,
    /// Unasked restarts since the profile was last started.
    pub restarts: u32,
    /// How the last run ended.
    pub last_exit: Option<LastExit>,
    /// Resident memory of the gateway's process tree.
    pub memory_bytes: Option<u64>,
    /// Processor time between the last two probes, in percent of one core.
    pub cpu_percent: Option<f64>,
    /// What the last probe saw.
    pub probe: Option<Probe>,
    /// How far it is kept from the rest of the host.
    #[serde(default)]
    pub confine: Confinement,
    /// Sentences about what deserves attention.
    pub warnings: Vec<String>,
}

impl ProfileStatus {
    /// What can be said of a profile by its name alone.
    pub fn unknown(name: &ProfileName) -> Self {
        let block = PortBlock::at(derived_port(name));
        ProfileStatus {
            name: name.to_string(),
            kind: Place::Local,
            isolation: if name.is_default() { Isolation::Primary } else { Isolation::Isolated },
            runtime: Runtime::Embedded,
            version: None,
            intent: Intent::Down,
            state: State::Stopped,
            phase: None,
            pid: None,
            port: block.base(),
            url: format!("ws://127.0.0.1:{}", block.base()),
            port_block: Some((block.base(), block.last())),
            link: None,
            state_dir: String::new(),
            config_path: String::new(),
            workspace: String::new(),
            managed: false,
            owner: Owner::none(),
            started_at_ms: None,
            uptime_ms: None,
            restarts: 0,
            last_exit: None,
            memory_bytes: None,
            cpu_percent: None,
            probe: None,
            confine: Confinement::default(),
            warnings: Vec::new(),
        }
    }
}

/// `supervisor status` (DESIGN 3.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SupervisorStatus {
    /// The supervisor's process.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Its program's file, as it was when it began; blank from a supervisor that does not tell.
    #[serde(default)]
    pub program: String,
    /// Its control socket.
    pub socket: String,
    /// When it began, in milliseconds since the epoch.
    pub started_at_ms: u64,
    /// How many profiles it looks after.
    pub profiles: usize,
    /// Its own resident memory.
    pub memory_bytes: u64,
    /// Whether a command began it on demand: then it gives way to the supervisor of a service.
    #[serde(default)]
    pub on_demand: bool,
    /// Sentences about what deserves attention.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Who holds what was wanted (DESIGN 3.4).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// Its process, where the kernel tells.
    pub pid: Option<u32>,
    /// The user it runs as, where known.
    pub user: Option<String>,
    /// Its program, where the kernel tells.
    pub program: Option<String>,
    /// What it is.
    pub kind: HolderKind,
    /// The service unit that runs it.
    pub unit: Option<String>,
    /// The profile whose gateway it is, where anything says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The container that it runs in, by the engine's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
}

/// What a holder is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HolderKind {
    /// A gateway of the real program.
    Gateway,
    /// A gateway of this program.
    EmbeddedGateway,
    /// An SSH client that forwards the port.
    SshTunnel,
    /// A proxy in front of something.
    Proxy,
    /// A container.
    Container,
    /// A program that is none of these.
    Other,
    /// Nothing is known but that the thing is held.
    #[default]
    Unknown,
}

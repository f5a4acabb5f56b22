//! A resolved profile: every value decided, nothing optional that the program needs. Made by
//! `profile::resolve` alone; nothing downstream looks at the manifest or the configuration again.

use std::path::PathBuf;
use std::time::Duration;

use super::config::Bind;
use super::ports::Ports;
use super::remote::Remote;
use super::rescue::Rescue;
use super::tailscale::Tailnet;
use super::{Paths, size::ByteSize};
use crate::base::record::{Isolation, Place};
use crate::base::{PortBlock, ProfileName};

/// Where a value came from; the earlier beats the later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The command line.
    Flag,
    /// A variable of the environment.
    Environment,
    /// `profile use`.
    Used,
    /// The profile's manifest.
    Manifest,
    /// The profile's `openclaw.json`.
    Config,
    /// It follows from the name.
    Derived,
}

impl Source {
    /// The word used in tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Source::Flag => "flag",
            Source::Environment => "env",
            Source::Used => "used",
            Source::Manifest => "manifest",
            Source::Config => "config",
            Source::Derived => "derived",
        }
    }
}

/// Declares an enum of the words that a manifest may use for one key.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$variant_meta])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// Every word with its meaning, in the order of the documentation.
            pub const WORDS: [(&'static str, $name); [$($word),+].len()] = [$(($word, $name::$variant)),+];

            /// The word used in manifests, tables and JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }
        }
    };
}
pub(super) use words;

words! {
    /// Which runtime a profile asks for.
    RuntimeChoice {
        /// The real OpenClaw where it is installed, else the embedded gateway.
        Auto = "auto",
        /// This binary's own gateway.
        Embedded = "embedded",
        /// The npm program.
        Openclaw = "openclaw",
        /// Any other program, named by the manifest.
        Command = "command",
    }
}

words! {
    /// What shows that a gateway of kind `command` is ready.
    Ready {
        /// It speaks the Gateway protocol.
        Gateway = "gateway",
        /// Its health path answers.
        Http = "http",
        /// Its port accepts a connection.
        Tcp = "tcp",
    }
}

words! {
    /// When a gateway that ended unasked is started again.
    Restart {
        /// However it ended.
        Always = "always",
        /// Only after a failure.
        OnFailure = "on-failure",
        /// Never.
        Never = "never",
    }
}

words! {
    /// What is done when a gateway passes its memory mark.
    OnMemoryHigh {
        /// It is said.
        Warn = "warn",
        /// It is restarted in order.
        Restart = "restart",
    }
}

words! {
    /// How far a gateway is kept from the rest of the host.
    ConfineLevel {
        /// Not at all.
        Off = "off",
        /// From the other profiles' files.
        Peers = "peers",
        /// From everything it does not need.
        Strict = "strict",
    }
}

words! {
    /// How a remote gateway is reached.
    Transport {
        /// Through a supervised SSH tunnel.
        Ssh = "ssh",
        /// By its own URL.
        Direct = "direct",
    }
}

words! {
    /// Who decides about an unknown SSH host key.
    HostKeyPolicy {
        /// An unknown key is refused.
        Strict = "strict",
        /// The user's SSH configuration decides.
        OpenSsh = "openssh",
    }
}

/// How a gateway is looked after.
#[derive(Clone, Debug, PartialEq)]
pub struct Supervise {
    /// Start it with the supervisor when the user last wanted it up.
    pub autostart: bool,
    /// When an ended gateway is started again.
    pub restart: Restart,
    /// How long a start may take without progress.
    pub start_timeout: Duration,
    /// How long a stop may take before it is forced.
    pub stop_timeout: Duration,
    /// Unasked restarts within an hour before it is given up.
    pub restarts_per_hour: u32,
    /// The first wait before a restart.
    pub restart_delay_min: Duration,
    /// The longest wait before a restart; not below the first.
    pub restart_delay_max: Duration,
    /// How long it must be ready before earlier failures are forgotten.
    pub stable_after: Duration,
    /// Distance of two looks at a gateway that is well.
    pub probe_interval: Duration,
    /// How long a gateway that uses no processor may answer nothing before it is taken for hung.
    pub hang_timeout: Duration,
    /// Whether files that keep it from booting are replaced by those with which it last worked.
    pub rollback: bool,
    /// How long after the first failed boot.
    pub probation: Duration,
    /// Profiles that are to be ready, or to have failed, before it is started together with them.
    pub after: Vec<ProfileName>,
    /// Above this much memory something is said or done.
    pub memory_high: ByteSize,
    /// What is done then.
    pub on_memory_high: OnMemoryHigh,
    /// A command that is run once per incident; empty for none.
    pub alert: Vec<String>,
}

impl Supervise {
    /// What holds where nobody says otherwise. A link is made and ended in seconds, and drains nothing. It is looked at
    /// so often, and its attempts stand so close, that it stands again within 45 s of a network's return, also when its
    /// client does nothing any more (INCIDENTS F2): 8 s until the first look, three looks of 8 s with 2 s between them,
    /// 3 s to end it.
    pub fn usual(place: Place) -> Supervise {
        let local = Supervise::default();
        match place {
            Place::Local => local,
            Place::Remote => Supervise {
                // What answered was made well: a client that is killed then is replaced at once.
                stable_after: Duration::from_secs(1),
                start_timeout: Duration::from_secs(30),
                stop_timeout: Duration::from_secs(3),
                restart_delay_max: Duration::from_secs(15),
                probe_interval: Duration::from_secs(8),
                hang_timeout: Duration::from_secs(24),
                ..local
            },
        }
    }
}

impl Default for Supervise {
    fn default() -> Self {
        Supervise {
            autostart: true,
            restart: Restart::Always,
            start_timeout: Duration::from_secs(300),
            // The real gateway drains for up to 315 s; its own service files allow as much.
            stop_timeout: Duration::from_secs(330),
            restarts_per_hour: 6,
            restart_delay_min: Duration::from_millis(500),
            restart_delay_max: Duration::from_secs(60),
            stable_after: Duration::from_secs(30),
            probe_interval: Duration::from_secs(20),
            // A third of it is one probe's patience: a gateway that answers after 20 s still answers.
            hang_timeout: Duration::from_secs(75),
            rollback: false,
            probation: Duration::from_secs(60),
            after: Vec::new(),
            memory_high: ByteSize(1536 << 20),
            on_memory_high: OnMemoryHigh::Warn,
            alert: Vec::new(),
        }
    }
}

/// A profile with every value decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Its name.
    pub name: ProfileName,
    /// A sentence for people; empty when nobody wrote one.
    pub description: String,
    /// Local or remote.
    pub place: Place,
    /// Primary or isolated.
    pub isolation: Isolation,
    /// Channels whose credential another profile may have too; `*` stands for all.
    pub allow_shared_channels: Vec<String>,
    /// Which runtime it asks for.
    pub runtime: RuntimeChoice,
    /// The program and its arguments with their placeholders, for the runtime `command`; else empty.
    pub command: Vec<String>,
    /// What shows that it is ready.
    pub ready: Ready,
    /// The Node.js pinned at creation.
    pub node: Option<PathBuf>,
    /// The real OpenClaw's entry file pinned at creation.
    pub program: Option<PathBuf>,
    /// Whether to run OpenClaw's `doctor --fix` once after it exits with 78.
    pub doctor_on_78: bool,
    /// Variables handed to the child besides the allow-list.
    pub pass_env: Vec<String>,
    /// The gateway's port; of a remote profile the local end of its tunnel.
    pub port: u16,
    /// Who decided the port.
    pub port_source: Source,
    /// The ports that it may use.
    pub block: PortBlock,
    /// Which addresses the gateway listens on.
    pub bind: Bind,
    /// The address for the bind mode `custom`.
    pub custom_bind_host: Option<String>,
    /// What it wants of Tailscale.
    pub tailnet: Tailnet,
    /// Whether its port speaks TLS only.
    pub tls: bool,
    /// Where its things are.
    pub paths: Paths,
    /// How it is looked after.
    pub supervise: Supervise,
    /// How far it is kept from the rest of the host.
    pub confine: ConfineLevel,
    /// Whether it may run with less than that on a kernel that cannot do it.
    pub confine_fallback: bool,
    /// What it may see and do of the other profiles; `None` for nothing.
    pub rescue: Option<Rescue>,
    /// Whether a manifest puts it under our supervision.
    pub managed: bool,
    /// How a remote gateway is reached; there if and only if the place is remote.
    pub remote: Option<Remote>,
    /// Sentences about what deserves attention, such as inherited variables that were not used.
    pub warnings: Vec<String>,
}

impl Profile {
    /// Whether its port on this host speaks TLS: its own gateway's, or the near end of its tunnel where the far one is
    /// known by a pin. A link without SSH speaks TLS to the far end itself.
    pub fn speaks_tls_here(&self) -> bool {
        match &self.remote {
            Some(remote) => remote.transport == Transport::Ssh && remote.tls_fingerprint.is_some(),
            None => self.tls,
        }
    }

    /// The ports that it claims on this host: a gateway's block, a link's near ends.
    pub fn ports(&self) -> Ports {
        match &self.remote {
            Some(remote) => {
                let further = remote.forwards.iter().map(|(near, _)| *near);
                Ports::NearEnds([self.port].into_iter().chain(further).collect())
            }
            None => Ports::Block(self.block),
        }
    }
}

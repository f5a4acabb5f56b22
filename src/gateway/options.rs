//! What a gateway is told when it starts. Everything else it finds out from the protocol.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::oneshot;

use super::access::{Access, Reload};
use super::fleet::Post;
use super::log::LogFile;
use super::tailnet::Exposing;
use super::tls::Tls;
use crate::base::{ProfileName, Secret};
use crate::profile::Embedded;
use crate::wire::limits;

/// How clients prove that they may come in.
#[derive(Clone, Debug)]
pub enum Auth {
    /// The shared token.
    Token(Secret),
    /// The shared password.
    Password(Secret),
    /// A proxy at a trusted address, which has asked already and names the user.
    TrustedProxy,
    /// Nothing; only this machine's own programs, and of those only signed devices and backends.
    None,
}

impl Auth {
    /// The word for it in `hello-ok`.
    pub const fn mode(&self) -> &'static str {
        match self {
            Auth::Token(_) => "token",
            Auth::Password(_) => "password",
            Auth::TrustedProxy => "trusted-proxy",
            Auth::None => "none",
        }
    }

    /// Whether both ask for the same.
    pub fn is_same(&self, other: &Auth) -> bool {
        match (self, other) {
            (Auth::Token(a), Auth::Token(b)) | (Auth::Password(a), Auth::Password(b)) => {
                a.matches(b.expose())
            }
            (Auth::TrustedProxy, Auth::TrustedProxy) | (Auth::None, Auth::None) => true,
            _ => false,
        }
    }
}

/// The sizes and times of protocol v4; only tests use others than the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the upgrade to `hello-ok`.
    pub handshake: Duration,
    /// Distance of `tick` events.
    pub tick: Duration,
    /// Distance of `health` events.
    pub health: Duration,
    /// Distance of pings, and how long a pong may take.
    pub ping: Duration,
    /// How long a closing connection is listened to, and how long stopping waits for all of them.
    pub linger: Duration,
    /// Bytes that may wait for a slow reader.
    pub buffered: usize,
    /// The unit of the delay that answers a wrong credential from this machine.
    pub penalty: Duration,
    /// Distance of looks whether the configuration has changed.
    pub reload: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            handshake: limits::HANDSHAKE_TIMEOUT,
            tick: limits::TICK_INTERVAL,
            health: limits::HEALTH_INTERVAL,
            ping: limits::PING_INTERVAL,
            linger: Duration::from_secs(1),
            buffered: limits::BUFFERED_MAX,
            penalty: Duration::from_millis(250),
            reload: Duration::from_secs(1),
        }
    }
}

/// What a gateway is told when it starts.
#[derive(Debug)]
pub struct Options {
    /// The profile that it belongs to.
    pub profile: ProfileName,
    /// The version that it says of itself.
    pub version: String,
    /// The port on every address; 0 lets the system choose.
    pub port: u16,
    /// Where it listens, besides the IPv6 loopback address; not empty.
    pub addresses: Vec<IpAddr>,
    /// The state directory, shown to admins; not empty.
    pub state_dir: String,
    /// The file of its store; made where it is missing, its folder as well.
    pub store: PathBuf,
    /// The configuration file, shown to admins; not empty.
    pub config_path: String,
    /// Who may come in, until that changes.
    pub access: Access,
    /// How it does its work, until that changes.
    pub embedded: Embedded,
    /// Looks whether either has; without one it never does.
    pub reload: Option<Reload>,
    /// TLS, where the port speaks nothing else.
    pub tls: Option<Tls>,
    /// How it is shown to its tailnet; `None` when it is not.
    pub tailnet: Option<Exposing>,
    /// What it may do with the other profiles; `None` where it is no rescue profile's.
    pub rescue: Option<Post>,
    /// Its own log, for `logs.tail`.
    pub log: LogFile,
    /// Sizes and times.
    pub limits: Limits,
    /// Told the port once the gateway listens.
    pub ready: Option<oneshot::Sender<u16>>,
}

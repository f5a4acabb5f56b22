//! `connect` and `hello-ok`: who a client says it is and what the gateway grants (OPENCLAW.md 4.2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::frame::StateVersion;
use super::limits::{PROTOCOL, PROTOCOL_MIN_CLIENT};
use crate::base::Secret;

/// This system's name in the protocol's words, which are Node's.
const PLATFORM: &str = match std::env::consts::OS.as_bytes() {
    b"macos" => "darwin",
    _ => std::env::consts::OS,
};

/// Parameters of `connect`, as a client writes them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectParams {
    /// Lowest protocol version that the client speaks.
    pub min_protocol: u32,
    /// Highest protocol version that the client speaks.
    pub max_protocol: u32,
    /// The client program.
    pub client: Client,
    /// `operator` (the default) or `node`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The scopes asked for; absent means none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// What the client can: for a node what it offers, for an operator what it understands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caps: Option<Vec<String>>,
    /// A node's commands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<Vec<String>>,
    /// A node's permissions, each granted to it by its own system or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<BTreeMap<String, bool>>,
    /// The client's device, with a signature over the challenge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Device>,
    /// The credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<ConnectAuth>,
}

impl ConnectParams {
    /// An operator that asks for `scopes` with a shared secret and no device: what a gateway lets in from
    /// loopback with the scopes kept (OPENCLAW.md 4.3). `purpose` is a name for people.
    pub fn backend(
        purpose: &str,
        scopes: &[&str],
        token: Option<&Secret>,
        password: Option<&Secret>,
    ) -> Self {
        let auth = (token.is_some() || password.is_some()).then(|| ConnectAuth {
            token: token.map(|secret| secret.expose().to_owned()),
            password: password.map(|secret| secret.expose().to_owned()),
            ..ConnectAuth::default()
        });
        ConnectParams {
            min_protocol: PROTOCOL_MIN_CLIENT,
            max_protocol: PROTOCOL,
            client: Client {
                id: "gateway-client".into(),
                version: env!("CARGO_PKG_VERSION").into(),
                platform: PLATFORM.into(),
                mode: "backend".into(),
                display_name: Some(purpose.to_owned()),
                ..Client::default()
            },
            role: Some("operator".into()),
            scopes: Some(scopes.iter().map(|scope| (*scope).to_owned()).collect()),
            auth,
            ..ConnectParams::default()
        }
    }
}

/// The client program, as it names itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Client {
    /// One of the protocol's client ids.
    pub id: String,
    /// Its version.
    pub version: String,
    /// The system it runs on.
    pub platform: String,
    /// One of the protocol's client modes.
    pub mode: String,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The kind of device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_family: Option<String>,
    /// Tells two instances of one client apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
}

/// A device's identity and its signature (OPENCLAW.md 5).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// Lower-case hex SHA-256 of the raw public key.
    pub id: String,
    /// The raw Ed25519 public key, base64url without padding.
    pub public_key: String,
    /// The signature, base64url without padding.
    pub signature: String,
    /// When it was signed, milliseconds since the epoch.
    pub signed_at: i64,
    /// The challenge's nonce.
    pub nonce: String,
}

/// The credential that a client offers; its `Debug` shows none of it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectAuth {
    /// The shared token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The shared password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// A token that the gateway gave this device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_token: Option<String>,
    /// A token for a first pairing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap_token: Option<String>,
}

impl std::fmt::Debug for ConnectAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ConnectAuth(***)")
    }
}

/// The payload of `connect.challenge`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// To be signed by the client's device.
    pub nonce: String,
    /// The gateway's clock, milliseconds since the epoch.
    pub ts: i64,
}

/// What a gateway grants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HelloOk {
    /// Always `hello-ok`.
    pub r#type: String,
    /// The protocol version spoken from here on.
    pub protocol: u32,
    /// The gateway.
    pub server: Server,
    /// What can be called and heard.
    pub features: Features,
    /// The state at the time of the handshake.
    pub snapshot: Snapshot,
    /// What was granted.
    pub auth: Granted,
    /// The sizes and times that the connection must keep.
    pub policy: Policy,
}

/// The gateway, as it names itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// Its version.
    pub version: String,
    /// This connection.
    pub conn_id: String,
    /// The process's life; a new one after each start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// The build that it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
    /// Where its page comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_ui_build_source: Option<String>,
}

/// What can be called and heard on a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    /// Methods that the gateway has.
    pub methods: Vec<String>,
    /// Events that it may send.
    pub events: Vec<String>,
}

/// The gateway's state at the time of the handshake.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Who is there.
    pub presence: Vec<Value>,
    /// The health snapshot; may be `{}`.
    pub health: Value,
    /// Versions of the two above.
    pub state_version: StateVersion,
    /// Age of the gateway in milliseconds.
    pub uptime_ms: u64,
    /// Admin only: its configuration file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_path: Option<String>,
    /// Admin only: its state directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_dir: Option<String>,
    /// Admin only: how it authenticates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_mode: Option<String>,
    /// Which agent and which session are meant where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_defaults: Option<SessionDefaults>,
    /// Whether it takes work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Suspension>,
    /// The mark of the configuration that it works by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_config_hash: Option<String>,
}

/// Which agent and which session are meant where none is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionDefaults {
    /// The agent.
    #[serde(default)]
    pub default_agent_id: Option<String>,
    /// Whose the agents are: `sole`, where there is one.
    #[serde(default)]
    pub ownership: Option<String>,
    /// Whether there are several agents and none is meant unless it is named.
    #[serde(default)]
    pub selection_required: bool,
    /// Whether a model is configured that can be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_configured: Option<bool>,
    /// What the main session is called within an agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main_key: Option<String>,
    /// The full key of the default agent's main session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main_session_key: Option<String>,
    /// Whether each sender has sessions of their own, `per-sender`, or all share them, `global`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// Whether a gateway takes work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// `accepting`, `preparing`, `draining` or `prepared`.
    pub phase: String,
}

/// What was granted; its `Debug` shows no token.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Granted {
    /// `operator` or `node`.
    pub role: String,
    /// The scopes of this connection.
    pub scopes: Vec<String>,
    /// What opens the next connection of the same device, once it is paired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_token: Option<String>,
    /// When that was made, milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at_ms: Option<u64>,
}

impl std::fmt::Debug for Granted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Granted({}: {})", self.role, self.scopes.join(","))
    }
}

/// The sizes and times that the connection must keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Largest frame in bytes.
    pub max_payload: usize,
    /// Most bytes that may wait for a slow reader.
    pub max_buffered_bytes: usize,
    /// Distance of `tick` events in milliseconds.
    pub tick_interval_ms: u64,
}

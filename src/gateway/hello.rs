//! `hello-ok`: what a connection was granted and what it may expect. It stays within the published schema.

use super::admission::Grant;
use super::devices::Token;
use super::hub::Hub;
use super::method::{health, models};
use super::scope;
use super::sessions::key;
use crate::wire::connect::{Features, Granted, Policy, Server, SessionDefaults, Snapshot, Suspension};
use crate::wire::{HelloOk, limits};

/// The greeting for connection `conn_id`.
pub fn greeting(hub: &Hub, grant: &Grant, token: Option<&Token>, conn_id: &str) -> HelloOk {
    let admin = scope::covers(&grant.scopes, scope::ADMIN);
    let reads = scope::covers(&grant.scopes, scope::READ);
    let options = &hub.options;
    HelloOk {
        r#type: "hello-ok".into(),
        protocol: limits::PROTOCOL,
        server: Server {
            version: options.version.clone(),
            conn_id: conn_id.into(),
            boot_id: Some(hub.boot_id.clone()),
            ..Server::default()
        },
        features: Features { methods: hub.table.methods().to_vec(), events: hub.table.events().to_vec() },
        snapshot: Snapshot {
            presence: if reads { hub.presence() } else { Vec::new() },
            health: health::snapshot(hub),
            state_version: hub.versions(),
            uptime_ms: hub.uptime_ms(),
            config_path: admin.then(|| options.config_path.clone()),
            state_dir: admin.then(|| options.state_dir.clone()),
            auth_mode: admin.then(|| hub.access().auth.mode().to_owned()),
            session_defaults: Some(defaults(hub)),
            suspension: Some(Suspension { phase: "accepting".into() }),
            applied_config_hash: hub.applied_config(),
        },
        auth: Granted {
            role: grant.role.as_str().into(),
            scopes: grant.scopes.clone(),
            device_token: token.map(|token| token.token.clone()),
            issued_at_ms: token.map(Token::issued_at_ms),
        },
        policy: Policy {
            max_payload: limits::FRAME_MAX,
            max_buffered_bytes: options.limits.buffered,
            tick_interval_ms: options.limits.tick.as_millis() as u64,
        },
    }
}

/// Which agent and which session are meant where none is named.
fn defaults(hub: &Hub) -> SessionDefaults {
    SessionDefaults {
        default_agent_id: Some(key::AGENT.into()),
        ownership: Some("sole".into()),
        selection_required: false,
        model_configured: Some(models::primary(hub).is_some()),
        main_key: Some(key::MAIN_REST.into()),
        main_session_key: Some(key::MAIN.into()),
        scope: Some("per-sender".into()),
    }
}

//! `gateway probe`: every configured way to the gateway, tried. Unlike the real program it fails when the gateway
//! lets nobody in.

use std::time::Duration;

use serde_json::{Value, json};

use crate::base::Result;
use crate::cli::Context;
use crate::cli::command::gateway_status::url;
use crate::cli::line::{Asker, selected};
use crate::cli::probed::{Probed, own_presence};
use crate::cli::render::{Listing, cell};
use crate::host::clock::{Stopwatch, epoch_ms};

/// How long it may take, as in the real program.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The id and kind of this host's own gateway among the targets.
const LOCAL: &str = "localLoopback";
/// And those of the one that the configuration names elsewhere.
const REMOTE: &str = "configRemote";

/// Tries them.
///
/// # Errors
/// What the selected target met; the document is printed all the same.
pub async fn run(context: &Context) -> Result<()> {
    let profile = selected(context)?;
    let began = Stopwatch::start();
    let asker = Asker::new(context, TIMEOUT);
    let calls = [
        ("health", json!({})),
        ("status", json!({})),
        ("system-presence", json!({})),
        ("config.get", json!({})),
    ];
    let probed = Probed::look(&asker, &calls).await;
    let local = url(&profile);
    let at = asker.as_ref().map_or(local.clone(), |asker| asker.url().to_owned());
    // A tunnel's near end is on this host, its gateway is not.
    let id = if at == local && profile.remote.is_none() { LOCAL } else { REMOTE };
    let target = target(id, &at, &probed);
    let limit = context.global.timeout.map_or(TIMEOUT, |limit| limit.0).as_millis() as u64;
    let id = target["id"].clone();
    let document = json!({
        "ok": probed.error.is_none(),
        "degraded": probed.reached() && probed.error.is_some(),
        "capability": probed.capability(),
        "ts": epoch_ms(), "durationMs": began.elapsed_ms().ceil() as u64, "timeoutMs": limit,
        "primaryTargetId": if probed.reached() { id.clone() } else { Value::Null },
        "warnings": warnings(&probed, &id),
        "network": { "localLoopbackUrl": url(&profile), "localTailnetUrl": null, "tailnetIPv4": null },
        // Nothing is asked of the network around us.
        "discovery": { "timeoutMs": 0, "count": 0, "beacons": [] },
        "targets": [target],
    });
    context.render.answer(&document, table);
    if !context.render.is_json() {
        for warning in document["warnings"].as_array().into_iter().flatten() {
            context.render.notice(&format!("warning: {}", cell::text(&warning["message"])));
        }
    }
    context.told.set(true);
    probed.error.map_or(Ok(()), Err)
}

fn target(id: &str, url: &str, probed: &Probed) -> Value {
    let [health, summary, presence, config] = &probed.answers[..] else { return Value::Null };
    let error = probed.error.as_ref();
    json!({
        "id": id, "kind": id, "url": url, "active": true, "tunnel": null,
        "connect": {
            "ok": probed.reached(), "rpcOk": error.is_none(), "scopeLimited": probed.is_scope_limited(),
            "latencyMs": probed.latency_ms, "error": error.map(ToString::to_string), "close": null,
        },
        "auth": probed.auth(), "server": probed.server(), "self": own_presence(presence),
        "config": summary_of(config), "health": health, "summary": summary, "presence": presence,
    })
}

/// What of a configuration a look shows: never its values, which may be secrets.
fn summary_of(config: &Value) -> Value {
    if config.is_null() {
        return Value::Null;
    }
    let gateway = &config["config"]["gateway"];
    json!({
        "path": config["path"], "exists": config["exists"], "valid": config["valid"], "issues": config["issues"],
        "legacyIssues": config["legacyIssues"],
        "gateway": { "mode": gateway["mode"], "bind": gateway["bind"], "port": gateway["port"] },
    })
}

/// Codes and sentences for whoever reads the document, the real program's where it has one.
fn warnings(probed: &Probed, id: &Value) -> Vec<Value> {
    let Some(error) = &probed.error else { return Vec::new() };
    let (code, message) = if probed.is_scope_limited() {
        ("probe_scope_limited", format!("the connection succeeded, but what it may read is limited: {error}"))
    } else if probed.reached() {
        ("probe_detail_failed", format!("a gateway answered, but did not let us look: {error}"))
    } else {
        ("no_gateway_reachable", format!("no gateway answered: {error}"))
    };
    vec![json!({ "code": code, "message": message, "targetIds": [id] })]
}

fn table(document: &Value) -> Listing {
    let mut listing = Listing::new(
        &["TARGET", "URL", "REACHED", "READS", "LATENCY", "VERSION", "CAPABILITY"],
        "no targets",
    );
    for target in document["targets"].as_array().into_iter().flatten() {
        let connect = &target["connect"];
        listing.row([
            cell::text(&target["id"]),
            cell::text(&target["url"]),
            cell::text(&connect["ok"]),
            cell::text(&connect["rpcOk"]),
            connect["latencyMs"].as_u64().map_or("-".into(), |millis| format!("{millis} ms")),
            cell::text(&target["server"]["version"]),
            cell::text(&target["auth"]["capability"]),
        ]);
    }
    listing
}

//! `gateway probe`: every configured way to the gateway, tried side by side. Unlike the real program it fails when the
//! gateway that the other verbs ask lets nobody in.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::base::{Error, Result};
use crate::cli::Context;
use crate::cli::command::gateway_status::url;
use crate::cli::probed::{Probed, own_presence};
use crate::cli::render::{Listing, cell};
use crate::cli::ways::{self, Way};
use crate::host::clock::{Stopwatch, epoch_ms};

/// How long it may take, as in the real program.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Tries them.
///
/// # Errors
/// What the way met that the other verbs go; the document is printed all the same.
pub async fn run(context: &Context) -> Result<()> {
    let (profile, ways) = ways::all(context, TIMEOUT)?;
    let began = Stopwatch::start();
    let calls = [
        ("health", json!({})),
        ("status", json!({})),
        ("system-presence", json!({})),
        ("config.get", json!({})),
    ];
    let probes = join_all(ways.iter().map(|way| Probed::look(&way.asker, &calls))).await;
    let seen: Vec<(&Way<'_>, &Probed)> = ways.iter().zip(&probes).collect();
    let primary = seen.iter().find(|(_, probed)| probed.reached());
    let limit = context.timeout.map_or(TIMEOUT, |limit| limit.0).as_millis() as u64;
    let failed: Option<Error> = probes.first().and_then(|probed| probed.error.clone());
    let document = json!({
        "ok": failed.is_none(),
        "degraded": primary.is_some() && failed.is_some(),
        "capability": primary.map_or("unknown", |(_, probed)| probed.capability()),
        "ts": epoch_ms(), "durationMs": began.elapsed_ms().ceil() as u64, "timeoutMs": limit,
        "primaryTargetId": primary.map(|(way, _)| way.id),
        "warnings": warnings(&seen),
        "network": {
            "localLoopbackUrl": profile.as_ref().map(url), "localTailnetUrl": null, "tailnetIPv4": null,
        },
        // Nothing is asked of the network around us.
        "discovery": { "timeoutMs": 0, "count": 0, "beacons": [] },
        "targets": seen.iter().map(|(way, probed)| target(way, probed)).collect::<Vec<_>>(),
    });
    context.render.answer(&document, table);
    if !context.render.is_json() {
        for warning in document["warnings"].as_array().into_iter().flatten() {
            context.render.notice(&format!("warning: {}", cell::text(&warning["message"])));
        }
    }
    context.told.set(true);
    failed.map_or(Ok(()), Err)
}

fn target(way: &Way<'_>, probed: &Probed) -> Value {
    let [health, summary, presence, config] = &probed.answers[..] else { return Value::Null };
    let error = probed.error.as_ref();
    let asker = way.asker.as_ref().ok();
    json!({
        "id": way.id, "kind": way.id, "url": asker.map(|asker| &asker.endpoint().url),
        "active": way.is_active, "tunnel": asker.and_then(|asker| asker.tunnel()),
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
fn warnings(seen: &[(&Way<'_>, &Probed)]) -> Vec<Value> {
    let ids = |which: &dyn Fn(&Probed) -> bool| -> Vec<&str> {
        seen.iter().filter(|(_, probed)| which(probed)).map(|(way, _)| way.id).collect()
    };
    let mut warnings = Vec::new();
    let mut warn = |code: &str, message: String, ids: &[&str]| {
        warnings.push(json!({ "code": code, "message": message, "targetIds": ids }));
    };
    for (way, probed) in seen {
        let Some(error) = &probed.error else { continue };
        let id = [way.id];
        if way.asker.is_err() {
            warn("auth_unresolved", format!("{} was not asked: {error}", way.id), &id);
        } else if probed.is_scope_limited() {
            let what = format!("the connection succeeded, but what it may read is limited: {error}");
            warn("probe_scope_limited", what, &id);
        } else if probed.reached() {
            warn("probe_detail_failed", format!("a gateway answered, but did not let us look: {error}"), &id);
        }
    }
    let reached = ids(&Probed::reached);
    if let (Some((_, first)), true) = (seen.first(), reached.is_empty()) {
        let why = first.error.as_ref().map(ToString::to_string).unwrap_or_default();
        warn("no_gateway_reachable", format!("no gateway answered: {why}"), &ids(&|_| true));
    }
    let gateways = distinct(seen.iter().filter_map(|(way, probed)| {
        let url = way.asker.as_ref().ok().map(|asker| asker.endpoint().url.as_str());
        probed.identity().or_else(|| probed.hello.as_ref().and(url).map(str::to_owned))
    }));
    if gateways > 1 {
        let what =
            format!("{gateways} different gateways answer; the other verbs ask the first of these ways");
        warn("multiple_gateways", what, &reached);
    }
    warnings
}

/// How many gateways bear these identities: one that is reached over several ways is one.
fn distinct(identities: impl Iterator<Item = String>) -> usize {
    identities.collect::<BTreeSet<_>>().len()
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

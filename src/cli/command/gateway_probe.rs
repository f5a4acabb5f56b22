//! `gateway probe`: every way to the gateway that is configured or typed, tried side by side, with `--ssh` through a
//! tunnel of its own too. Unlike the real program it fails when the gateway that is meant lets nobody in: the one that
//! the other verbs ask, or the one that was typed.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::probe_warnings::warnings;
use crate::base::record::ProfileStatus;
use crate::base::{Error, Kind, Result};
use crate::cli::args::Probe;
use crate::cli::command::gateway_status::url;
use crate::cli::line::Asker;
use crate::cli::probed::{Probed, own_presence};
use crate::cli::render::{Listing, cell};
use crate::cli::tunnel::{self, Plan, Tunnel};
use crate::cli::ways::{self, Own, Way};
use crate::cli::{Context, survey};
use crate::host::clock::{Stopwatch, epoch_ms};
use crate::host::signal as own_signal;
use crate::profile::{GatewayConfig, Profile};

/// How long it may take, as in the real program.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The same with a tunnel that has to be made first: what its client allows for a connection.
const TUNNEL_TIMEOUT: Duration = Duration::from_secs(10);

/// A way and what was seen on it.
pub struct Seen<'a> {
    /// The way.
    pub way: Way<'a>,
    /// What was seen.
    pub probed: Probed,
    /// The tunnel of this call that it goes through.
    tunnel: Option<Value>,
    /// Whether that tunnel could not be made.
    pub is_tunnel_lost: bool,
}

/// Tries them. Ctrl-C ends the look, and the tunnel with it.
///
/// # Errors
/// What the way met that is meant; the document is printed all the same.
pub async fn run(context: &Context, probe: &Probe) -> Result<()> {
    let mut interrupts = signal(SignalKind::interrupt()).map_err(|error| {
        Error::new(Kind::Failed, "signals_unavailable", "signals cannot be watched").caused_by(error)
    })?;
    tokio::select! {
        outcome = look(context, probe) => outcome,
        _ = interrupts.recv() => {
            own_signal::die_of_interrupt();
            Err(Error::new(Kind::Failed, "interrupted", "interrupted"))
        }
    }
}

async fn look(context: &Context, probe: &Probe) -> Result<()> {
    let has_tunnel = probe.ssh.is_some() || probe.ssh_auto;
    let usual = if has_tunnel { TUNNEL_TIMEOUT } else { TIMEOUT };
    let limit = context.timeout.map_or(usual, |limit| limit.0);
    let typed = tunnel::typed(probe)?;
    let (own, ways) = ways::all(context, usual, has_tunnel)?;
    let plan = Plan::of(context, probe, typed, borrowed(&own))?;
    let began = Stopwatch::start();
    let (seen, through, status) = tokio::join!(
        join_all(ways.into_iter().map(|way| async { over(way).await })),
        async {
            match &plan {
                Some(plan) => Some(through(context, plan, &own, limit).await),
                None => None,
            }
        },
        link(context, &own),
    );
    let mut seen = seen;
    // What was typed first.
    let place = seen.iter().take_while(|seen| seen.way.id == ways::EXPLICIT && seen.way.is_meant).count();
    seen.splice(place..place, through);
    let primary = seen.iter().find(|seen| seen.probed.reached());
    let failed: Option<Error> =
        seen.iter().filter(|seen| seen.way.is_meant).find_map(|seen| seen.probed.error.clone());
    let document = json!({
        "ok": failed.is_none(),
        "degraded": primary.is_some() && failed.is_some(),
        "capability": primary.map_or("unknown", |seen| seen.probed.capability()),
        "ts": epoch_ms(), "durationMs": began.elapsed_ms().ceil() as u64, "timeoutMs": limit.as_millis() as u64,
        "primaryTargetId": primary.map(|seen| seen.way.id),
        "warnings": warnings(&seen),
        "network": {
            "localLoopbackUrl": own.as_ref().map(|(profile, _)| url(profile)),
            "localTailnetUrl": null, "tailnetIPv4": null,
        },
        // Nothing is asked of the network around us.
        "discovery": { "timeoutMs": 0, "count": 0, "beacons": [] },
        "targets": seen.iter().map(|seen| target(seen, status.as_ref())).collect::<Vec<_>>(),
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

fn borrowed(own: &Own) -> Option<(&Profile, &GatewayConfig)> {
    own.as_ref().map(|(profile, config)| (profile, config))
}

fn calls() -> [(&'static str, Value); 4] {
    ["health", "status", "system-presence", "config.get"].map(|method| (method, json!({})))
}

async fn over(way: Way<'_>) -> Seen<'_> {
    let probed = Probed::look(&way.asker, &calls()).await;
    Seen { way, probed, tunnel: None, is_tunnel_lost: false }
}

/// Makes the tunnel, looks through it, and ends it.
async fn through<'c>(context: &'c Context, plan: &Plan, own: &Own, limit: Duration) -> Seen<'c> {
    let clock = Stopwatch::start();
    let way = |asker| Way { id: ways::TUNNEL, is_active: true, is_meant: true, asker };
    let mut tunnel = match Tunnel::make(plan, &context.environment, limit).await {
        Ok(tunnel) => tunnel,
        Err(error) => {
            let mut seen = over(way(Err(error))).await;
            seen.tunnel = Some(plan.document(None));
            seen.is_tunnel_lost = true;
            return seen;
        }
    };
    let ask = plan.ask(context, borrowed(own), &tunnel).map(|mut ask| {
        ask.left = Some(limit.saturating_sub(clock.elapsed()));
        Asker::through(ask, limit)
    });
    let mut seen = over(way(ask)).await;
    seen.tunnel = Some(plan.document(Some(&tunnel)));
    if !seen.probed.reached()
        && let Some(error) = seen.probed.error.as_ref().and_then(|_| tunnel.trouble(plan))
    {
        // The client knows better than its near end why nobody answered.
        seen.probed.error = Some(error);
    }
    seen
}

/// What the supervisor knows of the selected profile's link.
async fn link(context: &Context, own: &Own) -> Option<ProfileStatus> {
    let (profile, _) = own.as_ref().filter(|(profile, _)| profile.remote.is_some())?;
    // The look itself tells what matters; this only adds to it.
    survey::one(context, &profile.name).await.ok().flatten()
}

fn target(seen: &Seen<'_>, status: Option<&ProfileStatus>) -> Value {
    let Seen { way, probed, .. } = seen;
    let [health, summary, presence, config] = &probed.answers[..] else { return Value::Null };
    let error = probed.error.as_ref();
    let asker = way.asker.as_ref().ok();
    let tunnel = seen.tunnel.clone().or_else(|| asker.and_then(Asker::tunnel));
    let status = status.filter(|_| way.id == ways::REMOTE);
    json!({
        "id": way.id, "kind": way.id, "url": asker.map(|asker| &asker.endpoint().url),
        "active": way.is_active, "tunnel": tunnel,
        "link": status.and_then(super::status_deep::link),
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

fn table(document: &Value) -> Listing {
    let header = ["TARGET", "WAY", "REACHED", "READS", "LATENCY", "VERSION", "CAPABILITY", "FAILED"];
    let mut listing = Listing::new(&header, "no targets");
    for target in document["targets"].as_array().into_iter().flatten() {
        let connect = &target["connect"];
        listing.row([
            cell::text(&target["id"]),
            way(target),
            cell::text(&connect["ok"]),
            cell::text(&connect["rpcOk"]),
            connect["latencyMs"].as_u64().map_or("-".into(), |millis| format!("{millis} ms")),
            cell::text(&target["server"]["version"]),
            cell::text(&target["auth"]["capability"]),
            cell::text(&connect["error"]),
        ]);
    }
    listing
}

/// Where it goes: the URL, through which tunnel, and how the link is.
fn way(target: &Value) -> String {
    let tunnel = &target["tunnel"];
    let mut text = match tunnel["target"].as_str() {
        Some(far) => format!("ssh {far}, port {} there", cell::text(&tunnel["remotePort"])),
        None => cell::text(&target["url"]),
    };
    if let Some(state) = target["link"]["state"].as_str() {
        text.push_str(&format!("; link {state}"));
    }
    text
}

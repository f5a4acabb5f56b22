//! `status`: the selected profile's gateway and what it does; with `--deep` the host around it, with `--watch`
//! again and again.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::gateway_call::not_in_force;
use super::gateway_status::{service, url};
use super::status_deep;
use crate::base::{Error, Result};
use crate::cli::args::Status;
use crate::cli::line::{Asker, shown};
use crate::cli::probed::{Probed, own_presence};
use crate::cli::render::{Listing, cell};
use crate::cli::{Context, skew, survey};
use crate::client::gateway::CALL_TIMEOUT;
use crate::host::process;
use crate::profile::Profile;

/// Shows it.
///
/// # Errors
/// What the connection met; the document is printed all the same. While it is watched only what leaves nothing to be
/// shown ends it, such as a profile that does not exist.
pub async fn run(context: &Context, status: &Status) -> Result<()> {
    let Some(distance) = status.watch else { return once(context, status.deep, None).await.1 };
    let mut is_first = true;
    loop {
        context.told.set(false);
        let (is_read, outcome) = once(context, status.deep, Some(is_first)).await;
        // What failed stands in what was printed.
        if !context.told.get() {
            return outcome;
        }
        if !is_read {
            return Ok(());
        }
        is_first = false;
        sleep(distance.0.max(PAUSE_MIN)).await;
    }
}

/// Shortest pause between two rounds: a terminal shows no more, and the gateway has other things to do.
pub(super) const PAUSE_MIN: Duration = Duration::from_millis(100);

/// Looks and prints, where it is watched in place of what was printed; whether somebody read it, and how it went.
async fn once(context: &Context, deep: bool, is_first: Option<bool>) -> (bool, Result<()>) {
    let (document, error) = match looked(context, deep).await {
        Ok(looked) => looked,
        Err(error) => return (true, Err(error)),
    };
    // Only now: until there is something new, the old picture stays.
    if let Some(is_first) = is_first {
        context.render.again(is_first);
    }
    let is_read = context.render.answer(&document, table);
    context.told.set(true);
    (is_read, error.map_or(Ok(()), Err))
}

async fn looked(context: &Context, deep: bool) -> Result<(Value, Option<Error>)> {
    let profile = shown(context)?;
    let asker = Asker::new(context, CALL_TIMEOUT);
    let mut calls = vec![
        ("status", json!({ "includeChannelSummary": false })),
        ("system-presence", json!({})),
        ("health", if deep { json!({ "probe": true }) } else { json!({}) }),
    ];
    if deep {
        calls.push(("last-heartbeat", json!({})));
    }
    let mut probed = Probed::look(&asker, &calls).await;
    if let (None, Err(error)) = (&profile, &asker) {
        // What is wrong with a URL or its credential is all that there is to say.
        return Err(error.clone());
    }
    let mut document = document(context, profile.as_ref(), asker.ok().as_ref(), &mut probed);
    if let Some(profile) = &profile {
        document["versions"] = status_deep::versions(context, profile, probed.version());
    }
    if deep {
        document["lastHeartbeat"] = probed.answers[3].take();
        if let Some(profile) = &profile {
            let (keeper, all) = (status_deep::keeper(context).await, survey::links(context).await?);
            let supervisor = skew::around_supervisor(context).await;
            document["host"] = status_deep::host(context, profile, probed.version(), keeper, &all)?;
            skew::add(&mut document["host"]["versions"], supervisor);
        }
    }
    Ok((document, probed.error))
}

fn document(
    context: &Context,
    profile: Option<&Profile>,
    asker: Option<&Asker<'_>>,
    probed: &mut Probed,
) -> Value {
    let endpoint = asker.map(Asker::endpoint);
    let is_remote = profile.is_none_or(|profile| profile.remote.is_some());
    let mut document = probed.answers[0].take();
    if !document.is_object() {
        document = json!({ "runtimeVersion": probed.version() });
    }
    let health = probed.answers[2].take();
    let agents: Vec<Value> = health["agents"].as_array().into_iter().flatten().map(agent).collect();
    let error = probed.error.as_ref();
    let defaults = probed.hello.as_ref().and_then(|hello| hello.snapshot.session_defaults.as_ref());
    document["profile"] = json!(profile.map(|profile| profile.name.as_str()));
    document["os"] = os();
    document["gateway"] = json!({
        "mode": if is_remote { "remote" } else { "local" },
        "url": endpoint.map(|endpoint| endpoint.url.clone()).or_else(|| profile.map(url)),
        "urlSource": endpoint.map_or("local loopback", |endpoint| endpoint.source.as_str()), "misconfigured": false,
        "reachable": error.is_none(), "connectLatencyMs": probed.latency_ms,
        "self": own_presence(&probed.answers[1]), "error": error.map(ToString::to_string),
        "authWarning": error.filter(|error| error.code() == "gateway_auth_refused").map(|error| error.message()),
        "version": probed.version(),
    });
    document["gatewayService"] = profile.map_or(Value::Null, service);
    document["agents"] = json!({
        "defaultId": health["defaultAgentId"], "totalSessions": health["sessions"]["count"].as_u64().unwrap_or(0),
        "agents": agents, "bootstrapPendingCount": 0,
        "ownership": defaults.map(|defaults| &defaults.ownership),
        "selectionRequired": defaults.map(|defaults| defaults.selection_required),
    });
    document["channels"] = health["channelOrder"].clone();
    document["health"] = health;
    document["cliVersion"] = json!(env!("CARGO_PKG_VERSION"));
    if context.global.verbose
        && let Some(error) = error
    {
        document["remedy"] = json!(error.remedy_text());
    }
    document
}

/// An agent as the real program's status tells it; what only its files say is not told.
fn agent(told: &Value) -> Value {
    let (sessions, last) = (&told["sessions"], &told["sessions"]["recent"][0]);
    json!({
        "id": told["agentId"], "workspaceDir": null, "bootstrapPending": null, "sessionsPath": sessions["path"],
        "sessionsCount": sessions["count"], "lastUpdatedAt": last["updatedAt"], "lastActiveAgeMs": last["age"],
    })
}

/// The system that this program runs on, in Node's words.
fn os() -> Value {
    let platform = if std::env::consts::OS == "macos" { "darwin" } else { std::env::consts::OS };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let release = process::kernel_release();
    json!({ "platform": platform, "release": release, "arch": arch, "label": format!("{platform} ({arch})") })
}

fn table(document: &Value) -> Listing {
    let mut listing = Listing::new(&["STATUS", ""], "nothing is known");
    let mut fact = |name: &str, value: String| listing.row([name.to_owned(), value]);
    let gateway = &document["gateway"];
    fact("profile", cell::text(&document["profile"]));
    fact(
        "gateway",
        match gateway["reachable"].as_bool() {
            Some(true) => format!("ready, answered in {} ms", cell::text(&gateway["connectLatencyMs"])),
            _ => cell::text(&gateway["error"]),
        },
    );
    fact("url", cell::text(&gateway["url"]));
    fact("version", cell::first(&[&gateway["version"], &document["runtimeVersion"]]));
    if document["versions"]["skew"] == true {
        let [installed, cli] = ["installed", "cli"].map(|key| cell::text(&document["versions"][key]));
        fact(
            "skew",
            format!(
                "installed is {installed}, this program is {cli}; restart the gateway to run what is installed"
            ),
        );
    }
    let service = &document["gatewayService"];
    if service.is_object() {
        fact("supervisor", if service["loaded"] == true { "managed" } else { "not managed" }.into());
    }
    if gateway["reachable"] == true {
        let agents = document["agents"]["agents"].as_array().map_or(0, Vec::len);
        fact("agents", format!("{agents} (default {})", cell::text(&document["agents"]["defaultId"])));
        fact("sessions", cell::text(&document["agents"]["totalSessions"]));
        fact("channels", cell::list(&document["channels"]));
        let tasks = &document["tasks"];
        fact(
            "tasks",
            format!("{} active, {} failed", cell::text(&tasks["active"]), cell::text(&tasks["failures"])),
        );
        let degraded =
            document["eventLoop"]["degraded"] == true || document["modelRuntime"]["degraded"] == true;
        fact("load", if degraded { "degraded" } else { "normal" }.into());
        if let Some(pending) = not_in_force(&document["health"]) {
            fact("configuration", pending);
        }
    }
    if document["host"].is_object() {
        status_deep::facts(&document["host"], &mut fact);
    }
    listing
}

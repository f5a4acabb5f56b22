//! `gateway status`: the gateway's place, who listens there, and whether it lets us in. Unlike the real program it
//! fails when the gateway does.

use serde_json::{Value, json};

use crate::access::Endpoint;
use crate::base::{Error, Result};
use crate::cli::Context;
use crate::cli::line::{Asker, shown};
use crate::cli::probed::Probed;
use crate::cli::render::{Listing, cell};
use crate::client::gateway::CALL_TIMEOUT;
use crate::daemon;
use crate::host::lock::Record;
use crate::host::{files, socket};
use crate::profile::{GatewayUrl, Profile, SupervisorPaths};

/// Shows it; with `no_probe` without a connection.
///
/// # Errors
/// What the connection met; the document is printed all the same.
pub async fn run(context: &Context, require_rpc: bool, no_probe: bool) -> Result<()> {
    let profile = shown(context)?;
    let asker = Asker::new(context, CALL_TIMEOUT);
    let probed = if no_probe {
        None
    } else {
        let calls: &[(&str, Value)] = if require_rpc { &[("status", json!({}))] } else { &[] };
        Some(Probed::look(&asker, calls).await)
    };
    let document = match (&profile, asker) {
        (Some(profile), asker) => {
            let url = asker.map_or_else(|_| url(profile), |asker| asker.endpoint().url.clone());
            document(context, profile, &url, probed.as_ref(), require_rpc)?
        }
        // What is wrong with the URL or its credential is all that there is to say.
        (None, asker) => elsewhere(asker?.endpoint(), probed.as_ref(), require_rpc),
    };
    context.render.answer(&document, table);
    context.told.set(true);
    probed.and_then(|probed| probed.error).map_or(Ok(()), Err)
}

/// What is said of a URL that was typed: of this host's files nothing.
fn elsewhere(endpoint: &Endpoint, probed: Option<&Probed>, read: bool) -> Value {
    let (url, version) = (&endpoint.url, probed.and_then(Probed::version));
    let mut document = json!({
        "profile": null,
        "cli": { "version": env!("CARGO_PKG_VERSION"), "entrypoint": entrypoint() },
        "logFile": null, "service": null, "config": null,
        "gateway": {
            "bindMode": null, "bindHost": endpoint.host, "port": endpoint.port,
            "portSource": endpoint.source.as_str(), "probeUrl": url,
            "controlUiLinks": { "httpUrl": page(url), "wsUrl": url }, "probeNote": "", "version": version,
        },
        "port": null, "extraServices": [],
        "pluginVersionDrift": { "gatewayVersion": version, "drifts": [] },
    });
    told(&mut document, probed, url, read);
    document
}

/// The address of the gateway's page, without any credential.
pub fn page(url: &str) -> String {
    let http = url.replacen("ws", "http", 1);
    if http.ends_with('/') { http } else { http + "/" }
}

/// Adds what the connection told.
fn told(document: &mut Value, probed: Option<&Probed>, url: &str, read: bool) {
    let Some(probed) = probed else { return };
    document["rpc"] = rpc(probed, url, read);
    if let Some(status) = probed.answers.first() {
        document["hostDesktop"] = status["hostDesktop"].clone();
    }
}

fn document(
    context: &Context,
    profile: &Profile,
    url: &str,
    probed: Option<&Probed>,
    read: bool,
) -> Result<Value> {
    let config = config(context, profile);
    let port = port(profile);
    let version = probed.and_then(Probed::version);
    let log = SupervisorPaths::derive(&context.environment)?.log_dir.join(format!("{}.log", profile.name));
    let loopback = profile.bind.as_str() == "loopback";
    let note = if loopback { "Loopback-only gateway; only local clients can connect." } else { "" };
    let mut document = json!({
        "profile": profile.name.as_str(),
        "cli": { "version": env!("CARGO_PKG_VERSION"), "entrypoint": entrypoint() },
        "logFile": log,
        "service": service(profile),
        "config": { "cli": config, "daemon": config },
        "gateway": {
            "bindMode": profile.bind.as_str(), "bindHost": "127.0.0.1", "port": profile.port,
            "portSource": profile.port_source.as_str(), "probeUrl": url,
            "controlUiLinks": { "httpUrl": page(url), "wsUrl": url },
            "probeNote": note, "version": version,
        },
        "port": port,
        "extraServices": [],
        "pluginVersionDrift": { "gatewayVersion": version, "drifts": [] },
    });
    told(&mut document, probed, url, read);
    Ok(document)
}

/// Where the profile's gateway is reached on this host.
pub fn url(profile: &Profile) -> String {
    GatewayUrl::loopback(profile.port, profile.speaks_tls_here()).to_string()
}

/// The program's own file.
pub fn entrypoint() -> Option<String> {
    std::env::current_exe().ok().map(|path| path.display().to_string())
}

/// The profile's configuration file and whether it can be used.
fn config(context: &Context, profile: &Profile) -> Value {
    let path = &profile.paths.config_path;
    let registry = crate::cli::survey::registry(context);
    let read = registry.and_then(|registry| registry.config(path));
    json!({ "path": path, "exists": files::is_there(path), "valid": read.is_ok() })
}

/// Who looks after the gateway, as far as its record proves.
pub fn service(profile: &Profile) -> Value {
    let state_dir = &profile.paths.state_dir;
    let record = Record::read(state_dir).filter(|record| record.is_proved(state_dir));
    let status = if record.is_some() { "running" } else { "stopped" };
    json!({
        "label": "openclaw supervisor",
        "loaded": profile.managed,
        "loadState": { "status": if profile.managed { "loaded" } else { "not-loaded" } },
        "loadedText": "managed", "notLoadedText": "not managed", "targetRole": "diagnostic-only",
        "command": null, "installed": profile.managed, "managedByOpenClaw": false,
        "externallyManaged": profile.managed, "runtimeShort": status,
        "runtime": { "status": status, "pid": record.map(|record| record.pid) },
        "configAudit": { "ok": true, "issues": [] },
    })
}

/// Who listens on the profile's port.
fn port(profile: &Profile) -> Value {
    let found = socket::listeners_on(profile.port).unwrap_or_default();
    let likely = Record::read(&profile.paths.state_dir).map(|record| record.pid);
    let listener = |listener: &socket::Listener| {
        let holder = daemon::holder::of_listener(listener, likely);
        // Its whole command line may hold a secret; its program tells enough.
        json!({
            "pid": holder.pid, "command": holder.program, "address": format!("{}:{}", listener.address, listener.port),
            "user": holder.user, "unit": holder.unit, "profile": holder.profile,
        })
    };
    let listeners: Vec<Value> = found.iter().map(listener).collect();
    let status = if listeners.is_empty() { "free" } else { "busy" };
    json!({ "port": profile.port, "status": status, "listeners": listeners, "hints": [] })
}

fn rpc(probed: &Probed, url: &str, read: bool) -> Value {
    let mut rpc = json!({
        "ok": probed.error.is_none(), "kind": if read { "read" } else { "connect" },
        "capability": probed.capability(), "auth": probed.auth(), "server": probed.server(), "url": url,
    });
    if let Some(version) = probed.version() {
        rpc["version"] = json!(version);
    }
    if let Some(latency) = probed.latency_ms {
        rpc["latencyMs"] = json!(latency);
    }
    if let Some(error) = &probed.error {
        rpc["error"] = json!(error.to_string());
        rpc["connectFailure"] = json!({ "kind": probed.failure(), "code": error.code() });
        if probed.reached() {
            rpc["gatewayReached"] = json!(true);
        }
        if let Some(remedy) = Error::remedy_text(error) {
            rpc["remedy"] = json!(remedy);
        }
    }
    rpc
}

fn table(document: &Value) -> Listing {
    let mut listing = Listing::new(&["GATEWAY", ""], "nothing is known");
    let mut fact = |name: &str, value: String| listing.row([name.to_owned(), value]);
    fact("profile", cell::text(&document["profile"]));
    let rpc = &document["rpc"];
    let state = match (rpc["ok"].as_bool(), rpc["latencyMs"].as_u64()) {
        (Some(true), latency) => {
            format!("lets us in ({} ms), {}", latency.unwrap_or_default(), cell::text(&rpc["capability"]))
        }
        (Some(false), _) => cell::text(&rpc["error"]),
        (None, _) => "not asked".into(),
    };
    fact("gateway", state);
    let (gateway, own) = (&document["gateway"], &document["cli"]["version"]);
    fact("url", cell::text(&gateway["probeUrl"]));
    fact("version", format!("{} (this program {})", cell::text(&gateway["version"]), cell::text(own)));
    fact(
        "port",
        format!(
            "{} ({}), from {}",
            cell::text(&document["gateway"]["port"]),
            cell::first(&[&document["port"]["status"], &json!("not looked at")]),
            cell::text(&document["gateway"]["portSource"])
        ),
    );
    for listener in document["port"]["listeners"].as_array().into_iter().flatten() {
        let unit =
            listener["unit"].as_str().map(|unit| format!(", unit {}", cell::clean(unit))).unwrap_or_default();
        fact(
            "listener",
            format!(
                "{}: {}, pid {}, user {}{unit}",
                cell::text(&listener["address"]),
                cell::text(&listener["command"]),
                cell::text(&listener["pid"]),
                cell::text(&listener["user"])
            ),
        );
    }
    if document["profile"].is_null() {
        return listing;
    }
    let service = &document["service"];
    let managed = if service["loaded"] == true { &service["loadedText"] } else { &service["notLoadedText"] };
    fact("supervisor", format!("{}, {}", cell::text(managed), cell::text(&service["runtime"]["status"])));
    let config = &document["config"]["cli"];
    let state = match (config["exists"].as_bool(), config["valid"].as_bool()) {
        (Some(false), _) => " (missing)",
        (_, Some(false)) => " (invalid)",
        _ => "",
    };
    fact("config", cell::text(&config["path"]) + state);
    fact("log", cell::text(&document["logFile"]));
    listing
}

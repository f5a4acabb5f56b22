//! `health`, `gateway health` and `gateway call`: one call to the selected profile's gateway. The supervisor
//! is not needed, and nothing below the state directory is written.

use serde_json::{Value, json};

use crate::access::{credential, lookup};
use crate::base::{Error, Kind, Result};
use crate::cli::{Context, chosen, survey};
use crate::client::gateway::{self, CALL_TIMEOUT};
use crate::daemon::DISK;
use crate::host::clock::Stopwatch;
use crate::profile::{Profile, SecretSource, inherited};

/// Asks the gateway how it is.
pub async fn health(context: &Context) -> Result<()> {
    let profile = selected(context)?;
    let began = Stopwatch::start();
    let answer = one_call(context, &profile, "health", json!({})).await?;
    let millis = began.elapsed_ms();
    if context.render.is_json() {
        context.render.document(&answer);
        return Ok(());
    }
    context.render.text(&sentence(&profile, &answer, millis));
    Ok(())
}

fn sentence(profile: &Profile, answer: &Value, millis: f64) -> String {
    let ok = answer["ok"].as_bool() == Some(true);
    let state = if ok { "healthy" } else { "not healthy" };
    let agents = answer["agents"].as_array().map_or(0, Vec::len);
    let sessions = answer["sessions"]["count"].as_u64().unwrap_or(0);
    let channels: Vec<&str> =
        answer["channelOrder"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let channels = if channels.is_empty() { "no channels".to_owned() } else { channels.join(", ") };
    format!(
        "{} is {state}: ws://127.0.0.1:{} answered in {millis:.1} ms\nagents {agents}, sessions {sessions}, {channels}\n",
        profile.name, profile.port
    )
}

/// Calls any method and prints its bare payload.
pub async fn call(context: &Context, method: &str, params: &str) -> Result<()> {
    let params: Value = serde_json::from_str(params).ok().filter(Value::is_object).ok_or_else(|| {
        Error::new(Kind::Usage, "params_invalid", "--params takes a JSON object")
            .remedy(format!("openclaw gateway call {method} --params '{{\"limit\": 5}}'"))
    })?;
    let profile = selected(context)?;
    let answer = one_call(context, &profile, method, params).await?;
    context.render.document(&answer);
    Ok(())
}

/// The profile that the flags and the environment mean.
pub fn selected(context: &Context) -> Result<Profile> {
    let flags = chosen::flags(context);
    let selection = chosen::selection(context)?;
    let registry = survey::registry(context)?;
    let profile = registry.load_with(&selection.name, &flags).or_else(|error| {
        if error.code() != "profile_unknown" {
            return Err(error);
        }
        Err(chosen::unknown(&selection, &registry.names()?))
    })?;
    if context.global.verbose {
        context.render.notice(&format!(
            "profile {} (from {}), port {} (from {})",
            profile.name,
            selection.source.as_str(),
            profile.port,
            profile.port_source.as_str()
        ));
    }
    Ok(profile)
}

async fn one_call(context: &Context, profile: &Profile, method: &str, params: Value) -> Result<Value> {
    let registry = survey::registry(context)?;
    let config = registry.config(&profile.paths.config_path)?;
    let environment = &context.environment;
    let own = inherited::own_env(&profile.name, environment);
    let follow = |source: &SecretSource| lookup::look_up(source, &config, environment, DISK.read);
    let (credential, source) = credential::for_local(&config, environment, own, &follow)?;
    if context.global.verbose {
        context.render.notice(&format!("credential from {source}"));
    }
    let timeout = context.global.timeout.map_or(CALL_TIMEOUT, |limit| limit.0);
    let scopes = gateway::scopes_for(method);
    let call = gateway::Call {
        profile,
        registry: &registry,
        credential: &credential,
        method,
        params,
        scopes,
        timeout,
    };
    gateway::call(call).await
}

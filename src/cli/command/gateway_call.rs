//! `health`, `gateway health` and `gateway call`: one call to the selected profile's gateway. The supervisor
//! is not needed, and nothing below the state directory is written.

use serde_json::{Value, json};

use crate::base::{Error, Kind, Result};
use crate::cli::Context;
use crate::cli::ask::Ask;
use crate::cli::line::Asker;
use crate::client::gateway::CALL_TIMEOUT;
use crate::host::clock::Stopwatch;

/// Asks the gateway how it is.
pub async fn health(context: &Context, port: Option<u16>) -> Result<()> {
    let began = Stopwatch::start();
    let asked = Ask::of(context, port)?;
    let answer = asked.call("health", json!({})).await?;
    let millis = began.elapsed_ms();
    if context.render.is_json() {
        context.render.document(&answer);
        return Ok(());
    }
    context.render.text(&sentence(&asked, &answer, millis));
    Ok(())
}

fn sentence(asked: &Ask<'_>, answer: &Value, millis: f64) -> String {
    let ok = answer["ok"].as_bool() == Some(true);
    let state = if ok { "healthy" } else { "not healthy" };
    let agents = answer["agents"].as_array().map_or(0, Vec::len);
    let sessions = answer["sessions"]["count"].as_u64().unwrap_or(0);
    let channels: Vec<&str> =
        answer["channelOrder"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let channels = if channels.is_empty() { "no channels".to_owned() } else { channels.join(", ") };
    let pending =
        not_in_force(answer).map(|pending| format!("configuration: {pending}\n")).unwrap_or_default();
    format!(
        "{} is {state}: {} answered in {millis:.1} ms\nagents {agents}, sessions {sessions}, {channels}\n{pending}",
        asked.name(),
        asked.target.endpoint.url
    )
}

/// What of its configuration a gateway does not work by, out of its `health`: what was refused, or what waits for a start.
pub(super) fn not_in_force(health: &Value) -> Option<String> {
    let reload = &health["configReload"];
    if let Some(why) = reload["refused"].as_str() {
        return Some(format!("the last change is refused, the one before it is in force: {why}"));
    }
    let keys = reload["restartNeeded"].as_array().filter(|keys| !keys.is_empty())?;
    let keys: Vec<&str> = keys.iter().filter_map(Value::as_str).collect();
    Some(format!("{} changed and counts from the next start on", keys.join(", ")))
}

/// Calls any method, named with its parameters as they were typed, and prints its bare payload.
pub async fn call(context: &Context, (method, params): (&str, &str), expect_final: bool) -> Result<()> {
    let params: Value = serde_json::from_str(params).ok().filter(Value::is_object).ok_or_else(|| {
        Error::new(Kind::Usage, "params_invalid", "--params takes a JSON object")
            .remedy(format!("openclaw gateway call {method} --params '{{\"limit\": 5}}'"))
    })?;
    let asker = Asker::new(context, CALL_TIMEOUT)?;
    let mut line = asker.open_for(&[(method, &params)], &[]).await?;
    let answer = if expect_final {
        // The last answer comes behind the one that only says that the call was accepted.
        let limit = context.timeout.map_or(CALL_TIMEOUT, |limit| limit.0);
        line.follow(limit, (method, params), &mut |_| ()).await
    } else {
        line.ask(method, params).await
    };
    line.close().await;
    context.render.document(&answer?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_force_is_said_and_nothing_else() {
        let said = |reload: Value| not_in_force(&json!({ "configReload": reload }));
        assert_eq!(said(json!({ "hotReloadStatus": "active", "restartNeeded": [] })), None);
        assert_eq!(said(Value::Null), None);
        let waits = said(json!({ "restartNeeded": ["gateway.port", "gateway.tls"] })).unwrap();
        assert_eq!(waits, "gateway.port, gateway.tls changed and counts from the next start on");
        let refused = said(json!({ "refused": "a.json:1: no", "restartNeeded": ["gateway.port"] })).unwrap();
        assert!(refused.ends_with("in force: a.json:1: no"), "{refused}");
    }
}

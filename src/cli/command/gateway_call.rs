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
    format!(
        "{} is {state}: {} answered in {millis:.1} ms\nagents {agents}, sessions {sessions}, {channels}\n",
        asked.name(),
        asked.target.endpoint.url
    )
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

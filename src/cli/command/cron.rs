//! `cron list`: the gateway's scheduled jobs.

use serde_json::{Map, Value, json};

use super::{cron_run, objects};
use crate::base::Result;
use crate::cli::Context;
use crate::cli::args::Cron;
use crate::cli::line::ask;
use crate::cli::render::{Listing, cell};
use crate::host::clock::epoch_ms;

/// The most jobs of one answer that the gateway gives.
const LIMIT: u32 = 200;

/// Runs one of them.
pub async fn run(context: &Context, command: &Cron) -> Result<()> {
    match command {
        Cron::List { all } => list(context, *all).await,
        Cron::Run { id, due } => cron_run::run(context, id, *due).await,
    }
}

async fn list(context: &Context, all: bool) -> Result<()> {
    let params = json!({ "includeDisabled": all, "limit": LIMIT, "offset": 0 });
    let mut document = ask(context, "cron.list", params).await?;
    for job in objects(&mut document, "jobs") {
        let state = state(job);
        job.insert("status".into(), json!(state));
    }
    context.render.answer(&document, table);
    if !context.render.is_json() && document["hasMore"] == true {
        context
            .render
            .notice(&format!("only the first {LIMIT} of {} jobs are shown", cell::text(&document["total"])));
    }
    Ok(())
}

/// How a job is, in one word, as the real program's list has it.
fn state(job: &Map<String, Value>) -> String {
    let state = job.get("state").unwrap_or(&Value::Null);
    match (state["runningAtMs"].as_u64(), job.get("enabled").and_then(Value::as_bool)) {
        (Some(at), _) if at > 0 => "running".into(),
        (_, Some(false)) => "disabled".into(),
        _ => cell::first(&[&state["lastRunStatus"], &state["lastStatus"], &json!("idle")]),
    }
}

fn table(document: &Value) -> Listing {
    let now = epoch_ms();
    let mut listing =
        Listing::new(&["JOB", "NAME", "SCHEDULE", "AGENT", "NEXT", "LAST", "STATUS"], "no jobs");
    for job in document["jobs"].as_array().into_iter().flatten() {
        listing.row([
            cell::text(&job["id"]),
            cell::first(&[&job["displayName"], &job["name"]]),
            schedule(&job["schedule"]),
            cell::first(&[&job["agentId"], &job["effectiveAgentId"]]),
            cell::distance(now, &job["nextRunAtMs"]),
            cell::distance(now, &job["state"]["lastRunAtMs"]),
            cell::text(&job["status"]),
        ]);
    }
    listing
}

fn schedule(schedule: &Value) -> String {
    match schedule["kind"].as_str() {
        Some("every") => {
            let every = schedule["everyMs"].as_u64().unwrap_or_default() / 1000;
            format!("every {}", humantime::format_duration(std::time::Duration::from_secs(every)))
        }
        Some("cron") => cell::first(&[&schedule["expr"]]),
        Some("at") => format!("at {}", cell::first(&[&schedule["at"], &schedule["atMs"]])),
        _ => "-".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_in_one_word() {
        for (job, word) in [
            (json!({"enabled": true, "state": {"runningAtMs": 7, "lastRunStatus": "ok"}}), "running"),
            (json!({"enabled": false, "state": {"lastRunStatus": "ok"}}), "disabled"),
            (json!({"enabled": true, "state": {"lastRunStatus": "error"}}), "error"),
            (json!({"enabled": true}), "idle"),
        ] {
            assert_eq!(state(job.as_object().unwrap()), word, "{job}");
        }
    }

    #[test]
    fn schedules_are_told_in_words() {
        assert_eq!(schedule(&json!({"kind": "every", "everyMs": 1_800_000})), "every 30m");
        assert_eq!(schedule(&json!({"kind": "cron", "expr": "0 3 * * *"})), "0 3 * * *");
        assert_eq!(schedule(&json!({"kind": "at", "at": "2026-12-01T00:00:00Z"})), "at 2026-12-01T00:00:00Z");
        assert_eq!(schedule(&Value::Null), "-");
    }
}

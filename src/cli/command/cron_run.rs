//! `cron run`: one scheduled job, now.

use std::time::Duration;

use serde_json::json;

use crate::base::{Error, Kind, Result};
use crate::cli::Context;
use crate::cli::line::ask_within;
use crate::cli::render::cell;

/// How long this may take, as in the real program.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Runs job `id`, or asks for it only if it is `due`.
pub async fn run(context: &Context, id: &str, due: bool) -> Result<()> {
    let mode = if due { "due" } else { "force" };
    let answer = ask_within(context, "cron.run", json!({ "id": id, "mode": mode }), TIMEOUT).await?;
    if answer["ok"] == false || answer["ran"] == false {
        let why = cell::first(&[&answer["reason"], &json!("the gateway gives no reason")]);
        let what = format!("job `{id}` was not run: {why}");
        return Err(Error::new(Kind::Failed, "job_not_run", what).remedy("openclaw cron list --all"));
    }
    let done = if answer["enqueued"] == true { "will run now" } else { "was run" };
    let sentence = format!("job {} {done} (run {})", cell::clean(id), cell::text(&answer["runId"]));
    context.render.done(answer, &sentence);
    Ok(())
}

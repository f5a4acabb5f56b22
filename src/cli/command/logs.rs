//! `profile logs`: the captured output of a profile's gateway, read from the supervisor's own files.

use std::time::Duration;

use tokio::time::sleep;

use crate::base::Result;
use crate::cli::args::Logs;
use crate::cli::{Context, survey};
use crate::host::tail::Tail;
use crate::profile::SupervisorPaths;

/// How often the file is looked at while it is followed.
const LOOK: Duration = Duration::from_millis(150);

/// Prints the last lines and, with `--follow`, goes on until it is interrupted.
pub async fn run(context: &Context, logs: &Logs) -> Result<()> {
    survey::known(context, &logs.name)?;
    let path = SupervisorPaths::derive(&context.environment)?.log_dir.join(format!("{}.log", logs.name));
    let mut tail = Tail::open(&path);
    context.render.text(&tail.last_lines(logs.lines));
    if !logs.follow {
        return Ok(());
    }
    loop {
        sleep(LOOK).await;
        let text = tail.more();
        if !text.is_empty() && !context.render.text(&text) {
            return Ok(());
        }
    }
}

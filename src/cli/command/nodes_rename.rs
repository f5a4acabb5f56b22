//! `nodes rename`: another name for a node, which is found as by `nodes invoke`.

use serde_json::{Value, json};

use super::nodes::{TIMEOUT, resolve};
use crate::base::Result;
use crate::cli::Context;
use crate::cli::args::Rename;
use crate::cli::line::Asker;
use crate::cli::render::cell;

/// Renames it.
pub async fn run(context: &Context, rename: &Rename) -> Result<()> {
    let asker = Asker::new(context, TIMEOUT)?;
    let calls = [("node.rename", &Value::Null), ("node.list", &Value::Null)];
    let mut line = asker.open_for(&calls, &[]).await?;
    let known = line.ask("node.list", json!({})).await?;
    let id = resolve(&rename.node, &known["nodes"])?;
    let answer = line.ask("node.rename", json!({ "nodeId": id, "displayName": rename.name })).await?;
    line.close().await;
    let sentence = format!("node {} is called {} now", cell::clean(&id), cell::clean(&rename.name));
    context.render.done(answer, &sentence);
    Ok(())
}

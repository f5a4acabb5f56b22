//! `sessions delete`: takes sessions away, each by a call of its own on one connection, and says of which there was
//! nothing to delete.

use serde_json::{Value, json};

use super::params;
use crate::base::{Error, Kind, Result};
use crate::cli::Context;
use crate::cli::args::Delete;
use crate::cli::line::Asker;
use crate::cli::render::cell;
use crate::client::gateway::CALL_TIMEOUT;

/// Deletes them.
pub async fn run(context: &Context, delete: &Delete) -> Result<()> {
    if !delete.yes {
        let what = format!("nothing was deleted; this takes away {} for good", delete.keys.join(", "));
        return Err(Error::new(Kind::Usage, "confirmation_required", what).remedy("say --yes"));
    }
    let calls: Vec<Value> = delete
        .keys
        .iter()
        .map(|key| params(&[("key", json!(key)), ("agentId", json!(delete.agent))]))
        .collect();
    let asker = Asker::new(context, CALL_TIMEOUT)?;
    let needs: Vec<(&str, &Value)> = calls.iter().map(|call| ("sessions.delete", call)).collect();
    let mut line = asker.open_for(&needs, &[]).await?;
    let (mut answers, mut missing) = (Vec::new(), Vec::new());
    for (key, call) in delete.keys.iter().zip(&calls) {
        let answer = line.ask("sessions.delete", call.clone()).await?;
        let is_deleted = answer["deleted"] != false;
        if !context.render.is_json() && is_deleted {
            context.render.text(&format!("deleted {}\n", cell::clean(key)));
        }
        if !is_deleted {
            missing.push(key.as_str());
        }
        answers.push(answer);
    }
    line.close().await;
    if !missing.is_empty() {
        let what = format!("there is no session {}", missing.join(", "));
        return Err(Error::new(Kind::Failed, "session_unknown", what).remedy("openclaw sessions list"));
    }
    if context.render.is_json() {
        match &answers[..] {
            [one] => context.render.document(one),
            several => context.render.document(&json!({ "ok": true, "sessions": several })),
        }
    }
    Ok(())
}

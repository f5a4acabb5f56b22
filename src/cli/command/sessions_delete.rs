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
    let (mut results, mut missing, mut failed) = (Vec::new(), Vec::new(), None);
    for (key, call) in delete.keys.iter().zip(&calls) {
        let answer = line.ask("sessions.delete", call.clone()).await;
        let result = match &answer {
            Ok(answer) if answer["deleted"] != false => params(&[
                ("key", json!(key)),
                ("ok", json!(true)),
                ("status", json!("deleted")),
                ("archived", answer["archived"].clone()),
            ]),
            Ok(_) => {
                json!({ "key": key, "ok": false, "status": "not_found", "error": "there is no such session" })
            }
            Err(error) => json!({ "key": key, "ok": false, "status": "failed", "error": error.to_string() }),
        };
        if !context.render.is_json() && result["ok"] == true {
            context.render.text(&format!("deleted {}\n", cell::clean(key)));
        }
        if result["status"] == "not_found" {
            missing.push(key.as_str());
        }
        results.push(result);
        failed = failed.or(answer.err());
    }
    line.close().await;
    if !missing.is_empty() && failed.is_none() {
        let what = format!("there is no session {}", missing.join(", "));
        failed = Some(Error::new(Kind::Failed, "session_unknown", what).remedy("openclaw sessions list"));
    }
    if context.render.is_json() {
        // What was deleted is told of a failure too: it is gone.
        let mut document = failed.as_ref().map_or_else(|| json!({ "ok": true }), Error::to_json);
        document["operation"] = json!("delete");
        document["dryRun"] = json!(false);
        document["results"] = json!(results);
        context.render.document(&document);
        context.told.set(true);
    }
    failed.map_or(Ok(()), Err)
}

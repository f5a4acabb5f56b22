//! The commands that every gateway has.

use serde_json::Value;

use super::command::{self, Asked, Command};
use crate::gateway::method::models;
use crate::gateway::sessions::{key, message, row, show, told};
use crate::gateway::{fleet, scope};
use crate::host::clock;

/// Sessions that `/sessions` lists.
const LISTED: usize = 20;

/// The commands.
pub const COMMANDS: &[Command] = &[
    Command {
        name: "help",
        takes: "",
        does: "lists what I know",
        here: |_, _| true,
        run: |asked| Box::pin(async move { Ok(help(&asked)) }),
    },
    Command {
        name: "status",
        takes: "",
        does: "says how this gateway is",
        here: |_, _| true,
        run: |asked| Box::pin(status(asked)),
    },
    Command {
        name: "sessions",
        takes: "",
        does: "lists the conversations",
        here: |_, author| author.may(scope::READ),
        run: |asked| Box::pin(sessions(asked)),
    },
    Command {
        name: "reset",
        takes: "",
        does: "begins this conversation anew",
        here: |_, author| author.may(scope::ADMIN) || author.owns_conversation(),
        run: |asked| Box::pin(reset(asked)),
    },
];

fn help(asked: &Asked) -> String {
    let lines: Vec<String> = command::all()
        .filter(|command| (command.here)(&asked.hub, &asked.author))
        .map(|command| {
            let gap = if command.takes.is_empty() { "" } else { " " };
            format!("/{}{gap}{} – {}", command.name, command.takes, command.does)
        })
        .collect();
    lines.join("\n")
}

async fn status(asked: Asked) -> Result<String, String> {
    let hub = &asked.hub;
    if hub.fleet.is_some() && !asked.words.is_empty() {
        return fleet::command::status(asked).await;
    }
    let up = std::time::Duration::from_secs(hub.uptime_ms() / 1000);
    let session = session_of(&asked).await?;
    let mut lines = vec![
        format!(
            "Gateway of profile {}, version {}, up {}.",
            hub.options.profile,
            hub.options.version,
            humantime::format_duration(up)
        ),
        models::why_none(hub)
            .or(models::primary(hub).map(|name| format!("Model {name}.")))
            .unwrap_or_default(),
        format!("This conversation has {} messages.", session.as_ref().map_or(0, |session| session.messages)),
    ];
    if asked.author.may(scope::READ) {
        let clients = hub.connections().len();
        let runs = hub.agent.open_count();
        lines.push(format!("{clients} connected, {runs} being answered."));
    }
    Ok(lines.join("\n"))
}

async fn session_of(asked: &Asked) -> Result<Option<row::Session>, String> {
    let key = asked.session_key.clone();
    asked.hub.store.read(move |db| row::find(db, &key)).await.map_err(|fault| fault.message)
}

async fn sessions(asked: Asked) -> Result<String, String> {
    let listed = asked.hub.store.read(|db| {
        let all = row::all(db)?;
        let mut lines = Vec::new();
        for session in all.iter().take(LISTED) {
            let last = message::page(db, &session.id, 1, 0)?.pop().map(|kept| kept.message);
            lines.push(line(session, &last.unwrap_or_default()));
        }
        if all.len() > LISTED {
            lines.push(format!("and {} more", all.len() - LISTED));
        }
        Ok(lines)
    });
    let lines = listed.await.map_err(|fault| fault.message)?;
    Ok(lines.join("\n"))
}

fn line(session: &row::Session, last: &Value) -> String {
    let name = session.key.strip_prefix("agent:").unwrap_or(&session.key);
    let name = name.strip_prefix(key::AGENT).and_then(|rest| rest.strip_prefix(':')).unwrap_or(name);
    let label = session.label.as_ref().map(|label| format!(" ({label})")).unwrap_or_default();
    let words = show::shorten(&message::text(last));
    format!("{name}{label}: {} messages. {words}", session.messages)
}

async fn reset(asked: Asked) -> Result<String, String> {
    let key = asked.session_key.clone();
    let now = clock::epoch_ms();
    asked.hub.store.write(move |db| row::reset(db, &key, now)).await.map_err(|fault| fault.message)?;
    told::changed(&asked.hub, &asked.session_key, "reset");
    // The words of the real program.
    Ok("✅ Session reset.".to_owned())
}

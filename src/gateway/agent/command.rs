//! Slash commands: what they are called, who may give them, and what a message that is one leads to. They need no
//! model and no network, and with a model they work all the same.

use std::pin::Pin;
use std::rc::Rc;

use super::{Author, Errand, Run, approve, builtin, node};
use crate::gateway::fleet;
use crate::gateway::hub::Hub;
use crate::gateway::method::models;

/// The outcome of a command: what it says, or what went wrong, in words for its author.
pub type Said = Pin<Box<dyn Future<Output = Result<String, String>>>>;

/// A command.
#[derive(Debug)]
pub struct Command {
    /// Its name, without the slash.
    pub name: &'static str,
    /// What follows the name, as help shows it; may be empty.
    pub takes: &'static str,
    /// What it does, in a few words.
    pub does: &'static str,
    /// Whether there is such a command here for this author.
    pub here: fn(&Hub, &Author) -> bool,
    /// Does it.
    pub run: fn(Asked) -> Said,
}

/// A command as it was given.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The gateway.
    pub hub: Rc<Hub>,
    /// Who gives it.
    pub author: Author,
    /// The session that it was given in, its full key.
    pub session_key: String,
    /// The run that it is.
    pub run_id: String,
    /// The words behind the name.
    pub words: Vec<String>,
    /// The same as it was written.
    pub rest: String,
}

/// Every command, in the order of `/help`.
pub fn all() -> impl Iterator<Item = &'static Command> {
    builtin::COMMANDS.iter().chain(node::COMMANDS).chain(approve::COMMANDS).chain(fleet::command::COMMANDS)
}

/// The command that a message is, with what follows its name; none where it is no command.
///
/// # Errors
/// In words: there is such a command, and not here or not for this author.
pub fn find(hub: &Hub, author: &Author, message: &str) -> Result<Option<(&'static Command, String)>, String> {
    let Some((name, rest)) = split(message) else { return Ok(None) };
    match all().find(|command| command.name == name) {
        None => Ok(None),
        Some(command) if (command.here)(hub, author) => Ok(Some((command, rest.to_owned()))),
        Some(_) => Err(format!("/{name} cannot be given here, or not by you.")),
    }
}

/// Whether a message is an order that a run may wait for: it goes past everything that waits for its turn.
pub fn is_urgent(message: &str) -> bool {
    split(message).is_some_and(|(name, _)| approve::COMMANDS.iter().any(|command| command.name == name))
}

/// Gives the command `found`.
pub fn give(hub: &Rc<Hub>, run: &Run, errand: &Errand, found: (&'static Command, String)) -> Said {
    let (command, rest) = found;
    (command.run)(Asked {
        hub: Rc::clone(hub),
        author: errand.author.clone(),
        session_key: run.session_key.clone(),
        run_id: run.id.clone(),
        words: rest.split_whitespace().map(str::to_owned).collect(),
        rest,
    })
}

/// What is said to a message that is no command, where there is no model to answer it.
pub fn at_a_loss(hub: &Hub, author: &Author, message: &str) -> String {
    let known: Vec<String> = all()
        .filter(|command| (command.here)(hub, author))
        .map(|command| format!("/{}", command.name))
        .collect();
    let known = known.join(", ");
    match split(message) {
        Some((name, _)) => format!("I do not know /{name}. I know {known}."),
        None => {
            let why = models::why_none(hub).unwrap_or_default();
            format!("{why} So I cannot answer that. I know these commands: {known}. /help says what they do.")
        }
    }
}

/// The name behind the slash, in small letters, and what follows it. A telegram client adds the bot's name to it.
fn split(message: &str) -> Option<(String, &str)> {
    let line = message.trim().strip_prefix('/')?;
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let name = name.split('@').next().unwrap_or_default();
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    is_name.then(|| (name.to_ascii_lowercase(), rest.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_a_slash_and_a_name_and_nothing_else_is() {
        let table = [
            ("/help", Some(("help", ""))),
            ("  /Node  run pi  system.which ls ", Some(("node", "run pi  system.which ls"))),
            ("/status@rescue_bot now", Some(("status", "now"))),
            ("/etc/passwd is what?", None),
            ("/", None),
            ("help", None),
        ];
        for (message, expected) in table {
            let found = split(message);
            assert_eq!(found.as_ref().map(|(name, rest)| (name.as_str(), *rest)), expected, "{message}");
            assert!(!is_urgent(message));
        }
    }
}

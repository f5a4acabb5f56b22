//! The fleet from a chat: `/profiles`, `/status work`, `/conflicts`, `/logs work 20`, `/start`, `/stop`, `/restart work`,
//! `/rollback work`. Deterministic, and the same for whoever may: the owner at the page or in a terminal, and the senders
//! of a channel that the manifest names.

use std::time::Duration;

use super::{Fleet, Turn, Verb, words};
use crate::gateway::agent::Author;
use crate::gateway::agent::command::{Asked, Command};
use crate::gateway::hub::Hub;
use crate::gateway::scope;
use crate::profile::rescue::{May, Rescue};
use crate::wire::Fault;

/// Lines of a log that are told where nobody asked for more.
const LINES: usize = 15;
/// How long a chat waits for a turn of a profile.
pub(super) const WAIT: Duration = Duration::from_secs(60);

/// A command of a fleet, refused to whoever has no right to it.
macro_rules! command {
    ($name:literal, $takes:literal, $does:literal, $may:expr, |$asked:ident| $body:expr) => {
        Command {
            name: $name,
            takes: $takes,
            does: $does,
            here: |hub, _| hub.fleet.is_some(),
            run: |$asked| {
                Box::pin(async move {
                    right(&$asked.hub, &$asked.author, $may)?;
                    $body
                })
            },
        }
    };
}

/// The commands of a gateway with a fleet. They are there for everybody, so that who may not give them is told so.
pub const COMMANDS: &[Command] = &[
    command!("profiles", "", "says how every profile is", May::Status, |asked| {
        no_words(&asked)?;
        super::status(&asked.hub).await.map(|told| words::profiles(&told)).map_err(said)
    }),
    command!("status", "NAME", "says how one of them is", May::Status, |asked| one(&asked).await),
    command!(
        "conflicts",
        "",
        "says what more than one gateway of this machine wants",
        May::Conflicts,
        |asked| {
            no_words(&asked)?;
            super::conflicts(&asked.hub).await.map(|told| words::conflicts(&told)).map_err(said)
        }
    ),
    command!("logs", "NAME [LINES]", "shows the end of what it wrote", May::Logs, |asked| {
        let (name, lines) = match asked.words.as_slice() {
            [name] => (name, LINES),
            [name, lines] => (name, lines.parse().map_err(|_| usage("logs"))?),
            _ => return Err(usage("logs")),
        };
        super::logs(&asked.hub, name, lines).await.map(|told| words::logs(&told)).map_err(said)
    }),
    command!("start", "NAME", "brings it up", May::Start, |asked| turn(&asked, Verb::Start).await),
    command!("stop", "NAME", "brings it down", May::Stop, |asked| turn(&asked, Verb::Stop).await),
    command!("restart", "NAME", "brings it down and up", May::Restart, |asked| {
        turn(&asked, Verb::Restart).await
    }),
    command!("rollback", "NAME", "puts back the files with which it last worked", May::Rollback, |asked| {
        let name = one_word(&asked)?;
        super::rollback(&asked.hub, name).await.map(|told| words::restored(&told)).map_err(said)
    }),
];

/// Whether `author` may have the fleet do this: a sender of a channel has to stand in the manifest, whoever is connected
/// needs the scope.
///
/// # Errors
/// Why not.
pub(super) fn right(hub: &Hub, author: &Author, may: May) -> Result<(), String> {
    judge(hub.fleet.as_ref().map(Fleet::rescue), author, may)
}

fn judge(rescue: Option<&Rescue>, author: &Author, may: May) -> Result<(), String> {
    let needed = if may.is_look() { scope::READ } else { scope::ADMIN };
    match author {
        Author::Operator { scopes, .. } if scope::covers(scopes, needed) => Ok(()),
        Author::Operator { .. } => Err(format!("You may not do this: it takes the scope {needed}.")),
        Author::Sender { channel, id, .. } => match rescue {
            Some(rescue) if rescue.is_operator(channel, id) => Ok(()),
            _ => Err(format!(
                "You may not do this here. Whoever owns this gateway can allow it: add \"{channel}:{id}\" to `operators` \
                 in [rescue] of its manifest."
            )),
        },
    }
}

/// How one profile is; `/status` without a name is about this gateway, and stands elsewhere.
///
/// # Errors
/// In words for its author.
pub async fn status(asked: Asked) -> Result<String, String> {
    right(&asked.hub, &asked.author, May::Status)?;
    one(&asked).await
}

async fn one(asked: &Asked) -> Result<String, String> {
    let name = one_word(asked)?;
    super::status_of(&asked.hub, name).await.map(|told| words::profile(&told)).map_err(said)
}

async fn turn(asked: &Asked, verb: Verb) -> Result<String, String> {
    let (name, itself) = match asked.words.as_slice() {
        [name] => (name, false),
        [name, word] if verb == Verb::Restart && word == "itself" => (name, true),
        _ => return Err(usage(verb.as_str())),
    };
    let order = Turn { verb, name, itself, wait: WAIT };
    super::turn(&asked.hub, order).await.map(|told| words::turned(&told)).map_err(said)
}

fn said(fault: Fault) -> String {
    fault.message
}

fn one_word(asked: &Asked) -> Result<&str, String> {
    match asked.words.as_slice() {
        [word] => Ok(word),
        _ => Err("Which profile is meant? One name is needed; /profiles lists them.".to_owned()),
    }
}

fn no_words(asked: &Asked) -> Result<(), String> {
    if asked.words.is_empty() { Ok(()) } else { Err("Nothing follows this command.".to_owned()) }
}

fn usage(name: &str) -> String {
    let command = COMMANDS.iter().find(|command| command.name == name);
    command.map_or_else(String::new, |command| {
        format!("It is written /{} {}: it {}.", command.name, command.takes, command.does)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::rescue::Sight;

    #[test]
    fn whoever_is_connected_needs_the_scope_and_a_sender_has_to_be_named() {
        let rescue = Rescue {
            profiles: Sight::All,
            may: May::looks(),
            operators: ["telegram:12345".to_owned()].into(),
        };
        let operator = |scope: &str| Author::Operator { scopes: vec![scope.into()], device: None };
        // What else a channel lets somebody do is no right to the fleet.
        let sender = |id: &str, commands| Author::Sender { channel: "telegram", id: id.into(), commands };
        for (author, look, order) in [
            (operator("operator.read"), true, false),
            (operator("operator.write"), true, false),
            (operator("operator.admin"), true, true),
            (operator("operator.talk"), false, false),
            (sender("12345", false), true, true),
            (sender("1234", true), false, false),
            (sender("123456", true), false, false),
        ] {
            let may = |may| judge(Some(&rescue), &author, may).is_ok();
            assert_eq!((may(May::Logs), may(May::Restart)), (look, order), "{author:?}");
            assert!(judge(None, &author, May::Logs).is_err() || matches!(author, Author::Operator { .. }));
        }
        let refusal = judge(Some(&rescue), &sender("7", true), May::Restart).unwrap_err();
        assert!(refusal.contains("\"telegram:7\""), "{refusal}");
    }

    #[test]
    fn a_command_that_is_written_wrongly_is_told_how() {
        assert_eq!(usage("logs"), "It is written /logs NAME [LINES]: it shows the end of what it wrote.");
        assert!(COMMANDS.iter().all(|command| command.name.chars().all(|c| c.is_ascii_lowercase())));
    }
}

//! `commands.list`: the slash commands that the caller may give.

use serde_json::{Value, json};

use crate::gateway::agent::{Author, command};
use crate::gateway::method::Call;
use crate::gateway::shape::{Shape, WORD, optional};

/// What may be asked for; there is one agent, and its commands are the same everywhere.
pub const PARAMS: Shape = Shape::Object(&[
    optional("sessionKey", WORD),
    optional("agentId", WORD),
    optional("provider", WORD),
    optional("scope", Shape::OneOf(&["text", "native", "both"])),
    optional("includeArgs", Shape::Boolean),
]);

/// The answer.
pub fn answer(call: &Call) -> Value {
    let grant = &call.connection.grant;
    let author = Author::Operator { scopes: grant.scopes.clone(), device: grant.device.clone() };
    let commands = command::all().filter(|command| (command.here)(&call.hub, &author)).map(|command| {
        json!({
            "name": command.name,
            "textAliases": [format!("/{}", command.name)],
            "description": command.does,
            "source": "native",
            "scope": "text",
            "acceptsArgs": !command.takes.is_empty(),
        })
    });
    json!({ "commands": commands.collect::<Vec<_>>() })
}

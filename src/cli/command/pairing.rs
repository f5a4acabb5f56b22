//! `nodes approve|reject` and `devices approve|reject`: who waits to be paired is let in or turned away.

use serde_json::{Value, json};

use crate::access::scope;
use crate::base::{Error, Kind, Result};
use crate::cli::Context;
use crate::cli::line::{Asker, ask};
use crate::cli::render::cell;
use crate::client::gateway::CALL_TIMEOUT;

/// Who waits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// A node, with commands that it offers.
    Node,
    /// A device, with scopes that it wants.
    Device,
}

impl Who {
    /// The word, the methods that list, approve and reject, and what names the scopes that an approval takes.
    fn words(self) -> (&'static str, [&'static str; 3], &'static str) {
        match self {
            Who::Node => {
                let methods = ["node.pair.list", "node.pair.approve", "node.pair.reject"];
                ("node", methods, "requiredApproveScopes")
            }
            Who::Device => {
                let methods = ["device.pair.list", "device.pair.approve", "device.pair.reject"];
                ("device", methods, "scopes")
            }
        }
    }
}

/// Lets it in: only whoever holds the scopes that the request names may, so those are asked for, and no more.
///
/// # Errors
/// Code `request_unknown` where nobody waits with that id; else as [`ask`].
pub async fn approve(context: &Context, who: Who, request: &str) -> Result<()> {
    let (word, [list, method, _], scopes) = who.words();
    let waiting = ask(context, list, json!({})).await?;
    let pending = waiting["pending"].as_array().into_iter().flatten();
    // A gateway tells whoever holds few scopes only that it was denied.
    let Some(found) = pending.into_iter().find(|waits| waits["requestId"] == request) else {
        let what = format!("no {word} waits with the request `{}`", cell::clean(request));
        return Err(Error::new(Kind::Failed, "request_unknown", what)
            .remedy(format!("see those that wait: openclaw {word}s list")));
    };
    let more = scope::named(&found[scopes]);
    let call = json!({ "requestId": request });
    let asker = Asker::new(context, CALL_TIMEOUT)?;
    let mut line = asker.open_for(&[(method, &call)], &more).await?;
    let answer = line.ask(method, call).await;
    line.close().await;
    told(context, answer?, word, "approved");
    Ok(())
}

/// Turns it away.
pub async fn reject(context: &Context, who: Who, request: &str) -> Result<()> {
    let (word, [_, _, method], _) = who.words();
    let answer = ask(context, method, json!({ "requestId": request })).await?;
    told(context, answer, word, "rejected");
    Ok(())
}

fn told(context: &Context, answer: Value, word: &str, done: &str) {
    let one = &answer[word];
    let ids = [&one["displayName"], &one["nodeId"], &one["deviceId"], &answer["nodeId"], &answer["deviceId"]];
    let sentence = format!("{word} {} is {done}", cell::first(&ids));
    context.render.done(answer, &sentence);
}

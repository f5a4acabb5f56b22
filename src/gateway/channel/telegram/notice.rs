//! What people are told without having asked: a message to each of them, by the first bot that gets through.

use std::rc::Rc;

use tokio::task::spawn_local;

use super::send::{self, Place};
use crate::gateway::hub::Hub;

/// Sends `text` to each of `people`, the ids of senders. Nobody waits for it: who cannot be reached is named in the log.
pub fn tell(hub: &Rc<Hub>, people: impl IntoIterator<Item = String>, text: &str) {
    for person in people {
        let (hub, text) = (Rc::clone(hub), text.to_owned());
        spawn_local(async move { reach(&hub, &person, &text).await });
    }
}

async fn reach(hub: &Rc<Hub>, person: &str, text: &str) {
    // A number alone is a private chat; a name could be anybody's channel.
    let Some(place) = person.parse::<u64>().ok().and_then(|_| Place::read(person)) else {
        tracing::warn!(target: "gateway/telegram", person, "cannot be told: no number of a sender");
        return;
    };
    let rules = hub.embedded();
    for account in rules.telegram.accounts.iter().filter(|account| account.enabled) {
        // A bot may write to those alone who wrote to it before.
        match send::text(hub, &account.id, &place, text, 0, async |_| {}).await {
            Ok(_) => return,
            Err(trouble) => {
                let why = trouble.sentence(&account.id);
                tracing::warn!(target: "gateway/telegram", person, "a notice did not go out: {why}");
            }
        }
    }
}

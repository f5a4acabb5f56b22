//! Messages out: a text in as many parts as it needs, each tried until it is there or refused for good.

use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};

use super::api::Bot;
use super::chunk::{UNITS_MAX, chunks};
use super::markup;
use super::pace::{Pace, Trouble};
use crate::gateway::hub::Hub;
use crate::host::clock;

/// How often one part is tried.
const TRIES_MAX: usize = 8;
/// The longest rest between two of them that is waited for.
const REST_MAX: Duration = Duration::from_secs(120);

/// Where a message goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The chat: its number, or the `@name` of a public one.
    pub chat: Value,
    /// The topic of a forum.
    pub topic: Option<i64>,
    /// The message that it answers.
    pub answers: Option<i64>,
}

impl Place {
    /// Out of a text: a number, `telegram:` or `tg:` and a number, with `:topic:` and a number, or `@name`.
    pub fn read(text: &str) -> Option<Place> {
        let text = text.trim();
        let bare = ["telegram:", "tg:"].iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
        let bare = ["direct:", "group:"].iter().find_map(|prefix| bare.strip_prefix(prefix)).unwrap_or(bare);
        let (chat, topic) = match bare.split_once(":topic:") {
            Some((chat, topic)) => (chat, Some(topic.parse().ok()?)),
            None => (bare, None),
        };
        let is_name = |name: &str| {
            name.len() >= 4 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let chat = match chat.strip_prefix('@') {
            Some(name) if is_name(name) => json!(chat),
            Some(_) => return None,
            None => json!(chat.parse::<i64>().ok()?),
        };
        Some(Place { chat, topic, answers: None })
    }
}

/// Sends `text` from its part `from` on, and tells `note` of each part that is there; gives the last message's number.
///
/// # Errors
/// The trouble that kept a part from going out; what went before it is there.
pub async fn text(
    hub: &Rc<Hub>,
    account: &str,
    place: &Place,
    text: &str,
    from: usize,
    mut note: impl AsyncFnMut(usize),
) -> Result<Option<i64>, Trouble> {
    let mut last = None;
    for (index, part) in chunks(text, UNITS_MAX).iter().enumerate().skip(from) {
        let sent = self::part(hub, account, place, part, index == 0).await?;
        hub.channels.standing(account, |standing| standing.last_outbound_at = Some(clock::epoch_ms()));
        last = sent["message_id"].as_i64();
        note(index + 1).await;
    }
    Ok(last)
}

async fn part(
    hub: &Rc<Hub>,
    account: &str,
    place: &Place,
    part: &str,
    first: bool,
) -> Result<Value, Trouble> {
    let mut params = json!({ "chat_id": place.chat, "text": markup::html(part), "parse_mode": "HTML" });
    // The general topic of a forum is meant where none is named, and refused where it is.
    if let Some(topic) = place.topic.filter(|topic| *topic != 1) {
        params["message_thread_id"] = json!(topic);
    }
    if let (Some(message), true) = (place.answers, first) {
        params["reply_parameters"] = json!({ "message_id": message, "allow_sending_without_reply": true });
    }
    let mut pace = Pace::default();
    loop {
        let trouble = match ask(hub, account, "sendMessage", &params).await {
            Ok(sent) => return Ok(sent),
            Err(trouble) => trouble,
        };
        match &trouble {
            // What Telegram does not take as we show it, it takes as it is.
            Trouble::Refused(400, said) if said.contains("parse") && params.get("parse_mode").is_some() => {
                params["text"] = json!(part);
                if let Some(params) = params.as_object_mut() {
                    params.remove("parse_mode");
                }
                continue;
            }
            Trouble::Flood(_) | Trouble::Away(_) => {}
            _ => return Err(trouble),
        }
        match pace.rest(&trouble) {
            Some(rest) if pace.failures() < TRIES_MAX && rest <= REST_MAX => tokio::time::sleep(rest).await,
            _ => return Err(trouble),
        }
    }
}

/// Asks the bot that `account` has now: a token may have changed since the message came.
///
/// # Errors
/// [`Trouble`].
pub async fn ask(hub: &Rc<Hub>, account: &str, method: &str, params: &Value) -> Result<Value, Trouble> {
    let bot = hub.embedded().telegram.account(account).map(Bot::of);
    match bot {
        Some(Ok(bot)) => bot.ask(&hub.channels.web, method, params, Duration::ZERO).await,
        Some(Err(why)) => Err(Trouble::Away(why)),
        None => Err(Trouble::Away(format!("channels.telegram has no account `{account}` any more"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_numbers_and_public_names() {
        let place = |chat: Value, topic| Some(Place { chat, topic, answers: None });
        for (text, expected) in [
            ("12345", place(json!(12345), None)),
            (" telegram:12345", place(json!(12345), None)),
            ("telegram:group:-100:topic:7", place(json!(-100), Some(7))),
            ("@some_channel", place(json!("@some_channel"), None)),
            ("@a/b", None),
            ("ana", None),
            ("", None),
            ("1:topic:x", None),
        ] {
            assert_eq!(Place::read(text), expected, "{text}");
        }
    }
}

//! An update as a message to the agent: who says what where. Whatever has no text for a bot is none.

use serde_json::Value;

/// Characters of a sender's name that are shown.
const NAME_MAX: usize = 64;

/// Who the bot itself is, by `getMe`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Me {
    /// Its numeric id.
    pub id: i64,
    /// Its name without `@`.
    pub username: String,
}

impl Me {
    /// Out of the answer of `getMe`.
    pub fn of(result: &Value) -> Me {
        Me {
            id: integer(&result["id"]),
            username: result["username"].as_str().unwrap_or_default().to_owned(),
        }
    }
}

/// A message from a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// The chat.
    pub chat: i64,
    /// Whether it is a private one.
    pub private: bool,
    /// The topic of a forum.
    pub topic: Option<i64>,
    /// The message.
    pub message: i64,
    /// Who wrote it.
    pub sender: i64,
    /// The sender's name for people.
    pub label: String,
    /// The sender's name without `@`; empty where there is none.
    pub username: String,
    /// What it says; `None` where it is a picture, a voice and the like without words.
    pub text: Option<String>,
    /// Whether it speaks to the bot: by its name, by an order, or in answer to it.
    pub addressed: bool,
}

impl Inbound {
    /// Out of an update; `None` where it is no message of a person.
    pub fn read(update: &Value, me: &Me) -> Option<Inbound> {
        let message = update.get("message")?;
        let (chat, from) = (message.get("chat")?, message.get("from")?);
        if from["is_bot"] == true {
            return None;
        }
        let private = match chat["type"].as_str()? {
            "private" => true,
            "group" | "supergroup" => false,
            _ => return None,
        };
        let text = ["text", "caption"].iter().find_map(|key| message[*key].as_str());
        let is_service = ["new_chat_members", "left_chat_member", "pinned_message", "group_chat_created"];
        if text.is_none() && is_service.iter().any(|key| message.get(*key).is_some()) {
            return None;
        }
        let answers = message["reply_to_message"]["from"]["id"].as_i64() == Some(me.id);
        let (text, named) = text.map_or((None, false), |text| {
            let (text, named) = addressed(text, &me.username);
            (Some(text), named)
        });
        let username = from["username"].as_str().unwrap_or_default();
        let topic = message["message_thread_id"].as_i64().filter(|_| message["is_topic_message"] == true);
        Some(Inbound {
            chat: chat["id"].as_i64()?,
            private,
            topic,
            message: message["message_id"].as_i64()?,
            sender: from["id"].as_i64()?,
            label: label(from),
            username: clean(username),
            text,
            addressed: private || named || answers,
        })
    }

    /// Whether it is an order in place of talk.
    pub fn is_command(&self) -> bool {
        self.text.as_deref().is_some_and(|text| text.starts_with('/'))
    }
}

fn integer(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

/// The text without the bot's own name, and whether it was there. An order to another bot is none.
fn addressed(text: &str, username: &str) -> (String, bool) {
    let text = text.trim();
    if username.is_empty() {
        return (text.to_owned(), text.starts_with('/'));
    }
    if text.starts_with('/') {
        let (order, rest) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
        return match order.split_once('@') {
            Some((order, bot)) if bot.eq_ignore_ascii_case(username) => (format!("{order}{rest}"), true),
            Some(_) => (text.to_owned(), false),
            None => (text.to_owned(), true),
        };
    }
    let is_name = |word: &str| {
        let word = word.trim_end_matches([',', ':', '.', '!', '?']);
        word.strip_prefix('@').is_some_and(|name| name.eq_ignore_ascii_case(username))
    };
    let named = text.split_whitespace().any(is_name);
    // In front it is only an address; elsewhere it may be a part of what is said.
    let first = text.split_whitespace().next().unwrap_or_default();
    let bare = if is_name(first) { text[first.len()..].trim_start() } else { text };
    (bare.to_owned(), named)
}

fn label(from: &Value) -> String {
    let parts = ["first_name", "last_name"].map(|key| clean(from[key].as_str().unwrap_or_default()));
    let name = parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" ");
    let username = clean(from["username"].as_str().unwrap_or_default());
    match (name.is_empty(), username.is_empty()) {
        (false, false) => format!("{name} (@{username})"),
        (false, true) => name,
        (true, false) => format!("@{username}"),
        (true, true) => integer(&from["id"]).to_string(),
    }
}

/// A name as one line of moderate length.
fn clean(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(NAME_MAX).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn me() -> Me {
        Me::of(&json!({"id": 7, "username": "gate_bot"}))
    }

    fn said(kind: &str, text: &str) -> Option<Inbound> {
        let update = json!({"update_id": 1, "message": {
            "message_id": 3, "chat": {"id": 5, "type": kind}, "text": text,
            "from": {"id": 9, "first_name": "Ana\n", "username": "ana"},
        }});
        Inbound::read(&update, &me())
    }

    #[test]
    fn a_message_says_who_and_where() {
        let found = said("private", " /status ").unwrap();
        assert_eq!((found.chat, found.message, found.sender, found.private), (5, 3, 9, true));
        assert_eq!((found.label.as_str(), found.text.as_deref()), ("Ana (@ana)", Some("/status")));
        assert!(found.addressed && found.is_command());
        assert_eq!(said("channel", "x"), None);
    }

    #[test]
    fn in_a_group_the_bot_has_to_be_meant() {
        for (text, left, addressed) in [
            ("hello", "hello", false),
            ("@gate_bot: hello", "hello", true),
            ("hello @Gate_Bot, all well?", "hello @Gate_Bot, all well?", true),
            ("hello @gate_bot2", "hello @gate_bot2", false),
            ("/status@gate_bot now", "/status now", true),
            ("/status@other_bot", "/status@other_bot", false),
            ("/status", "/status", true),
        ] {
            let found = said("supergroup", text).unwrap();
            assert_eq!((found.text.as_deref(), found.addressed), (Some(left), addressed), "{text}");
        }
    }

    #[test]
    fn bots_services_and_pictures_are_no_talk() {
        let message = |more: Value| {
            let mut message =
                json!({"message_id": 1, "chat": {"id": 5, "type": "private"}, "from": {"id": 9}});
            message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            Inbound::read(&json!({"update_id": 1, "message": message}), &me())
        };
        assert_eq!(message(json!({"text": "x", "from": {"id": 9, "is_bot": true}})), None);
        assert_eq!(message(json!({"new_chat_members": []})), None);
        assert_eq!(message(json!({"photo": []})).unwrap().text, None);
        assert_eq!(message(json!({"photo": [], "caption": "see"})).unwrap().text.as_deref(), Some("see"));
        assert_eq!(Inbound::read(&json!({"update_id": 1, "edited_message": {}}), &me()), None);
    }
}

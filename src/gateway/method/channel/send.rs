//! `send`, and `message.action` with the action `send`: a message out through a channel, once for each idempotency key.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::gateway::channel::CHANNEL;
use crate::gateway::channel::telegram::pace::Trouble;
use crate::gateway::channel::telegram::send::{self, Place};
use crate::gateway::hub::Hub;
use crate::gateway::method::Call;
use crate::gateway::shape::{Shape, TEXT, WORD, optional, required};
use crate::wire::{Fault, fault};

/// What a message is. What is no text is refused in words.
pub const PARAMS: Shape = Shape::Object(&[
    required("to", WORD),
    optional("message", TEXT),
    optional("mediaUrl", TEXT),
    optional("mediaUrls", Shape::List(&TEXT)),
    optional("buffer", TEXT),
    optional("filename", TEXT),
    optional("contentType", TEXT),
    optional("asVoice", Shape::Boolean),
    optional("gifPlayback", Shape::Boolean),
    optional("channel", TEXT),
    optional("accountId", TEXT),
    optional("agentId", TEXT),
    optional("replyToId", TEXT),
    optional("threadId", TEXT),
    optional("forceDocument", Shape::Boolean),
    optional("silent", Shape::Boolean),
    optional("parseMode", Shape::Const("HTML")),
    optional("sessionKey", TEXT),
    required("idempotencyKey", WORD),
]);
/// What an action is.
pub const ACTION: Shape = Shape::Object(&[
    required("channel", WORD),
    required("action", WORD),
    required("params", Shape::Map(&Shape::Any)),
    optional("reply", Shape::Any),
    optional("accountId", TEXT),
    optional("requesterAccountId", TEXT),
    optional("requesterSenderId", TEXT),
    optional("senderIsOwner", Shape::Boolean),
    optional("sessionKey", TEXT),
    optional("sessionId", TEXT),
    optional("inboundTurnKind", Shape::OneOf(&["user_request", "room_event"])),
    optional("agentId", TEXT),
    optional("toolContext", Shape::Any),
    optional("conversationReadOrigin", Shape::Const("direct-operator")),
    required("idempotencyKey", WORD),
]);
/// Keys that are remembered.
const KEYS_MAX: usize = 1000;

type Cell = Rc<OnceCell<Value>>;

/// What was sent under which key.
#[derive(Debug, Default)]
pub struct Sent {
    known: RefCell<HashMap<String, (Value, Cell)>>,
    order: RefCell<VecDeque<String>>,
}

impl Sent {
    /// The place of the answer under `key` for what `asked` says; `None` where the key stands for something else.
    fn cell(&self, key: &str, asked: &Value) -> Option<Cell> {
        let mut known = self.known.borrow_mut();
        if let Some((before, cell)) = known.get(key) {
            return (before == asked).then(|| Rc::clone(cell));
        }
        let mut order = self.order.borrow_mut();
        if order.len() >= KEYS_MAX
            && let Some(oldest) = order.pop_front()
        {
            known.remove(&oldest);
        }
        let cell = Cell::default();
        order.push_back(key.to_owned());
        known.insert(key.to_owned(), (asked.clone(), Rc::clone(&cell)));
        Some(cell)
    }
}

/// One message.
struct Message {
    account: String,
    place: Place,
    text: String,
}

/// Sends.
pub async fn answer(call: Call) -> Result<Value, Fault> {
    let params = &call.params;
    let media = ["mediaUrl", "mediaUrls", "buffer", "parseMode"];
    if let Some(key) = media.iter().find(|key| !params[**key].is_null()) {
        return Err(Fault::invalid(format!("`{key}` is not supported: this gateway sends text")));
    }
    let message = message(&call.hub, params, params)?;
    once(&call, message).await
}

/// Does what an action asks for.
pub async fn action(call: Call) -> Result<Value, Fault> {
    let (action, params) = (call.text("action"), &call.params["params"]);
    if action != "send" {
        let action: String = action.chars().filter(|letter| !letter.is_control()).take(64).collect();
        return Err(Fault::invalid(format!("unsupported action for {CHANNEL}: {action}; there is `send`")));
    }
    let message = message(&call.hub, params, &call.params)?;
    once(&call, message).await
}

/// The message that `params` stand for; `outer` names channel and account.
fn message(hub: &Hub, params: &Value, outer: &Value) -> Result<Message, Fault> {
    let text =
        |value: &Value| value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let first = |keys: &[&str]| keys.iter().find_map(|key| text(&params[*key]));
    let channel = text(&outer["channel"]).unwrap_or_else(|| CHANNEL.into());
    let rules = hub.embedded();
    if channel != CHANNEL || rules.telegram.accounts.is_empty() {
        let channel: String = channel.chars().filter(|letter| !letter.is_control()).take(64).collect();
        return Err(Fault::invalid(format!("channel is not configured: {channel}")));
    }
    let account = text(&outer["accountId"]).unwrap_or_else(|| rules.telegram.default_account.clone());
    match rules.telegram.account(&account) {
        Some(account) if account.enabled => {}
        _ => return Err(Fault::invalid("accountId names no account that is enabled")),
    }
    let to = first(&["to", "target"]).ok_or_else(|| Fault::invalid("`to` is missing"))?;
    let place = Place::read(&to);
    let mut place = place
        .ok_or_else(|| Fault::invalid("`to` must be a numeric chat id or the @name of a public chat"))?;
    let number = |key: &str| first(&[key]).and_then(|text| text.parse().ok());
    (place.topic, place.answers) = (number("threadId").or(place.topic), number("replyToId"));
    let text = first(&["message", "text"]).ok_or_else(|| Fault::invalid("message must not be empty"))?;
    Ok(Message { account, place, text })
}

async fn once(call: &Call, message: Message) -> Result<Value, Fault> {
    let Message { account, place, text } = &message;
    let asked = json!([account, place.chat, place.topic, place.answers, text]);
    let key = call.text("idempotencyKey");
    let cell = call.hub.channels.sent.cell(key, &asked);
    let cell = cell.ok_or_else(|| Fault::invalid("the idempotency key was used for another message"))?;
    // Who asks meanwhile under the same key waits for the same answer; a failure may be tried again.
    let sent = cell.get_or_try_init(async || {
        let sent = send::text(&call.hub, account, place, text, 0, async |_| {}).await;
        sent.map_err(|trouble| refused(account, &trouble)).map(|id| {
            let chat = match &place.chat {
                Value::String(name) => name.clone(),
                number => number.to_string(),
            };
            let id = id.map(|id| id.to_string()).unwrap_or_default();
            json!({ "runId": key, "messageId": id, "channel": CHANNEL, "chatId": chat, "accountId": account })
        })
    });
    sent.await.cloned()
}

fn refused(account: &str, trouble: &Trouble) -> Fault {
    match trouble {
        Trouble::Refused(..) => Fault::invalid(trouble.sentence(account)),
        Trouble::Flood(time) => {
            Fault::new(fault::UNAVAILABLE, trouble.sentence(account)).retry_after(time.as_millis() as u64)
        }
        _ => Fault::new(fault::UNAVAILABLE, trouble.sentence(account)),
    }
}

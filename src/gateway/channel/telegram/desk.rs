//! One bot's desk: what was taken in is worked on in the order in which each chat wrote it, chats beside each other,
//! until it is answered and the answer is out.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Notify;
use tokio::task::spawn_local;

use super::gate::{self, Verdict};
use super::inbound::{Inbound, Me};
use super::pace::Trouble;
use super::send::{self, Place};
use super::stop;
use crate::gateway::agent::{self, Author, Errand, Outcome};
use crate::gateway::channel::inbox::{self, Item};
use crate::gateway::channel::{CHANNEL, pairing};
use crate::gateway::hub::Hub;
use crate::host::clock;
use crate::wire::Fault;

/// Messages that may wait; beyond it nothing more is taken in.
const WAITING_MAX: usize = 200;
/// How often a chat is told that an answer is being written; Telegram shows it for five seconds.
const TYPING: Duration = Duration::from_secs(4);
/// What is answered to a picture, a voice and the like.
const TEXT_ONLY: &str = "I can read text only.";

/// One bot's desk.
#[derive(Debug)]
pub struct Desk {
    bot: i64,
    account: String,
    me: RefCell<Me>,
    lanes: RefCell<HashMap<(i64, bool), VecDeque<Item>>>,
    at_hand: RefCell<HashSet<i64>>,
    room: Notify,
    running: Cell<usize>,
}

impl Desk {
    /// The empty desk of a bot.
    pub fn new(bot: i64, account: &str) -> Self {
        Desk {
            bot,
            account: account.into(),
            me: RefCell::default(),
            lanes: RefCell::default(),
            at_hand: RefCell::default(),
            room: Notify::new(),
            running: Cell::new(0),
        }
    }

    /// Notes who the bot is.
    pub fn is(&self, me: Me) {
        self.me.replace(me);
    }

    /// Who the bot is.
    pub fn me(&self) -> Me {
        self.me.borrow().clone()
    }

    /// Messages that the agent works on now.
    pub fn running(&self) -> usize {
        self.running.get()
    }

    /// Waits until more may be taken in.
    pub async fn has_room(&self) {
        while self.at_hand.borrow().len() >= WAITING_MAX {
            self.room.notified().await;
        }
    }

    /// Takes an item onto the desk, unless it lies there already.
    pub fn put(self: &Rc<Self>, hub: &Rc<Hub>, item: Item) {
        if !self.at_hand.borrow_mut().insert(item.number) {
            return;
        }
        let chat = item.update["message"]["chat"]["id"].as_i64().unwrap_or_default();
        let text = item.update["message"]["text"].as_str().unwrap_or_default();
        // Who wants the agent to stop, or decides what it waits for, cannot wait until it has ended.
        let lane = (chat, stop::is_meant(text) || agent::command::is_urgent(text));
        let mut lanes = self.lanes.borrow_mut();
        if let Some(waiting) = lanes.get_mut(&lane) {
            waiting.push_back(item);
            return;
        }
        lanes.insert(lane, VecDeque::from([item]));
        drop(lanes);
        let (desk, hub) = (Rc::clone(self), Rc::clone(hub));
        spawn_local(async move { desk.clear(&hub, lane).await });
    }

    /// Works on a lane until it is empty.
    async fn clear(&self, hub: &Rc<Hub>, lane: (i64, bool)) {
        loop {
            let next = self.lanes.borrow_mut().get_mut(&lane).and_then(VecDeque::pop_front);
            let Some(item) = next else { break };
            let number = item.number;
            if let Err(fault) = self.work(hub, item).await {
                tracing::error!(target: "gateway/telegram", account = self.account, "{}", fault.message);
            }
            self.at_hand.borrow_mut().remove(&number);
            self.room.notify_waiters();
        }
        self.lanes.borrow_mut().remove(&lane);
    }

    /// Brings one item to its end. What could not be sent for a trouble that may pass stays in the inbox, for the next
    /// time the account begins.
    async fn work(&self, hub: &Rc<Hub>, item: Item) -> Result<(), Fault> {
        let Some(inbound) = Inbound::read(&item.update, &self.me()) else {
            return inbox::done(&hub.store, self.bot, item.number).await;
        };
        let reply = match item.reply {
            Some(reply) => Some(reply),
            None => self.reply(hub, &inbound, item.number).await?,
        };
        let Some(reply) = reply else { return inbox::done(&hub.store, self.bot, item.number).await };
        if item.sent == 0 {
            inbox::replied(&hub.store, self.bot, item.number, reply.clone()).await?;
        }
        // A stop waits for what is on its way, though not for long.
        let _open = hub.opened();
        let stopping = async {
            hub.drained().await;
            tokio::time::sleep(hub.options.limits.linger).await;
        };
        tokio::select! {
            out = self.out(hub, &inbound, item.number, &reply, item.sent) => match out {
                true => inbox::done(&hub.store, self.bot, item.number).await,
                false => Ok(()),
            },
            () = stopping => Ok(()),
        }
    }

    /// Sends a reply from its part `from` on; whether there is no more to be done about it.
    async fn out(&self, hub: &Rc<Hub>, inbound: &Inbound, number: i64, reply: &str, from: usize) -> bool {
        let answers = (!inbound.private).then_some(inbound.message);
        let place = Place { chat: json!(inbound.chat), topic: inbound.topic, answers };
        let note = async |sent| {
            // A part that is not noted may go out twice; none is lost.
            let _ = inbox::sent(&hub.store, self.bot, number, sent).await;
        };
        let Err(trouble) = send::text(hub, &self.account, &place, reply, from, note).await else {
            return true;
        };
        let sentence = trouble.sentence(&self.account);
        tracing::warn!(target: "gateway/telegram", update = number, "a reply did not go out: {sentence}");
        hub.channels.standing(&self.account, |standing| standing.last_error = Some(sentence));
        matches!(trouble, Trouble::Refused(..))
    }

    /// What is answered to `inbound`, if anything.
    async fn reply(&self, hub: &Rc<Hub>, inbound: &Inbound, number: i64) -> Result<Option<String>, Fault> {
        let rules = hub.embedded();
        let Some(account) = rules.telegram.account(&self.account) else { return Ok(None) };
        let sender = inbound.sender.to_string();
        let known = pairing::known(&hub.store, CHANNEL, self.account.clone(), sender.clone()).await?;
        let owner = match gate::judge(&rules.telegram, account, known, inbound) {
            Verdict::Speak { owner } => owner,
            Verdict::Pair => return self.pair(hub, inbound).await,
            Verdict::Ignore(why) => {
                tracing::info!(target: "gateway/telegram", account = self.account, chat = inbound.chat, sender, "a message is not taken: {why}");
                return Ok(None);
            }
        };
        let Some(text) = inbound.text.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(Some(TEXT_ONLY.into()));
        };
        let session_key = gate::session_key(&rules.telegram, &self.account, owner, inbound);
        if stop::is_meant(text) {
            return Ok(Some(stop::answer(hub, &session_key).into()));
        }
        let message = match text {
            "/start" => "/help".to_owned(),
            // In a group it matters who speaks; an order has to stay one.
            text if !inbound.private && !inbound.is_command() => format!("[{}] {text}", inbound.label),
            text => text.to_owned(),
        };
        let author = Author::Sender { channel: CHANNEL, id: sender, commands: owner };
        let run_id = format!("{CHANNEL}:{}:{number}", self.bot);
        let errand = Errand { session_key, message, author, run_id, timeout: None };
        self.running.set(self.running.get() + 1);
        let outcome = self.run(hub, inbound, errand).await;
        self.running.set(self.running.get() - 1);
        Ok(match outcome {
            Outcome::Answered(text) if text.trim().is_empty() => None,
            Outcome::Answered(text) => Some(text),
            Outcome::Aborted => None,
            Outcome::Failed(why) => Some(format!("That did not work: {why}")),
        })
    }

    /// Runs the agent, and shows meanwhile that an answer is being written.
    async fn run(&self, hub: &Rc<Hub>, inbound: &Inbound, errand: Errand) -> Outcome {
        let mut params = json!({ "chat_id": inbound.chat, "action": "typing" });
        if let Some(topic) = inbound.topic {
            params["message_thread_id"] = json!(topic);
        }
        let typing = async {
            loop {
                // Only a sign of life: the answer itself does not hang on it.
                let _ = send::ask(hub, &self.account, "sendChatAction", &params).await;
                tokio::time::sleep(TYPING).await;
            }
        };
        tokio::select! {
            outcome = agent::answer(hub, errand) => outcome,
            () = typing => Outcome::Aborted,
        }
    }

    /// Gives a code to somebody who is not known, once in its time.
    async fn pair(&self, hub: &Rc<Hub>, inbound: &Inbound) -> Result<Option<String>, Fault> {
        let request = pairing::Request {
            channel: CHANNEL.into(),
            account: self.account.clone(),
            sender: inbound.sender.to_string(),
            code: String::new(),
            label: inbound.label.clone(),
            username: inbound.username.clone(),
            created_at_ms: 0,
            seen_at_ms: 0,
        };
        let asked = pairing::ask(&hub.store, request, clock::epoch_ms()).await?;
        let pairing::Asked::New(request) = asked else { return Ok(None) };
        let (sender, profile) = (&request.sender, &hub.options.profile);
        tracing::info!(target: "gateway/telegram", account = self.account, sender, "telegram pairing request");
        let option = if profile.is_default() { String::new() } else { format!(" --profile {profile}") };
        Ok(Some(format!(
            "This bot does not know you yet.\n\nYour Telegram user id: {sender}\nPairing code: `{code}`\n\n\
             Its owner lets you in with:\n```\nopenclaw{option} pairing approve telegram {code}\n```\n\
             The code counts for an hour.",
            code = request.code
        )))
    }
}

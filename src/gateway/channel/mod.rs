//! Channels: where people write from who have no client of the Gateway protocol. There is one, Telegram. Which of its
//! accounts run follows the configuration as it is now.
//!
//! | file | its part |
//! | --- | --- |
//! | `inbox` | what was taken in, on the disk |
//! | `pairing` | codes by which people are let in |
//! | `standing` | how each account is |
//! | `telegram` | the channel itself |

pub mod inbox;
pub mod pairing;
pub mod standing;
pub mod telegram;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use tokio::sync::Notify;
use tokio::task::{AbortHandle, spawn_local};

use super::hub::Hub;
use super::method::channel::Sent;
use super::method::health;
use crate::host::clock;
use crate::link::web::Web;
use standing::Standing;
use telegram::api::Bot;
use telegram::desk::Desk;

/// The name of the one channel.
pub const CHANNEL: &str = "telegram";
/// Its name for people.
pub const LABEL: &str = "Telegram";

/// What the gateway knows of its channels.
#[derive(Debug, Default)]
pub struct Channels {
    /// The way to them.
    pub web: Web,
    standings: RefCell<BTreeMap<String, Standing>>,
    stopped: RefCell<BTreeSet<String>>,
    anew: RefCell<BTreeSet<String>>,
    desks: RefCell<HashMap<i64, Rc<Desk>>>,
    changed: Notify,
    /// What was sent under which key.
    pub sent: Sent,
}

impl Channels {
    /// Looks what the configuration says now.
    pub fn look_again(&self) {
        self.changed.notify_one();
    }

    /// Starts an account, also one that was stopped or that runs already.
    pub fn start(&self, account: &str) {
        self.stopped.borrow_mut().remove(account);
        self.anew.borrow_mut().insert(account.into());
        self.look_again();
    }

    /// Stops an account until it is started again.
    pub fn stop(&self, account: &str) {
        self.stopped.borrow_mut().insert(account.into());
        self.look_again();
    }

    /// How an account is, changed by `change`.
    pub fn standing<T>(&self, account: &str, change: impl FnOnce(&mut Standing) -> T) -> T {
        change(self.standings.borrow_mut().entry(account.into()).or_default())
    }

    /// The desk of a bot; what lies there outlives its poller.
    pub fn desk(&self, bot: &Bot) -> Rc<Desk> {
        let mut desks = self.desks.borrow_mut();
        let desk = desks.entry(bot.id).or_insert_with(|| Rc::new(Desk::new(bot.id, &bot.account)));
        Rc::clone(desk)
    }

    /// Tells everyone that an account is not as it was.
    pub fn tell(&self, hub: &Hub) {
        hub.health_changed();
        hub.announce(health::announcement(hub));
    }
}

/// A poller that runs; dropping this ends it.
struct Polling {
    bot: Bot,
    task: AbortHandle,
}

impl Drop for Polling {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Keeps the pollers that the configuration asks for, until it is dropped.
pub async fn run(hub: Rc<Hub>) {
    let mut polling = BTreeMap::new();
    loop {
        settle(&hub, &mut polling);
        hub.channels.changed.notified().await;
    }
}

fn settle(hub: &Rc<Hub>, polling: &mut BTreeMap<String, Polling>) {
    let (rules, channels) = (hub.embedded(), &hub.channels);
    let anew = channels.anew.take();
    let mut wanted: BTreeMap<String, Bot> = BTreeMap::new();
    for account in &rules.telegram.accounts {
        if !account.enabled || channels.stopped.borrow().contains(&account.id) {
            continue;
        }
        match Bot::of(account) {
            Err(why) => parked(hub, &account.id, &why),
            Ok(bot) => match wanted.values().find(|other| other.id == bot.id) {
                Some(other) => {
                    let why = format!("account `{}` has the bot of account `{}`", account.id, other.account);
                    parked(hub, &account.id, &why);
                }
                None => drop(wanted.insert(account.id.clone(), bot)),
            },
        }
    }
    polling.retain(|id, running| {
        let stays = wanted.get(id).is_some_and(|bot| bot.is_same(&running.bot)) && !anew.contains(id);
        if !stays {
            ended(hub, id);
        }
        stays
    });
    channels.standings.borrow_mut().retain(|id, _| rules.telegram.account(id).is_some());
    for (id, bot) in wanted {
        polling.entry(id).or_insert_with(|| {
            for note in rules.telegram.account(&bot.account).iter().flat_map(|account| &account.notes) {
                tracing::warn!(target: "gateway/telegram", account = bot.account, "{note}");
            }
            let task = spawn_local(telegram::poll::run(Rc::clone(hub), bot.clone())).abort_handle();
            Polling { bot, task }
        });
    }
}

/// Notes why an account does not run.
fn parked(hub: &Hub, account: &str, why: &str) {
    let known = hub.channels.standing(account, |standing| {
        let why = Some(why.to_owned());
        let known = standing.last_error == why;
        (standing.running, standing.connected, standing.health) = (false, None, "not-configured");
        standing.last_error = why;
        known
    });
    if !known {
        tracing::warn!(target: "gateway/telegram", account, "{why}");
        hub.channels.tell(hub);
    }
}

fn ended(hub: &Hub, account: &str) {
    tracing::info!(target: "gateway/telegram", account, "polling ends");
    hub.channels.standing(account, |standing| {
        (standing.running, standing.connected, standing.health) = (false, None, "stopped");
        standing.last_stop_at = Some(clock::epoch_ms());
    });
    hub.channels.tell(hub);
}

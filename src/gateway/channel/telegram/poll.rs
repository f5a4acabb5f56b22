//! One account's poller: who the bot is, what the last life left, and then one question for updates after the other.
//! An update is asked away from Telegram only after it lies in the inbox.

use std::rc::Rc;

use serde_json::json;

use super::api::Bot;
use super::desk::Desk;
use super::inbound::Me;
use super::pace::{Pace, Trouble};
use crate::gateway::channel::inbox;
use crate::gateway::hub::Hub;
use crate::host::clock;

/// Polls until it is dropped, or until only a change of the configuration can help.
pub async fn run(hub: Rc<Hub>, bot: Bot) {
    let mut poller = Poller { desk: hub.channels.desk(&bot), hub, bot, pace: Pace::default() };
    poller.begin();
    loop {
        let trouble = match poller.introduced().await {
            Ok(()) => poller.poll().await,
            Err(trouble) => trouble,
        };
        if !poller.rests(&trouble).await {
            return;
        }
    }
}

struct Poller {
    hub: Rc<Hub>,
    bot: Bot,
    desk: Rc<Desk>,
    pace: Pace,
}

impl Poller {
    fn begin(&self) {
        let (account, bot) = (&self.bot.account, self.bot.id);
        tracing::info!(target: "gateway/telegram", account, bot, "polling begins");
        self.hub.channels.standing(account, |standing| {
            (standing.running, standing.health) = (true, "starting");
            standing.last_start_at = Some(clock::epoch_ms());
        });
    }

    /// Asks who the bot is, and takes up what was left.
    async fn introduced(&mut self) -> Result<(), Trouble> {
        if self.desk.me() == Me::default() {
            let me = Me::of(
                &self.bot.ask(&self.hub.channels.web, "getMe", &json!({}), std::time::Duration::ZERO).await?,
            );
            let (account, username) = (&self.bot.account, &me.username);
            tracing::info!(target: "gateway/telegram", account, username, "Telegram knows the bot");
            self.desk.is(me);
        }
        let left = inbox::open(&self.hub.store, self.bot.id, clock::epoch_ms()).await;
        for item in left.map_err(|fault| Trouble::Away(fault.message))? {
            self.desk.put(&self.hub, item);
        }
        Ok(())
    }

    /// Polls until there is trouble.
    async fn poll(&mut self) -> Trouble {
        loop {
            self.desk.has_room().await;
            let now = clock::epoch_ms();
            let next = match inbox::next(&self.hub.store, self.bot.id, now).await {
                Ok(next) => next,
                Err(fault) => return Trouble::Away(fault.message),
            };
            let updates = match self.bot.updates(&self.hub.channels.web, next).await {
                Ok(updates) => updates,
                Err(trouble) => return trouble,
            };
            self.well(!updates.is_empty());
            if updates.is_empty() {
                continue;
            }
            // What cannot be kept is asked for again.
            match inbox::take(&self.hub.store, self.bot.id, updates, clock::epoch_ms()).await {
                Ok(items) => items.into_iter().for_each(|item| self.desk.put(&self.hub, item)),
                Err(fault) => return Trouble::Away(fault.message),
            }
        }
    }

    fn well(&mut self, heard: bool) {
        if self.pace.failures() > 0 {
            tracing::info!(target: "gateway/telegram", account = self.bot.account, "Telegram answers again");
        }
        self.pace.succeeded();
        let now = Some(clock::epoch_ms());
        let changed = self.hub.channels.standing(&self.bot.account, |standing| {
            let was = standing.connected.replace(true);
            if was != Some(true) {
                standing.last_connected_at = now;
            }
            (standing.last_error, standing.attempts, standing.health) = (None, 0, "healthy");
            standing.last_transport_at = now;
            if heard {
                standing.last_inbound_at = now;
            }
            was != Some(true)
        });
        if changed {
            self.hub.channels.tell(&self.hub);
        }
    }

    /// Notes `trouble` and rests; false where there is nothing to wait for.
    async fn rests(&mut self, trouble: &Trouble) -> bool {
        let account = &self.bot.account;
        let rest = self.pace.rest(trouble);
        let (sentence, health) = (trouble.sentence(account), trouble.health());
        let (attempts, parked) = (self.pace.failures() as u64, rest.is_none());
        let changed = self.hub.channels.standing(account, |standing| {
            let changed = standing.health != health || standing.connected != Some(false);
            standing.connected = Some(false);
            (standing.health, standing.attempts) = (health, attempts);
            standing.last_error = Some(sentence.clone());
            if parked {
                standing.running = false;
                standing.last_stop_at = Some(clock::epoch_ms());
            }
            changed
        });
        let seconds = rest.map(|rest| rest.as_secs());
        if changed {
            tracing::warn!(target: "gateway/telegram", account, retry_after_s = seconds, "{sentence}");
            self.hub.channels.tell(&self.hub);
        } else {
            tracing::debug!(target: "gateway/telegram", account, retry_after_s = seconds, "{sentence}");
        }
        match rest {
            Some(rest) => {
                tokio::time::sleep(rest).await;
                true
            }
            None => false,
        }
    }
}

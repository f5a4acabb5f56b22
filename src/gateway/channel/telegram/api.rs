//! The Bot API: one bot, and one question to it. The token stands in the path of every question, so nothing that comes
//! back from here, not even an error, holds an address.

use std::time::Duration;

use serde_json::{Value, json};

use super::pace::Trouble;
use crate::access::reach;
use crate::base::Secret;
use crate::link::web::{Order, Web};
use crate::profile::embedded::telegram::Account;

/// How long the Bot API holds a question for updates while there are none.
const POLL: Duration = Duration::from_secs(30);
/// How long an answer may take beyond that.
const ANSWER: Duration = Duration::from_secs(15);
/// Largest answer in bytes; a hundred updates are far smaller.
const ANSWER_MAX: usize = 8 << 20;
/// Updates of one answer at most.
const UPDATES_MAX: u32 = 100;

/// One bot.
#[derive(Clone, Debug)]
pub struct Bot {
    /// The account that it belongs to.
    pub account: String,
    /// Its numeric id, the first part of its token.
    pub id: i64,
    root: String,
    token: Secret,
}

impl Bot {
    /// The bot of `account`.
    ///
    /// # Errors
    /// What stands in the way, in words.
    pub fn of(account: &Account) -> Result<Bot, String> {
        let token = account.token.clone()?;
        let id = token.expose().split(':').next().and_then(|id| id.parse().ok());
        let id = id.ok_or_else(|| format!("the token of `{}` begins with no number", account.id))?;
        let root = account.api_root.clone();
        if let Some(rest) = root.strip_prefix("http://") {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            let bare = match host.strip_prefix('[') {
                Some(rest) => rest.split(']').next().unwrap_or_default(),
                None => host.split(':').next().unwrap_or_default(),
            };
            // A name without a dot is one of the local network, as in a composition of containers.
            if !reach::may_be_plain(bare, !bare.contains('.')) {
                return Err(format!(
                    "apiRoot of `{}` is not encrypted and leads out of private networks; use https://",
                    account.id
                ));
            }
        }
        Ok(Bot { account: account.id.clone(), id, root, token })
    }

    /// Whether both lead to the same bot by the same way.
    pub fn is_same(&self, other: &Bot) -> bool {
        self.account == other.account && self.root == other.root && self.token.matches(other.token.expose())
    }

    /// Asks `method` with `params`, and waits for the answer `beyond` the usual time.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn ask(
        &self,
        web: &Web,
        method: &str,
        params: &Value,
        beyond: Duration,
    ) -> Result<Value, Trouble> {
        let url = format!("{}/bot{}/{method}", self.root, self.token.expose());
        let away = |why: &dyn std::fmt::Display| Trouble::Away(self.scrubbed(&why.to_string()));
        let reply =
            web.ask(Order::post_json(url, params, ANSWER + beyond)).await.map_err(|why| away(&why))?;
        let status = reply.status();
        let body = reply.whole(ANSWER_MAX, ANSWER).await.map_err(|why| away(&why))?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        match Trouble::of(status, &body) {
            None => Ok(body["result"].clone()),
            Some(Trouble::Refused(code, said)) => Err(Trouble::Refused(code, self.scrubbed(&said))),
            Some(Trouble::Away(said)) => Err(away(&said)),
            Some(trouble) => Err(trouble),
        }
    }

    /// The updates from the number `next` on; waits for some.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn updates(&self, web: &Web, next: Option<i64>) -> Result<Vec<Value>, Trouble> {
        let mut params =
            json!({ "timeout": POLL.as_secs(), "limit": UPDATES_MAX, "allowed_updates": ["message"] });
        if let Some(next) = next {
            params["offset"] = json!(next);
        }
        match self.ask(web, "getUpdates", &params, POLL).await? {
            Value::Array(updates) => Ok(updates),
            _ => Err(Trouble::Away("it answers no list of updates".into())),
        }
    }

    /// `text` without the token, whoever put it there.
    fn scrubbed(&self, text: &str) -> String {
        text.replace(self.token.expose(), "***")
    }
}

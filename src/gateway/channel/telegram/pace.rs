//! What an answer of the Bot API means, and how long to wait before the next question: pure, so that no trouble can
//! make a loop.

use std::time::Duration;

use serde_json::Value;

/// Why the Bot API did not do what it was asked for. No text in it holds the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It does not know the token.
    Unauthorized,
    /// Somebody else asks for the bot's updates.
    Clash,
    /// The bot's updates go to a web address that somebody set.
    Webhook,
    /// Too much was asked; again after that time.
    Flood(Duration),
    /// It refuses for good, in its words.
    Refused(u16, String),
    /// It has a trouble of its own, or cannot be reached, in words.
    Away(String),
}

/// The longest rest that the Bot API may ask for.
const FLOOD_MAX: Duration = Duration::from_secs(3600);
/// Rests after one failure, two and so on.
const AWAY: [u64; 6] = [1, 2, 5, 10, 30, 60];
/// Rests while somebody else polls; the first is short, since a poll of the run before may still hang.
const CLASHES: [u64; 4] = [5, 30, 60, 300];

impl Trouble {
    /// What `status` with `body` means; `None` where it means that all is well.
    pub fn of(status: u16, body: &Value) -> Option<Trouble> {
        if status == 200 && body["ok"] == true {
            return None;
        }
        let code = body["error_code"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or(status);
        let said = body["description"].as_str().unwrap_or("no reason given");
        let said: String = said.chars().filter(|letter| !letter.is_control()).take(300).collect();
        Some(match code {
            // A token of a wrong form is no path that it has.
            401 | 404 => Trouble::Unauthorized,
            409 if said.to_lowercase().contains("webhook") => Trouble::Webhook,
            409 => Trouble::Clash,
            429 => {
                let seconds = body["parameters"]["retry_after"].as_u64().unwrap_or(5).max(1);
                Trouble::Flood(Duration::from_secs(seconds).min(FLOOD_MAX))
            }
            400..=499 => Trouble::Refused(code, said),
            _ => Trouble::Away(format!("it answers {code}: {said}")),
        })
    }

    /// A sentence for people about the account `id`.
    pub fn sentence(&self, id: &str) -> String {
        match self {
            Trouble::Unauthorized => format!(
                "Telegram does not know the bot token of `{id}`; put the one that BotFather shows in its place"
            ),
            Trouble::Clash => format!(
                "another poller uses this bot token (409 Conflict, getUpdates of `{id}`); stop the other program, or \
                 give one of them a bot of its own"
            ),
            Trouble::Webhook => format!(
                "the bot of `{id}` has a webhook (409 Conflict), so another program gets its messages; remove it \
                 there, or with the Bot API's deleteWebhook"
            ),
            Trouble::Flood(time) => format!("Telegram asks `{id}` to wait {} s", time.as_secs()),
            Trouble::Refused(code, said) => format!("Telegram refuses `{id}` ({code}): {said}"),
            Trouble::Away(why) => format!("Telegram cannot be asked for `{id}`: {why}"),
        }
    }

    /// The word for it in `channels.status`.
    pub fn health(&self) -> &'static str {
        match self {
            Trouble::Unauthorized => "unauthorized",
            Trouble::Clash | Trouble::Webhook => "conflict",
            Trouble::Flood(_) => "rate-limited",
            Trouble::Refused(..) => "refused",
            Trouble::Away(_) => "unreachable",
        }
    }
}

/// Failures in a row, and what to do about the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    failures: usize,
    clashes: usize,
}

impl Pace {
    /// All is well again.
    pub fn succeeded(&mut self) {
        *self = Pace::default();
    }

    /// Failures in a row.
    pub fn failures(&self) -> usize {
        self.failures + self.clashes
    }

    /// How long to rest after `trouble`; `None` where only a change of the configuration can help.
    pub fn rest(&mut self, trouble: &Trouble) -> Option<Duration> {
        let step = |table: &[u64], count: usize| Duration::from_secs(table[count.min(table.len()) - 1]);
        match trouble {
            Trouble::Unauthorized => None,
            Trouble::Clash | Trouble::Webhook => {
                self.clashes += 1;
                Some(step(&CLASHES, self.clashes))
            }
            Trouble::Flood(time) => {
                self.failures += 1;
                Some(*time)
            }
            Trouble::Refused(..) | Trouble::Away(_) => {
                self.failures += 1;
                Some(step(&AWAY, self.failures))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_answer_has_one_meaning() {
        let told = |code: u16, said: &str| json!({"ok": false, "error_code": code, "description": said});
        assert_eq!(Trouble::of(200, &json!({"ok": true, "result": []})), None);
        assert_eq!(Trouble::of(401, &told(401, "Unauthorized")), Some(Trouble::Unauthorized));
        assert_eq!(Trouble::of(404, &told(404, "Not Found")), Some(Trouble::Unauthorized));
        let clash = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
        assert_eq!(Trouble::of(409, &told(409, clash)), Some(Trouble::Clash));
        let hook = "Conflict: can't use getUpdates method while webhook is active";
        assert_eq!(Trouble::of(409, &told(409, hook)), Some(Trouble::Webhook));
        let flood = json!({"ok": false, "error_code": 429, "parameters": {"retry_after": 7}});
        assert_eq!(Trouble::of(429, &flood), Some(Trouble::Flood(Duration::from_secs(7))));
        let endless = json!({"ok": false, "error_code": 429, "parameters": {"retry_after": u64::MAX}});
        assert_eq!(Trouble::of(429, &endless), Some(Trouble::Flood(FLOOD_MAX)));
        assert_eq!(Trouble::of(403, &told(403, "blocked")), Some(Trouble::Refused(403, "blocked".into())));
        assert!(matches!(Trouble::of(502, &Value::Null), Some(Trouble::Away(_))));
        assert!(matches!(Trouble::of(200, &json!("x")), Some(Trouble::Away(_))));
    }

    #[test]
    fn rests_grow_and_a_wrong_token_is_not_tried_again() {
        let mut pace = Pace::default();
        let mut rests = |trouble: &Trouble, count: usize| -> Vec<u64> {
            (0..count).map(|_| pace.rest(trouble).unwrap().as_secs()).collect()
        };
        assert_eq!(rests(&Trouble::Away("x".into()), 8), [1, 2, 5, 10, 30, 60, 60, 60]);
        assert_eq!(rests(&Trouble::Clash, 6), [5, 30, 60, 300, 300, 300]);
        assert_eq!(pace.rest(&Trouble::Unauthorized), None);
        assert_eq!(pace.rest(&Trouble::Flood(Duration::from_secs(9))), Some(Duration::from_secs(9)));
        pace.succeeded();
        assert_eq!((pace.failures(), pace.rest(&Trouble::Clash)), (0, Some(Duration::from_secs(5))));
    }
}

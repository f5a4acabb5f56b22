//! Asking a provider: one question, its answer as it comes, asked again where that may help. What goes wrong is told in
//! words that never hold the key.

pub mod context;
mod retry;
pub mod speech;
mod sse;

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::time::sleep;

use self::retry::Fate;
use self::speech::{Speech, Wrong};
use super::run::Failure;
use crate::base::Secret;
use crate::gateway::hub::Hub;
use crate::link::web::{Order, Reply, Trouble};

/// How long a provider may take until it begins to answer.
const BEGIN_WITHIN: Duration = Duration::from_secs(120);
/// How long it may be silent in the middle.
const SILENCE: Duration = Duration::from_secs(120);
/// How much of an error's text is read, and of it shown.
const ERROR_BYTES: usize = 64 * 1024;
const ERROR_SHOWN: usize = 300;

/// Where to ask, and as whom.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The provider's name in the configuration.
    pub name: String,
    /// Its address.
    pub base_url: String,
    /// The key.
    pub key: Option<Secret>,
}

/// Asks with `body` and gives the whole answer; `says` hears each piece of text, `anew` that what was said so far
/// counts no more, since the question is asked again.
///
/// # Errors
/// [`Failure`], once asking again helps no more.
pub async fn ask(
    hub: &Hub,
    asked: &Asked,
    body: &Value,
    says: impl Fn(&str),
    anew: impl Fn(),
) -> Result<Speech, Failure> {
    let body: Bytes = body.to_string().into();
    let mut attempt = 1;
    loop {
        let (failure, fate) = match once(hub, asked, body.clone(), &says).await {
            Ok(speech) => return Ok(speech),
            Err(ended) => ended,
        };
        let wait = fate.and_then(|fate| retry::wait(attempt, &fate, scatter()));
        let Some(wait) = wait else { return Err(failure) };
        tracing::warn!(target: "gateway/agent", provider = asked.name, attempt, "asked again: {}", failure.words);
        anew();
        sleep(wait).await;
        attempt += 1;
    }
}

/// A number from 0 to 1; without randomness, the middle.
fn scatter() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX))
}

type Ended = (Failure, Option<Fate>);

async fn once(hub: &Hub, asked: &Asked, body: Bytes, says: &impl Fn(&str)) -> Result<Speech, Ended> {
    let mut order = Order {
        method: "POST",
        url: format!("{}/chat/completions", asked.base_url),
        headers: vec![
            ("content-type", "application/json".to_owned()),
            ("accept", "text/event-stream".to_owned()),
        ],
        body,
        within: BEGIN_WITHIN,
    };
    if let Some(key) = &asked.key {
        order = order.header("authorization", format!("Bearer {}", key.expose()));
    }
    let reply = hub.web.ask(order).await.map_err(|trouble| troubled(asked, &trouble))?;
    match reply.status() {
        200..=299 => listen(asked, reply, says).await,
        _ => Err(refused(asked, reply).await),
    }
}

/// Hears the answer to its end.
async fn listen(asked: &Asked, mut reply: Reply, says: &impl Fn(&str)) -> Result<Speech, Ended> {
    let streams = reply.header("content-type").is_none_or(|kind| !kind.starts_with("application/json"));
    if !streams {
        let whole = reply.whole(speech::ANSWER_MAX * 2, SILENCE).await;
        let whole = whole.map_err(|trouble| troubled(asked, &trouble))?;
        let mut speech = Speech::default();
        take(asked, &mut speech, &String::from_utf8_lossy(&whole), says)?;
        return Ok(speech);
    }
    let (mut events, mut speech) = (sse::Events::default(), Speech::default());
    while let Some(piece) = reply.piece(SILENCE).await.map_err(|trouble| troubled(asked, &trouble))? {
        let complete = events.take(&piece).map_err(|_| wrong(asked, Wrong::TooLarge))?;
        for data in complete {
            take(asked, &mut speech, &data, says)?;
        }
    }
    if let Some(data) = events.rest() {
        take(asked, &mut speech, &data, says)?;
    }
    match speech.is_whole() {
        true => Ok(speech),
        false => Err(troubled(asked, &Trouble::Broken("it ended in the middle".into()))),
    }
}

fn take(asked: &Asked, speech: &mut Speech, data: &str, says: &impl Fn(&str)) -> Result<(), Ended> {
    let text = speech.take(data).map_err(|error| wrong(asked, error))?;
    if !text.is_empty() {
        says(&text);
    }
    Ok(())
}

fn troubled(asked: &Asked, trouble: &Trouble) -> Ended {
    let words = format!("{} could not be asked: {}", asked.name, hushed(asked, &trouble.to_string()));
    match trouble {
        Trouble::Unreachable(_) | Trouble::Broken(_) => (Failure::new(words), Some(Fate::Connection)),
        Trouble::TooSlow => (Failure::new(words).kind("timeout"), None),
        Trouble::Address(_) | Trouble::TooLarge => (Failure::new(words), None),
    }
}

fn wrong(asked: &Asked, wrong: Wrong) -> Ended {
    let words = match wrong {
        Wrong::Unreadable => format!("{} answered with something that is no answer", asked.name),
        Wrong::Said(said) => format!("{} broke off: {}", asked.name, hushed(asked, &said)),
        Wrong::TooLarge => format!("the answer of {} is too large", asked.name),
    };
    (Failure::new(words), None)
}

/// What a status other than success means.
async fn refused(asked: &Asked, reply: Reply) -> Ended {
    let status = reply.status();
    let wait = reply.header("retry-after").and_then(retry::asked);
    let body = reply.whole(ERROR_BYTES, Duration::from_secs(10)).await.unwrap_or_default();
    let said = match serde_json::from_slice::<Value>(&body) {
        Ok(error) => speech::said(error.get("error").unwrap_or(&error)),
        Err(_) => String::from_utf8_lossy(&body).into_owned(),
    };
    let said = hushed(asked, &said);
    let name = &asked.name;
    let failure = match status {
        401 | 403 => Failure::new(format!("{name} does not accept the key ({status}): {said}")),
        429 => {
            let wait = wait.map(|wait| format!(", to be asked again in {} s", wait.as_secs()));
            let words = format!("{name} has been asked too often (429){}: {said}", wait.unwrap_or_default());
            Failure::new(words).kind("rate_limit")
        }
        400 | 413 if said.contains("context") => {
            Failure::new(format!("the conversation is too long for {name} ({status}): {said}"))
                .kind("context_length")
        }
        _ => Failure::new(format!("{name} answered with {status}: {said}")),
    };
    (failure, Some(Fate::Status(status, wait)))
}

/// The beginning of what a provider says, on one line and without the key, which some repeat.
fn hushed(asked: &Asked, text: &str) -> String {
    let key = asked.key.as_ref().map(Secret::expose).filter(|key| !key.is_empty());
    let text = key.map_or_else(|| text.to_owned(), |key| text.replace(key, "***"));
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let shown: String = line.split_whitespace().collect::<Vec<_>>().join(" ");
    shown.chars().take(ERROR_SHOWN).collect()
}

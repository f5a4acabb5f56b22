//! The other profiles, as a rescue gateway sees them: it asks the supervisor over its control socket, which does the
//! work and decides once more what this gateway may. Nothing here outlives the supervisor's word: while none runs, that
//! is what is said.
//!
//! | file | its part |
//! | --- | --- |
//! | `mod` | what can be asked and ordered |
//! | `line` | the control socket, with a deadline for every answer |
//! | `refusal` | what it says of orders that it does not give |
//! | `watch` | hearing of changes and of incidents |
//! | `command`, `tool`, `words` | the same from a chat, for people and for a model |

pub mod command;
mod line;
mod refusal;
pub mod tool;
pub mod watch;
mod words;

use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::hub::Hub;
use super::options::Options;
use crate::base::ProfileName;
use crate::profile::rescue::{May, Rescue};
use crate::wire::Fault;
use crate::wire::control::{self, LOG_LINES_MAX};

/// How long a look may take.
const LOOK: Duration = Duration::from_secs(10);
/// The name that people have for the default profile; the one of that very name comes first.
const MAIN: &str = "main";

/// What a rescue gateway is told when it starts.
#[derive(Clone, Debug)]
pub struct Post {
    /// What it may see and do, and who may order it.
    pub rescue: Rescue,
    /// Where the supervisor listens; `None` for a gateway that nobody supervises.
    pub socket: Option<PathBuf>,
}

/// The way to the other profiles.
#[derive(Debug)]
pub struct Fleet {
    post: Post,
    own: ProfileName,
    up: Cell<bool>,
}

/// What is done with a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Up.
    Start,
    /// Down.
    Stop,
    /// Down and up as one.
    Restart,
}

impl Verb {
    /// What is needed for it.
    pub const fn needs(self) -> May {
        match self {
            Verb::Start => May::Start,
            Verb::Stop => May::Stop,
            Verb::Restart => May::Restart,
        }
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        self.needs().as_str()
    }

    const fn order(self) -> &'static str {
        match self {
            Verb::Start => control::PROFILE_START,
            Verb::Stop => control::PROFILE_STOP,
            Verb::Restart => control::PROFILE_RESTART,
        }
    }
}

/// An order about one profile.
#[derive(Clone, Copy, Debug)]
pub struct Turn<'a> {
    /// What is to be done.
    pub verb: Verb,
    /// The profile, as it was written.
    pub name: &'a str,
    /// Whether the gateway itself may be meant.
    pub itself: bool,
    /// How long its end is waited for; it goes on behind that.
    pub wait: Duration,
}

impl Fleet {
    /// The fleet as the gateway with these options sees it; `None` for one that sees none.
    pub fn of(options: &Options) -> Option<Fleet> {
        let post = options.rescue.clone()?;
        Some(Fleet { post, own: options.profile.clone(), up: Cell::new(false) })
    }

    /// What it may see and do, and who may order it.
    pub fn rescue(&self) -> &Rescue {
        &self.post.rescue
    }

    /// The profile of this very gateway.
    pub fn own(&self) -> &ProfileName {
        &self.own
    }

    /// Whether the supervisor answered when it was last spoken to.
    pub fn is_up(&self) -> bool {
        self.up.get()
    }
}

/// Every profile that is seen: `{profiles, own, may}`.
///
/// # Errors
/// Why it is not told: no right, no supervisor.
pub async fn status(hub: &Hub) -> Result<Value, Fault> {
    let fleet = of(hub)?;
    fleet.check(May::Status)?;
    let mut told = line::ask(fleet, control::PROFILE_LIST, json!({ "all": true }), LOOK).await?;
    told["own"] = json!(fleet.own);
    told["may"] = json!(fleet.post.rescue.may);
    Ok(told)
}

/// One of them, as `profile show` tells it.
///
/// # Errors
/// As [`status`], and that there is none of this name.
pub async fn status_of(hub: &Hub, name: &str) -> Result<Value, Fault> {
    let fleet = of(hub)?;
    fleet.check(May::Status)?;
    let of_name = async |name: ProfileName| {
        let params = json!({ "name": name, "all": true });
        let mut told = line::ask(fleet, control::PROFILE_LIST, params, LOOK).await?;
        match told["profiles"].get_mut(0).map(Value::take) {
            Some(status) => Ok(status),
            None => Err(refusal::unknown(name.as_str())),
        }
    };
    named(fleet, name, of_name).await
}

/// Every gateway on the host and every conflict, as `openclaw host conflicts --json` tells them.
///
/// # Errors
/// As [`status`].
pub async fn conflicts(hub: &Hub) -> Result<Value, Fault> {
    let fleet = of(hub)?;
    fleet.check(May::Conflicts)?;
    line::ask(fleet, control::HOST_CONFLICTS, json!({}), LOOK).await
}

/// The last `lines` of what a profile's gateway wrote, without credentials: `{name, lines}`.
///
/// # Errors
/// As [`status_of`].
pub async fn logs(hub: &Hub, name: &str, lines: usize) -> Result<Value, Fault> {
    let fleet = of(hub)?;
    fleet.check(May::Logs)?;
    let lines = lines.clamp(1, LOG_LINES_MAX);
    let of_name = async |name: ProfileName| {
        line::ask(fleet, control::PROFILE_LOGS, json!({ "name": name, "lines": lines }), LOOK).await
    };
    named(fleet, name, of_name).await
}

/// Starts, stops or restarts a profile: `{ok, done, profile}`, `done` being false for what goes on behind the answer.
///
/// # Errors
/// As [`status_of`]; what the supervisor says; that this very gateway was meant.
pub async fn turn(hub: &Hub, order: Turn<'_>) -> Result<Value, Fault> {
    let fleet = of(hub)?;
    fleet.check(order.verb.needs())?;
    let of_name = async |name: ProfileName| {
        if name == fleet.own {
            return itself(fleet, order).await;
        }
        tracing::info!(target: "gateway/fleet", profile = %name, verb = ?order.verb, "ordered");
        line::follow(fleet, order.verb.order(), &name, order.wait).await
    };
    named(fleet, order.name, of_name).await
}

/// Puts back the files with which a profile's gateway last worked: `{ok, profile, restored}`.
///
/// # Errors
/// As [`turn`].
pub async fn rollback(hub: &Hub, name: &str) -> Result<Value, Fault> {
    let fleet = of(hub)?;
    fleet.check(May::Rollback)?;
    let of_name = async |name: ProfileName| {
        if name == fleet.own {
            return Err(refusal::own_files(&name));
        }
        tracing::info!(target: "gateway/fleet", profile = %name, "its files are rolled back");
        line::ask(fleet, control::PROFILE_ROLLBACK, json!({ "name": name }), LOOK).await
    };
    named(fleet, name, of_name).await
}

/// An order about the gateway that is asked: only a restart can be meant, and only when that is said.
async fn itself(fleet: &Fleet, order: Turn<'_>) -> Result<Value, Fault> {
    if order.verb != Verb::Restart || !order.itself {
        return Err(refusal::itself(&fleet.own, order.verb));
    }
    // The answer has to be out before the end begins; nobody is left to hear how it goes on.
    line::leave(fleet, order.verb.order(), &fleet.own).await?;
    Ok(json!({ "ok": true, "done": false, "profile": { "name": fleet.own, "state": "stopping" } }))
}

/// Does `what` with the profile that `written` means. A name that nobody has is answered with the nearest that somebody
/// has; it is not guessed.
async fn named(
    fleet: &Fleet,
    written: &str,
    what: impl AsyncFn(ProfileName) -> Result<Value, Fault>,
) -> Result<Value, Fault> {
    let written = written.trim();
    let name: ProfileName = written.parse().map_err(|error| refusal::of_error(&error))?;
    // What is not seen is not there, also while no supervisor could say so.
    let outcome = match fleet.post.rescue.profiles.sees(name.as_str()) {
        true => what(name).await,
        false => Err(refusal::unknown(written)),
    };
    match outcome {
        Err(fault) if fault.detail_code() == Some(refusal::UNKNOWN) => {
            let default = ProfileName::default_profile();
            if written == MAIN && fleet.post.rescue.profiles.sees(default.as_str()) {
                return what(default).await;
            }
            Err(refusal::with_nearest(fault, written, &names(fleet).await))
        }
        outcome => outcome,
    }
}

/// The names of the profiles that are seen; none where they cannot be had.
async fn names(fleet: &Fleet) -> Vec<String> {
    let told = line::ask(fleet, control::PROFILE_LIST, json!({ "all": true }), LOOK).await;
    let told = told.unwrap_or_default();
    let profiles = told["profiles"].as_array().into_iter().flatten();
    profiles.filter_map(|profile| profile["name"].as_str().map(str::to_owned)).collect()
}

impl Fleet {
    fn check(&self, may: May) -> Result<(), Fault> {
        if self.post.rescue.may.contains(&may) { Ok(()) } else { Err(refusal::not_allowed(&self.own, may)) }
    }
}

fn of(hub: &Hub) -> Result<&Fleet, Fault> {
    hub.fleet.as_ref().ok_or_else(refusal::no_rescue)
}

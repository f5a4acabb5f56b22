//! Orders to the supervisor. They ride on the Gateway protocol's own frames, one JSON object a line on the
//! control socket; an error carries the program's own [`Error`] in its details, so that nothing is lost
//! between the daemon and the terminal.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Fault, Frame, fault};
use crate::base::{Error, Kind, ProfileName};

/// The variable that tells a gateway which may order something where the supervisor listens.
pub const SOCKET_VARIABLE: &str = "OPENCLAW_SUPERVISOR_SOCKET";

/// Start a profile, or join the start that is under way; `profile.phase` events come until the answer.
pub const PROFILE_START: &str = "profile.start";
/// Stop a profile, or join the stop that is under way.
pub const PROFILE_STOP: &str = "profile.stop";
/// Stop and start as one operation; concurrent ones coalesce.
pub const PROFILE_RESTART: &str = "profile.restart";
/// The same for many profiles at once, each on its own; the answer has `profiles` and `failures`.
pub const PROFILE_ALL: &str = "profile.all";
/// Let go of a profile that does not run, its intent included, because it is being removed.
pub const PROFILE_FORGET: &str = "profile.forget";
/// Every profile that the supervisor looks after, or the one that is named; where asked, those as well that it does not.
pub const PROFILE_LIST: &str = "profile.list";
/// The end of what a profile's gateway wrote, without what looks like a credential.
pub const PROFILE_LOGS: &str = "profile.logs";
/// Put back the files with which a profile's gateway last worked; a run that goes on is not touched.
pub const PROFILE_ROLLBACK: &str = "profile.rollback";
/// Hear of every change of every profile from now on, by `profile.changed` events between answers.
pub const PROFILE_WATCH: &str = "profile.watch";
/// Every gateway on the host and every conflict, as `openclaw host conflicts` tells them.
pub const HOST_CONFLICTS: &str = "host.conflicts";
/// The supervisor itself.
pub const SUPERVISOR_STATUS: &str = "supervisor.status";
/// Stop every gateway in parallel, keep the intents, end.
pub const SUPERVISOR_STOP: &str = "supervisor.stop";
/// Become another program in place, without touching a gateway.
pub const SUPERVISOR_RELOAD: &str = "supervisor.reload";
/// End without ending any gateway, for the supervisor of the service that asks; refused by one that is a service itself.
pub const SUPERVISOR_YIELD: &str = "supervisor.yield";
/// Event: a profile's state or phase changed; the payload is its status.
pub const PROFILE_CHANGED: &str = "profile.changed";

/// Event: something happened to a profile that people should hear of, or is over; it comes unasked, between answers, to
/// every client that may give orders. The payload is the document that the command of `[supervise] alert` gets: `event`
/// (`alert`, `recovered`), `code` (`given_up`, `hang_confirmed`, `memory_high`, `out_of_memory`, `config_rolled_back`),
/// `profile`, `message`, `state`, `pid`, `atMs`, `evidence`, `remedy`, `missed`.
pub const PROFILE_ALERT: &str = "profile.alert";

/// Parameters of the orders that concern one profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileParams {
    /// The profile.
    pub name: ProfileName,
}

/// Parameters of [`PROFILE_LIST`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListParams {
    /// The only profile that is meant.
    pub name: Option<ProfileName>,
    /// Whether those count as well that the supervisor does not look after.
    pub all: bool,
}

/// Parameters of [`PROFILE_LOGS`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogsParams {
    /// The profile.
    pub name: ProfileName,
    /// How many lines, of the last; at most [`LOG_LINES_MAX`].
    #[serde(default = "log_lines")]
    pub lines: usize,
}

/// Most lines that [`PROFILE_LOGS`] answers with.
pub const LOG_LINES_MAX: usize = 1000;

/// What nobody asked for otherwise.
const fn log_lines() -> usize {
    40
}

/// Parameters of [`PROFILE_WATCH`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WatchParams {
    /// The profile whose gateway asks; refused to every other process. The user's own programs leave it out.
    pub gateway: Option<ProfileName>,
}

/// Parameters of [`SUPERVISOR_RELOAD`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReloadParams {
    /// The program to become, an absolute path.
    pub program: PathBuf,
}

/// What a program says that shows how it would do as the supervisor. One of another version may say more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// Whether it could.
    pub ok: bool,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// The runs that it would go on watching.
    #[serde(default)]
    pub runs: Vec<ProfileName>,
    /// The profiles whose files it refuses, each with the reason.
    #[serde(default)]
    pub refused: Vec<(ProfileName, String)>,
}

/// What [`PROFILE_ALL`] does with each of its profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AllVerb {
    /// As [`PROFILE_START`].
    Start,
    /// As [`PROFILE_STOP`].
    Stop,
    /// As [`PROFILE_RESTART`].
    Restart,
}

/// Parameters of [`PROFILE_ALL`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllParams {
    /// What to do.
    pub verb: AllVerb,
    /// With which profiles.
    pub names: Vec<ProfileName>,
}

/// The failed answer that carries `error` whole.
pub fn failure(id: &str, error: &Error) -> Frame {
    let code = match error.kind() {
        Kind::Usage | Kind::Config => fault::INVALID_REQUEST,
        Kind::Denied => fault::FORBIDDEN,
        _ => fault::UNAVAILABLE,
    };
    let details = serde_json::json!({ "code": error.code(), "error": error });
    Frame::failure(id, Fault::new(code, error.to_string()).details(details))
}

/// The error inside a failed answer; one that was not made by [`failure`] becomes a plain failure.
pub fn error_of(fault: Fault) -> Error {
    let carried = fault.details.as_ref().and_then(|details| details.get("error")).cloned();
    match carried.map(serde_json::from_value::<Error>) {
        Some(Ok(error)) => error,
        _ => Error::new(Kind::Failed, "supervisor_refused", fault.message),
    }
}

/// Reads the parameters of an order.
///
/// # Errors
/// A fault that names what is wrong with them.
pub fn params<T: for<'de> Deserialize<'de>>(method: &str, params: Value) -> Result<T, Fault> {
    serde_json::from_value(params)
        .map_err(|error| Fault::invalid(format!("invalid {method} params: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_crosses_the_socket_whole() {
        let error =
            Error::new(Kind::Config, "port_in_use", "port 1 is taken").profile("work").remedy("free it");
        let Frame::Res(response) = failure("1", &error) else { panic!("a response") };
        assert_eq!(error_of(response.error.unwrap()), error);
    }

    #[test]
    fn a_bad_order_names_the_method() {
        let fault = params::<ProfileParams>(PROFILE_START, serde_json::json!({"name": "../x"})).unwrap_err();
        assert!(fault.message.starts_with("invalid profile.start params: "), "{}", fault.message);
    }
}

//! What a rescue gateway says of an order that it does not give, or that the supervisor does not take: why, and what to
//! do about it.

use serde_json::json;

use super::Verb;
use crate::base::{Error, Kind, ProfileName};
use crate::profile::manifest::keys;
use crate::profile::rescue::May;
use crate::wire::{Fault, fault};

/// The finer code of a name that nobody has.
pub const UNKNOWN: &str = "profile_unknown";

fn of(code: &str, fine: &str, message: String, remedy: &str) -> Fault {
    let message = if remedy.is_empty() { message } else { format!("{message}; {remedy}") };
    Fault::new(code, message).details(json!({ "code": fine }))
}

/// The supervisor's own error.
pub fn of_error(error: &Error) -> Fault {
    let code = match error.kind() {
        Kind::Denied => fault::FORBIDDEN,
        Kind::Usage | Kind::Config | Kind::NotRunning => fault::INVALID_REQUEST,
        _ => fault::UNAVAILABLE,
    };
    of(code, error.code(), error.to_string(), error.remedy_text().unwrap_or_default())
}

/// There is no profile of this name.
pub fn unknown(name: &str) -> Fault {
    of(fault::INVALID_REQUEST, UNKNOWN, format!("there is no profile `{name}`"), "")
}

/// The same, with the nearest of `names`, or all of them.
pub fn with_nearest(fault: Fault, written: &str, names: &[String]) -> Fault {
    let hint = match keys::nearest(written, names.iter().map(String::as_str)) {
        Some(near) => format!("; did you mean `{near}`?"),
        None if names.is_empty() => String::new(),
        None => format!("; there are: {}", names.join(", ")),
    };
    let message = format!("there is no profile `{written}`{hint}");
    Fault { message, ..fault }
}

/// The manifest does not allow it.
pub fn not_allowed(own: &ProfileName, may: May) -> Fault {
    let what = format!("`{own}` may not do this: its manifest does not allow `{}`", may.as_str());
    let remedy = format!(
        "add \"{}\" to `may` in [rescue] of its manifest, then: openclaw profile restart {own}",
        may.as_str()
    );
    of(fault::FORBIDDEN, "rescue_forbidden", what, &remedy)
}

/// The gateway itself is meant.
pub fn itself(own: &ProfileName, verb: Verb) -> Fault {
    let (what, remedy) = match verb {
        Verb::Start => (format!("`{own}` is the gateway that you speak to, and runs"), String::new()),
        Verb::Stop => (
            format!("`{own}` is the gateway that you speak to: nobody could start it again from here"),
            format!("in a terminal of its machine: openclaw profile stop {own}"),
        ),
        Verb::Restart => (
            format!("`{own}` is the gateway that you speak to: it would not answer for a while"),
            format!("to do it all the same: /restart {own} itself"),
        ),
    };
    of(fault::INVALID_REQUEST, "rescue_itself", what, &remedy)
}

/// The gateway's own files are meant.
pub fn own_files(own: &ProfileName) -> Fault {
    let what = format!("`{own}` is the gateway that you speak to, and runs with its files");
    let remedy = format!("in a terminal of its machine: openclaw profile rollback {own}");
    of(fault::INVALID_REQUEST, "rescue_itself", what, &remedy)
}

/// There is no `[rescue]`.
pub fn no_rescue() -> Fault {
    let what = "this gateway is no rescue profile's".to_owned();
    of(fault::INVALID_REQUEST, "rescue_missing", what, "add [rescue] to its manifest")
}

/// No supervisor runs it.
pub fn unsupervised(own: &ProfileName) -> Fault {
    let what = format!("`{own}` runs without a supervisor, so it sees no other profile");
    of(fault::UNAVAILABLE, "not_supervised", what, &format!("start it by: openclaw profile start {own}"))
}

/// The supervisor is gone.
pub fn supervisor_gone() -> Fault {
    let what = "the supervisor of this machine does not run; its gateways go on without it".to_owned();
    let remedy = "start it there: openclaw supervisor run, or openclaw profile start NAME";
    of(fault::UNAVAILABLE, "supervisor_gone", what, remedy).retry_after(5000)
}

/// The supervisor takes too long.
pub fn too_slow(method: &str) -> Fault {
    let what = format!("the supervisor did not answer {method} in time");
    of(fault::UNAVAILABLE, "supervisor_slow", what, "try again").retry_after(5000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_nobody_has_is_answered_with_the_nearest_or_with_all() {
        let names = ["main".to_owned(), "work".to_owned()];
        let said = |written: &str, names: &[String]| with_nearest(unknown(written), written, names).message;
        assert_eq!(said("mian", &names), "there is no profile `mian`; did you mean `main`?");
        assert_eq!(said("kitchen", &names), "there is no profile `kitchen`; there are: main, work");
        assert_eq!(said("x", &[]), "there is no profile `x`");
    }
}

//! `profile.watch`: from now on the connection hears of every change. A gateway that asks says whose it is, so that one
//! whom the supervisor does not know as such is never taken for the user.

use serde_json::{Value, json};

use crate::base::{Error, Kind};
use crate::daemon::caller::Caller;
use crate::wire::Frame;
use crate::wire::control::{self, PROFILE_WATCH, WatchParams};

/// The answer to the order, and whether the connection is one that watches now.
pub fn answer(caller: Option<&Caller>, id: &str, params: Value) -> (Frame, bool) {
    let params: WatchParams = match control::params(PROFILE_WATCH, params) {
        Ok(params) => params,
        Err(fault) => return (Frame::failure(id, fault), false),
    };
    let known = match caller {
        Some(Caller::Gateway(name)) => Some(name),
        _ => None,
    };
    match params.gateway.filter(|said| Some(said) != known) {
        None => (Frame::success(id, json!({ "watching": true })), true),
        Some(said) => {
            let what = format!("this process is not the gateway of `{said}` that this supervisor runs");
            let remedy = format!("start it under the supervisor: openclaw profile start {said}");
            let error = Error::new(Kind::Denied, "gateway_unproved", what).profile(&said).remedy(remedy);
            (control::failure(id, &error), false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_gateway_of_a_profile_may_say_that_it_is() {
        let gateway = Caller::Gateway("rescue".parse().unwrap());
        let asks = |caller: &Caller, params: Value| answer(Some(caller), "1", params).1;
        assert!(asks(&gateway, json!({ "gateway": "rescue" })) && asks(&Caller::User, json!({})));
        for (caller, said) in [(&gateway, "work"), (&Caller::User, "rescue")] {
            assert!(!asks(caller, json!({ "gateway": said })), "{caller:?}");
        }
    }
}

//! What is known of a remote profile's link while its gateway does not answer through it: the tunnel is down, it is
//! being made, it was given up, or it stands and the gateway behind it does not answer.

use crate::base::record::{ProfileStatus, State};
use crate::base::{Error, Kind};
use crate::profile::Profile;

/// Why the gateway of `profile` is not reached through its link, by the supervisor's word, where there is one;
/// `is_refused` says that nobody listens at the near end.
pub(super) fn explain(profile: &Profile, status: Option<&ProfileStatus>, is_refused: bool) -> Option<Error> {
    let name = &profile.name;
    let start = format!("openclaw profile start {name}");
    let why = status.and_then(|status| status.link.as_ref()).and_then(|link| link.last_error.clone());
    let because = |error: Error| match &why {
        Some(why) => error.caused_by(why),
        None => error,
    };
    let down = |kind, code, how: &str| because(Error::new(kind, code, format!("the link of `{name}` {how}")));
    let error = match status.map_or(State::Stopped, |status| status.state) {
        State::Stopped | State::Stopping if is_refused => {
            Error::new(Kind::NotRunning, "link_down", format!("the link of `{name}` is not up")).remedy(start)
        }
        State::Starting => down(Kind::Unavailable, "link_starting", "is being made")
            .remedy(format!("wait until it is up: {start}")),
        State::Backoff => down(Kind::Unavailable, "link_down", "is down and is tried again by itself")
            .remedy(format!("see when: openclaw profile show {name}")),
        State::Failed => down(Kind::Unavailable, "link_failed", "was given up")
            .remedy(format!("see why: openclaw profile show {name}; then: {start}")),
        State::Ready | State::Degraded if !is_refused => {
            down(Kind::Unavailable, "remote_gateway_down", "stands, but no gateway answers at its far end")
                .remedy("start the gateway there; it is found again by itself")
        }
        State::Ready | State::Degraded | State::Stopped | State::Stopping => return None,
    };
    Some(error.profile(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::record::LinkStatus;
    use crate::profile::{Environment, Flags, GatewayConfig, resolve};

    #[test]
    fn each_state_of_a_link_says_what_it_is_and_what_to_do() {
        let env = Environment::from_pairs([("HOME", "/h")]);
        let name = "home".parse().unwrap();
        let profile = resolve(&name, None, &GatewayConfig::default(), &Flags::default(), &env).unwrap();
        let mut status = ProfileStatus::unknown(&name);
        status.link = Some(LinkStatus { last_error: Some("no route".into()), ..LinkStatus::default() });
        let mut told = |state, is_refused| {
            status.state = state;
            explain(&profile, Some(&status), is_refused).map(|error| (error.kind(), error.code().to_owned()))
        };
        for (state, refused, answered) in [
            (State::Stopped, Some((Kind::NotRunning, "link_down")), None),
            (
                State::Starting,
                Some((Kind::Unavailable, "link_starting")),
                Some((Kind::Unavailable, "link_starting")),
            ),
            (State::Backoff, Some((Kind::Unavailable, "link_down")), Some((Kind::Unavailable, "link_down"))),
            (
                State::Failed,
                Some((Kind::Unavailable, "link_failed")),
                Some((Kind::Unavailable, "link_failed")),
            ),
            (State::Ready, None, Some((Kind::Unavailable, "remote_gateway_down"))),
            (State::Degraded, None, Some((Kind::Unavailable, "remote_gateway_down"))),
        ] {
            let owned = |told: Option<(Kind, &str)>| told.map(|(kind, code)| (kind, code.to_owned()));
            assert_eq!(
                (told(state, true), told(state, false)),
                (owned(refused), owned(answered)),
                "{state:?}"
            );
        }
        assert_eq!(explain(&profile, None, true).unwrap().code(), "link_down");
    }
}

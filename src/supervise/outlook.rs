//! What a service manager is to know of the whole: whether the profiles that come up with the supervisor have come so
//! far as they do, and the whole in one line. A profile that has failed, or waits for its next attempt, has been
//! declared; nobody is kept waiting for it.

use std::collections::BTreeSet;

use crate::base::ProfileName;
use crate::base::record::{Intent, State};

/// Profiles that are named in the line, at most; of more only the number is told.
const NAMED_MAX: usize = 5;

/// One profile at a look.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// Its name.
    pub name: &'a ProfileName,
    /// What the user wants of it.
    pub intent: Intent,
    /// What it does.
    pub state: State,
    /// Where it failed: the code of its error.
    pub code: Option<&'a str>,
}

impl Standing<'_> {
    fn is_up(&self) -> bool {
        matches!(self.state, State::Ready | State::Degraded)
    }

    /// Whether it is on its way to what is wanted, and nothing is known yet of how that ends.
    fn is_on_its_way(&self) -> bool {
        self.intent == Intent::Up && matches!(self.state, State::Starting | State::Stopping)
    }
}

/// The profiles that the first word of readiness waits for.
#[derive(Debug, Default)]
pub struct Outlook {
    awaited: BTreeSet<ProfileName>,
}

impl Outlook {
    /// Waits for every profile that is on its way at the first look, `all`.
    pub fn of(all: &[Standing<'_>]) -> Outlook {
        let awaited = all.iter().filter(|one| one.is_on_its_way()).map(|one| one.name.clone()).collect();
        Outlook { awaited }
    }

    /// Looks again; whether nobody is awaited any more. One that failed once is not awaited at its next attempt.
    pub fn is_settled(&mut self, all: &[Standing<'_>]) -> bool {
        let on_its_way = |name: &ProfileName| all.iter().any(|one| one.name == name && one.is_on_its_way());
        self.awaited.retain(on_its_way);
        self.awaited.is_empty()
    }
}

/// The whole in one line: `3 of 4 profiles ready; work: backoff (gateway_failed)`.
pub fn line(all: &[Standing<'_>], ending: bool) -> String {
    if ending {
        let left = all.iter().filter(|one| !matches!(one.state, State::Stopped | State::Failed)).count();
        return format!("stopping; {left} {} not ended yet", plural(left));
    }
    let wanted: Vec<&Standing<'_>> = all.iter().filter(|one| one.intent == Intent::Up).collect();
    if wanted.is_empty() {
        return "no profile is wanted up".to_owned();
    }
    let ready = wanted.iter().filter(|one| one.is_up()).count();
    let mut line = format!("{ready} of {} {} ready", wanted.len(), plural(wanted.len()));
    let others: Vec<&&Standing<'_>> = wanted.iter().filter(|one| one.state != State::Ready).collect();
    for one in others.iter().take(NAMED_MAX) {
        line += &format!("; {}: {}", one.name, one.state.as_str());
        if let Some(code) = one.code {
            line += &format!(" ({code})");
        }
    }
    if others.len() > NAMED_MAX {
        line += &format!("; and {} more", others.len() - NAMED_MAX);
    }
    line
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "profile" } else { "profiles" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(count: usize) -> Vec<ProfileName> {
        (0..count).map(|number| format!("p{number}").parse().unwrap()).collect()
    }

    fn up(name: &ProfileName, state: State) -> Standing<'_> {
        Standing { name, intent: Intent::Up, state, code: None }
    }

    #[test]
    fn readiness_waits_until_each_is_up_or_declared_failed() {
        let names = named(3);
        let look = |states: [State; 3]| {
            names.iter().zip(states).map(|(name, state)| up(name, state)).collect::<Vec<_>>()
        };
        use State::{Backoff, Failed, Ready, Starting};
        let mut outlook = Outlook::of(&look([Starting, Starting, Starting]));
        assert!(!outlook.is_settled(&look([Ready, Starting, Starting])));
        assert!(!outlook.is_settled(&look([Ready, Backoff, Starting])));
        assert!(
            outlook.is_settled(&look([Ready, Starting, Failed])),
            "its second attempt keeps nobody waiting"
        );
        assert!(Outlook::of(&look([Ready, Ready, Failed])).is_settled(&look([Starting; 3])));
        assert!(Outlook::default().is_settled(&[]));
    }

    #[test]
    fn one_that_is_not_wanted_any_more_is_not_awaited() {
        let names = named(1);
        let mut outlook = Outlook::of(&[up(&names[0], State::Starting)]);
        let stopping = Standing { intent: Intent::Down, ..up(&names[0], State::Stopping) };
        assert!(outlook.is_settled(&[stopping]));
    }

    #[test]
    fn the_line_names_those_that_are_not_ready_and_stays_short() {
        let names = named(9);
        let mut all: Vec<Standing<'_>> = names.iter().map(|name| up(name, State::Ready)).collect();
        assert_eq!(line(&all, false), "9 of 9 profiles ready");
        all[1] = Standing { state: State::Backoff, code: Some("gateway_failed"), ..all[1] };
        all[2].state = State::Degraded;
        all[3].intent = Intent::Down;
        assert_eq!(line(&all, false), "7 of 8 profiles ready; p1: backoff (gateway_failed); p2: degraded");
        all.iter_mut().for_each(|one| (one.intent, one.state) = (Intent::Up, State::Starting));
        assert!(line(&all, false).ends_with("p4: starting; and 4 more"), "{}", line(&all, false));
        assert_eq!(line(&[], false), "no profile is wanted up");
        assert_eq!(line(&all[..1], true), "stopping; 1 profile not ended yet");
        assert_eq!(line(&[up(&names[0], State::Stopped)], true), "stopping; 0 profiles not ended yet");
    }
}

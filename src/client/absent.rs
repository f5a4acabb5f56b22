//! What is known of a profile's own gateway while nobody listens on its port: it starts, it ends, it was given up, it
//! listens elsewhere, or it does not run. The supervisor is asked where one runs; where not, the claim's record tells.

use std::time::Duration;

use tokio::time::timeout;

use super::control::Supervisor;
use crate::base::record::{ProfileStatus, State};
use crate::base::{Error, Kind};
use crate::host::lock::Record;
use crate::host::{clock, files, lock};
use crate::profile::{Profile, Registry};

/// How long the supervisor may take to tell; what it does not say in that time is not needed.
const ASK_MAX: Duration = Duration::from_millis(500);

/// A process that holds the profile's claim, by the kernel's account.
struct Living {
    pid: u32,
    /// The port that it was started for.
    port: u16,
    /// How long ago that was, in milliseconds.
    age_ms: Option<u64>,
}

/// Why nobody listens on the port of `profile`; `None` when it does not run and nothing more is known.
pub(super) async fn explain(profile: &Profile, registry: &Registry<'_>, port: u16) -> Option<Error> {
    let status = status_soon(profile, registry).await;
    told(profile, status.as_ref(), port).or_else(|| seen(profile, &living(profile)?, port))
}

/// What the supervisor says of it, if it does at once.
pub(super) async fn status_soon(profile: &Profile, registry: &Registry<'_>) -> Option<ProfileStatus> {
    timeout(ASK_MAX, status(profile, registry)).await.ok().flatten()
}

async fn status(profile: &Profile, registry: &Registry<'_>) -> Option<ProfileStatus> {
    let mut supervisor = Supervisor::connect(registry.paths()).await.ok()??;
    supervisor.profiles(Some(&profile.name)).await.ok()?.pop()
}

fn living(profile: &Profile) -> Option<Living> {
    let state_dir = files::real_path(&profile.paths.state_dir);
    let record = Record::read(&state_dir).filter(|record| record.is_proved(&state_dir))?;
    let began = files::modified_ms(&state_dir.join(lock::RECORD_NAME));
    let age_ms = began.map(|began| clock::epoch_ms().saturating_sub(began));
    Some(Living { pid: record.pid, port: record.port, age_ms })
}

/// What the supervisor's word means for whoever wanted to connect.
fn told(profile: &Profile, status: Option<&ProfileStatus>, port: u16) -> Option<Error> {
    // One that runs elsewhere than its files say is told of by its claim.
    let (status, name) = (status.filter(|status| status.port == port)?, &profile.name);
    let phase = status.phase.as_deref().map_or_else(String::new, |phase| format!(": {phase}"));
    let error = match status.state {
        State::Starting => starting(profile, &phase, status.uptime_ms),
        State::Stopping => {
            let what = format!("the gateway of `{name}` is stopping{phase}");
            Error::new(Kind::NotRunning, "gateway_stopping", what)
                .remedy(format!("openclaw profile start {name}"))
        }
        State::Backoff | State::Failed => {
            let word =
                if status.state == State::Failed { "was given up" } else { "waits for its next start" };
            let what = format!("the gateway of `{name}` does not run on port {port}: it {word}");
            let last = status.last_exit.as_ref();
            let error = Error::new(Kind::NotRunning, "gateway_not_running", what);
            match last {
                Some(last) => error.caused_by(&last.reason),
                None => error,
            }
            .remedy(format!("see why: openclaw profile logs {name}; then: openclaw profile start {name}"))
        }
        State::Stopped | State::Ready | State::Degraded => return None,
    };
    Some(error.profile(name))
}

/// What the kernel's word means.
fn seen(profile: &Profile, living: &Living, port: u16) -> Option<Error> {
    let name = &profile.name;
    if living.port == port {
        let phase = format!(": its process (pid {}) does not listen on port {port} yet", living.pid);
        return Some(starting(profile, &phase, living.age_ms).profile(name));
    }
    let message = format!("the gateway of `{name}` runs on port {}, and its files say {port}", living.port);
    let error = Error::new(Kind::Unavailable, "gateway_elsewhere", message).profile(name);
    Some(error.remedy("end it where it was started, then start it on the port that its files say"))
}

fn starting(profile: &Profile, phase: &str, age_ms: Option<u64>) -> Error {
    let name = &profile.name;
    let age = age_ms.map_or_else(String::new, |ms| format!(" for {}.{} s", ms / 1000, ms % 1000 / 100));
    let what = format!("the gateway of `{name}` has been starting{age}{phase}");
    Error::new(Kind::Unavailable, "gateway_starting", what)
        .remedy(format!("wait until it is ready: openclaw profile start {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ProfileName;
    use crate::profile::{Environment, Flags, GatewayConfig, resolve};

    fn work() -> Profile {
        let env = Environment::from_pairs([("HOME", "/h")]);
        resolve(&"work".parse().unwrap(), None, &GatewayConfig::default(), &Flags::default(), &env).unwrap()
    }

    #[test]
    fn each_state_says_what_it_is_and_what_to_do() {
        let name: ProfileName = "work".parse().unwrap();
        let mut status = ProfileStatus::unknown(&name);
        status.port = 7;
        status.phase = Some("waiting for tcp".into());
        status.uptime_ms = Some(2345);
        let mut told = |state| {
            status.state = state;
            told(&work(), Some(&status), 7).map(|error| (error.kind(), error.message().to_owned()))
        };
        for (state, kind, message) in [
            (
                State::Starting,
                Kind::Unavailable,
                "the gateway of `work` has been starting for 2.3 s: waiting for tcp",
            ),
            (State::Stopping, Kind::NotRunning, "the gateway of `work` is stopping: waiting for tcp"),
            (
                State::Backoff,
                Kind::NotRunning,
                "the gateway of `work` does not run on port 7: it waits for its next start",
            ),
            (
                State::Failed,
                Kind::NotRunning,
                "the gateway of `work` does not run on port 7: it was given up",
            ),
        ] {
            assert_eq!(told(state), Some((kind, message.to_owned())), "{state:?}");
        }
        for state in [State::Stopped, State::Ready, State::Degraded] {
            assert_eq!(told(state), None, "{state:?}");
        }
    }

    #[test]
    fn without_a_supervisor_the_claim_tells() {
        let living = |port| Living { pid: 42, port, age_ms: Some(900) };
        let error = seen(&work(), &living(7), 7).unwrap();
        assert_eq!(error.code(), "gateway_starting");
        assert_eq!(
            error.message(),
            "the gateway of `work` has been starting for 0.9 s: its process (pid 42) does not listen on port 7 yet"
        );
        assert_eq!(seen(&work(), &living(8), 7).unwrap().code(), "gateway_elsewhere");
    }
}

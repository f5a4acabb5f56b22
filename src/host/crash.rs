//! Crash points: places at which a test lets this very process die as by `kill -9` (invariant I5), so that what a
//! sudden end leaves behind can be looked at for every place where it matters. A build for release has none.
//!
//! `OPENCLAW_CRASH_AT=NAME` arms the first passing of a point, `NAME:N` the N-th. The variable is read once and is
//! passed on to no gateway. The names:
//!
//! | name | dies |
//! |---|---|
//! | `socket-made` | the supervisor listens on its control socket; no note says where |
//! | `note-made` | the note says where; nobody was told that it listens |
//! | `claimed` | the state directory's lock is held, and a primary's host slot; nothing is spawned |
//! | `forked` | the gateway runs, which no record names |
//! | `recorded` | the record names the gateway; the supervisor has not noted the run |
//! | `starting` | the gateway is being probed |
//! | `ready` | the gateway was seen ready; nobody was told |
//! | `stopping` | the gateway was sent TERM |
//! | `backoff` | the next attempt is due after a pause |
//! | `half-FILE` | the new content of FILE is written beside it, the old one is still in place: `half-gateway.lock` |
//! |  | (the lock's record), `half-NAME.json` (the intent of a profile), `half-supervisor.json` (the note) |

/// Dies here by SIGKILL when the environment says so.
#[cfg(debug_assertions)]
pub fn point(name: &str) {
    if let Some(armed) = armed().as_ref().filter(|armed| armed.name == name)
        && armed.left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
    }
}

/// Nothing, in a build for release.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn point(_name: &str) {}

/// As [`point`], for the content of the file at `path` that is written and not yet in its place.
#[cfg(debug_assertions)]
pub fn half_written(path: &std::path::Path) {
    if armed().is_some() {
        point(&format!("half-{}", path.file_name().unwrap_or_default().to_string_lossy()));
    }
}

/// Nothing, in a build for release.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn half_written(_path: &std::path::Path) {}

#[cfg(debug_assertions)]
use std::sync::atomic::{AtomicI64, Ordering};

/// A point that is to be the last.
#[cfg(debug_assertions)]
struct Armed {
    name: String,
    /// Passings until the last one.
    left: AtomicI64,
}

#[cfg(debug_assertions)]
impl Armed {
    /// Of `NAME` or `NAME:N`.
    fn of(text: &str) -> Armed {
        let counted = text.rsplit_once(':').and_then(|(name, n)| Some((name, n.parse::<u32>().ok()?)));
        let (name, passings) = counted.unwrap_or((text, 1));
        Armed { name: name.to_owned(), left: AtomicI64::new(passings.max(1).into()) }
    }
}

#[cfg(debug_assertions)]
fn armed() -> &'static Option<Armed> {
    static ARMED: std::sync::OnceLock<Option<Armed>> = std::sync::OnceLock::new();
    ARMED.get_or_init(|| Some(Armed::of(std::env::var_os("OPENCLAW_CRASH_AT")?.to_str()?)))
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_armed_by_its_name_and_perhaps_a_number() {
        for (text, name, left) in
            [("ready", "ready", 1), ("ready:3", "ready", 3), ("ready:0", "ready", 1), ("a:b", "a:b", 1)]
        {
            let armed = Armed::of(text);
            assert_eq!((armed.name.as_str(), armed.left.into_inner()), (name, left), "{text}");
        }
    }

    #[test]
    fn without_the_variable_every_point_is_passed() {
        point("claimed");
        half_written(std::path::Path::new("/x/gateway.lock"));
    }
}

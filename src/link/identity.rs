//! Asking a port itself what it is, as anybody may: the gateway's challenge, and what it says of itself to whoever
//! comes from this host. No credential is sent, none is asked for (invariant I8).

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;

use super::gateway::Opening;
use super::http;
use crate::host::clock::Stopwatch;

/// Most ports that are asked in one go; they are all asked at once.
pub const ASKED_MAX: usize = 32;

/// What a gateway said of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Its version, where it tells.
    pub version: Option<String>,
    /// When its process began, as the earliest and latest moment, in milliseconds on the clock that was handed in.
    pub began_ms: Option<(f64, f64)>,
}

impl Answer {
    /// Whether both may be answers of one and the same process, seen through two doors.
    pub fn may_be_same(&self, other: &Answer) -> bool {
        match (self.began_ms, other.began_ms) {
            (Some((a, b)), Some((c, d))) => self.version == other.version && a <= d && c <= b,
            _ => false,
        }
    }
}

/// Asks every address at once, each for at most `limit` in all; `None` for what is no gateway, is silent, or stands
/// behind the first [`ASKED_MAX`]. Answers by one `clock` can be compared. May be called from anywhere: it runs on a thread of its own.
pub fn ask(addresses: &[SocketAddr], limit: Duration, clock: Stopwatch) -> Vec<Option<Answer>> {
    let asked = &addresses[..addresses.len().min(ASKED_MAX)];
    let answers = if asked.is_empty() {
        Vec::new()
    } else {
        thread::scope(|scope| scope.spawn(|| at_once(asked, limit, clock)).join().unwrap_or_default())
    };
    let missing = addresses.len() - answers.len();
    answers.into_iter().chain(std::iter::repeat_n(None, missing)).collect()
}

fn at_once(addresses: &[SocketAddr], limit: Duration, clock: Stopwatch) -> Vec<Option<Answer>> {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Vec::new();
    };
    let asked =
        addresses.iter().map(|address| async move { timeout(limit, one(*address, clock)).await.ok()? });
    runtime.block_on(futures_util::future::join_all(asked))
}

async fn one(address: SocketAddr, clock: Stopwatch) -> Option<Answer> {
    Opening::at(address).await.ok()?.challenge().await.ok()?;
    let before = clock.elapsed_ms();
    // It is a gateway by now; what it tells besides is welcome.
    let Ok(told) = http::get_at(address, "/startupz").await else { return Some(Answer::default()) };
    let after = clock.elapsed_ms();
    let told: Value = serde_json::from_str(&told.body).unwrap_or_default();
    let uptime = told["uptimeMs"].as_f64();
    Some(Answer {
        version: told["version"].as_str().map(str::to_owned),
        // Whole milliseconds are told.
        began_ms: uptime.map(|uptime| (before - uptime - 1.0, after - uptime)),
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn what_is_silent_or_closed_is_no_gateway_and_costs_no_more_than_the_limit() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let answers =
            ask(&[silent.local_addr().unwrap(), closed], Duration::from_millis(20), Stopwatch::start());
        assert_eq!(answers, [None, None]);
        assert_eq!(ask(&[], Duration::from_millis(20), Stopwatch::start()), []);
    }

    #[test]
    fn one_process_behind_two_doors_is_told_by_its_beginning() {
        let answer = |version: &str, from: f64| Answer {
            version: Some(version.into()),
            began_ms: Some((from, from + 2.0)),
        };
        assert!(answer("1", -5000.0).may_be_same(&answer("1", -5001.5)));
        assert!(!answer("1", -5000.0).may_be_same(&answer("1", -5004.0)));
        assert!(!answer("1", -5000.0).may_be_same(&answer("2", -5000.0)));
        assert!(!Answer::default().may_be_same(&Answer::default()), "what says nothing is not the same");
    }
}

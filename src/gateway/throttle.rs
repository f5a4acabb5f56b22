//! What wrong credentials cost (OPENCLAW.md 5.4). A program on this machine is slowed down but never locked
//! out; a web page, or another machine, is locked out after too many. Time is handed in as [`Moment`].

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use super::admission::Guess;
use crate::base::Moment;
use crate::profile::fence::RateLimit;

/// The delays of a local program, in units of the first: 250, 500, 1000, 2000, 4000, then 5000 ms.
const DELAYS: [u32; 6] = [1, 2, 4, 8, 16, 20];
/// Most parties remembered; beyond it the one that failed longest ago is forgotten.
const PARTIES_MAX: usize = 256;

/// Whoever tries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// A program on this machine, by whichever of its own addresses.
    Local,
    /// Another machine.
    Remote(IpAddr),
    /// A web page, by its origin.
    Page(String),
}

/// What a failure costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// Nothing yet.
    Nothing,
    /// The answer waits so long.
    Delay(Duration),
}

#[derive(Debug, Default)]
struct Record {
    failures: Vec<Moment>,
    in_a_row: usize,
    locked_until: Option<Moment>,
    last: Moment,
}

/// Remembers failures.
#[derive(Debug)]
pub struct Throttle {
    unit: Duration,
    limit: RateLimit,
    parties: HashMap<(Party, Guess), Record>,
}

impl Throttle {
    /// Nobody has failed yet; `unit` is the first delay of a local program.
    pub fn new(unit: Duration, limit: RateLimit) -> Self {
        Throttle { unit, limit, parties: HashMap::new() }
    }

    /// What counts from here on; who is locked out stays so.
    pub fn set_limit(&mut self, limit: RateLimit) {
        self.limit = limit;
    }

    /// How long `party` is still locked out, if it is.
    pub fn locked(&self, party: &Party, guess: Guess, now: Moment) -> Option<Duration> {
        let until = self.parties.get(&(party.clone(), guess))?.locked_until?;
        (until > now).then(|| until - now)
    }

    /// Notes a wrong credential.
    pub fn failed(&mut self, party: &Party, guess: Guess, now: Moment) -> Cost {
        let key = (party.clone(), guess);
        self.make_room(&key);
        let record = self.parties.entry(key).or_default();
        record.last = now;
        record.in_a_row += 1;
        if *party == Party::Local && self.limit.exempt_loopback {
            let step = record.in_a_row.min(DELAYS.len()) - 1;
            return Cost::Delay(self.unit * DELAYS[step]);
        }
        record.failures.retain(|at| now - *at < self.limit.window);
        record.failures.push(now);
        if record.failures.len() >= self.limit.attempts {
            record.failures.clear();
            record.locked_until = Some(now + self.limit.lockout);
        }
        Cost::Nothing
    }

    /// Notes a right credential: the party starts anew.
    pub fn succeeded(&mut self, party: &Party, guess: Guess) {
        self.parties.remove(&(party.clone(), guess));
    }

    fn make_room(&mut self, key: &(Party, Guess)) {
        if self.parties.len() < PARTIES_MAX || self.parties.contains_key(key) {
            return;
        }
        let oldest = self.parties.iter().min_by_key(|(_, record)| record.last).map(|(key, _)| key.clone());
        if let Some(oldest) = oldest {
            self.parties.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderMap;

    use super::*;
    use crate::gateway::access::Access;
    use crate::gateway::asker;
    use crate::gateway::options::Auth;
    use crate::profile::Fence;

    const SECRET: Guess = Guess::Secret;

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1000)
    }

    #[test]
    fn a_local_program_waits_longer_each_time_until_it_is_right() {
        let mut throttle = Throttle::new(Duration::from_millis(250), RateLimit::default());
        let party = Party::Local;
        for millis in [250, 500, 1000, 2000, 4000, 5000, 5000, 5000, 5000, 5000, 5000, 5000] {
            assert_eq!(throttle.failed(&party, SECRET, at(0)), Cost::Delay(Duration::from_millis(millis)));
            assert_eq!(throttle.locked(&party, SECRET, at(0)), None);
        }
        throttle.succeeded(&party, SECRET);
        assert_eq!(throttle.failed(&party, SECRET, at(1)), Cost::Delay(Duration::from_millis(250)));
    }

    #[test]
    fn a_page_is_locked_out_after_ten_failures_in_a_minute() {
        let mut throttle = Throttle::new(Duration::from_millis(250), RateLimit::default());
        let page = Party::Page("http://localhost:1".into());
        for second in 0..9 {
            assert_eq!(throttle.failed(&page, SECRET, at(second)), Cost::Nothing);
        }
        assert_eq!(throttle.locked(&page, SECRET, at(9)), None);
        throttle.failed(&page, SECRET, at(9));
        assert_eq!(throttle.locked(&page, SECRET, at(9)), Some(Duration::from_secs(300)));
        assert_eq!(throttle.locked(&page, SECRET, at(309)), None);
        assert_eq!(throttle.locked(&Party::Local, SECRET, at(9)), None);
    }

    #[test]
    fn a_limit_of_ones_own_counts_and_may_count_for_this_machine() {
        let second = Duration::from_secs(1);
        let limit =
            RateLimit { attempts: 2, window: 5 * second, lockout: 7 * second, exempt_loopback: false };
        let mut throttle = Throttle::new(second, limit);
        for at_second in [0, 6, 7] {
            assert_eq!(throttle.locked(&Party::Local, SECRET, at(at_second)), None);
            assert_eq!(throttle.failed(&Party::Local, SECRET, at(at_second)), Cost::Nothing);
        }
        assert_eq!(throttle.locked(&Party::Local, SECRET, at(7)), Some(7 * second));
    }

    #[test]
    fn ghsa_5847_rm3g_23mw_ten_thousand_guesses_over_every_loopback_address_are_one_partys() {
        let mut throttle = Throttle::new(Duration::from_millis(250), RateLimit::default());
        let (headers, access) = (HeaderMap::new(), Access { auth: Auth::None, fence: Fence::default() });
        let mut paid = Duration::ZERO;
        for number in 0..10_000 {
            let address = ["::1", "::ffff:127.0.0.1", "127.0.0.1"][number % 3].parse().unwrap();
            let asker = asker::identify(address, &headers, &access).unwrap();
            let party = if asker.local { Party::Local } else { Party::Remote(asker.ip) };
            if let Cost::Delay(delay) = throttle.failed(&party, SECRET, at(0)) {
                paid += delay;
            }
        }
        assert_eq!(throttle.parties.len(), 1);
        assert!(paid > Duration::from_secs(13 * 3600), "{paid:?}");
    }

    #[test]
    fn guesses_of_one_kind_say_nothing_of_the_other() {
        let mut throttle = Throttle::new(Duration::from_millis(250), RateLimit::default());
        let remote = Party::Remote([192, 0, 2, 9].into());
        for _ in 0..10 {
            throttle.failed(&remote, Guess::DeviceToken, at(1));
        }
        assert!(throttle.locked(&remote, Guess::DeviceToken, at(1)).is_some());
        assert_eq!(throttle.locked(&remote, SECRET, at(1)), None);
        throttle.succeeded(&remote, SECRET);
        assert!(throttle.locked(&remote, Guess::DeviceToken, at(1)).is_some());
    }

    #[test]
    fn slow_failures_do_not_lock_and_memory_is_bounded() {
        let mut throttle = Throttle::new(Duration::from_millis(250), RateLimit::default());
        let page = Party::Page("http://localhost:1".into());
        for minute in 0..30 {
            throttle.failed(&page, SECRET, at(minute * 10));
        }
        assert_eq!(throttle.locked(&page, SECRET, at(300)), None);
        for number in 0..1000 {
            throttle.failed(&Party::Page(format!("http://localhost:{number}")), SECRET, at(400));
        }
        assert!(throttle.parties.len() <= PARTIES_MAX);
    }
}

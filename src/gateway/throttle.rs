//! What wrong credentials cost (OPENCLAW.md 5.4). A program on this machine is slowed down but never locked
//! out; a web page, or another machine, is locked out after too many. Time is handed in as [`Moment`].

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::base::Moment;

/// Failures within [`WINDOW`] that are answered; the next one is locked out.
const ATTEMPTS_MAX: usize = 10;
const WINDOW: Duration = Duration::from_secs(60);
const LOCKOUT: Duration = Duration::from_secs(300);
/// The delays of a local program, in units of the first: 250, 500, 1000, 2000, 4000, then 5000 ms.
const DELAYS: [u32; 6] = [1, 2, 4, 8, 16, 20];
/// Most parties remembered; beyond it the one that failed longest ago is forgotten.
const PARTIES_MAX: usize = 256;

/// Whoever tries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// A program on this machine.
    Local(IpAddr),
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
    parties: HashMap<Party, Record>,
}

impl Throttle {
    /// Nobody has failed yet; `unit` is the first delay of a local program.
    pub fn new(unit: Duration) -> Self {
        Throttle { unit, parties: HashMap::new() }
    }

    /// How long `party` is still locked out, if it is.
    pub fn locked(&self, party: &Party, now: Moment) -> Option<Duration> {
        let until = self.parties.get(party)?.locked_until?;
        (until > now).then(|| until - now)
    }

    /// Notes a wrong credential.
    pub fn failed(&mut self, party: &Party, now: Moment) -> Cost {
        self.make_room(party);
        let record = self.parties.entry(party.clone()).or_default();
        record.last = now;
        record.in_a_row += 1;
        if let Party::Local(_) = party {
            let step = record.in_a_row.min(DELAYS.len()) - 1;
            return Cost::Delay(self.unit * DELAYS[step]);
        }
        record.failures.retain(|at| now - *at < WINDOW);
        record.failures.push(now);
        if record.failures.len() >= ATTEMPTS_MAX {
            record.failures.clear();
            record.locked_until = Some(now + LOCKOUT);
        }
        Cost::Nothing
    }

    /// Notes a right credential: the party starts anew.
    pub fn succeeded(&mut self, party: &Party) {
        self.parties.remove(party);
    }

    fn make_room(&mut self, party: &Party) {
        if self.parties.len() < PARTIES_MAX || self.parties.contains_key(party) {
            return;
        }
        let oldest =
            self.parties.iter().min_by_key(|(_, record)| record.last).map(|(party, _)| party.clone());
        if let Some(oldest) = oldest {
            self.parties.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1000)
    }

    #[test]
    fn a_local_program_waits_longer_each_time_until_it_is_right() {
        let mut throttle = Throttle::new(Duration::from_millis(250));
        let party = Party::Local(HOME);
        for millis in [250, 500, 1000, 2000, 4000, 5000, 5000, 5000, 5000, 5000, 5000, 5000] {
            assert_eq!(throttle.failed(&party, at(0)), Cost::Delay(Duration::from_millis(millis)));
            assert_eq!(throttle.locked(&party, at(0)), None);
        }
        throttle.succeeded(&party);
        assert_eq!(throttle.failed(&party, at(1)), Cost::Delay(Duration::from_millis(250)));
    }

    #[test]
    fn a_page_is_locked_out_after_ten_failures_in_a_minute() {
        let mut throttle = Throttle::new(Duration::from_millis(250));
        let page = Party::Page("http://localhost:1".into());
        for second in 0..9 {
            assert_eq!(throttle.failed(&page, at(second)), Cost::Nothing);
        }
        assert_eq!(throttle.locked(&page, at(9)), None);
        throttle.failed(&page, at(9));
        assert_eq!(throttle.locked(&page, at(9)), Some(Duration::from_secs(300)));
        assert_eq!(throttle.locked(&page, at(309)), None);
        assert_eq!(throttle.locked(&Party::Local(HOME), at(9)), None);
    }

    #[test]
    fn slow_failures_do_not_lock_and_memory_is_bounded() {
        let mut throttle = Throttle::new(Duration::from_millis(250));
        let page = Party::Page("http://localhost:1".into());
        for minute in 0..30 {
            throttle.failed(&page, at(minute * 10));
        }
        assert_eq!(throttle.locked(&page, at(300)), None);
        for number in 0..1000 {
            throttle.failed(&Party::Page(format!("http://localhost:{number}")), at(400));
        }
        assert!(throttle.parties.len() <= PARTIES_MAX);
    }
}

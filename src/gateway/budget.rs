//! How often one party may change what the gateway itself is made of (OPENCLAW.md 4.4): pure, the time is handed in.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;

use crate::base::Moment;
use crate::wire::{Fault, fault};

/// Calls of one method by one party in one window.
const CALLS_MAX: u32 = 30;
/// The window.
const WINDOW: Duration = Duration::from_secs(60);
/// Most counts that are kept; beyond it the oldest is forgotten.
const COUNTS_MAX: usize = 1024;
/// The methods that are counted: those of the real gateway that exist here or may come to, and the orders to the fleet.
const COUNTED: &[&str] = &[
    "config.apply",
    "config.patch",
    "cron.add",
    "cron.remove",
    "cron.run",
    "cron.update",
    "fleet.restart",
    "fleet.rollback",
    "fleet.start",
    "fleet.stop",
    "gateway.restart.request",
    "gateway.suspend.prepare",
];

/// Counts.
#[derive(Debug, Default)]
pub struct Budget {
    counts: HashMap<(&'static str, String), (Moment, u32)>,
}

impl Budget {
    /// Notes a call of `method` by `party`.
    ///
    /// # Errors
    /// `UNAVAILABLE` with the time to wait: it was called too often.
    pub fn spend(&mut self, method: &'static str, party: String, now: Moment) -> Result<(), Box<Fault>> {
        if !COUNTED.contains(&method) {
            return Ok(());
        }
        let key = (method, party);
        if let Some((since, count)) = self.counts.get_mut(&key).filter(|(since, _)| now - *since < WINDOW) {
            if *count < CALLS_MAX {
                *count += 1;
                return Ok(());
            }
            let left = (WINDOW - (now - *since)).as_millis() as u64;
            let what = format!("rate limit exceeded for {method}; retry after {}s", left.div_ceil(1000));
            let details =
                json!({ "method": method, "limit": format!("{CALLS_MAX} per {}s", WINDOW.as_secs()) });
            return Err(Box::new(Fault::new(fault::UNAVAILABLE, what).details(details).retry_after(left)));
        }
        if self.counts.len() >= COUNTS_MAX {
            let oldest = self.counts.iter().min_by_key(|(_, (since, _))| *since).map(|(key, _)| key.clone());
            oldest.map(|key| self.counts.remove(&key));
        }
        self.counts.insert(key, (now, 1));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_changes_a_minute_for_each_method_and_party() {
        let (mut budget, at) = (Budget::default(), Moment::from_millis);
        let mut spend = |method, party: &str, ms| budget.spend(method, party.into(), at(ms)).err();
        for _ in 0..30 {
            assert_eq!(spend("fleet.stop", "a", 1000), None);
        }
        let fault = spend("fleet.stop", "a", 1500).unwrap();
        assert_eq!(fault.message, "rate limit exceeded for fleet.stop; retry after 60s");
        assert_eq!((fault.code.as_str(), fault.retry_after_ms), (fault::UNAVAILABLE, Some(59_500)));
        assert_eq!(fault.details, Some(json!({"method": "fleet.stop", "limit": "30 per 60s"})));
        assert_eq!(spend("fleet.start", "a", 1500), None);
        assert_eq!(spend("fleet.stop", "b", 1500), None);
        assert_eq!(spend("fleet.stop", "a", 61_000), None);
        for _ in 0..100 {
            assert_eq!(spend("health", "a", 1), None, "looking is free");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut budget = Budget::default();
        for number in 0..5000 {
            let _ = budget.spend("fleet.stop", number.to_string(), Moment::from_millis(number));
        }
        assert!(budget.counts.len() <= COUNTS_MAX);
    }
}

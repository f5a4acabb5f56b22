//! What people are told of without having asked: incidents of one profile, each once, and once that it is over.
//!
//! An incident opens when it happens and is told then. While it is open it may happen again; nobody is told, because
//! nobody was told that it was over. It closes with a word when a run has been ready for its stable period, the mark for
//! memory not before the memory is below it; without a word when somebody asks for a stop.

use std::collections::BTreeSet;

/// What may happen to a profile that people should hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Incident {
    /// No further attempt is made.
    GivenUp,
    /// It was alive and answered nothing.
    Hung,
    /// Its memory passed its mark.
    MemoryHigh,
    /// The kernel ended it for want of memory.
    OutOfMemory,
    /// Files that kept it from booting were replaced by those that worked.
    RolledBack,
}

impl Incident {
    /// Its stable name, in snake case.
    pub fn code(self) -> &'static str {
        match self {
            Incident::GivenUp => "given_up",
            Incident::Hung => "hang_confirmed",
            Incident::MemoryHigh => "memory_high",
            Incident::OutOfMemory => "out_of_memory",
            Incident::RolledBack => "config_rolled_back",
        }
    }
}

/// The open incidents of one profile.
#[derive(Debug, Default)]
pub struct Alarm {
    open: BTreeSet<Incident>,
}

impl Alarm {
    /// `incident` happened: whether people are to be told.
    pub fn raise(&mut self, incident: Incident) -> bool {
        self.open.insert(incident)
    }

    /// A run has been ready for its stable period, `heavy` while it is above its mark for memory: the incidents that are
    /// over by that.
    pub fn lasts(&mut self, heavy: bool) -> Vec<Incident> {
        let over = |incident: &Incident| *incident != Incident::MemoryHigh || !heavy;
        self.open.extract_if(.., over).collect()
    }

    /// Its memory fell well below its mark: whether that ends an incident.
    pub fn lightens(&mut self) -> bool {
        self.open.remove(&Incident::MemoryHigh)
    }

    /// Somebody asked for a stop: whoever does knows, and what comes after is new.
    pub fn stopped(&mut self) {
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::Incident::{GivenUp, Hung, MemoryHigh, OutOfMemory, RolledBack};
    use super::*;

    /// What is told along `words`: `!incident` for an alert, `incident` for its recovery. A word is an incident, `lasts`,
    /// `lasts-heavy`, `light` or `stop`.
    fn told(words: &[&str]) -> Vec<String> {
        let (mut alarm, mut said) = (Alarm::default(), Vec::new());
        for word in words {
            match *word {
                "lasts" | "lasts-heavy" => {
                    let over = alarm.lasts(*word == "lasts-heavy");
                    said.extend(over.iter().map(|incident| incident.code().to_owned()));
                }
                "light" => said.extend(alarm.lightens().then(|| "memory_high".to_owned())),
                "stop" => alarm.stopped(),
                _ => {
                    let all = [GivenUp, Hung, MemoryHigh, OutOfMemory, RolledBack];
                    let incident = all.into_iter().find(|incident| incident.code() == *word).unwrap();
                    said.extend(alarm.raise(incident).then(|| format!("!{word}")));
                }
            }
        }
        said
    }

    #[test]
    fn incident_c5_one_incident_is_one_alert_and_one_recovery_however_often_it_happens() {
        let words = ["given_up", "given_up", "given_up", "lasts", "lasts", "given_up"];
        assert_eq!(told(&words), ["!given_up", "given_up", "!given_up"]);
        assert!(told(&["lasts", "light"]).is_empty(), "nothing was wrong");
    }

    #[test]
    fn each_kind_is_an_incident_of_its_own() {
        let words = ["hang_confirmed", "out_of_memory", "hang_confirmed", "lasts"];
        assert_eq!(told(&words), ["!hang_confirmed", "!out_of_memory", "hang_confirmed", "out_of_memory"]);
        let words = ["given_up", "config_rolled_back", "lasts"];
        assert_eq!(told(&words), ["!given_up", "!config_rolled_back", "given_up", "config_rolled_back"]);
    }

    #[test]
    fn incident_c10_a_run_that_lasts_above_its_mark_has_not_recovered() {
        let words = ["memory_high", "lasts-heavy", "memory_high", "light", "memory_high"];
        assert_eq!(told(&words), ["!memory_high", "memory_high", "!memory_high"]);
        assert_eq!(told(&["memory_high", "lasts", "light"]), ["!memory_high", "memory_high"], "a later run");
        let words = ["memory_high", "hang_confirmed", "lasts-heavy"];
        assert_eq!(told(&words), ["!memory_high", "!hang_confirmed", "hang_confirmed"]);
    }

    #[test]
    fn an_asked_stop_ends_an_incident_without_a_word() {
        assert_eq!(told(&["given_up", "stop", "lasts", "given_up"]), ["!given_up", "!given_up"]);
    }
}

//! The way up from a process, as far as it shows in which run the process is.

use super::system;
use super::tree::MARK_VARIABLE;
use crate::base::confine::Forebear;

/// Longest way that is followed; longer than any that a person made.
const STEPS_MAX: usize = 128;

/// `pid`, its parent, and so on; empty when it is gone. Of one that is not bound nothing more is told than itself,
/// since none of its forebears is then.
pub fn of(pid: u32) -> Vec<Forebear> {
    let mut line = Vec::new();
    let mut next = Some(pid);
    while let Some(pid) = next.filter(|_| line.len() < STEPS_MAX) {
        let Some(bound) = system::gains_nothing(pid) else { break };
        line.push(Forebear { pid, bound, mark: system::variable_of(pid, MARK_VARIABLE) });
        let alone = line.len() == 1 && !bound;
        next = system::parent(pid).filter(|parent| *parent != 0 && !alone);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_first_in_its_line_and_one_that_is_not_there_has_none() {
        let me = std::process::id();
        assert_eq!(of(me).first().map(|forebear| forebear.pid), Some(me));
        assert_eq!(of(u32::MAX - 1), []);
    }
}

//! The end of a run. A leader that ended may leave others in its process group, or elsewhere where they are known
//! by its mark, and any of them can hold the port or the state directory that the next run needs; a run is over
//! only when nothing of it is left. What is called the group here is all of them.
//! Pure: the driver and the simulation walk the same steps.

use super::record::Exit;

/// What happened to the process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweepEvent {
    /// The leader ended.
    LeaderExited {
        /// How.
        exit: Exit,
        /// Whether nothing else of the run was left.
        alone: bool,
    },
    /// Nothing of the run is left any more.
    GroupEmpty,
    /// The time given to the group is over.
    Deadline,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweepStep {
    /// Nothing.
    Wait,
    /// Ask the group to end, and arm.
    Terminate,
    /// Kill the group, and arm again.
    Kill {
        /// Whether this is the first time that an earlier kill did not help.
        stuck: bool,
    },
    /// The run is over.
    Done(Exit),
}

/// Where the end of a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// The leader lives.
    Led {
        /// Whether the group was killed already; then nobody is asked any more.
        killed: bool,
    },
    /// The leader ended, members were asked to.
    Asked(Exit),
    /// The leader ended, members were killed.
    Killed(Exit),
    /// The leader ended, members outlived a kill.
    Stuck(Exit),
    /// The run is over.
    Over,
}

impl Sweep {
    /// Takes one event; a late or doubled one changes nothing.
    pub fn step(&mut self, event: SweepEvent) -> SweepStep {
        let (next, step) = match (*self, event) {
            (Sweep::Led { .. }, SweepEvent::LeaderExited { exit, alone: true }) => {
                (Sweep::Over, SweepStep::Done(exit))
            }
            (Sweep::Led { killed: false }, SweepEvent::LeaderExited { exit, alone: false }) => {
                (Sweep::Asked(exit), SweepStep::Terminate)
            }
            (Sweep::Led { killed: true }, SweepEvent::LeaderExited { exit, alone: false }) => {
                (Sweep::Killed(exit), SweepStep::Kill { stuck: false })
            }
            (Sweep::Asked(exit), SweepEvent::Deadline) => {
                (Sweep::Killed(exit), SweepStep::Kill { stuck: false })
            }
            (Sweep::Killed(exit), SweepEvent::Deadline) => {
                (Sweep::Stuck(exit), SweepStep::Kill { stuck: true })
            }
            (Sweep::Stuck(exit), SweepEvent::Deadline) => {
                (Sweep::Stuck(exit), SweepStep::Kill { stuck: false })
            }
            (Sweep::Asked(exit) | Sweep::Killed(exit) | Sweep::Stuck(exit), SweepEvent::GroupEmpty) => {
                (Sweep::Over, SweepStep::Done(exit))
            }
            (Sweep::Led { .. }, SweepEvent::GroupEmpty | SweepEvent::Deadline)
            | (Sweep::Asked(_) | Sweep::Killed(_) | Sweep::Stuck(_), SweepEvent::LeaderExited { .. })
            | (
                Sweep::Over,
                SweepEvent::LeaderExited { .. } | SweepEvent::GroupEmpty | SweepEvent::Deadline,
            ) => (*self, SweepStep::Wait),
        };
        *self = next;
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXIT: Exit = Exit::code(3);
    const LEFT: SweepEvent = SweepEvent::LeaderExited { exit: EXIT, alone: false };
    const ALONE: SweepEvent = SweepEvent::LeaderExited { exit: EXIT, alone: true };

    fn steps(mut sweep: Sweep, events: &[SweepEvent]) -> Vec<SweepStep> {
        events.iter().map(|event| sweep.step(*event)).collect()
    }

    #[test]
    fn a_leader_that_was_alone_ends_its_run_at_once() {
        assert_eq!(steps(Sweep::Led { killed: false }, &[ALONE]), [SweepStep::Done(EXIT)]);
    }

    #[test]
    fn members_are_asked_then_killed_then_killed_again_and_the_leaders_exit_is_kept() {
        use SweepEvent::{Deadline, GroupEmpty};
        use SweepStep::{Done, Kill, Terminate};
        assert_eq!(
            steps(Sweep::Led { killed: false }, &[LEFT, Deadline, Deadline, Deadline, GroupEmpty]),
            [Terminate, Kill { stuck: false }, Kill { stuck: true }, Kill { stuck: false }, Done(EXIT)]
        );
        assert_eq!(steps(Sweep::Led { killed: false }, &[LEFT, GroupEmpty]), [Terminate, Done(EXIT)]);
    }

    #[test]
    fn a_killed_group_is_not_asked_again() {
        assert_eq!(steps(Sweep::Led { killed: true }, &[LEFT]), [SweepStep::Kill { stuck: false }]);
    }

    #[test]
    fn late_and_doubled_events_change_nothing() {
        let all = [LEFT, ALONE, SweepEvent::GroupEmpty, SweepEvent::Deadline];
        assert_eq!(steps(Sweep::Over, &all), [SweepStep::Wait; 4]);
        let led = Sweep::Led { killed: false };
        assert_eq!(steps(led, &[SweepEvent::GroupEmpty, SweepEvent::Deadline]), [SweepStep::Wait; 2]);
        assert_eq!(steps(Sweep::Asked(EXIT), &[LEFT, ALONE]), [SweepStep::Wait; 2]);
    }
}

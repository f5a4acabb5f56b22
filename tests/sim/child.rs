//! Scripted children: what a gateway's process group does from its birth on, in every way that was ever
//! reported to hurt.

use std::time::Duration;

use openclaw_supervisor::supervise::{Exit, Policy, Restart};

use crate::random::Random;

/// What a child will do if nobody stops it; times are milliseconds after birth.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// When it begins to answer; never, if none.
    pub ready: Option<u64>,
    /// When its leader ends by itself, and how.
    pub ends: Option<(u64, Exit)>,
    /// When it stops doing anything, alive.
    pub hangs: Option<u64>,
    /// When it shows that its start gets on.
    pub progress: Vec<u64>,
    /// Whether the leader ignores TERM.
    pub deaf: bool,
    /// A grandchild in the group.
    pub grandchild: Option<Grandchild>,
    /// How long it takes to go after KILL: longer than an instant while the kernel holds it.
    pub kill_takes: u64,
}

/// A member of the group that can outlive the leader.
#[derive(Clone, Copy, Debug)]
pub struct Grandchild {
    /// Whether it ignores TERM.
    pub deaf: bool,
    /// When it ends by itself.
    pub ends: Option<u64>,
}

impl Script {
    /// A child without trouble.
    pub fn healthy() -> Self {
        Script { ready: Some(50), kill_takes: 1, ..Script::default() }
    }

    /// A child of any kind.
    pub fn any(random: &mut Random) -> Self {
        let mut script = Script::healthy();
        let soon = random.between(1, 3_000);
        let late = random.between(1, 200_000);
        match random.between(0, 10) {
            0 => script.ends = Some((late, Exit::code(1))),
            1 => script.ends = Some((late, Exit::signal(11))),
            2 => script.ends = Some((late, Exit::code(0))),
            3 => (script.ready, script.ends) = (None, Some((soon, Exit::code(random.between(0, 2) as i32)))),
            4 => (script.ready, script.ends) = (None, Some((soon, Exit::code(78)))),
            5 => script.ready = None,
            6 => {
                script.ready = Some(late);
                script.progress = (1..5).map(|step| late * step / 5).collect();
            }
            7 => script.hangs = Some(late),
            8 => (script.ready, script.deaf) = (None, true),
            _ => {}
        }
        script.deaf |= random.once_in(5);
        if random.once_in(3) {
            let ends = random.once_in(2).then(|| random.between(1, 100_000));
            script.grandchild = Some(Grandchild { deaf: random.once_in(2), ends });
        }
        if random.once_in(10) {
            script.kill_takes = random.between(1, 30_000);
        }
        script
    }
}

/// The waits and limits that a child may live under.
pub fn any_policy(random: &mut Random) -> Policy {
    let mut millis = |low, high| Duration::from_millis(random.between(low, high));
    let delay_min = millis(1, 5_000);
    let policy = Policy {
        start_timeout: millis(1_000, 60_000),
        stop_timeout: millis(100, 20_000),
        kill_timeout: millis(50, 10_000),
        stable_after: millis(10, 30_000),
        probe_interval: millis(4_000, 30_000),
        hang_timeout: millis(6_000, 60_000),
        delay_min,
        delay_max: delay_min + millis(0, 100_000),
        ..Policy::default()
    };
    Policy {
        restart: random.pick(&[Restart::Always, Restart::Always, Restart::OnFailure, Restart::Never]),
        restarts_per_hour: random.between(0, 8) as u32,
        endless: random.between(0, 4) == 0,
        same_line: random.between(2, 6) as u32,
        ..policy
    }
}

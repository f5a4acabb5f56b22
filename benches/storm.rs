//! Fifty commands at once that all start the same tiny child, with no supervisor running before: how long until
//! the last one has returned, how many supervisors there are then, and how many copies were started.

use std::process::{Child as Process, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::manners::{Ours, Pm2, Supervisord};
use crate::peer::{Manner, Peer};
use crate::table::{Bound, Outcome, Row, Unit};
use crate::world::World;

/// Commands at once.
const COMMANDS: usize = 50;
/// Longest wait for the last one.
const PATIENCE: Duration = Duration::from_secs(20);
/// Memory, in KiB, that must be available for fifty Node programs with a background process each.
const ROOM: f64 = 8e6;

/// What came of it.
struct Storm {
    /// Until the last command had returned, in milliseconds; how many had not where some did not.
    returned: Outcome<f64>,
    /// How many gave an error; some do where another one was first.
    failed: usize,
    supervisors: f64,
    copies: f64,
}

/// All lines.
pub fn rows() -> Vec<Row> {
    crate::say("fifty starts at once");
    let ours = storm(Box::new(Ours)).and_then(|ours| match ours.failed {
        0 => Ok(ours),
        failed => Err(format!("{failed} of {COMMANDS} failed")),
    });
    let supervisord = storm(Box::new(Supervisord));
    let pm2 = room().and_then(|()| storm(Box::new(Pm2)));
    let part = |storm: &Outcome<Storm>, part: fn(&Storm) -> Outcome<f64>| {
        storm.as_ref().map_err(Clone::clone).and_then(part)
    };
    let mut rows = Vec::new();
    for (against, theirs) in [("supervisord, already running", &supervisord), ("pm2", &pm2)] {
        let mut row = |what, unit, bound, how: &str, number: fn(&Storm) -> Outcome<f64>| {
            let (ours, theirs) = (part(&ours, number), Some(part(theirs, number)));
            rows.push(Row { what, unit, ours, against, theirs, bound, how: how.to_owned() });
        };
        let how = format!("{COMMANDS} commands spawned at once from cold, until the last has returned");
        row("fifty starts at once", Unit::Ms, Bound::Times(1.0), &how, |storm| storm.returned.clone());
        row("supervisors after them", Unit::Count, Bound::AtMost(1.0), "processes", |storm| {
            Ok(storm.supervisors)
        });
        row("copies started by them", Unit::Count, Bound::AtMost(1.0), "counted by the child", |storm| {
            Ok(storm.copies)
        });
    }
    rows
}

/// Starts the commands in a home of its own and waits for them.
fn storm(manner: Box<dyn Manner>) -> Outcome<Storm> {
    let world = World::new()?;
    let mut peer = Peer::launch(&world, manner)?;
    let commands = peer.ask_for_one(COMMANDS)?;
    let began = Instant::now();
    let mut left = Vec::new();
    for mut command in commands {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        left.push(command.spawn().map_err(|error| error.to_string())?);
    }
    let mut failed = 0;
    while !left.is_empty() && began.elapsed() < PATIENCE {
        left.retain_mut(|process| match process.try_wait() {
            Ok(Some(status)) => {
                failed += usize::from(!status.success());
                false
            }
            _ => true,
        });
        sleep(Duration::from_millis(1));
    }
    let took = began.elapsed();
    let hung = left.len();
    left.into_iter().for_each(end);
    let returned = match hung {
        0 => Ok(took.as_secs_f64() * 1e3),
        _ => Err(format!("{hung} of {COMMANDS} had not returned after {} s", PATIENCE.as_secs())),
    };
    let (supervisors, copies) = (peer.supervisors(), peer.first()?.starts());
    #[expect(clippy::cast_precision_loss, reason = "numbers of processes")]
    Ok(Storm { returned, failed, supervisors: supervisors as f64, copies: copies as f64 })
}

/// Ends a command that has not returned.
fn end(mut process: Process) {
    let _ = process.kill();
    let _ = process.wait();
}

/// Whether there is memory enough for what pm2 does.
fn room() -> Outcome<()> {
    let text = std::fs::read_to_string("/proc/meminfo").map_err(|error| error.to_string())?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let free = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    if free.is_some_and(|free| free > ROOM) { Ok(()) } else { Err("needs 8 GB of free memory".to_owned()) }
}

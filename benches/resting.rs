//! What it costs to do nothing: resident memory and wake-ups of a supervisor, with one profile and with ten.

use std::thread::sleep;
use std::time::Duration;

use crate::process::{resident, wakeups, woken};
use crate::service::Service;
use crate::table::{Bound, Outcome, Row, Unit};
use crate::world::World;

/// How long a start may echo before what follows counts as rest.
const SETTLE: Duration = Duration::from_secs(12);
/// How long wake-ups are counted.
const WATCH: Duration = Duration::from_secs(30);

/// Lines with one profile, `work`, ready; `peer` is supervisord, looking after one tiny child meanwhile.
pub fn one_profile(world: &World, work: &Outcome<u16>, peer: &Outcome<Service<'_>>) -> Vec<Row> {
    let supervisor = work.clone().and_then(|_| world.pid(&["supervisor", "status"]));
    let gateway = work.clone().and_then(|_| world.pid(&["profile", "show", "work"]));
    let peer_pid = peer.as_ref().map_err(Clone::clone).and_then(|peer| {
        peer.start()?;
        peer.pid().ok_or_else(|| "no pid".to_owned())
    });
    sleep(SETTLE);
    let [ours, theirs, gateways] = rates([&supervisor, &peer_pid, &gateway]);
    if let Ok(peer) = peer {
        // Whatever stays is ended with the peer itself.
        let _ = peer.stop();
    }
    let row = |what, unit, ours, theirs, bound, how: String| Row {
        what,
        unit,
        ours,
        against: if theirs { "supervisord" } else { "" },
        theirs: None,
        bound: Bound::AtMost(bound),
        how,
    };
    let memory = |pid: &Outcome<u64>| pid.clone().and_then(resident);
    let rss = || format!("VmRSS, ready and idle for {} s", (SETTLE + WATCH).as_secs());
    let supervisors = row("memory of the supervisor", Unit::MB, memory(&supervisor), true, 8.0, rss());
    let waking = row("supervisor's wake-ups, one profile", Unit::PerSecond, ours, true, 1.0, counted());
    vec![
        Row { theirs: Some(memory(&peer_pid)), ..supervisors },
        row("memory of the embedded gateway", Unit::MB, memory(&gateway), false, 10.0, rss()),
        Row { theirs: Some(theirs), ..waking },
        Row {
            bound: Bound::None,
            ..row("embedded gateway's wake-ups", Unit::PerSecond, gateways, false, 0.0, counted())
        },
    ]
}

/// The line with ten profiles ready: `work` and nine more.
pub fn ten_profiles(world: &World, work: &Outcome<u16>) -> Row {
    let supervisor = work.clone().and_then(|_| {
        for number in 1..10 {
            let name = format!("ten-{number}");
            world.create_embedded(&name)?;
            world.start_ready(&name)?;
        }
        world.pid(&["supervisor", "status"])
    });
    if supervisor.is_ok() {
        sleep(SETTLE);
    }
    let [ours] = rates([&supervisor]);
    Row {
        what: "supervisor's wake-ups, ten profiles",
        unit: Unit::PerSecond,
        ours,
        against: "",
        theirs: None,
        bound: Bound::AtMost(1.0),
        how: counted(),
    }
}

/// How often each process wakes in a second, all counted in the same window.
fn rates<const N: usize>(pids: [&Outcome<u64>; N]) -> [Outcome<f64>; N] {
    let count = || pids.map(|pid| pid.clone().and_then(wakeups));
    let before = count();
    if before.iter().any(Result::is_ok) {
        sleep(WATCH);
    }
    let mut after = count().into_iter();
    before.map(|before| {
        let after = after.next().unwrap_or_else(|| Err("not measured".to_owned()))?;
        Ok(woken(&before?, &after) / WATCH.as_secs_f64())
    })
}

/// How wake-ups are counted.
fn counted() -> String {
    format!("voluntary context switches of the threads that are left after {} s", WATCH.as_secs())
}

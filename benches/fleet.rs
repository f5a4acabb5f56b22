//! Supervisors side by side with one, ten and a hundred tiny children: how fast a killed child is back, what
//! memory and processor time looking after them takes, and what a question about one costs.

use std::thread::sleep;
use std::time::Duration;

use crate::manners::{Dinit, Ours, Pm2, Runit, Supervisord, Systemd};
use crate::peer::{Manner, Peer};
use crate::process::{processor_time, resident, timed};
use crate::sample::{Contestant, race};
use crate::table::{Bound, Outcome, Row, Unit};
use crate::world::World;

/// Crashes of each contestant that count; no more than an hour's budget of restarts.
const CRASHES: usize = 15;
/// Crashes that count where one takes a second, or comes a second after the last one.
const SLOW_CRASHES: usize = 5;
/// Questions of each contestant that count.
const QUESTIONS: usize = 21;
/// How long starts may echo before what follows counts as rest.
const SETTLE: Duration = Duration::from_secs(5);
/// How long processor time is counted: each child is looked at once in it.
const WATCH: Duration = Duration::from_secs(20);
/// Who is compared with, in the order of the lanes; the first lane is ours.
const THEIRS: [&str; 4] = ["dinit", "systemd --user", "supervisord", "pm2"];

/// One supervisor of each kind, ours first; why there is none where there is none.
type Peers<'a> = [Outcome<Peer<'a>>; 5];

/// All lines.
pub fn rows(world: &World) -> Vec<Row> {
    crate::say("supervisors side by side");
    let manners: [Box<dyn Manner>; 5] =
        [Box::new(Ours), Box::new(Dinit), Box::new(Systemd), Box::new(Supervisord), Box::new(Pm2)];
    let mut peers = manners.map(|manner| Peer::launch(world, manner));
    grow(&mut peers, 1);
    let mut rows = crashes(world, &peers);
    let one = memory(&peers);
    grow(&mut peers, 10);
    let idle = processor(&peers);
    let ten = memory(&peers);
    let questions = questions(world, &peers);
    grow(&mut peers, 100);
    let hundred = memory(&peers);
    for (what, medians, limit) in [
        ("memory of the supervisor, 1 child", one, 8.0),
        ("memory of the supervisor, 10 children", ten, 8.5),
        ("memory of the supervisor, 100 children", hundred, 11.0),
    ] {
        let how = format!("VmRSS, {} s after the last start", SETTLE.as_secs());
        rows.extend(beside(what, Unit::MB, &medians, |_| Bound::AtMost(limit), &how));
    }
    let how = format!("processor time of the process over {} s", WATCH.as_secs());
    let bound = |_: &str| Bound::AtMost(0.2);
    rows.extend(beside("idle supervisor, 10 children", Unit::MsPerSecond, &idle, bound, &how));
    let bound = |name: &str| if name == "dinit" { Bound::Times(2.0) } else { Bound::Times(1.0) };
    let how = format!("whole process, 10 children; {QUESTIONS} runs in turns");
    rows.extend(beside("profile show", Unit::Ms, &questions, bound, &how));
    rows
}

/// One line for each of theirs. A bound that says nothing of them stands in the first line only.
fn beside(
    what: &'static str,
    unit: Unit,
    medians: &[Outcome<f64>],
    bound: impl Fn(&str) -> Bound,
    how: &str,
) -> Vec<Row> {
    let row = |(number, against): (usize, &'static str)| Row {
        what,
        unit,
        ours: medians[0].clone(),
        against,
        theirs: medians.get(number + 1).cloned(),
        bound: match bound(against) {
            Bound::AtMost(_) if number > 0 => Bound::None,
            bound => bound,
        },
        how: how.to_owned(),
    };
    THEIRS.into_iter().enumerate().map(row).collect()
}

/// Gives each of them more children; one that cannot is out.
fn grow(peers: &mut Peers<'_>, count: u16) {
    for peer in peers {
        if let Ok(there) = peer
            && let Err(why) = there.grow(count)
        {
            *peer = Err(format!("{count} children: {why}"));
        }
    }
    sleep(SETTLE);
}

/// Something that each of them is asked for.
fn each<T>(peers: &Peers<'_>, ask: impl Fn(&Peer<'_>) -> Outcome<T>) -> Vec<Outcome<T>> {
    peers.iter().map(|peer| peer.as_ref().map_err(Clone::clone).and_then(&ask)).collect()
}

/// Lines about a child that is killed.
fn crashes(world: &World, peers: &Peers<'_>) -> Vec<Row> {
    let fast = |index: usize| crash(&peers[index]);
    let mut medians = race(CRASHES, vec![fast(0), fast(1), fast(2), fast(4)]);
    let runit = Peer::launch(world, Box::new(Runit)).and_then(|mut peer| peer.grow(1).map(|()| peer));
    let slow = race(SLOW_CRASHES, vec![fast(3), crash(&runit)]);
    medians.splice(3..3, slow.iter().take(1).cloned());
    let bound = |name: &str| if name == "dinit" { Bound::Times(1.5) } else { Bound::Times(1.0) };
    let how = "SIGKILL to the next one's port answering, delay at its least";
    let how = format!("{how}; {CRASHES} runs in turns, {SLOW_CRASHES} for supervisord and runit");
    let mut rows = beside("crash to answering again", Unit::Ms, &medians, bound, &how);
    rows.push(Row {
        what: "crash to answering again",
        unit: Unit::Ms,
        ours: medians[0].clone(),
        against: "runit",
        theirs: slow.get(1).cloned(),
        bound: Bound::Times(1.0),
        how,
    });
    rows
}

/// A contestant that kills its child.
fn crash<'a>(peer: &'a Outcome<Peer<'_>>) -> Outcome<Contestant<'a>> {
    let peer = peer.as_ref().map_err(Clone::clone)?;
    Ok(Box::new(|| peer.crash()))
}

/// Memory of each, now.
fn memory(peers: &Peers<'_>) -> Vec<Outcome<f64>> {
    each(peers, |peer| peer.pid().and_then(resident))
}

/// Processor time of each in milliseconds a second, all counted in the same window.
fn processor(peers: &Peers<'_>) -> Vec<Outcome<f64>> {
    // Asking ours for its pid costs it something, so that is done outside the window.
    let pids = each(peers, |peer| peer.pid());
    let count = || pids.iter().map(|pid| pid.clone().and_then(processor_time)).collect::<Vec<_>>();
    let before = count();
    sleep(WATCH);
    let spent = |(before, after): (Outcome<f64>, Outcome<f64>)| Ok((after? - before?) / WATCH.as_secs_f64());
    before.into_iter().zip(count()).map(spent).collect()
}

/// How long a question about one child takes.
fn questions(world: &World, peers: &Peers<'_>) -> Vec<Outcome<f64>> {
    race(QUESTIONS, peers.iter().map(|peer| question(world, peer)).collect())
}

/// A contestant that asks about its first child.
fn question<'a>(world: &'a World, peer: &'a Outcome<Peer<'_>>) -> Outcome<Contestant<'a>> {
    let peer = peer.as_ref().map_err(Clone::clone)?;
    Ok(Box::new(|| timed(peer.show()?, &world.errors())))
}

//! What each supervisor does to a child that runs when the supervisor itself is killed and started again: how many
//! copies of it are started that can only die, and whether it is looked after again.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::manners::{Dinit, Ours, Pm2, Runit, Supervisord, Systemd};
use crate::peer::{Manner, Peer};
use crate::table::{Bound, Outcome, Row, Unit};
use crate::world::World;

/// How long the new supervisor is watched.
const WATCH: Duration = Duration::from_secs(8);

/// What became of the child.
struct Fate {
    /// Copies started since the kill.
    copies: f64,
    /// In words.
    first: &'static str,
}

/// A line for each of theirs.
pub fn rows() -> Vec<Row> {
    crate::say("supervisors that are killed");
    let ours = watch(Box::new(Ours)).and_then(|fate| match fate.first {
        ADOPTED => Ok(fate.copies),
        other => Err(format!("the child is {other}")),
    });
    let peers: [(&str, Box<dyn Manner>); 5] = [
        ("dinit", Box::new(Dinit)),
        ("systemd --user", Box::new(Systemd)),
        ("supervisord", Box::new(Supervisord)),
        ("pm2", Box::new(Pm2)),
        ("runit", Box::new(Runit)),
    ];
    let row = |(against, manner)| {
        let theirs = watch(manner);
        let fate = theirs.as_ref().map_or("not known", |fate| fate.first);
        Row {
            what: "copies after kill -9 of the supervisor",
            unit: Unit::Count,
            ours: ours.clone(),
            against,
            theirs: Some(theirs.map(|fate| fate.copies)),
            bound: Bound::AtMost(0.0),
            how: format!(
                "started within {} s of its restart; ours: {ADOPTED}; theirs: {fate}",
                WATCH.as_secs()
            ),
        }
    };
    peers.into_iter().map(row).collect()
}

/// The child runs on and its supervisor knows it.
const ADOPTED: &str = "the first one adopted";

/// Kills one supervisor in a home of its own, starts it again and watches.
fn watch(manner: Box<dyn Manner>) -> Outcome<Fate> {
    let world = World::new()?;
    let mut peer = Peer::launch(&world, manner)?;
    peer.grow(1)?;
    let first = peer.first_pid()?;
    peer.kill()?;
    let before = peer.first()?.starts();
    let began = Instant::now();
    let commands = peer.revive()?;
    sleep(WATCH.saturating_sub(began.elapsed()));
    let copies = peer.first()?.starts().saturating_sub(before);
    drop(commands);
    let first = match (peer.first_pid().is_ok_and(|pid| pid == first), peer.manages(first)) {
        (true, true) => ADOPTED,
        (true, false) => "the first one runs on unmanaged",
        (false, _) => "the first one killed",
    };
    #[expect(clippy::cast_precision_loss, reason = "a number of processes")]
    Ok(Fate { copies: copies as f64, first })
}

//! What starting costs: the tiny child under us and under our peers, and the embedded gateway.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use crate::call;
use crate::process::{Running, until_port, until_refused, wait_until};
use crate::sample::{Contestant, median, race};
use crate::service::{self, Service};
use crate::table::{Bound, Outcome, Row, Unit};
use crate::world::World;

/// Starts of each contestant that count.
const RUNS: usize = 21;

/// Lines about the tiny child under each of `services`: us, dinit, supervisord, runit.
pub fn tiny_child(world: &World, services: &[Outcome<Service<'_>>; 4]) -> Vec<Row> {
    let returned = RefCell::new(Vec::new());
    let [ours, dinit, supervisord, runit] = services;
    let ours = ours.as_ref().map_err(Clone::clone).map(|ours| {
        Box::new(|| {
            let start = ours.round()?;
            returned.borrow_mut().push(start.returned.as_secs_f64() * 1e3);
            Ok(start.answered)
        }) as Contestant<'_>
    });
    let bare = service::bare(world).map(|run| Box::new(run) as Contestant<'_>);
    let lanes = vec![ours, lane(dinit), lane(supervisord), lane(runit), bare];
    let medians = race(RUNS, lanes);
    let how = "command's exec to the child's port answering; supervisor running";
    let row = |against, theirs: &Outcome<f64>, bound| Row {
        what: "profile start of a tiny child",
        unit: Unit::Ms,
        ours: medians[0].clone(),
        against,
        theirs: Some(theirs.clone()),
        bound,
        how: format!("{how}; {RUNS} runs in turns"),
    };
    let whole = medians[0].clone().map(|_| median(returned.take()));
    vec![
        row("dinitctl start", &medians[1], Bound::Times(1.0)),
        row("supervisorctl start", &medians[2], Bound::Times(1.0)),
        row("sv start (runit)", &medians[3], Bound::None),
        row("bare exec", &medians[4], Bound::None),
        Row {
            what: "the same, until it has returned",
            unit: Unit::Ms,
            ours: whole,
            against: "",
            theirs: None,
            bound: Bound::None,
            how: "command's exec to its end, same runs".to_owned(),
        },
    ]
}

/// A contestant that starts and stops the child; what counts is when the child answers.
fn lane<'a>(service: &'a Outcome<Service<'_>>) -> Outcome<Contestant<'a>> {
    let service = service.as_ref().map_err(Clone::clone)?;
    Ok(Box::new(|| service.round().map(|start| start.answered)))
}

/// Lines about the embedded gateway; the profile `work` exists and is stopped, before and after.
pub fn embedded(world: &World, work: &Outcome<()>) -> Vec<Row> {
    let solo = work.clone().and_then(|()| world.create_embedded("solo"));
    let solo = solo.and_then(|port| Ok((port, world.token("solo")?)));
    let foreground =
        solo.map(|(port, token)| Box::new(move || foreground(world, port, &token)) as Contestant<'_>);
    // Looked at once, before what is timed: that the words lead to a gateway that is ready.
    let work = &work.clone().and_then(|()| world.start_ready("work"));
    let work = &work.clone().and_then(|()| world.run(&["profile", "stop", "work"]));
    let warm = work.clone().map(|()| Box::new(|| start_work(world, true)) as Contestant<'_>);
    let cold = work.clone().map(|()| Box::new(|| start_work(world, false)) as Contestant<'_>);
    // One after the other: the second wants a supervisor all the time, the third none.
    let mut medians = [foreground, warm, cold].map(|lane| race(RUNS, vec![lane]).swap_remove(0)).into_iter();
    let mut row = |what, bound, how: &str| Row {
        what,
        unit: Unit::Ms,
        ours: medians.next().unwrap_or_else(|| Err("not measured".to_owned())),
        against: "",
        theirs: None,
        bound: Bound::AtMost(bound),
        how: format!("{how}; {RUNS} runs"),
    };
    vec![
        row("gateway run: exec to hello-ok", 10.0, "exec to hello-ok seen by a blocking client"),
        row("profile start, supervisor running", 25.0, "whole process, returns when ready"),
        row("profile start, none running", 60.0, "whole process, starts the supervisor too"),
    ]
}

/// Runs the embedded gateway in the foreground until a client is in.
fn foreground(world: &World, port: u16, token: &str) -> Outcome<Duration> {
    let mut command = world.openclaw(&["gateway", "run", "--profile", "solo"]);
    let began = Instant::now();
    let (_, child) = until_port(&mut command, port, &world.errors())?;
    let gateway = Running(child);
    let mut last = String::new();
    wait_until(|| call::open(port, token).map_err(|error| last = error.to_string()).is_ok())
        .map_err(|()| last)?;
    let time = began.elapsed();
    drop(gateway);
    until_refused(port)?;
    Ok(time)
}

/// Starts `work`, and stops it again; beside a supervisor or beside none.
fn start_work(world: &World, supervised: bool) -> Outcome<Duration> {
    let running = world.pid(&["supervisor", "status"]).is_ok();
    match (supervised, running) {
        (true, false) => {
            world.start_ready("work")?;
            world.run(&["profile", "stop", "work"])?;
        }
        (false, true) => world.stop_supervisor()?,
        _ => {}
    }
    let time = crate::process::timed(world.openclaw(&["profile", "start", "work"]), &world.errors())?;
    world.run(&["profile", "stop", "work"])?;
    Ok(time)
}

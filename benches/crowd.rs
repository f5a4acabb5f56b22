//! What looking at the host costs on a busy one: `host conflicts` beside the tools that people use to see who
//! listens, and a start that is refused.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::process::timed;
use crate::sample::{Contestant, race};
use crate::table::{Bound, Outcome, Row, Unit};
use crate::world::World;

/// Looks of each contestant that count.
const RUNS: usize = 31;
/// Further processes on the host.
const PROCESSES: usize = 300;
/// Further listening sockets.
const LISTENERS: usize = 200;

/// The crowd; it goes with this value.
struct Crowd {
    sleepers: Vec<Child>,
    listeners: Vec<TcpListener>,
}

impl Crowd {
    fn gather(world: &World) -> Outcome<Crowd> {
        let mut crowd = Crowd { sleepers: Vec::new(), listeners: Vec::new() };
        for _ in 0..PROCESSES {
            let mut sleeper = world.command("sleep");
            let sleeper = sleeper.arg("600").stdin(Stdio::null()).spawn();
            crowd.sleepers.push(sleeper.map_err(|error| error.to_string())?);
        }
        for _ in 0..LISTENERS {
            crowd.listeners.push(TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?);
        }
        Ok(crowd)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for sleeper in &mut self.sleepers {
            let _ = sleeper.kill();
            let _ = sleeper.wait();
        }
    }
}

/// Lines about looking at a busy host; `work` is ready.
pub fn rows(world: &World, work: &Outcome<u16>) -> Vec<Row> {
    let crowd = work.clone().and_then(|_| Crowd::gather(world));
    let lane = |words: &'static [&'static str]| -> Outcome<Contestant<'_>> {
        crowd.as_ref().map_err(Clone::clone)?;
        Ok(Box::new(move || {
            let mut command = match words {
                ["openclaw", rest @ ..] => world.openclaw(rest),
                [program, rest @ ..] => {
                    let mut command = world.command(program);
                    command.args(rest);
                    command
                }
                [] => return Err("no command".to_owned()),
            };
            command.stdout(Stdio::null());
            timed(command, &world.errors())
        }))
    };
    let looks = race(
        RUNS,
        vec![
            lane(&["openclaw", "host", "conflicts", "--json"]),
            lane(&["ss", "-ltnp"]),
            lane(&["lsof", "-nP", "-iTCP", "-sTCP:LISTEN"]),
            crowd.as_ref().map(|_| Box::new(|| refused(world)) as Contestant<'_>).map_err(Clone::clone),
        ],
    );
    let row = |against, theirs: &Outcome<f64>, bound| Row {
        what: "host conflicts on a busy host",
        unit: Unit::Ms,
        ours: looks[0].clone(),
        against,
        theirs: Some(theirs.clone()),
        bound,
        how: format!(
            "whole process, {PROCESSES} more processes, {LISTENERS} more listeners; {RUNS} runs in turns"
        ),
    };
    vec![
        row("ss -ltnp", &looks[1], Bound::Faster(2.0)),
        row("lsof -nP -iTCP -sTCP:LISTEN", &looks[2], Bound::None),
        Row {
            what: "a refused start on a busy host",
            unit: Unit::Ms,
            ours: looks[3].clone(),
            against: "",
            theirs: None,
            bound: Bound::AtMost(150.0),
            how: format!("gateway run of a profile that runs, exec to exit 78; {RUNS} runs"),
        },
    ]
}

/// How long a start takes that is refused.
fn refused(world: &World) -> Outcome<Duration> {
    let mut command: Command = world.openclaw(&["gateway", "run", "--profile", "work"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    let status = command.status().map_err(|error| error.to_string())?;
    let took = began.elapsed();
    if status.code() == Some(78) { Ok(took) } else { Err(format!("it ended with {status}")) }
}

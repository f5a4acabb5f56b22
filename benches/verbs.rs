//! The verbs that read, as whole processes beside the same verbs of the real program, on one real gateway; and what a
//! call costs more where there are many profiles, many plug-ins and a long configuration.

use std::fs::{create_dir_all, read_to_string, write};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::call;
use crate::health::{Npm, lane};
use crate::process::{peak, timed, whole};
use crate::sample::{Contestant, median, race};
use crate::table::{Bound, Outcome, Row, Unit};
use crate::world::World;

/// Calls of ours that count, between two of the real program.
const RUNS: usize = 21;
/// Calls of ours in turns with calls on an open connection.
const TURNS: usize = 41;
/// Calls of the real program that count: each takes seconds, so that time and memory are those of the same ones.
const SLOW_RUNS: usize = 2;
/// The profile of the real gateway.
const REAL: &str = "real";
/// The profile of the embedded gateway.
const OWN: &str = "own";
/// Profiles, and plug-ins of each, that a call must not notice.
const CROWD: usize = 100;
/// What the long configuration has in it: 1 MB.
const ENTRIES: usize = 10_000;

/// The verbs, each with how many times as fast ours must be.
const VERBS: [(&str, &[&str], f64); 5] = [
    ("health", &["health"], 400.0),
    ("status --deep", &["status", "--deep"], 200.0),
    ("gateway status", &["gateway", "status"], 200.0),
    ("nodes list", &["nodes", "list"], 200.0),
    ("sessions list", &["sessions", "list"], 200.0),
];

/// All lines.
pub fn rows(world: &World) -> Vec<Row> {
    let npm = Npm::find();
    let port = npm.clone().and_then(|npm| begin(world, &npm));
    let mut rows: Vec<Row> = VERBS.iter().flat_map(|verb| beside(world, &npm, &port, *verb)).collect();
    rows.extend(overhead(world));
    rows
}

/// Starts the real gateway; gives its port.
fn begin(world: &World, npm: &Npm) -> Outcome<u16> {
    crate::say("the real gateway");
    let port = world.port()?;
    let number = port.to_string();
    for words in [
        &["profile", "create", REAL, "--runtime", "openclaw", "--port", &number][..],
        &["profile", "start", REAL, "--timeout", "150s"],
    ] {
        let mut command = world.openclaw(words);
        command.env("PATH", npm.path());
        timed(command, &world.errors())?;
    }
    Ok(port)
}

/// The lines about one verb: its time and its memory.
fn beside(
    world: &World,
    npm: &Outcome<Npm>,
    port: &Outcome<u16>,
    (what, words, factor): (&'static str, &'static [&'static str], f64),
) -> [Row; 2] {
    crate::say(what);
    let argv = || [&["--profile", REAL], words, &["--json"]].concat();
    let memory = port.clone().and_then(|_| peak(&world.openclaw(&argv()), &world.errors()));
    let (mut times, mut slow) = (Vec::new(), npm.clone().map(|_| Vec::new()));
    // In turns, as far as seconds and milliseconds can be.
    for _ in 0..=SLOW_RUNS {
        if let (Ok(runs), Ok(npm), Ok(_)) = (&mut slow, npm, port) {
            match whole(&real(world, npm, &argv()), &world.errors()) {
                Ok(run) => runs.push(run),
                Err(why) => slow = Err(why),
            }
        }
        let ours = || world.openclaw(&argv());
        times.push(race(RUNS, vec![port.clone().map(|_| lane(world, ours))]).remove(0));
    }
    let fast = times.into_iter().collect::<Outcome<Vec<f64>>>().map(median);
    // The first one fills what the program and the machine keep of it.
    let slow = port.clone().and(slow).map(|mut runs| runs.split_off(1));
    let time =
        |runs: Vec<(Duration, f64)>| median(runs.iter().map(|run| run.0.as_secs_f64() * 1e3).collect());
    let heavy = slow.clone().map(|runs| median(runs.iter().map(|run| run.1).collect()));
    let slow = slow.map(time);
    let row = |unit, ours, theirs, bound, how: String| Row {
        what,
        unit,
        ours,
        against: "the real CLI, real gateway",
        theirs: Some(theirs),
        bound,
        how,
    };
    [
        row(
            Unit::Ms,
            fast,
            slow,
            Bound::Faster(factor),
            format!("whole process; {} and {SLOW_RUNS} runs", RUNS * (SLOW_RUNS + 1)),
        ),
        row(Unit::MB, memory, heavy, Bound::Faster(20.0), "peak of one call".to_owned()),
    ]
}

/// The lines about what a call takes beyond the answer of the gateway, alone and in a crowd. It is asked of the embedded
/// one, which does not look at its configuration again.
fn overhead(world: &World) -> Vec<Row> {
    crate::say("a call beyond its answer");
    let port = &world.create_embedded(OWN).and_then(|port| world.start_ready(OWN).map(|()| port));
    let health = || world.openclaw(&["--profile", OWN, "health", "--json"]);
    let both = || race(TURNS, vec![port.clone().map(|_| lane(world, health)), open_connection(world, port)]);
    let alone = both();
    let crowded = port.clone().and_then(|_| crowd(world)).map(|()| both());
    let crowded = crowded.unwrap_or_else(|why| vec![Err(why.clone()), Err(why)]);
    let row = |what, found: &[Outcome<f64>]| Row {
        what,
        unit: Unit::Ms,
        ours: found[0].clone().and_then(|whole| Ok(whole - found[1].clone()?)),
        against: "",
        theirs: None,
        bound: Bound::AtMost(5.0),
        how: format!("health as a whole process less the call on an open connection; {TURNS} runs in turns"),
    };
    let what = "a call beyond its answer, 100 profiles, 100 plug-ins each, 1 MB of openclaw.json";
    vec![row("a call beyond its answer", &alone), row(what, &crowded)]
}

/// A contestant that is one call on a connection that stays open.
fn open_connection<'a>(world: &World, port: &Outcome<u16>) -> Outcome<Contestant<'a>> {
    let mut connection = call::open(port.clone()?, &world.token(OWN)?).map_err(|error| error.to_string())?;
    Ok(Box::new(move || {
        let began = std::time::Instant::now();
        connection.ask("health", &json!({})).map_err(|error| error.to_string())?;
        Ok(began.elapsed())
    }))
}

/// Puts profiles, plug-ins and a long configuration beside the gateway.
fn crowd(world: &World) -> Outcome<()> {
    let io = |error: std::io::Error| error.to_string();
    let plugins = |state: PathBuf| {
        (0..CROWD).try_for_each(|n| create_dir_all(state.join(format!("extensions/plugin-{n}")))).map_err(io)
    };
    for number in 0..CROWD {
        let name = format!("crowd-{number}");
        world.write_manifest(&name, world.port()?, &["true".to_owned()], "")?;
        plugins(world.home().join(format!(".openclaw-{name}")))?;
    }
    let state = world.home().join(format!(".openclaw-{OWN}"));
    plugins(state.clone())?;
    let file = state.join("openclaw.json");
    let mut config: Value =
        json5::from_str(&read_to_string(&file).map_err(io)?).map_err(|error| error.to_string())?;
    let note = "x".repeat(70);
    config["meta"]["notes"] =
        (0..ENTRIES).map(|n| json!({"id": format!("note-{n}"), "note": note})).collect();
    write(&file, config.to_string()).map_err(io)
}

/// The real program with these words.
fn real(world: &World, npm: &Npm, argv: &[&str]) -> Command {
    let mut command = world.command(&npm.node);
    command.arg(&npm.openclaw).args(argv);
    command
}

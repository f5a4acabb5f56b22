//! `make bench`: one table of medians, each beside what it is compared with, measured in one run in a home of
//! its own. What it measures is the release binary from outside; it shares no code with it. Peers that are not
//! on PATH, and parts that do not answer, have a dash in the place of their number and their reason below.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own, which has no renderer")]
#![expect(clippy::disallowed_methods, reason = "measuring takes a clock, an environment and pauses")]

mod call;
mod crowd;
mod fleet;
mod gateway;
mod health;
mod killed;
mod links;
mod manners;
mod peer;
mod process;
mod resting;
mod sample;
mod service;
mod starting;
mod storm;
mod table;
mod verbs;
mod world;

use std::process::ExitCode;

use service::Service;
use table::{Outcome, Report, Row};
use world::World;

fn main() -> ExitCode {
    let argv: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match argv.split_first() {
        Some((word, command)) if word == process::PEAK => {
            process::peak_of_child(command).map(|said| println!("{said}"))
        }
        _ => measure(&argv).map(|report| println!("{}\n\n{report}", machine())),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::FAILURE
        }
    }
}

/// A part of the table, under the word that asks for it alone.
type Part = (&'static str, fn() -> Outcome<Vec<Row>>);

/// All parts, in the order of the table.
const PARTS: [Part; 7] = [
    ("home", one_home),
    ("verbs", || Ok(verbs::rows(&World::new()?))),
    ("fleet", || Ok(fleet::rows(&World::new()?))),
    ("killed", || Ok(killed::rows())),
    ("storm", || Ok(storm::rows())),
    ("links", links::rows),
    ("gateway", || Ok(gateway::rows(&World::new()?))),
];

/// Measures the parts that are asked for, or everything.
fn measure(asked: &[String]) -> Outcome<Report> {
    // Cargo adds words of its own, which begin with a dash.
    let asked: Vec<_> = asked.iter().filter(|word| !word.starts_with('-')).collect();
    if let Some(other) = asked.iter().find(|asked| !PARTS.iter().any(|(word, _)| word == *asked)) {
        return Err(format!("no part `{other}`; there are {}", PARTS.map(|(word, _)| word).join(", ")));
    }
    let mut rows = Vec::new();
    for (word, part) in PARTS {
        if asked.is_empty() || asked.iter().any(|asked| *asked == word) {
            rows.extend(part()?);
        }
    }
    Ok(Report(rows))
}

/// What is measured in one home. What comes later must not weigh on what comes earlier: ten profiles come last.
fn one_home() -> Outcome<Vec<Row>> {
    let world = World::new()?;
    let peers =
        [Service::ours(&world), Service::dinit(&world), Service::supervisord(&world), Service::runit(&world)];
    say("the tiny child");
    let mut rows = starting::tiny_child(&world, &peers);
    let [_, dinit, supervisord, runit] = peers;
    drop((dinit, runit));
    say("the embedded gateway");
    let port = world.create_embedded("work");
    rows.extend(starting::embedded(&world, &port.clone().map(|_| ())));
    let work = port.and_then(|port| world.start_ready("work").map(|()| port));
    say("health");
    rows.extend(health::rows(&world, &work));
    say("a busy host");
    rows.extend(crowd::rows(&world, &work));
    say("rest, with one profile and with ten");
    rows.extend(resting::one_profile(&world, &work, &supervisord));
    rows.push(resting::ten_profiles(&world, &work));
    Ok(rows)
}

/// Says on standard error what is measured now; the table comes at the end.
fn say(what: &str) {
    eprintln!("bench: {what}");
}

/// The machine, for whoever reads the table elsewhere.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let load = read("/proc/loadavg");
    let load: Vec<_> = load.split_whitespace().take(1).collect();
    format!(
        "{cores} cores, Linux {}, load {}; medians",
        read("/proc/sys/kernel/osrelease").trim(),
        load.concat()
    )
}

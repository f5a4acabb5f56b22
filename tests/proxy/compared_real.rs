//! Every verb against one real gateway from npm with a model and a node, and beside the real program's own CLI: what it
//! prints with `--json` is there in ours, with values of the same kind. `make test` installs it.

use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;

use super::acts_real;
use super::model::Model;
use super::npm;
use super::recorded::VERBS;
use super::shapes::lacking;
use super::world::{Said, World, said_within};

/// Longest time that the real program may take for anything, on a machine that is busy with other tests.
pub const LONG: Duration = Duration::from_secs(120);

/// How many of the real program's commands run side by side; each takes seconds and some 300 MB.
const SIDE_BY_SIDE: usize = 3;

/// Verbs that are compared besides those that are asked without more words.
const MORE: [&str; 4] = ["config get gateway", "gateway call status", "nodes describe --node Attic", "logs"];

/// What the gateway tells only while it is busy, so that one of two that ask may hear it.
const AT_TIMES: &str = ".eventLoop.cpuBreakdown.";

/// Those of ours that the real program does not have.
const OURS_ALONE: [&str; 2] = ["sessions history main", "config get"];

/// A profile with the real gateway.
pub struct Real {
    pub world: World,
    pub name: String,
}

impl Real {
    fn new() -> Real {
        let world = World::new();
        let name = world.name("main");
        Real { world, name }
    }

    fn path(&self) -> String {
        npm::path()
    }

    fn manage(&self, words: &[&str]) -> Said {
        said_within(self.world.command(words).env("PATH", self.path()).spawn().unwrap(), LONG)
    }

    /// Begins to run a verb of ours.
    pub fn spawn(&self, words: &[&str]) -> Child {
        let words = [&["--profile", &self.name, "--timeout", "100s"], words].concat();
        self.world.command(&words).env("PATH", self.path()).spawn().unwrap()
    }

    /// Runs a verb of ours.
    pub fn ours(&self, words: &[&str]) -> Said {
        said_within(self.spawn(words), LONG)
    }

    /// A command of the real program, not yet run.
    pub fn theirs(&self, words: &[&str]) -> Command {
        Real::command(&self.world, &self.name, words)
    }

    /// The same about any profile of a world.
    pub fn command(world: &World, name: &str, words: &[&str]) -> Command {
        let mut command = Command::new(npm::bin().join("openclaw"));
        world.surround(&mut command).args(["--profile", name]).args(words);
        command.env("PATH", npm::path()).env("OPENCLAW_NO_RESPAWN", "1");
        command
    }
}

#[test]
fn real_gateway_answers_every_verb_as_its_own_program_has_it() {
    let real = Real::new();
    real.manage(&["profile", "create", &real.name, "--runtime", "openclaw"]).ok();
    let model = Model::new();
    let file = real.world.state(&real.name).join("openclaw.json");
    let mut config: Value = json5::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    model.configure(&mut config);
    std::fs::write(&file, config.to_string()).unwrap();
    real.manage(&["profile", "start", &real.name]).ok();
    let port = real.world.show(&real.name)["port"].to_string();
    let node = ["node", "run", "--host", "127.0.0.1", "--port", &port, "--display-name", "Desk"];
    let mut node = real.theirs(&node).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();

    acts_real::talk(&real, &model);
    acts_real::schedule(&real);
    acts_real::refusals(&real);
    acts_real::pages(&real, config["gateway"]["auth"]["token"].as_str().unwrap());
    acts_real::nodes(&real);
    acts_real::own_node(&real);
    compare(&real);
    super::look::signal(node.id(), nix::sys::signal::Signal::SIGTERM);
    node.wait().unwrap();
    acts_real::end(&real);
}

fn compare(real: &Real) {
    let all = VERBS.iter().map(|(verb, _)| *verb).chain(MORE);
    let waiting: Mutex<Vec<&str>> = Mutex::new(all.collect());
    let lacking = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(verb) = { waiting.lock().unwrap().pop() } {
                    let lacks = lacks(real, verb);
                    lacking.lock().unwrap().extend(lacks.into_iter().map(|key| format!("{verb}: {key}")));
                }
            });
        }
    });
    let mut lacking = lacking.into_inner().unwrap();
    lacking.retain(|key| !key.contains(AT_TIMES));
    assert!(lacking.is_empty(), "ours lack {lacking:#?}");
}

/// What our verb lacks of the real program's document; one that is for people alone is only looked at.
fn lacks(real: &Real, verb: &str) -> Vec<String> {
    let words: Vec<&str> = verb.split(' ').collect();
    let told = real.ours(&words).ok();
    assert!(!told.out.trim().is_empty(), "{verb} tells people nothing: {told:?}");
    let words = [&words[..], &["--json"]].concat();
    let ours = real.ours(&words).ok();
    if OURS_ALONE.contains(&verb) {
        return Vec::new();
    }
    let theirs = said_within(real.theirs(&words).spawn().unwrap(), LONG).ok();
    let documents = |said: &Said| match verb {
        "logs" => [r#""type":"meta""#, r#""subsystem":""#].map(|mark| line(said, mark)).to_vec(),
        _ => vec![said.out.clone()],
    };
    let against = |ours: &Said| -> Vec<String> {
        let pairs = documents(&theirs).into_iter().zip(documents(ours));
        pairs.flat_map(|(theirs, ours)| lacking(&theirs, &serde_json::from_str(&ours).unwrap())).collect()
    };
    let mut lacks = against(&ours);
    if !lacks.is_empty() {
        // What the gateway has come to know since then was no fault of ours.
        let later = against(&real.ours(&words).ok());
        lacks.retain(|key| later.contains(key));
    }
    lacks
}

/// The first line that has this in it.
fn line(said: &Said, mark: &str) -> String {
    let found = said.out.lines().find(|line| line.contains(mark));
    found.unwrap_or_else(|| panic!("no {mark} in {said:?}")).to_owned()
}

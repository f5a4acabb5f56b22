//! Every verb that reads, against the real gateway from npm. `make test` installs it.

use std::path::PathBuf;
use std::time::Duration;

use super::recorded::VERBS;
use super::world::{World, said_within};

/// Longest time that the real program may take for anything, on a machine that is busy with other tests.
const LONG: Duration = Duration::from_secs(120);

/// A key that each verb's document must have.
const KEYS: [(&str, &str); 14] = [
    ("health", "channels"),
    ("status", "sessions"),
    ("status --deep", "host"),
    ("gateway status", "rpc"),
    ("gateway status --require-rpc", "hostDesktop"),
    ("gateway health", "ok"),
    ("gateway probe", "targets"),
    ("gateway usage-cost", "daily"),
    ("gateway stability", "events"),
    ("nodes list", "paired"),
    ("devices list", "paired"),
    ("sessions list", "sessions"),
    ("models list", "count"),
    ("cron list", "jobs"),
];

#[test]
fn real_gateway_answers_every_verb() {
    let folder = std::env::var_os("OPENCLAW_TEST_NPM").map(PathBuf::from).unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache/openclaw-test-npm")
    });
    let bin = folder.join("node_modules/.bin");
    assert!(bin.join("openclaw").exists(), "{} is missing; `make test` installs it", bin.display());
    let world = World::new();
    let name = world.name("main");
    let run = |words: &[&str]| {
        let mut command = world.command(words);
        let child = command.env("PATH", format!("{}:/usr/bin:/bin", bin.display())).spawn().unwrap();
        said_within(child, LONG)
    };
    run(&["profile", "create", &name, "--runtime", "openclaw"]).ok();
    run(&["profile", "start", &name]).ok();
    for (verb, _) in VERBS {
        let ask: Vec<&str> = ["--profile", &name].into_iter().chain(verb.split(' ')).collect();
        let more = ["--timeout", "60s"];
        run(&[&ask[..], &more].concat()).ok();
        let document = run(&[&ask[..], &more, &["--json"]].concat()).ok().json();
        if let Some((_, key)) = KEYS.iter().find(|(known, _)| *known == verb) {
            assert!(document.get(key).is_some(), "{verb} has {key}: {document}");
        }
    }
    let logs = run(&["--profile", &name, "logs", "-n", "5"]).ok();
    assert!(!logs.out.is_empty(), "{logs:?}");
    let unknown = run(&["--profile", &name, "nodes", "describe", "nobody", "--json"]);
    unknown.refused(1, "node_unknown");
}

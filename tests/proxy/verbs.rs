//! Every verb that asks a gateway, read from the program's own help, so that a new one is part of every proof from
//! its first day. The one table behind the tests that run all of them.

use std::sync::{LazyLock, Mutex};

use super::world::World;

/// Commands that ask no gateway: they look after processes and files of this host, or become another program.
const OF_THE_HOST: [&str; 7] = ["profile", "supervisor", "host", "service", "completions", "man", "plugin"];

/// Verbs below those that ask, which run or end something here.
const OF_THIS_HOST_TOO: [&str; 4] = ["gateway run", "gateway stop", "gateway restart", "node run"];

/// Verbs that must be among those found, lest the reading of the help finds nothing.
const KNOWN: [&str; 9] = [
    "health",
    "status",
    "gateway probe",
    "nodes list",
    "devices approve",
    "sessions history",
    "agent",
    "cron run",
    "config get",
];

/// How many commands run at once.
const AT_ONCE: usize = 6;

/// Every verb, with a word for each argument that it needs; `dashboard` opens no browser.
pub static ALL: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| {
    let world = World::new();
    let mut found = leaves(&world, &[]);
    let deep = ["status", "--deep"].map(str::to_owned).to_vec();
    found.push(deep);
    let verbs = Mutex::new(Vec::new());
    each(&found, |path| {
        let verb = complete(&world, path);
        verbs.lock().unwrap().push(verb);
    });
    let mut verbs = verbs.into_inner().unwrap();
    verbs.sort();
    for known in KNOWN {
        assert!(verbs.iter().any(|verb| verb.join(" ").starts_with(known)), "{known} is not among {verbs:?}");
    }
    verbs
});

/// Does `work` for all of `items`, several at once.
pub fn each<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
    at_once(AT_ONCE, items, work);
}

/// The same with so many threads.
pub fn at_once<T: Sync>(count: usize, items: &[T], work: impl Fn(&T) + Sync) {
    let left = Mutex::new(items.iter());
    let next = || left.lock().unwrap().next();
    std::thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| {
                while let Some(item) = next() {
                    work(item);
                }
            });
        }
    });
}

/// The words of a verb, with `more` before and behind it.
pub fn words<'a>(before: &[&'a str], verb: &'a [String], behind: &[&'a str]) -> Vec<&'a str> {
    let verb = verb.iter().map(String::as_str);
    before.iter().copied().chain(verb).chain(behind.iter().copied()).collect()
}

/// Every verb at the end of the tree below `path`.
fn leaves(world: &World, path: &[String]) -> Vec<Vec<String>> {
    let help = help(world, path);
    let below: Vec<String> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        // A text that goes on in the next line stands further in.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
        .filter(|name| !path.is_empty() || !OF_THE_HOST.contains(&name.as_str()))
        .collect();
    if below.is_empty() {
        let is_other = OF_THIS_HOST_TOO.contains(&path.join(" ").as_str());
        return if is_other { Vec::new() } else { vec![path.to_vec()] };
    }
    below.into_iter().flat_map(|name| leaves(world, &[path, &[name]].concat())).collect()
}

fn help(world: &World, path: &[String]) -> String {
    world.run(&words(&[], path, &["--help"])).ok().out
}

/// The verb with all that it needs.
fn complete(world: &World, path: &[String]) -> Vec<String> {
    let help = help(world, path);
    let usage = help.lines().find(|line| line.starts_with("Usage:")).unwrap_or_default();
    let mut verb = [path.to_vec(), needed(usage)].concat();
    // One argument of two that will do: the usage shows neither as needed.
    match world.run(&words(&[], &verb, &["--json", "--url", ":"])).json()["error"]["code"].as_str() {
        Some("usage") => verb.push("x".to_owned()),
        // What takes something away for good wants that said.
        Some("confirmation_required") => verb.push("--yes".to_owned()),
        _ => {}
    }
    if path == ["dashboard"] {
        verb.push("--no-open".to_owned());
    }
    verb
}

/// A word for each part of the usage that is not in brackets: `--name <NAME> <KEY>` becomes `--name x x`.
fn needed(usage: &str) -> Vec<String> {
    let mut needed = Vec::new();
    let mut depth = 0;
    for word in usage.split_whitespace() {
        let (opens, closes) = (word.matches('[').count(), word.matches(']').count());
        if depth == 0 && opens == 0 {
            if word.starts_with("--") {
                needed.push(word.to_owned());
            } else if word.starts_with('<') {
                needed.push("x".to_owned());
            }
        }
        depth = (depth + opens).saturating_sub(closes);
    }
    needed
}

#[test]
fn what_a_usage_needs_is_given() {
    assert_eq!(needed("Usage: openclaw x [OPTIONS] --message <TEXT> <KEY> [MORE]"), ["--message", "x", "x"]);
}

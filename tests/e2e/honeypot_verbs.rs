//! Every verb there is, read from the program's own help so that a new one is covered from its first day, against a
//! listener that nobody may connect to (INCIDENTS F1, invariant I8).

use std::fs;

use super::world::{World, said};

/// A text that must never be seen.
const CANARY: &str = "canary-5ecret-of-every-verb";

/// Commands that ask no gateway: they look after processes and files of this host, or become another program.
const OF_THE_HOST: [&str; 7] = ["profile", "supervisor", "host", "service", "completions", "man", "plugin"];

/// Verbs below `gateway` that run or end one here.
const OF_THIS_GATEWAY: [&str; 3] = ["gateway run", "gateway stop", "gateway restart"];

/// Verbs that must be among those found, lest the reading of the help finds nothing.
const KNOWN: [&str; 6] =
    ["health", "status", "gateway probe", "nodes list", "sessions history", "config get"];

/// Every verb at the end of the tree below `path`, with a word for each argument that it needs.
fn verbs(world: &World, path: &[String], found: &mut Vec<Vec<String>>) {
    let words: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
    let help = world.run(&words).ok().out;
    let below: Vec<String> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        // A text that goes on in the next line stands further in.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
        .collect();
    for name in &below {
        if path.is_empty() && OF_THE_HOST.contains(&name.as_str()) {
            continue;
        }
        verbs(world, &[path, std::slice::from_ref(name)].concat(), found);
    }
    if below.is_empty() && !OF_THIS_GATEWAY.contains(&path.join(" ").as_str()) {
        let usage = help.lines().find(|line| line.starts_with("Usage:")).unwrap_or_default().to_owned();
        let mut verb = [path.to_vec(), needed(&usage)].concat();
        // One argument of two that will do: the usage shows neither as needed.
        let words: Vec<&str> = verb.iter().map(String::as_str).chain(["--json", "--url", ":"]).collect();
        match world.run(&words).json()["error"]["code"].as_str() {
            Some("usage") => verb.push("x".to_owned()),
            // What takes something away for good wants that said.
            Some("confirmation_required") => verb.push("--yes".to_owned()),
            _ => {}
        }
        found.push(verb);
    }
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
fn no_verb_calls_anybody_without_the_credential_typed_beside_its_url() {
    let world = World::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = world.home(".openclaw");
    world.private(&config);
    let text = format!(
        "{{gateway: {{auth: {{token: '{CANARY}', password: '{CANARY}'}}, \
         remote: {{url: 'ws://127.0.0.1:{port}', token: '{CANARY}', password: '{CANARY}'}}}}}}"
    );
    fs::write(config.join("openclaw.json"), text).unwrap();
    fs::write(config.join(".env"), format!("OPENCLAW_GATEWAY_TOKEN={CANARY}\n")).unwrap();
    let mut all = Vec::new();
    verbs(&world, &[], &mut all);
    for known in KNOWN {
        assert!(all.iter().any(|verb| verb.join(" ").starts_with(known)), "{known} is not among {all:?}");
    }
    let url = format!("ws://127.0.0.1:{port}");
    let hostile = [
        ("OPENCLAW_GATEWAY_TOKEN", CANARY),
        ("OPENCLAW_GATEWAY_PASSWORD", CANARY),
        ("OPENCLAW_GATEWAY_URL", "ws://127.0.0.1:1"),
        ("OPENCLAW_ALLOW_INSECURE_PRIVATE_WS", "1"),
        ("OPENCLAW_PROFILE", "default"),
    ];
    for verb in &all {
        for url in [&url, &format!("ws://{CANARY}@127.0.0.1:{port}"), &format!("{url}/?token={CANARY}")] {
            let words: Vec<&str> = verb.iter().map(String::as_str).chain(["--json", "--url", url]).collect();
            let mut command = world.command(&words);
            let said = said(command.envs(hostile).spawn().unwrap());
            assert_eq!(said.code, Some(2), "{verb:?}: {said:?}");
            let code = said.json()["error"]["code"].as_str().unwrap_or_default().to_owned();
            assert!(
                ["gateway_credentials_required", "url_invalid"].contains(&code.as_str()),
                "{verb:?}: {said:?}"
            );
            assert!(!said.out.contains(CANARY) && !said.err.contains(CANARY), "{verb:?}: {said:?}");
        }
    }
    assert!(listener.accept().is_err(), "somebody connected");
}

#[test]
fn what_a_usage_needs_is_given() {
    assert_eq!(needed("Usage: openclaw x [OPTIONS] --message <TEXT> <KEY> [MORE]"), ["--message", "x", "x"]);
}

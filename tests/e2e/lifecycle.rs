//! One profile's ordinary life, from an empty home to its end, and what each command says on the way.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::look;
use super::world::{World, pid, wait_for};

/// What a value must be.
type Check = fn(&Value) -> bool;

/// The keys of a profile in JSON (DESIGN 3.4), each with what it holds while the gateway is ready.
const KEYS: [(&str, Check); 26] = [
    ("configPath", Value::is_string),
    ("confine", |value| *value == json!({"level": "off", "inForce": "off", "abi": null})),
    ("cpuPercent", Value::is_f64),
    ("intent", |value| value == "up"),
    ("isolation", |value| value == "isolated"),
    ("kind", |value| value == "local"),
    ("lastExit", Value::is_null),
    ("managed", |value| value == true),
    ("memoryBytes", |value| value.as_u64().is_some_and(|bytes| bytes > 1_000_000)),
    ("name", Value::is_string),
    ("owner", |value| *value == json!({"kind": "supervisor", "unit": null})),
    ("phase", Value::is_null),
    ("pid", Value::is_u64),
    ("port", Value::is_u64),
    ("portBlock", |value| value[1].as_u64() == value[0].as_u64().map(|base| base + 110)),
    ("probe", |value| {
        let seen = ["tcp", "http", "challenge", "hello"].iter().all(|layer| value[layer] == true);
        seen && value["latencyMs"].as_f64().is_some_and(|millis| millis > 0.0)
    }),
    ("restarts", |value| value == 0),
    ("runtime", |value| value == "embedded"),
    ("startedAtMs", |value| value.as_u64().is_some_and(|at| at > 1_600_000_000_000)),
    ("state", |value| value == "ready"),
    ("stateDir", Value::is_string),
    ("uptimeMs", Value::is_u64),
    ("url", Value::is_string),
    ("version", |value| value == env!("CARGO_PKG_VERSION")),
    ("warnings", |value| *value == json!([])),
    ("workspace", Value::is_string),
];

#[test]
fn a_started_profile_has_exactly_the_keys_of_the_contract() {
    let world = World::new();
    let name = world.name("work");
    let status = world.start(&name);
    for (key, holds) in KEYS {
        assert!(holds(&status[key]), "{key} is {}", status[key]);
    }
    let known: std::collections::BTreeSet<&str> = KEYS.iter().map(|(key, _)| *key).collect();
    let found: Vec<&String> =
        status.as_object().unwrap().keys().filter(|key| !known.contains(key.as_str())).collect();
    assert!(found.is_empty(), "unknown to the contract: {found:?}");
    assert_eq!(status["name"], name);
    assert_eq!(status["url"], format!("ws://127.0.0.1:{}", status["port"]));
    assert_eq!(status["stateDir"], world.state(&name).display().to_string());
    assert_eq!(status["configPath"], world.state(&name).join("openclaw.json").display().to_string());
    let gateway = look::command_line(pid(&status));
    assert!(gateway.ends_with(&format!("openclaw gateway run --profile {name}")), "{gateway}");
}

#[test]
fn a_created_profile_has_a_token_of_256_bits_that_only_its_owner_reads() {
    let world = World::new();
    let name = world.name("fresh");
    let created = world.run(&["profile", "create", &name, "--json"]).ok().json();
    let file = world.state(&name).join("openclaw.json");
    let config: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let gateway = &config["gateway"];
    assert_eq!((&gateway["mode"], &gateway["auth"]["mode"]), (&json!("local"), &json!("token")));
    assert_eq!(gateway["port"], created["port"]);
    assert!(gateway["auth"]["token"].as_str().unwrap().len() >= 43, "256 bits need 43 letters of base64");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!((&created["state"], &created["managed"]), (&json!("stopped"), &json!(true)));
    assert!(world.processes().is_empty(), "creating starts nothing");
}

#[test]
fn every_command_of_the_first_session_does_what_it_says() {
    let world = World::new();
    let name = world.name("work");
    let first = world.run(&["profile", "start", &name]).ok();
    for words in [&name, "ready", "PROFILE", "LATENCY", "health", "profile stop"] {
        assert!(first.out.contains(words), "{words}: {first:?}");
    }
    let status = world.show(&name);
    let listed = world.run(&["profile", "list", "--json"]).ok().json();
    assert_eq!(listed["profiles"].as_array().unwrap().len(), 1);
    assert_eq!(listed["profiles"][0]["pid"], status["pid"]);
    assert!(world.run(&["profile", "ls"]).ok().out.contains(&name));

    let health = world.run(&["--profile", &name, "health"]).ok();
    assert!(health.out.starts_with(&format!("{name} is healthy")), "{health:?}");
    let health = world.run(&["health", "--profile", &name, "--json"]).ok().json();
    assert_eq!(health["ok"], true);
    assert_eq!(world.run(&["--profile", &name, "gateway", "health", "--json"]).ok().json()["ok"], true);
    let called = world.run(&["--profile", &name, "gateway", "call", "system-presence"]).ok();
    assert!(called.json().is_array(), "{called:?}");
    assert!(world.run(&["profile", "logs", &name]).ok().out.contains("listening"));

    let again = world.start(&name);
    assert_eq!(again["pid"], status["pid"], "a second start joins the first");
    let restarted = world.run(&["profile", "restart", &name, "--json"]).ok().json();
    assert_ne!(restarted["pid"], status["pid"]);
    assert!(!look::is_alive(pid(&status)));

    let stopped = world.run(&["profile", "stop", &name, "--json"]).ok().json();
    assert_eq!((&stopped["state"], &stopped["intent"]), (&json!("stopped"), &json!("down")));
    assert!(!look::is_alive(pid(&restarted)));
    world.run(&["profile", "stop", &name]).ok();
    let asleep = world.run(&["--profile", &name, "health", "--json"]);
    asleep.refused(3, "gateway_not_running");
}

#[test]
fn the_log_is_followed_while_the_gateway_writes_it() {
    let world = World::new();
    let name = world.name("followed");
    world.start(&name);
    let heard = world.path("heard");
    let mut follow = world.command(&["profile", "logs", &name, "-f"]);
    let mut follow = follow.stdout(File::create(&heard).unwrap()).spawn().unwrap();
    let starts = || fs::read_to_string(&heard).unwrap_or_default().matches("] listening").count();
    wait_for("the lines so far", || (starts() == 1).then_some(()));
    world.run(&["profile", "restart", &name]).ok();
    wait_for("the line of the restart", || (starts() == 2).then_some(()));
    follow.kill().unwrap();
    follow.wait().unwrap();
}

#[test]
fn the_captured_log_is_what_the_gateway_wrote_line_by_line() {
    let world = World::new();
    let port = world.fake("plain", "", "", &["--log-line", "one whole line", "--log-rate", "400"]);
    world.start("plain");
    let lines = wait_for("200 lines", || {
        let log = world.run(&["profile", "logs", "plain", "-n", "300"]).ok().out;
        (log.lines().count() >= 200).then_some(log)
    });
    // The last line may still be on its way.
    let whole = &lines[..lines.rfind('\n').unwrap()];
    for (number, line) in whole.lines().enumerate().skip(1) {
        assert!(line.ends_with(" one whole line"), "line {number} is {line:?} (port {port})");
    }
}

#[test]
fn several_profiles_are_started_and_stopped_by_one_command() {
    let world = World::new();
    let (one, two) = (world.name("one"), world.name("two"));
    let started = world.run(&["profile", "start", &one, &two, "--json"]).ok().json();
    let pids: Vec<u32> = started["profiles"].as_array().unwrap().iter().map(pid).collect();
    assert_eq!(pids.len(), 2);
    assert_ne!(pids[0], pids[1]);
    let stopped = world.run(&["profile", "stop", &one, &two, "--json"]).ok().json();
    assert!(stopped["profiles"].as_array().unwrap().iter().all(|profile| profile["state"] == "stopped"));
    assert!(!pids.iter().any(|pid| look::is_alive(*pid)));
}

#[test]
fn a_gateway_in_the_foreground_is_seen_asked_and_ended_by_a_signal() {
    let world = World::new();
    let name = world.name("front");
    world.run(&["profile", "create", &name]).ok();
    let gateway = world.spawn(&["gateway", "run", "--profile", &name]);
    let number = gateway.id();
    wait_for("its answer", || {
        let health = world.run(&["--profile", &name, "health", "--json"]);
        (health.code == Some(0)).then_some(())
    });
    let seen = world.show(&name);
    assert_eq!((&seen["state"], &seen["pid"]), (&json!("ready"), &json!(number)));
    assert_eq!(seen["owner"]["kind"], "unmanaged", "no supervisor runs: {seen}");
    let refusal = world.run(&["profile", "start", &name, "--json"]).refused(78, "state_dir_shared");
    assert_eq!(refusal["holder"]["pid"], number);
    look::signal(number, nix::sys::signal::Signal::SIGTERM);
    assert_eq!(super::world::said(gateway).code, Some(0));
    assert_eq!(world.start(&name)["state"], "ready", "a refusal is not remembered");
}

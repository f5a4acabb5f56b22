//! Profiles that are found, made, adopted and told apart.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::fake::FAKE;
use super::look;
use super::world::{World, pid, said};

/// A state directory as the real program makes it, with a port of its own.
fn by_hand(world: &World, dir: &str) -> u16 {
    let port = world.block();
    world.private(&world.home(dir).join("workspace"));
    world.private(&world.home(dir).join("credentials"));
    let config = format!(
        "// made by hand\n{{\n  gateway: {{ mode: 'local', port: {port}, auth: {{ mode: 'token', token: 'by-hand-{port}' }} }},\n}}\n"
    );
    fs::write(world.home(dir).join("openclaw.json"), config).unwrap();
    fs::write(world.home(dir).join("credentials/keep.json"), "{}").unwrap();
    port
}

#[test]
fn what_the_real_program_made_is_listed_as_it_is() {
    let world = World::new();
    let (main, foo) = (by_hand(&world, ".openclaw"), by_hand(&world, ".openclaw-foo"));
    fs::create_dir(world.home(".openclaw-bad name")).unwrap();
    fs::create_dir(world.home(".openclawish")).unwrap();
    fs::write(world.home(".openclaw-file"), "").unwrap();
    let before = look::tree(&world.home(""));
    let listed = world.run(&["profile", "list", "--json"]).ok().json();
    let profiles = listed["profiles"].as_array().unwrap();
    let facts: Vec<(&str, u64, bool, &str)> = profiles
        .iter()
        .map(|profile| {
            (
                profile["name"].as_str().unwrap(),
                profile["port"].as_u64().unwrap(),
                profile["managed"].as_bool().unwrap(),
                profile["state"].as_str().unwrap(),
            )
        })
        .collect();
    let (main, foo) = (u64::from(main), u64::from(foo));
    assert_eq!(facts, [("default", main, false, "stopped"), ("foo", foo, false, "stopped")]);
    assert_eq!(profiles[0]["isolation"], "primary");
    assert_eq!(world.show("default")["stateDir"], world.home(".openclaw").display().to_string());
    assert_eq!(look::tree(&world.home("")), before, "listing writes nothing");
    assert!(world.run(&["profile", "list"]).ok().out.contains("foo"));
}

#[test]
fn adopting_writes_a_manifest_and_touches_nothing_else() {
    let world = World::new();
    let port = by_hand(&world, ".openclaw-foo");
    let before = look::tree(&world.state("foo"));
    let adopted = world.run(&["profile", "adopt", "foo", "--runtime", "embedded", "--json"]).ok().json();
    assert_eq!((&adopted["managed"], &adopted["port"]), (&json!(true), &json!(port)));
    assert_eq!(look::tree(&world.state("foo")), before);
    let ours: Vec<String> =
        look::tree(&world.home(".config")).into_keys().filter(|path| path.ends_with(".toml")).collect();
    assert_eq!(ours.len(), 1, "{ours:?}");
    world.run(&["profile", "adopt", "foo", "--json"]).refused(2, "profile_exists");
    assert_eq!(world.start("foo")["state"], "ready");
    world.run(&["--profile", "foo", "health"]).ok();
    let kept = look::tree(&world.state("foo"));
    for (path, was) in before {
        assert_eq!(kept.get(&path), Some(&was), "{path}");
    }
}

#[test]
fn starting_what_nobody_manages_adopts_it() {
    let world = World::new();
    let port = by_hand(&world, ".openclaw-foo");
    let config = fs::read(world.state("foo").join("openclaw.json")).unwrap();
    let start = world.run(&["profile", "start", "foo", "--json"]).ok();
    assert_eq!((&start.json()["managed"], &start.json()["port"]), (&json!(true), &json!(port)));
    assert!(start.err.contains("adopted foo"), "{start:?}");
    assert_eq!(fs::read(world.state("foo").join("openclaw.json")).unwrap(), config);
}

#[test]
fn a_gateway_that_somebody_else_runs_is_seen_and_not_started_twice() {
    let world = World::new();
    let port = by_hand(&world, ".openclaw-foo");
    let mut command = Command::new(&*FAKE);
    let mut other = world.surround(&mut command).args(["--port", &port.to_string()]).spawn().unwrap();
    let seen = world.until_state("foo", "ready");
    assert_eq!((pid(&seen), &seen["owner"]["kind"]), (other.id(), &json!("unmanaged")));
    let refused = world.run(&["profile", "start", "foo", "--json"]).refused(78, "port_in_use");
    assert_eq!(refused["holder"]["pid"], other.id());
    world.run(&["profile", "stop", "foo"]).ok();
    assert!(look::is_alive(other.id()));
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_template_a_port_and_a_runtime_are_chosen_at_creation() {
    let world = World::new();
    let (first, second) = (world.block(), world.block());
    let created =
        world.run(&["profile", "create", "a", "--from", "rescue", "--port", &first.to_string(), "--json"]);
    assert_eq!(
        (&created.ok().json()["port"], &world.show("a")["isolation"]),
        (&json!(first), &json!("isolated"))
    );
    let manifest = fs::read_to_string(world.home(".config/openclaw/profiles/a.toml")).unwrap();
    assert!(manifest.contains(&format!("port = {first}")) && manifest.contains('#'), "{manifest}");

    let near = (first + 60).to_string();
    let overlap =
        world.run(&["profile", "create", "b", "--port", &near, "--json"]).refused(78, "port_block_overlap");
    assert!(overlap["message"].as_str().unwrap().contains("`a`"), "{overlap}");
    assert!(!world.state("b").exists());

    let fake = FAKE.display().to_string();
    let words = ["profile", "create", "c", "--port", &second.to_string(), "--runtime", "command", "--"];
    let argv = [fake.as_str(), "--port", "{port}", "--log-line", "{profile} in {state_dir} {\"json\": 1}"];
    world.run(&[&words[..], &argv].concat()).ok();
    let gateway = pid(&world.start("c"));
    let line = look::command_line(gateway);
    let filled = format!("c in {} {{\"json\": 1}}", world.state("c").display());
    assert!(line.contains(&format!("--port {second}")) && line.contains(&filled), "{line}");
    let unknown =
        world.run(&["profile", "create", "d", "--json", "--runtime", "command", "--", "x", "{prot}"]);
    assert_eq!(unknown.code, Some(78), "{unknown:?}");
    assert!(unknown.json()["error"]["message"].as_str().unwrap().contains("{prot}"), "{unknown:?}");
}

#[test]
fn a_runtime_that_is_not_installed_is_said_to_be_missing() {
    let world = World::new();
    let port = world.block().to_string();
    let words = ["profile", "create", "real", "--runtime", "openclaw", "--port", &port, "--json"];
    let missing = world.run(&words).refused(69, "openclaw_missing");
    assert!(missing["remedy"].as_str().unwrap().contains("npm install"), "{missing}");
    assert!(!world.state("real").exists(), "and nothing is made");
}

#[test]
fn rescue_and_main_would_overlap_so_the_later_one_moves_and_it_is_said() {
    let world = World::new();
    let first = world.run(&["profile", "create", "rescue", "--json"]).ok();
    let second = world.run(&["profile", "create", "main", "--json"]).ok();
    let blocks = [first.json()["portBlock"].clone(), second.json()["portBlock"].clone()];
    let bounds = |block: &Value| (block[0].as_u64().unwrap(), block[1].as_u64().unwrap());
    let (rescue, main) = (bounds(&blocks[0]), bounds(&blocks[1]));
    assert!(rescue.1 < main.0 || main.1 < rescue.0, "{rescue:?} {main:?}");
    let why = second.err.contains("`rescue`") || second.err.contains("in use");
    assert!(why && second.err.contains("so `main` gets port"), "{second:?}");
    assert_eq!(world.show("main")["port"], main.0, "chosen once, and kept");
    let config = fs::read_to_string(world.state("main").join("openclaw.json")).unwrap();
    assert!(config.contains(&format!("\"port\": {}", main.0)), "the real program finds it too");
    world.run(&["profile", "check"]).ok();
}

#[test]
fn a_profiles_environment_is_printed_for_a_shell_and_given_to_a_command() {
    let world = World::new();
    let port = world.block();
    world.manifest("odd", &format!("[gateway]\nport = {port}\n[paths]\nstate_dir = \"~/it's here\"\n"));
    world.private(&world.home("it's here"));
    let printed = world.run(&["profile", "env", "odd"]).ok().out;
    fs::write(world.path("env.sh"), &printed).unwrap();
    let read = world.script(
        &["/usr/bin/env"],
        ". \"$WORLD/env.sh\"; echo \"$OPENCLAW_STATE_DIR|$OPENCLAW_GATEWAY_PORT\"",
    );
    assert_eq!(read.ok().out, format!("{}|{port}\n", world.home("it's here").display()));
    let document = world.run(&["profile", "env", "odd", "--json"]).ok().json();
    assert_eq!(
        (&document["OPENCLAW_PROFILE"], &document["OPENCLAW_GATEWAY_PORT"]),
        (&json!("odd"), &json!(port.to_string()))
    );

    let mut exec = world.command(&[
        "profile",
        "exec",
        "odd",
        "--",
        "/bin/sh",
        "-c",
        "echo $OPENCLAW_PROFILE $MINE; exit 42",
    ]);
    let ended = said(exec.env("MINE", "kept").env("OPENCLAW_PROFILE", "other").spawn().unwrap());
    assert_eq!((ended.code, ended.out.as_str()), (Some(42), "odd kept\n"));
    let missing = world.run(&["profile", "exec", "odd", "--json", "--", "/no/such/program"]);
    missing.refused(69, "program_missing");
}

#[test]
fn incident_b2_what_another_profile_exported_is_not_used() {
    let world = World::new();
    let name = world.name("work");
    world.start(&name);
    let other = world.block();
    world.manifest("home", &format!("[gateway]\nport = {other}\n"));
    world.private(&world.state("home"));
    let exported = |command: &mut Command| {
        command
            .env("OPENCLAW_PROFILE", "home")
            .env("OPENCLAW_STATE_DIR", world.state("home"))
            .env("OPENCLAW_CONFIG_PATH", world.state("home").join("openclaw.json"))
            .env("OPENCLAW_GATEWAY_PORT", other.to_string())
            .env("OPENCLAW_GATEWAY_TOKEN", "a-token-of-the-other-profile");
        said(command.spawn().unwrap())
    };
    let health = exported(&mut world.command(&["--profile", &name, "health", "--json"]));
    assert_eq!(health.ok().json()["ok"], true);
    let shown = exported(&mut world.command(&["profile", "show", &name, "--json"])).ok().json();
    assert_eq!(shown["stateDir"], world.state(&name).display().to_string());
    let asleep = exported(&mut world.command(&["health", "--json"]));
    asleep.refused(3, "gateway_not_running");
    let restarted = exported(&mut world.command(&["profile", "restart", &name, "--json"])).ok().json();
    assert_eq!(restarted["port"], shown["port"]);
    assert_eq!(
        look::environment(pid(&restarted))["OPENCLAW_STATE_DIR"],
        world.state(&name).display().to_string()
    );
    assert!(look::tree(&world.state("home")).len() == 1, "the other profile's directory is untouched");
    let created = world.name("fresh");
    let created = exported(&mut world.command(&["profile", "create", &created, "--json"])).ok().json();
    assert_ne!(created["port"], other);
    assert!(look::tree(&world.state("home")).len() == 1);
}

#[test]
fn a_remote_template_creates_nothing_on_this_host() {
    let world = World::new();
    let refused = world.run(&["profile", "create", "home", "--from", "remote", "--json"]);
    refused.refused(2, "profile_remote");
    assert!(!world.state("home").exists() && !world.home(".config/openclaw/profiles/home.toml").exists());
}

//! The real OpenClaw from npm beside the embedded gateway, both under one supervisor, both read by this program
//! and by the official client. `make test` installs what is needed.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::held::Held;
use super::survival::lose_supervisor;
use super::world::{Said, World, pid, said, said_within};
use super::{fake, look, npm};

/// Longest time that the real program may take to start, on a machine that is busy with other tests.
const LONG: Duration = Duration::from_secs(120);

/// Runs the binary where the real program and its Node are on PATH.
fn with_real(world: &World, args: &[&str]) -> Said {
    let command = world.command(args).env("PATH", npm::path()).spawn();
    said_within(command.unwrap(), LONG)
}

/// The shared token in a profile's `openclaw.json`.
fn token(state: &Path) -> String {
    let config: Value = serde_json::from_slice(&fs::read(state.join("openclaw.json")).unwrap()).unwrap();
    config["gateway"]["auth"]["token"].as_str().unwrap().to_owned()
}

/// A script of the official client, connected to `port`; the token goes in by standard input.
fn official(world: &World, script: &str, port: u16, token: &str) -> std::process::Child {
    let mut command = Command::new(npm::node());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real").join(script);
    world.surround(&mut command).arg(script).arg(port.to_string()).env("OPENCLAW_TEST_NPM", npm::folder());
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(token.as_bytes()).unwrap();
    child
}

fn port(status: &Value) -> u16 {
    status["port"].as_u64().unwrap() as u16
}

/// Lines of JSON, as the scripts print them.
fn lines(said: &Said) -> Vec<Value> {
    said.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{said:?}"))).collect()
}

#[test]
fn real_openclaw_and_the_embedded_gateway_run_side_by_side() {
    let world = World::new();
    let (main, work) = (world.name("main"), world.name("work"));
    with_real(&world, &["profile", "create", &main, "--runtime", "openclaw"]).ok();
    let started = with_real(&world, &["profile", "start", &main]).ok();
    assert!(started.err.contains("waiting for port"), "its phases are shown: {started:?}");
    assert!(started.out.contains("ready"), "{started:?}");
    with_real(&world, &["profile", "create", &work, "--runtime", "embedded"]).ok();
    let work_status = world.start(&work);

    // The real program needs nothing from the shell that asks: its place was pinned.
    let main_status = world.show(&main);
    assert_eq!((&main_status["state"], &main_status["runtime"]), (&"ready".into(), &"openclaw".into()));
    assert_ne!(pid(&main_status), pid(&work_status));
    assert!(main_status["memoryBytes"].as_u64() > work_status["memoryBytes"].as_u64());
    assert_eq!(main_status["version"], "2026.9.6");

    for (name, status) in [(&main, &main_status), (&work, &work_status)] {
        let health = world.run(&["--profile", name, "health", "--json"]).ok().json();
        assert_eq!(health["ok"], true, "{health}");
        let client = said(official(&world, "client.mjs", port(status), &token(&world.state(name)))).ok();
        let [answer] = &lines(&client)[..] else { panic!("{client:?}") };
        assert_eq!((&answer["ok"], &answer["hello"]["protocol"]), (&true.into(), &4.into()), "{client:?}");
        assert_eq!(answer["health"]["ok"], true, "{client:?}");
    }
    the_child_is_told_who_supervises_it(&world, &main, pid(&main_status));
    its_supervisors_are_expendable(&world, &main, &main_status);

    let stopped = world.run(&["profile", "stop", &main, "--json"]).ok().json();
    // After the adoptions nobody is its parent: older kernels do not tell how it ended.
    let code = &stopped["lastExit"]["code"];
    assert!(*code == 0 || code.is_null(), "it drained and ended by itself: {stopped}");
    assert!(stopped["lastExit"]["lastLines"].to_string().contains("completed cleanly"), "{stopped}");
    assert_eq!(stopped["runtime"], "openclaw", "{stopped}");
    assert_eq!(pid(&world.show(&work)), pid(&work_status), "the other profile did not notice");
}

/// I5 with the real program: supervisors die one after the other, and a client of its gateway notices nothing.
fn its_supervisors_are_expendable(world: &World, name: &str, before: &Value) {
    let mut held = Held::open(port(before), &world.state(name));
    for _ in 0..5 {
        lose_supervisor(world);
        held.ask();
        let started = with_real(world, &["profile", "start", name, "--json"]).ok().json();
        assert_eq!(started["pid"], before["pid"], "adopted");
        held.ask();
    }
    let reloaded = world.run(&["supervisor", "reload", "--json"]).ok().json();
    assert_eq!(reloaded["ok"], true);
    held.ask();
    assert_eq!(world.until_state(name, "ready")["startedAtMs"], before["startedAtMs"]);
}

/// The environment of a real gateway: pinned to its profile, supervised from outside, without a credential.
fn the_child_is_told_who_supervises_it(world: &World, name: &str, pid: u32) {
    let environment = look::environment(pid);
    let state = world.state(name).display().to_string();
    for (variable, value) in [
        ("OPENCLAW_PROFILE", name),
        ("OPENCLAW_STATE_DIR", &state),
        ("OPENCLAW_NO_RESPAWN", "1"),
        ("OPENCLAW_SUPERVISOR_MODE", "external"),
    ] {
        assert_eq!(environment.get(variable).map(String::as_str), Some(value), "{variable}");
    }
    let token = token(&world.state(name));
    assert!(!environment.values().any(|value| value.contains(&token)), "the token is in its environment");
    assert!(!look::command_line(pid).contains(&token), "the token is in its argv");
}

#[test]
fn real_openclaw_client_hears_the_embedded_gateway_go() {
    let world = World::new();
    let name = world.name("work");
    let status = world.start(&name);
    let watcher = official(&world, "events.mjs", port(&status), &token(&world.state(&name)));
    let log = world.state(&name).join("logs/gateway.log");
    super::world::wait_for("the official client to be connected", || {
        // The supervisor's own probes ask for no scope; this client asks for all.
        let text = fs::read_to_string(&log).unwrap_or_default();
        text.contains("scopes=1").then_some(())
    });
    world.run(&["profile", "stop", &name]).ok();
    let heard = said(watcher).ok();
    let heard = lines(&heard);
    let shutdown = heard.iter().find(|line| line["event"] == "shutdown").expect("a shutdown event");
    assert_eq!(shutdown["payload"]["reason"], "gateway stopping");
    let close = heard.last().map(|line| line["close"].clone()).unwrap_or_default();
    assert_eq!((&close["code"], &close["reason"]), (&1012.into(), &"service restart".into()), "{close}");
}

#[test]
fn real_openclaw_that_refuses_its_configuration_is_given_up_at_once() {
    let world = World::new();
    let name = world.name("broken");
    with_real(&world, &["profile", "create", &name, "--runtime", "openclaw"]).ok();
    let config = world.state(&name).join("openclaw.json");
    let text = fs::read_to_string(&config)
        .unwrap()
        .replace("\"mode\": \"local\"", "\"mode\": \"local\", \"bogus\": 1");
    fs::write(&config, &text).unwrap();
    let refused = with_real(&world, &["profile", "start", &name, "--json"]);
    let document = refused.refused(78, "gateway_config_invalid");
    assert!(document["message"].as_str().unwrap().contains("last line"), "{document}");
    assert_eq!(world.journal().matches("gateway spawned").count(), 1, "{}", world.journal());
    assert_eq!(fs::read_to_string(&config).unwrap(), text, "nothing was written over it");
}

/// Creates and starts the real program under `level`, and shows that it answers and what it is held to.
fn real_under(level: &str) {
    let world = World::new();
    let name = world.name(level);
    // Another profile's tree stands in the same home.
    fs::create_dir_all(world.home(".openclaw-other/credentials")).unwrap();
    with_real(&world, &["profile", "create", &name, "--runtime", "openclaw"]).ok();
    let manifest = world.home(".config/openclaw/profiles").join(format!("{name}.toml"));
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("level = \"off\"", &format!("level = {level:?}"))).unwrap();
    let started = with_real(&world, &["profile", "start", &name, "--json"]);
    let log = || world.run(&["profile", "logs", &name]).out;
    assert_eq!(started.code, Some(0), "{started:?}\n{}", log());
    let status = started.json();
    assert_eq!((&status["runtime"], &status["confine"]["inForce"]), (&"openclaw".into(), &level.into()));
    assert_eq!(world.run(&["--profile", &name, "health", "--json"]).ok().json()["ok"], true);
    let stopped = world.run(&["profile", "stop", &name, "--json"]).ok().json();
    assert_eq!(stopped["lastExit"]["code"], 0, "{stopped}\n{}", log());
}

#[test]
fn real_openclaw_runs_confined() {
    real_under("peers");
}

/// Puts an executable script on this world's PATH.
fn script(world: &World, name: &str, text: &str) -> PathBuf {
    let path = world.path("bin").join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_refused_configuration_is_repaired_once_when_the_manifest_asks_for_it() {
    let world = World::new();
    // Stands for Node and the real program: refuses its configuration until its doctor was called.
    let stand_in = format!(
        "#!/bin/sh\ncase \"$*\" in\n  --version) echo v24.20.0;;\n  *\\ doctor\\ --fix\\ --yes\\ --non-interactive) echo mended >>\"$OPENCLAW_STATE_DIR/mended\";;\n  *) [ -e \"$OPENCLAW_STATE_DIR/mended\" ] || exit 78; exec {} --port \"$OPENCLAW_GATEWAY_PORT\";;\nesac\n",
        fake::FAKE.display()
    );
    let (node, program) = (script(&world, "node", &stand_in), script(&world, "openclaw.mjs", ""));
    for (asked, code) in [(false, 78), (true, 0)] {
        let name = world.name("mended");
        world.manifest(
            &name,
            &format!(
                "[runtime]\nkind = \"openclaw\"\nnode = {node:?}\nprogram = {program:?}\ndoctor_on_78 = {asked}\n"
            ),
        );
        let said = world.run(&["profile", "start", &name, "--json"]);
        assert_eq!(said.code, Some(code), "{said:?}");
        let mended = fs::read_to_string(world.state(&name).join("mended")).unwrap_or_default();
        assert_eq!(mended.lines().count(), usize::from(asked), "once, and only when it is asked for");
    }
}

#[test]
fn a_node_that_is_too_old_is_named_with_what_is_needed() {
    let world = World::new();
    script(&world, "node", "#!/bin/sh\necho v20.20.2\n");
    let program = script(&world, "openclaw.mjs", "#!/usr/bin/env node\n");
    // The package by which it is known.
    let package = r#"{"name":"openclaw","bin":{"openclaw":"openclaw.mjs"}}"#;
    fs::write(program.with_file_name("package.json"), package).unwrap();
    std::os::unix::fs::symlink(program, world.path("bin/openclaw")).unwrap();
    let name = world.name("main");
    let refused = world.run(&["profile", "create", &name, "--runtime", "openclaw", "--json"]);
    let document = refused.refused(78, "node_too_old");
    let message = document["message"].as_str().unwrap();
    assert!(message.contains("v20.20.2") && message.contains("24.16"), "{message}");
    assert!(!world.state(&name).exists(), "nothing was created");
}

#[test]
fn real_openclaw_that_somebody_started_by_hand_keeps_its_state_directory() {
    let world = World::new();
    let name = world.name("hand");
    let state = world.state(&name);
    fs::create_dir_all(&state).unwrap();
    let (port, other) = (world.block(), world.block());
    let config = serde_json::json!({"gateway": {"mode": "local", "port": port, "bind": "loopback",
        "auth": {"mode": "token", "token": "a-token-of-this-test-alone"}}});
    fs::write(state.join("openclaw.json"), config.to_string()).unwrap();
    let mut real = Command::new(npm::node());
    world.surround(&mut real).arg(npm::folder().join("node_modules/openclaw/openclaw.mjs"));
    real.args(["--profile", &name, "gateway", "--port", &port.to_string(), "--bind", "loopback"]);
    let mut real = real.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let lock =
        state.join("tmp").join(format!("openclaw-{}", nix::unistd::geteuid())).join("gateway.state.lock");
    super::world::wait_for("the real program's own lock", || lock.exists().then_some(()));

    // Another port makes no difference: the directory has an owner, although it never heard of our lock.
    world.manifest(&name, &format!("[runtime]\nkind = \"embedded\"\n[gateway]\nport = {other}\n"));
    let refused = world.run(&["profile", "start", &name, "--json"]).refused(78, "state_dir_shared");
    assert_eq!(refused["holder"]["pid"], real.id(), "{refused}");
    // Earlier than this it has no handler yet.
    super::world::wait_for("its port", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    look::signal(real.id(), nix::sys::signal::Signal::SIGTERM);
    assert!(real.wait().unwrap().success(), "it was not touched and ends in order");
    assert_eq!(world.start(&name)["state"], "ready");
}

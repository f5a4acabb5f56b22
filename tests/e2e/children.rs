//! Children that behave badly: slow, short-lived, deaf, loud, or leaving somebody behind.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::look;
use super::world::{World, pid, said, wait_for};

/// Few and quick attempts, so that giving up is seen at once.
const ONE_RETRY: &str = "restarts_per_hour = 1\nrestart_delay_min = \"10ms\"";

#[test]
fn each_kind_of_readiness_is_waited_for() {
    let world = World::new();
    for (mode, layers) in [("tcp", 1), ("http", 2), ("ws", 4)] {
        let ready = if mode == "ws" { "gateway" } else { mode };
        world.fake(mode, &format!("ready = \"{ready}\""), "", &["--mode", mode]);
        let status = world.start(mode);
        assert_eq!((&status["state"], &status["runtime"]), (&"ready".into(), &"command".into()));
        let seen = ["tcp", "http", "challenge", "hello"].map(|layer| status["probe"][layer] == true);
        assert_eq!(seen, [0, 1, 2, 3].map(|layer| layer < layers), "{mode}: {status}");
    }
    assert_eq!(world.run(&["--profile", "ws", "health", "--json"]).ok().json()["ok"], true);
    world.run(&["--profile", "tcp", "health", "--json", "--timeout", "300ms"]).refused(5, "gateway_slow");
}

#[test]
fn a_slow_boot_is_shown_by_its_phases() {
    let world = World::new();
    let port = world.fake("slow", "", "", &["--boot-delay", "400"]);
    let start = world.spawn(&["profile", "start", "slow"]);
    let waiting =
        world.until("slow", "waiting", |status| status["phase"] == format!("waiting for port {port}"));
    assert_eq!((&waiting["state"], &waiting["intent"]), (&"starting".into(), &"up".into()));
    let start = said(start).ok();
    assert!(start.err.contains(&format!("slow starting: waiting for port {port}\n")), "{start:?}");
    assert!(start.out.contains("ready"), "{start:?}");
}

#[test]
fn one_that_ends_before_it_is_ready_is_told_with_its_last_line_and_tried_again_within_its_budget() {
    let world = World::new();
    let knobs =
        ["--exit-after", "30", "--exit-code", "3", "--log-line", "no such plug-in", "--starts", "@starts"];
    world.fake("short", "", ONE_RETRY, &[&knobs[..], &["--boot-delay", "9000"]].concat());
    let start = world.run(&["profile", "start", "short", "--json"]);
    let error = start.refused(1, "gateway_failed");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("exit code 3") && message.ends_with("no such plug-in"), "{message}");
    let failed = world.until_state("short", "failed");
    assert_eq!((&failed["lastExit"]["code"], &failed["restarts"]), (&3.into(), &1.into()));
    assert_eq!(failed["lastExit"]["lastLines"], serde_json::json!(["no such plug-in"]));
    assert_eq!(world.lines("starts").len(), 2, "one start and one retry");
    assert_eq!(world.run(&["profile", "list"]).ok().code, Some(0));
    // A start by hand has a budget of its own.
    assert_eq!(world.run(&["profile", "start", "short"]).code, Some(1));
    world.until_state("short", "failed");
    assert_eq!(world.lines("starts").len(), 4);
    world.run(&["profile", "stop", "short"]).ok();
    assert_eq!(world.show("short")["state"], "stopped");
}

#[test]
fn one_that_says_its_configuration_is_wrong_is_not_tried_again() {
    let world = World::new();
    let knobs = ["--exit-after", "50", "--exit-code", "78", "--never-listen", "--starts", "@starts"];
    world.fake("wrong", "", ONE_RETRY, &[&knobs[..], &["--log-line", "gateway.port is wrong"]].concat());
    let error = world.run(&["profile", "start", "wrong", "--json"]).refused(78, "gateway_config_invalid");
    assert!(error["message"].as_str().unwrap().ends_with("gateway.port is wrong"), "{error}");
    let status = world.show("wrong");
    assert_eq!((&status["state"], &status["lastExit"]["code"]), (&"failed".into(), &78.into()));
    let human = world.run(&["profile", "start", "wrong"]);
    human.complains(78, &["error: ", "gateway.port is wrong", "try: openclaw profile logs wrong"]);
    assert_eq!(world.lines("starts").len(), 2, "one for each order");
}

#[test]
fn one_that_is_killed_while_ready_comes_back() {
    let world = World::new();
    world.fake("killed", "", "restart_delay_min = \"10ms\"", &["--alarm", "@alarm"]);
    let before = pid(&world.start("killed"));
    look::signal(before, Signal::SIGKILL);
    let back = world.until("killed", "back", |status| status["state"] == "ready" && status["pid"] != before);
    assert_eq!((&back["restarts"], &back["lastExit"]["signal"]), (&1.into(), &9.into()));
    assert_eq!(world.run(&["--profile", "killed", "health", "--json"]).ok().json()["ok"], true);
    assert_eq!(world.lines("alarm"), [""; 0]);
}

#[test]
fn whether_an_ended_gateway_comes_back_is_the_manifests_word() {
    let world = World::new();
    for (name, restart, code, back) in [
        ("never", "never", "1", false),
        ("clean", "on-failure", "0", false),
        ("crash", "on-failure", "1", true),
    ] {
        let starts = format!("@{name}");
        let knobs =
            ["--exit-after", "1500", "--exit-code", code, "--exit-runs", "1", "--starts", starts.as_str()];
        world.fake(name, "", &format!("restart = \"{restart}\"\nrestart_delay_min = \"10ms\""), &knobs);
        world.start(name);
        let runs = if back { 2 } else { 1 };
        let state = if back { "ready" } else { "stopped" };
        let over = world.until(name, "settled", |status| {
            status["lastExit"].is_object() && status["state"] != "backoff" && status["state"] != "starting"
        });
        assert_eq!(
            (over["state"].as_str().unwrap(), world.lines(name).len()),
            (state, runs),
            "{name}: {over}"
        );
    }
}

#[test]
fn one_that_is_deaf_to_the_polite_signal_is_killed_after_its_grace() {
    let world = World::new();
    world.fake("deaf", "", "stop_timeout = \"300ms\"", &["--ignore-term"]);
    let gateway = pid(&world.start("deaf"));
    let began = Instant::now();
    let stopped = world.run(&["profile", "stop", "deaf", "--json"]).ok().json();
    assert!(began.elapsed() >= Duration::from_millis(300), "its grace is kept");
    assert_eq!(stopped["lastExit"]["signal"], 9);
    assert!(!look::is_alive(gateway));
}

#[test]
fn a_stop_that_takes_longer_than_asked_goes_on() {
    let world = World::new();
    world.fake("long", "", "", &["--term-delay", "600"]);
    world.start("long");
    let stop = world.run(&["profile", "stop", "long", "--timeout", "50ms", "--json"]);
    stop.refused(5, "stop_timeout");
    let stopped = world.until_state("long", "stopped");
    assert_eq!(stopped["lastExit"]["code"], 0, "nobody hurried it");
}

#[test]
fn a_child_left_in_the_group_is_swept_before_a_stop_or_restart_is_over() {
    let world = World::new();
    let knobs = ["--leave-child", "--pid-file", "@pid", "--alarm", "@alarm"];
    world.fake("litter", "", "stop_timeout = \"200ms\"\nrestart_delay_min = \"10ms\"", &knobs);
    let left = || world.lines("pid.child")[0].parse::<u32>().unwrap();
    let gateway = pid(&world.start("litter"));
    let first = left();
    assert!(look::is_alive(first));
    world.run(&["profile", "restart", "litter"]).ok();
    let second = left();
    assert!(!look::is_alive(first), "swept before the restart");
    look::signal(pid(&world.show("litter")), Signal::SIGKILL);
    let back = world.until("litter", "back", |status| status["restarts"] == 1 && status["state"] == "ready");
    assert!(!look::is_alive(second), "swept after the crash");
    let third = left();
    world.run(&["profile", "stop", "litter"]).ok();
    assert!(!look::is_alive(third) && !look::is_alive(pid(&back)) && !look::is_alive(gateway));
    assert_eq!(world.lines("alarm"), [""; 0], "a run began while a member of an older one lived");
}

#[test]
fn one_that_never_listens_is_given_up_in_time() {
    let world = World::new();
    let policy = "start_timeout = \"200ms\"\nstop_timeout = \"200ms\"\nrestarts_per_hour = 0";
    world.fake("mute", "", policy, &["--never-listen", "--starts", "@starts"]);
    let start = world.run(&["profile", "start", "mute", "--json"]);
    assert_eq!(start.code, Some(1), "{start:?}");
    let error = start.json()["error"].clone();
    assert!(error["message"].as_str().unwrap().contains("not ready"), "{error}");
    let failed = world.until_state("mute", "failed");
    assert!(failed["pid"].is_null() && world.running("fake-gateway").is_empty(), "{failed}");
    assert_eq!(world.lines("starts").len(), 1);
}

#[test]
fn a_start_that_takes_longer_than_asked_goes_on() {
    let world = World::new();
    world.fake("slow", "", "", &["--boot-delay", "700"]);
    let start = world.run(&["profile", "start", "slow", "--timeout", "100ms", "--json"]);
    let error = start.refused(5, "start_timeout");
    assert!(error["message"].as_str().unwrap().contains("goes on"), "{error}");
    let starting = world.show("slow");
    assert_eq!(starting["state"], "starting");
    let ready = world.start("slow");
    assert_eq!(ready["pid"], starting["pid"], "the same run");
}

#[test]
fn heavy_output_is_kept_within_its_bound_and_blocks_nobody() {
    let world = World::new();
    let line = "x".repeat(2000);
    let knobs = ["--log-line", line.as_str(), "--log-rate", "30000", "--alarm", "@alarm"];
    world.fake("loud", "", "", &knobs);
    world.start("loud");
    let logs = || {
        let files = fs::read_dir(world.kept("logs")).unwrap().flatten();
        let own = files.filter(|file| file.file_name().to_string_lossy().starts_with("loud.log"));
        own.filter_map(|file| Some(file.metadata().ok()?.len())).collect::<Vec<_>>()
    };
    wait_for("the oldest log to fall away", || (logs().len() == 4).then_some(()));
    assert_eq!(world.run(&["--profile", "loud", "health", "--json"]).ok().json()["ok"], true);
    // A burst may be one chunk longer than the bound.
    assert!(logs().iter().all(|size| *size <= 5 * 1024 * 1024 + 64 * 1024), "{:?}", logs());
    let tail = world.run(&["profile", "logs", "loud", "-n", "3"]).ok().out;
    assert_eq!(tail.lines().count(), 3);
    let written =
        |text: &str| text.lines().next().and_then(|line| line.split(' ').next()?.parse::<u64>().ok());
    let first = written(&tail);
    wait_for("further lines", || {
        (written(&world.run(&["profile", "logs", "loud", "-n", "3"]).ok().out) > first).then_some(())
    });
    world.run(&["profile", "stop", "loud"]).ok();
    assert_eq!(world.show("loud")["lastExit"]["code"], 0);
}

#[test]
fn a_program_that_cannot_be_run_is_named() {
    let world = World::new();
    let plain = world.path("plain.txt");
    fs::write(&plain, "no program").unwrap();
    for program in [plain.as_path(), std::path::Path::new("/no/such/gateway")] {
        let name = if program.exists() { "plain" } else { "missing" };
        let (port, program) = (world.block(), program.display());
        world.manifest(
            name,
            &format!("[runtime]\nkind = \"command\"\ncommand = [\"{program}\"]\n[gateway]\nport = {port}\n"),
        );
        let error = world.run(&["profile", "start", name, "--json"]).refused(69, "program_missing");
        assert!(error["message"].as_str().unwrap().contains(&program.to_string()), "{error}");
        assert_eq!(world.show(name)["state"], "failed");
    }
}

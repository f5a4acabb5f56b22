//! C5: 6,198 restarts in half a day, and nobody was told. People hear of an incident once, and once that it is over; a
//! command that is slow, wrong or missing harms nobody.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::look;
use super::world::{PATIENCE, World, pid, wait_for};

/// Attempts without waits, so that only counting ends them.
const QUICK: &str = "restart_delay_min = \"1ms\"\nrestart_delay_max = \"1ms\"\nstable_after = \"60ms\"";

/// A line of `[supervise]` that adds each document to a file of the world, as a line.
fn into(world: &World, file: &str) -> String {
    format!("alert = [\"/bin/sh\", \"-c\", 'exec /bin/cat >> \"$0\"', {:?}]", world.path(file))
}

/// The documents in that file.
fn documents(world: &World, file: &str) -> Vec<Value> {
    world.lines(file).iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn word(document: &Value) -> String {
    format!("{} {}", document["event"].as_str().unwrap(), document["code"].as_str().unwrap())
}

/// A client of the control socket that has been heard once, so that it misses nothing from now on.
fn listening(world: &World) -> BufReader<UnixStream> {
    let status = world.run(&["supervisor", "status", "--json"]).ok().json();
    let mut stream = UnixStream::connect(status["socket"].as_str().unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = json!({"type": "req", "id": "1", "method": "supervisor.status", "params": {}});
    writeln!(stream, "{request}").unwrap();
    let mut reader = BufReader::new(stream);
    assert_eq!(frame(&mut reader)["id"], "1");
    reader
}

fn frame(reader: &mut BufReader<UnixStream>) -> Value {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

#[test]
fn incident_c5_a_crash_loop_is_one_alert_and_its_end_one_recovery_for_command_and_client() {
    let world = World::new();
    world.fake("calm", "", "", &[]);
    world.start("calm");
    let mut client = listening(&world);
    let knobs = ["--exit-code", "1", "--exit-after", "0", "--exit-runs", "10", "--starts", "@starts"];
    let knobs = [&knobs[..], &["--log-line", "auth.token=hunter2 is wrong"]].concat();
    world.fake("loop", "", &format!("{QUICK}\nrestarts_per_hour = 100\n{}", into(&world, "told")), &knobs);
    world.run(&["profile", "start", "loop"]);
    world.until_state("loop", "failed");
    let alert = wait_for("the alert", || documents(&world, "told").pop());
    assert_eq!(word(&alert), "alert given_up");
    assert_eq!(
        (&alert["profile"], &alert["state"], &alert["pid"]),
        (&"loop".into(), &"failed".into(), &Value::Null)
    );
    assert!(alert["message"].as_str().unwrap().contains("last line was: auth.token=***"), "{alert}");
    assert_eq!(alert["remedy"], "openclaw profile logs loop");
    assert!(!fs::read_to_string(world.path("told")).unwrap().contains("hunter2"));

    // A first edit helps nothing: the same incident. With the second one it lasts.
    for (text, state) in [("{}", "failed"), ("{ \"x\": 1 }", "ready")] {
        let before = world.lines("starts").len();
        fs::write(world.state("loop").join("openclaw.json"), text).unwrap();
        wait_for("a new start", || (world.lines("starts").len() > before).then_some(()));
        world.until_state("loop", state);
    }
    let words = || documents(&world, "told").iter().map(word).collect::<Vec<_>>();
    let told = wait_for("the recovery", || (words().len() > 1).then(words));
    assert_eq!(told, ["alert given_up", "recovered given_up"]);
    for document in documents(&world, "told") {
        let event = frame(&mut client);
        assert_eq!(
            (&event["event"], &event["payload"]),
            (&"profile.alert".into(), &document),
            "the same for both"
        );
    }
    assert_eq!(world.journal().matches("telling people").count(), 2);
}

#[test]
fn incident_c5_a_command_that_hangs_fails_or_is_missing_harms_nothing_and_is_gone_with_the_supervisor() {
    let world = World::new();
    world.fake("calm", "", "", &[]);
    let calm = pid(&world.start("calm"));
    let failing = ["--exit-code", "78", "--exit-after", "0"];
    let cases = [
        (
            "hangs",
            format!(
                "alert = [\"/bin/sh\", \"-c\", 'trap \"\" TERM; echo > \"$0\"; while :; do /bin/sleep 600; done', {:?}]",
                world.path("begun")
            ),
        ),
        ("missing", "alert = [\"no-such-program\"]".to_owned()),
        ("fails", "alert = [\"/bin/false\"]".to_owned()),
        ("deaf", "alert = [\"/bin/sh\", \"-c\", \"exec < /dev/null\"]".to_owned()),
        ("works", into(&world, "told")),
    ];
    for (name, alert) in &cases {
        world.fake(name, "", &format!("{QUICK}\n{alert}"), &failing);
        world.run(&["profile", "start", name, "--json"]).refused(78, "gateway_config_invalid");
    }
    wait_for("the alert", || documents(&world, "told").pop());
    wait_for("the hanging command", || world.path("begun").exists().then_some(()));
    let said = |words: &str| wait_for(words, || world.journal().contains(words).then_some(()));
    said("its alert command cannot be run profile=missing");
    said("its alert command failed profile=fails");
    for (name, _) in &cases {
        assert_eq!(world.show(name)["state"], "failed");
        world.run(&["profile", "stop", name]).ok();
    }
    assert_eq!(pid(&world.show("calm")), calm);
    assert!(!world.running("sleep 600").is_empty(), "it has its time");
    world.run(&["supervisor", "stop"]).ok();
    wait_for("the end of the hanging command", || world.running("sleep 600").is_empty().then_some(()));
}

#[test]
fn incident_c2_a_hang_is_told_with_its_evidence_and_an_asked_stop_is_no_recovery() {
    let world = World::new();
    let quick = "probe_interval = \"100ms\"\nhang_timeout = \"1s\"\nstop_timeout = \"100ms\"\nstable_after = \"60ms\"";
    world.fake("frozen", "", &format!("{quick}\n{}", into(&world, "told")), &[]);
    let before = pid(&world.start("frozen"));
    look::signal(before, Signal::SIGSTOP);
    let told = wait_for("both", || Some(documents(&world, "told")).filter(|told| told.len() > 1));
    assert_eq!(
        told.iter().map(word).collect::<Vec<_>>(),
        ["alert hang_confirmed", "recovered hang_confirmed"]
    );
    let evidence = fs::read_to_string(told[0]["evidence"].as_str().unwrap()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&evidence).unwrap()["pid"], before);
    assert_eq!((&told[0]["pid"], &told[1]["state"]), (&before.into(), &"ready".into()));

    world.fake(
        "wrong",
        "",
        &format!("{QUICK}\n{}", into(&world, "other")),
        &["--exit-code", "78", "--exit-after", "0", "--exit-runs", "1", "--starts", "@starts"],
    );
    world.run(&["profile", "start", "wrong"]);
    wait_for("the alert", || documents(&world, "other").pop());
    world.run(&["profile", "stop", "wrong"]).ok();
    let back = world.start("wrong");
    // Long enough ready that a recovery would have been told; the stop of the other one comes behind it.
    world.until("wrong", "stable", |status| {
        status["uptimeMs"].as_u64() > Some(500) && status["pid"] == back["pid"]
    });
    world.run(&["profile", "stop", "frozen"]).ok();
    assert_eq!(documents(&world, "other").len(), 1);
}

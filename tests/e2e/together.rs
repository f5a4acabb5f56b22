//! Many profiles by one order: all of them side by side and no stampede, in the order that their manifests ask for, with
//! one profile's trouble its own; and those that come up with the supervisor.

use std::process::Stdio;

use super::look;
use super::world::{World, wait_for};

const MANY: usize = 100;

/// A profile whose program is the smallest child there is: it listens, and says a line to whom connects.
fn tiny(world: &World, name: &str, port: u16) {
    let text = format!(
        "[runtime]\nkind = \"command\"\ncommand = [{:?}, \"--port\", \"{{port}}\"]\nready = \"tcp\"\n\
         [gateway]\nport = {port}\n",
        super::fake::TINY.display()
    );
    world.manifest(name, &text);
}

#[test]
fn a_hundred_profiles_come_up_and_go_down_by_one_order_each() {
    let world = World::new();
    for (number, port) in world.many_blocks(MANY).into_iter().enumerate() {
        tiny(&world, &format!("p{number:03}"), port);
    }
    let started = world.run(&["profile", "start", "--all", "--json"]).ok().json();
    let profiles = started["profiles"].as_array().unwrap();
    assert_eq!(profiles.len(), MANY);
    assert!(profiles.iter().all(|status| status["state"] == "ready" && status["pid"].is_u64()));
    let journal = world.journal();
    assert_eq!(journal.matches("gateway spawned").count(), MANY);
    let again = world.run(&["profile", "start", "--all", "--json"]).ok().json();
    assert_eq!(again["profiles"][7]["pid"], profiles[7]["pid"], "what runs is joined");
    let stopped = world.run(&["profile", "stop", "--all", "--json"]).ok().json();
    assert_eq!(stopped["profiles"].as_array().unwrap().len(), MANY);
    assert_eq!(world.running("tiny-child"), [0; 0]);
    assert_eq!(
        world.run(&["profile", "stop", "--all", "--json"]).ok().json()["profiles"],
        serde_json::json!([])
    );
}

#[test]
fn one_comes_up_after_another_and_one_that_fails_holds_up_nobody_and_is_told() {
    let world = World::new();
    world.fake("base", "", "", &["--boot-delay", "300", "--starts", "@starts"]);
    // In the order of names it would be the first.
    world.fake("above", "", "after = [\"base\", \"broken\"]", &["--starts", "@starts"]);
    world.fake("broken", "", "", &["--exit-after", "0", "--exit-code", "78"]);
    let said = world.run(&["profile", "start", "--all", "--json"]);
    assert_eq!(said.code, Some(78), "{said:?}");
    let profiles = said.json()["profiles"].clone();
    let states: Vec<_> = (0..3).map(|place| profiles[place]["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["ready", "ready", "failed"], "{profiles}");
    assert_eq!(profiles[2]["error"]["code"], "gateway_config_invalid");
    let order: Vec<u32> = world.lines("starts").iter().map(|line| line.parse().unwrap()).collect();
    assert_eq!(order, [1, 0].map(|place| profiles[place]["pid"].as_u64().unwrap() as u32));
    let restarted = world.run(&["profile", "restart", "--all", "--json"]);
    assert_eq!((restarted.code, world.lines("starts").len()), (Some(78), 4), "{restarted:?}");
    world.run(&["profile", "start", "--all", "base"]).complains(2, &["--all"]);
}

#[test]
fn a_ring_and_a_name_that_nobody_has_are_refused_by_check_and_by_start() {
    let world = World::new();
    world.fake("one", "", "after = [\"two\"]", &[]);
    world.fake("two", "", "after = [\"one\"]", &[]);
    world.fake("three", "", "after = [\"nobody\"]", &[]);
    world.fake("four", "", "after = [\"one\"]", &[]);
    let checked = world.run(&["profile", "check", "--json"]);
    assert_eq!(checked.code, Some(4));
    let codes: Vec<String> = checked.json()["conflicts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {}", one["profile"].as_str().unwrap(), one["code"].as_str().unwrap()))
        .collect();
    assert_eq!(codes, ["one after_cycle", "three after_unknown", "two after_cycle"]);
    let error = world.run(&["profile", "start", "one", "--json"]).refused(78, "after_cycle");
    assert!(error["message"].as_str().unwrap().contains("`one` is to come after `two`"), "{error}");
    let error = world.run(&["profile", "start", "three", "--json"]).refused(78, "after_unknown");
    assert!(error["remedy"].as_str().unwrap().contains("three.toml"), "{error}");
    world.start("four");
}

#[test]
fn those_that_ask_for_it_come_up_with_a_service_and_what_the_user_stopped_stays_down() {
    let world = World::new();
    for (name, autostart) in [("new", "true"), ("down", "true"), ("plain", "")] {
        let line = if autostart.is_empty() { String::new() } else { format!("autostart = {autostart}") };
        world.fake(name, "", &line, &[]);
    }
    // On demand of a command nothing else comes up.
    world.start("down");
    world.run(&["profile", "stop", "down"]).ok();
    assert_eq!(world.show("new")["state"], "stopped");
    world.run(&["supervisor", "stop"]).ok();
    let mut service = world.command(&["supervisor", "run"]);
    let mut service = service.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    world.until_state("new", "ready");
    assert_eq!(world.show("new")["intent"], "up");
    for name in ["down", "plain"] {
        assert_eq!(world.show(name)["state"], "stopped", "{name}");
    }
    look::signal(service.id(), nix::sys::signal::Signal::SIGTERM);
    wait_for("its end", || service.try_wait().unwrap());
}

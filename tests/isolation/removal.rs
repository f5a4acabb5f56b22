//! `profile rm`: takes away what the program made, and nothing else.

use std::fs;
use std::os::unix::fs::symlink;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::look;
use super::world::{World, pid, wait_for};

/// Whether anything in the world carries the profile's name.
fn traces(world: &World, name: &str) -> Vec<String> {
    let all = look::tree(&world.home("")).into_keys().chain(look::tree(&world.path("run")).into_keys());
    all.filter(|path| path.contains(name)).collect()
}

/// A profile that has run and is down.
fn stopped(world: &World) -> String {
    let name = world.name("gone");
    world.start(&name);
    world.run(&["profile", "stop", &name]).ok();
    name
}

#[test]
fn without_yes_only_the_plan_is_shown() {
    let world = World::new();
    let name = stopped(&world);
    let before = look::tree(&world.home(""));
    let shown = world.run(&["profile", "rm", &name, "--json"]).ok().json();
    assert_eq!((&shown["ok"], &shown["done"]), (&true.into(), &false.into()));
    assert_eq!(shown["plan"]["leave"], Value::Array(vec![]));
    let paths: Vec<&str> = shown["plan"]["delete"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|doomed| doomed["path"].as_str())
        .collect();
    for path in [world.state(&name), world.home(format!(".config/openclaw/profiles/{name}.toml"))] {
        assert!(paths.contains(&path.to_str().unwrap()), "{paths:?}");
    }
    assert_eq!(look::tree(&world.home("")), before);
    assert!(world.run(&["profile", "rm", &name]).ok().out.contains("--yes"));
}

#[test]
fn with_yes_no_trace_is_left_and_the_name_is_free_again() {
    let world = World::new();
    let (name, other) = (stopped(&world), world.name("other"));
    let running = pid(&world.start(&other));
    let done = world.run(&["profile", "rm", &name, "--yes", "--json"]).ok().json();
    assert_eq!(done["done"], true);
    assert_eq!(traces(&world, &name), [""; 0]);
    let status = world.run(&["supervisor", "status", "--json"]).ok().json();
    assert_eq!(status["profiles"], 1, "the supervisor has forgotten it");
    world.run(&["profile", "show", &name, "--json"]).refused(3, "profile_unknown");
    world.run(&["profile", "rm", &name, "--json"]).refused(3, "profile_unknown");
    assert_eq!(pid(&world.show(&other)), running);
    assert_eq!(world.start(&name)["state"], "ready");
    world.run(&["supervisor", "stop"]).ok();
    world.run(&["profile", "rm", &name, "--yes"]).ok();
    assert_eq!(traces(&world, &name), [""; 0], "without a supervisor too");
}

#[test]
fn what_runs_is_refused_with_its_holder() {
    let world = World::new();
    let name = world.name("gone");
    let running = pid(&world.start(&name));
    let before = look::tree(&world.home(".config"));
    for words in [&["profile", "rm", &name, "--json"][..], &["profile", "rm", &name, "--yes", "--json"]] {
        let refused = world.run(words).refused(78, "profile_running");
        assert_eq!(refused["holder"]["pid"], running, "{refused}");
        assert!(refused["remedy"].as_str().unwrap().contains("profile stop"), "{refused}");
    }
    assert_eq!(look::tree(&world.home(".config")), before);
    // A gateway whose supervisor was killed holds the directory by itself.
    world.may_leave_gateways();
    let supervisor = world.supervisor();
    look::signal(supervisor, Signal::SIGKILL);
    wait_for("the supervisor's end", || (!look::is_alive(supervisor)).then_some(()));
    let refused = world.run(&["profile", "rm", &name, "--yes", "--json"]).refused(78, "profile_running");
    assert_eq!(refused["holder"]["pid"], running, "{refused}");
    assert!(look::is_alive(running) && world.state(&name).join("openclaw.json").exists());
}

#[test]
fn foreign_content_stays_and_is_listed_and_links_are_not_followed() {
    let world = World::new();
    let name = stopped(&world);
    let state = world.state(&name);
    world.private(&world.path("outside"));
    fs::write(world.path("outside/gateway.log"), "theirs").unwrap();
    fs::write(state.join("workspace/mine.md"), "mine").unwrap();
    fs::write(state.join("notes.txt"), "mine").unwrap();
    fs::remove_dir_all(state.join("logs")).unwrap();
    symlink(world.path("outside"), state.join("logs")).unwrap();
    fs::remove_file(state.join("gateway.lock")).unwrap();
    symlink(world.path("outside/gateway.log"), state.join("gateway.lock")).unwrap();
    let outside = look::tree(&world.path("outside"));
    let done = world.run(&["profile", "rm", &name, "--yes", "--json"]).ok().json();
    let left = done["plan"]["leave"].to_string();
    for path in ["workspace/mine.md", "notes.txt", "logs", "gateway.lock"] {
        assert!(left.contains(&state.join(path).display().to_string()), "{path}: {left}");
        assert!(fs::symlink_metadata(state.join(path)).is_ok(), "{path}");
    }
    assert_eq!(look::tree(&world.path("outside")), outside);
    assert!(!state.join("openclaw.json").exists(), "what is ours goes all the same");
    assert!(!world.home(format!(".config/openclaw/profiles/{name}.toml")).exists());
}

#[test]
fn a_configuration_that_was_changed_is_the_users() {
    let world = World::new();
    let name = stopped(&world);
    let config = world.state(&name).join("openclaw.json");
    fs::write(&config, "{ /* mine now */ }").unwrap();
    let done = world.run(&["profile", "rm", &name, "--yes"]).ok();
    assert!(done.out.contains("changed since"), "{done:?}");
    assert_eq!(fs::read_to_string(&config).unwrap(), "{ /* mine now */ }");
    assert_eq!(world.show(&name)["managed"], false, "what is left is a found profile");
}

#[test]
fn of_an_adopted_profile_nothing_in_its_directory_goes() {
    let world = World::new();
    let name = world.name("found");
    world.private(&world.state(&name).join("workspace"));
    fs::write(world.state(&name).join("openclaw.json"), "{ gateway: { auth: { mode: 'none' } } }").unwrap();
    world.start(&name);
    world.run(&["profile", "stop", &name]).ok();
    let before = look::tree(&world.state(&name));
    let done = world.run(&["profile", "rm", &name, "--yes", "--json"]).ok().json();
    assert!(done["plan"]["leave"].to_string().contains(".openclaw-"), "{done}");
    assert_eq!(look::tree(&world.state(&name)), before);
    assert_eq!(world.show(&name)["managed"], false);
}

#[test]
fn a_state_directory_that_became_a_link_is_left_with_what_it_leads_to() {
    let world = World::new();
    let name = stopped(&world);
    fs::rename(world.state(&name), world.path("moved")).unwrap();
    symlink(world.path("moved"), world.state(&name)).unwrap();
    let before = look::tree(&world.path("moved"));
    world.run(&["profile", "rm", &name, "--yes"]).ok();
    assert_eq!(look::tree(&world.path("moved")), before);
    assert!(fs::symlink_metadata(world.state(&name)).is_ok());
}

#[test]
fn a_profile_whose_manifest_is_broken_can_be_removed() {
    let world = World::new();
    let name = stopped(&world);
    world.manifest(&name, "this is [no TOML");
    world.run(&["profile", "rm", &name, "--yes"]).ok();
    assert_eq!(traces(&world, &name), [""; 0]);
}

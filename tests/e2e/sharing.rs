//! Two profiles, or two supervisors, that would share what only one may own (I1, I2): refused before anything
//! is spawned, with the sharer's name.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::Value;

use super::world::{World, pid};

/// Two profiles, `a` and `b`, apart from each other but for what `paths` and `b_port` say of `b`.
fn pair(world: &World, paths: &str) -> (u16, u16) {
    let (a, b) = (world.block(), world.block());
    world.manifest("a", &format!("[gateway]\nport = {a}\n"));
    world.manifest("b", &format!("[gateway]\nport = {b}\n[paths]\n{paths}\n"));
    for name in ["a", "b"] {
        world.private(&world.state(name).join("workspace"));
        let config = "{ gateway: { auth: { mode: 'none' } } }";
        fs::write(world.state(name).join("openclaw.json"), config).unwrap();
    }
    (a, b)
}

/// Checks that `check` and `start` refuse, and that both name both profiles.
fn is_refused(world: &World, code: &str) {
    let check = world.run(&["profile", "check", "--json"]);
    assert_eq!(check.code, Some(4), "{check:?}");
    let found = check.json();
    assert_eq!(found["ok"], false);
    let conflicts = found["conflicts"].as_array().unwrap();
    let conflict = conflicts.iter().find(|conflict| conflict["code"] == code);
    let conflict = conflict.unwrap_or_else(|| panic!("{code} is missing: {found}"));
    assert_eq!((&conflict["profile"], &conflict["other"]), (&"a".into(), &"b".into()));
    let message = conflict["message"].as_str().unwrap();
    assert!(message.contains("`a`") && message.contains("`b`"), "{message}");
    assert!(conflict["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()));
    for name in ["a", "b"] {
        assert_eq!(world.run(&["profile", "check", name]).code, Some(4));
        let refused = world.run(&["profile", "start", name, "--json"]);
        assert_eq!(refused.code, Some(78), "{refused:?}");
        assert_eq!(refused.json()["error"]["profile"], name);
    }
    assert!(!world.journal().contains("gateway spawned"));
}

#[test]
fn profiles_that_share_nothing_pass_the_check_and_run_beside_each_other() {
    let world = World::new();
    pair(&world, "");
    let check = world.run(&["profile", "check", "--json"]).ok().json();
    assert_eq!((&check["ok"], &check["conflicts"]), (&true.into(), &Value::Array(vec![])));
    world.run(&["profile", "start", "a", "b"]).ok();
}

#[test]
fn one_state_directory_through_a_symlink() {
    let world = World::new();
    pair(&world, "state_dir = \"~/elsewhere\"");
    symlink(world.state("a"), world.home("elsewhere")).unwrap();
    is_refused(&world, "state_dir_shared");
}

#[test]
fn one_state_directory_inside_the_other() {
    let world = World::new();
    pair(&world, "state_dir = \"~/.openclaw-a/inner\"");
    is_refused(&world, "state_dir_nested");
}

#[test]
fn one_workspace_for_both() {
    let world = World::new();
    pair(&world, "workspace = \"~/.openclaw-a/workspace\"");
    is_refused(&world, "workspace_shared");
}

#[test]
fn one_configuration_for_both_through_a_hard_link() {
    let world = World::new();
    pair(&world, "config_path = \"~/linked.json\"");
    fs::hard_link(world.state("a").join("openclaw.json"), world.home("linked.json")).unwrap();
    is_refused(&world, "config_shared");
}

#[test]
fn overlapping_ports() {
    let world = World::new();
    let (a, b) = pair(&world, "");
    let manifest = world.manifest("b", &format!("[gateway]\nport = {}\n", a + 50));
    is_refused(&world, "port_block_overlap");
    fs::write(manifest, format!("[gateway]\nport = {b}\n")).unwrap();
    world.run(&["profile", "start", "a", "b"]).ok();
}

#[test]
fn two_supervisors_never_run_two_gateways_on_one_state_directory() {
    let (first, second) = (World::new(), World::new());
    let name = first.name("mine");
    let gateway = pid(&first.start(&name));
    let link = second.home("link");
    symlink(first.state(&name), &link).unwrap();
    let port = second.block();
    second.manifest(
        "yours",
        &format!("[gateway]\nport = {port}\n[paths]\nstate_dir = \"{}\"\n", link.display()),
    );
    let before = fs::read(first.state(&name).join("gateway.lock")).unwrap();
    let refused = second.run(&["profile", "start", "yours", "--json"]).refused(78, "state_dir_shared");
    assert_eq!(refused["holder"]["pid"], gateway);
    assert!(refused["message"].as_str().unwrap().contains(&gateway.to_string()), "{refused}");
    assert!(refused["remedy"].is_string());
    let in_front = second.run(&["--profile", "yours", "gateway", "run", "--json"]);
    in_front.refused(78, "state_dir_shared");
    assert_eq!(fs::read(first.state(&name).join("gateway.lock")).unwrap(), before);
    // Removing what stands beside the lock changes nothing about who owns it.
    fs::remove_file(first.state(&name).join("gateway.lock")).unwrap();
    second.run(&["profile", "start", "yours", "--json"]).refused(78, "state_dir_shared");
    first.run(&["profile", "stop", &name]).ok();
    assert_eq!(second.start("yours")["state"], "ready");
    first.run(&["profile", "start", &name, "--json"]).refused(78, "state_dir_shared");
}

//! Incident B4: two gateways on one store fired every job twice. Each shape in which two profiles can share a
//! directory is refused before anything is spawned, and named.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;

use super::pair::finds;
use super::world::{World, said};

#[test]
fn incident_b4_profiles_that_are_apart_run_beside_each_other() {
    let world = World::new();
    world.pair("");
    for name in ["a", "b"] {
        for folder in ["logs", "credentials", "tmp"] {
            world.private(&world.state(name).join(folder));
        }
    }
    // Two files in one directory, as the real program's own logs are.
    world.config("a", json!({ "logging": { "file": world.path("logs/a.log") } }));
    world.config("b", json!({ "logging": { "file": world.path("logs/b.log") } }));
    let check = world.run(&["profile", "check", "--json"]).ok().json();
    assert_eq!((&check["ok"], &check["conflicts"]), (&true.into(), &json!([])));
    world.run(&["profile", "start", "a", "b"]).ok();
}

#[test]
fn incident_b4_one_state_directory_through_a_link() {
    let world = World::new();
    world.pair("state_dir = \"~/elsewhere\"");
    symlink(world.state("a"), world.home("elsewhere")).unwrap();
    world.refuses("state_dir_shared", &world.state("a"));
}

#[test]
fn incident_b4_one_state_directory_inside_the_other() {
    let world = World::new();
    world.pair("state_dir = \"~/.openclaw-a/inner\"");
    world.refuses("state_dir_nested", &world.state("a").join("inner"));
}

/// Mounts `source` at `~/elsewhere`, where the state directory of `b` is, and asks in the same namespace.
fn behind_a_bind_mount(source: &str, code: &str) {
    let world = World::new();
    world.pair("state_dir = \"~/elsewhere\"");
    for folder in [world.home("elsewhere"), world.state("a").join("inner")] {
        world.private(&folder);
    }
    let wrapper = ["/usr/bin/unshare", "--user", "--map-root-user", "--mount"];
    let mount = format!("mount --bind \"$HOME/{source}\" \"$HOME/elsewhere\"");
    if world.script(&wrapper, &mount).code != Some(0) {
        eprintln!("skipped: this kernel allows no bind mounts in a namespace of ours");
        return;
    }
    let check = world.script(&wrapper, &format!("{mount} && exec \"$OC\" profile check --json"));
    assert_eq!(check.code, Some(4), "{check:?}");
    finds(&check.json(), code, ".openclaw-a");
    for name in ["a", "b"] {
        let run = format!("{mount} && exec \"$OC\" --profile {name} gateway run --json");
        world.script(&wrapper, &run).refused(78, code);
    }
}

#[test]
fn incident_b4_one_state_directory_behind_a_bind_mount() {
    behind_a_bind_mount(".openclaw-a", "state_dir_shared");
}

#[test]
fn incident_b4_a_bind_mount_of_a_folder_inside_the_other_state_directory() {
    behind_a_bind_mount(".openclaw-a/inner", "state_dir_nested");
}

#[test]
fn incident_b4_one_workspace_through_a_link() {
    let world = World::new();
    world.pair("");
    fs::remove_dir(world.state("b").join("workspace")).unwrap();
    symlink(world.state("a").join("workspace"), world.state("b").join("workspace")).unwrap();
    world.refuses("workspace_shared", &world.state("a").join("workspace"));
}

#[test]
fn incident_b4_one_log_directory_credential_directory_or_temporary_directory_through_a_link() {
    for (folder, code) in
        [("logs", "state_dir_shared"), ("credentials", "credential_shared"), ("tmp", "state_dir_shared")]
    {
        let world = World::new();
        world.pair("");
        world.private(&world.state("a").join(folder));
        symlink(world.state("a").join(folder), world.state("b").join(folder)).unwrap();
        world.refuses(code, &world.state("a").join(folder));
    }
}

#[test]
fn incident_b4_both_linked_to_a_third_place() {
    let world = World::new();
    world.pair("");
    world.private(&world.path("third/inner"));
    symlink(world.path("third"), world.state("a").join("logs")).unwrap();
    symlink(world.path("third/inner"), world.state("b").join("tmp")).unwrap();
    world.refuses("state_dir_shared", &world.path("third"));
}

#[test]
fn incident_b4_one_log_file() {
    let world = World::new();
    world.pair("");
    for name in ["a", "b"] {
        world.config(name, json!({ "logging": { "file": "~/both.log" } }));
    }
    world.refuses("state_dir_shared", &world.home("both.log"));
}

#[test]
fn incident_b4_one_credential_directory_by_its_variable() {
    let world = World::new();
    world.pair("");
    world.config("a", json!({ "env": { "OPENCLAW_OAUTH_DIR": "~/login" } }));
    fs::write(world.state("b").join(".env"), "OPENCLAW_OAUTH_DIR=~/login\n").unwrap();
    world.refuses("credential_shared", &world.home("login"));
    // No permission for channels covers a whole directory.
    world
        .run(&["profile", "start", "b", "--allow-shared-channel", "--json"])
        .refused(78, "credential_shared");
    // What a shell exports reaches no gateway of ours.
    world.config("a", json!({}));
    fs::remove_file(world.state("b").join(".env")).unwrap();
    let mut check = world.command(&["profile", "check"]);
    assert_eq!(said(check.env("OPENCLAW_OAUTH_DIR", world.home("login")).spawn().unwrap()).code, Some(0));
}

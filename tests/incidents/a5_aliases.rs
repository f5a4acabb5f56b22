//! A5: the lock followed the temporary folder, not the state directory, so that two gateways ran on one. Whatever
//! the directory is called and whatever surrounds the second gateway, it is the same directory.

use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use super::foreground::{kill, lives};
use super::look;
use super::world::{World, said};

/// A second home whose profile `yours` has `state_dir`; its own port, so that only the directory is shared.
fn second(state_dir: &str) -> World {
    let world = World::new();
    let port = world.block();
    world.manifest("yours", &format!("[gateway]\nport = {port}\n[paths]\nstate_dir = \"{state_dir}\"\n"));
    world.private(&world.path("tmp"));
    world
}

/// The names below `root`, without their contents: a living gateway writes its log.
fn names(root: &Path) -> Vec<String> {
    look::tree(root).into_keys().collect()
}

#[test]
fn incident_a5_a_state_directory_by_any_other_name_is_the_same() {
    let world = World::new();
    let port = world.embedded("mine");
    let gateway = world.serve("mine", port);
    world.run(&["--profile", "mine", "health"]).ok();
    let real = world.state("mine").display().to_string();
    symlink(&real, world.path("link")).unwrap();
    let link = world.path("link").display().to_string();
    let folder = world.home("folder");
    world.private(&folder);
    let before = names(&world.home(""));
    for alias in [
        real.clone(),
        format!("{real}/"),
        format!("{real}/."),
        format!("{}/../.openclaw-mine", folder.display()),
        link.clone(),
        format!("{link}/"),
        format!("{link}/../.openclaw-mine"),
    ] {
        let other = second(&alias);
        let home = names(&other.home(""));
        let mut command = other.command(&["--profile", "yours", "gateway", "run", "--json"]);
        let refused = said(command.env("TMPDIR", other.path("tmp")).spawn().unwrap());
        let error = refused.refused(78, "state_dir_shared");
        assert_eq!(error["holder"]["pid"], gateway.id(), "{alias}: {error}");
        assert_eq!(names(&other.path("tmp")).len(), 1, "{alias}: nothing in the foreign TMPDIR");
        assert_eq!(names(&other.home("")), home, "{alias}: nothing in the foreign HOME");
    }
    assert_eq!(names(&world.home("")), before);
    assert!(lives(&gateway));
    kill(gateway);
}

#[test]
fn incident_a5_another_temporary_folder_is_no_other_gateway() {
    let world = World::new();
    let (port, free) = (world.embedded("mine"), world.block().to_string());
    let mut first = world.command(&["--profile", "mine", "gateway", "run"]);
    for folder in ["one", "two"] {
        world.private(&world.path(folder));
    }
    let first = first.env("TMPDIR", world.path("one")).spawn().unwrap();
    let first = super::foreground::listening(first, port);
    for extra in [&["--json"][..], &["--json", "--port", &free]] {
        let words = [&["--profile", "mine", "gateway", "run"][..], extra].concat();
        let second = world.command(&words).env("TMPDIR", world.path("two")).spawn().unwrap();
        said(second).refused(78, "state_dir_shared");
    }
    for folder in ["one", "two"] {
        assert_eq!(names(&world.path(folder)).len(), 1, "nothing is written into a TMPDIR");
    }
    kill(first);
}

#[test]
fn incident_a5_a_bind_mount_of_the_state_directory() {
    let world = World::new();
    let port = world.embedded("mine");
    let gateway = world.serve("mine", port);
    let other = second("~/elsewhere");
    other.private(&other.home("elsewhere"));
    let mount = format!("mount --bind '{}' \"$HOME/elsewhere\"", world.state("mine").display());
    let ways: [&[&str]; 2] = [
        &["/usr/bin/unshare", "--mount"],
        // Here the kernel does not show who holds the lock, but that it is held.
        &["/usr/bin/unshare", "--user", "--map-root-user", "--mount"],
    ];
    for (way, holder) in ways.iter().zip([json!(gateway.id()), Value::Null]) {
        if !Path::new(way[0]).exists() || other.script(way, &mount).code != Some(0) {
            eprintln!("skipped: this kernel allows no bind mounts by {way:?}");
            continue;
        }
        let run = format!("{mount} && exec \"$OC\" --profile yours gateway run --json");
        let error = other.script(way, &run).refused(78, "state_dir_shared");
        // One who is not root has a user namespace of its own, where the holder may show or not.
        assert!(error["holder"]["pid"] == holder || error["holder"]["pid"] == gateway.id(), "{error}");
        assert_eq!(names(&other.home("elsewhere")).len(), 1, "the folder behind the mount");
    }
    assert!(lives(&gateway));
    kill(gateway);
}

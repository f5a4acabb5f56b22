//! `profile clone`: a new profile that shares nothing with the one it was made from, which is only read.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use super::look;
use super::world::{World, pid};

/// What the real program keeps in a state directory and no other profile may have.
const IDENTITY: [&str; 7] = [
    "state/openclaw.sqlite",
    "identity/device.json",
    "agents/main/sessions/1.jsonl",
    "credentials/whatsapp/creds.json",
    "logs/old.log",
    "config-journal-fingerprint.key",
    ".env",
];

/// A started profile with everything that one collects in its life.
fn lived(world: &World) -> String {
    let name = world.name("lived");
    world.start(&name);
    let state = world.state(&name);
    for file in IDENTITY {
        let file = state.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "identity-canary").unwrap();
    }
    fs::create_dir_all(state.join("workspace/notes")).unwrap();
    fs::write(state.join("workspace/AGENTS.md"), "be kind").unwrap();
    fs::write(state.join("workspace/notes/1.md"), "one").unwrap();
    symlink("/etc/hostname", state.join("workspace/link")).unwrap();
    let mut config = read(&state.join("openclaw.json"));
    config["channels"] = json!({ "telegram": { "botToken": "bot-canary", "allowFrom": [7] } });
    config["agents"] = json!({ "defaults": { "workspace": state.join("workspace") } });
    fs::write(state.join("openclaw.json"), config.to_string()).unwrap();
    name
}

fn read(file: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

/// Everything in the profile's state directory but what its running gateway writes.
fn still(world: &World, name: &str) -> impl PartialEq + std::fmt::Debug + use<> {
    let mut tree = look::tree(&world.state(name));
    tree.retain(|path, _| !path.contains("/logs/gateway.log"));
    tree
}

#[test]
fn a_clone_has_everything_of_its_own_and_runs_beside_the_original() {
    let world = World::new();
    let from = lived(&world);
    let to = world.name("copy");
    let (running, before) = (pid(&world.show(&from)), still(&world, &from));
    let cloned = world.run(&["profile", "clone", &from, &to, "--json"]).ok().json();
    assert_eq!(still(&world, &from), before, "the original is only read");
    let (old, new) = (world.state(&from).join("openclaw.json"), world.state(&to).join("openclaw.json"));
    let (old, new) = (read(&old), read(&new));
    assert_ne!(old["gateway"]["auth"]["token"], new["gateway"]["auth"]["token"]);
    assert_eq!(new["gateway"]["auth"]["token"].as_str().unwrap().len(), 43);
    assert_ne!(cloned["port"], world.show(&from)["port"]);
    assert_eq!(new["gateway"]["port"], cloned["port"]);
    assert_eq!(
        new["agents"]["defaults"]["workspace"],
        world.state(&to).join("workspace").display().to_string()
    );
    assert_eq!(new["channels"], json!({ "telegram": { "enabled": false, "allowFrom": [7] } }));
    let said = cloned["warnings"].to_string();
    assert!(said.contains("telegram"), "it is said that channels are off: {said}");
    let canary = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        text.contains("identity-canary") || text.contains("bot-canary") || text.contains("be kind")
    };
    let made = look::tree(&world.state(&to));
    assert!(made.values().all(|(_, bytes)| !canary(bytes)), "{made:?}");
    assert_eq!(made.len(), 3, "the directory, its configuration and a workspace: {made:?}");
    assert_eq!(world.run(&["profile", "check"]).code, Some(0));
    assert_eq!(world.start(&to)["state"], "ready");
    assert_eq!(pid(&world.show(&from)), running);
}

#[test]
fn the_workspace_comes_along_when_asked_for_without_its_links() {
    let world = World::new();
    let from = lived(&world);
    let to = world.name("copy");
    let cloned = world.run(&["profile", "clone", &from, &to, "--with-workspace", "--json"]).ok().json();
    let workspace = world.state(&to).join("workspace");
    assert_eq!(fs::read_to_string(workspace.join("AGENTS.md")).unwrap(), "be kind");
    assert_eq!(fs::read_to_string(workspace.join("notes/1.md")).unwrap(), "one");
    assert!(fs::symlink_metadata(workspace.join("link")).is_err());
    assert!(cloned["warnings"].to_string().contains("link"), "{cloned}");
    assert_eq!(world.run(&["profile", "check"]).code, Some(0));
}

#[test]
fn a_name_that_is_taken_is_refused_and_nothing_is_written() {
    let world = World::new();
    world.pair("");
    world.private(&world.state("found"));
    fs::write(world.state("found").join("openclaw.json"), "{}").unwrap();
    let before = look::tree(&world.home(""));
    for (to, code) in [("b", "profile_exists"), ("found", "profile_exists"), ("B", "profile_name_collides")] {
        world.run(&["profile", "clone", "a", to, "--json"]).refused(2, code);
    }
    world.run(&["profile", "clone", "a", "a", "--json"]).refused(2, "profile_exists");
    world.run(&["profile", "clone", "nobody", "c", "--json"]).refused(3, "profile_unknown");
    let port = world.show("a")["port"].to_string();
    world.run(&["profile", "clone", "a", "c", "--port", &port, "--json"]).refused(78, "port_block_overlap");
    assert_eq!(look::tree(&world.home("")), before);
}

#[test]
fn the_manifest_keeps_its_comments_and_a_found_profile_gets_one() {
    let world = World::new();
    let (port, to) = (world.block(), world.name("copy"));
    let text =
        format!("# of mine\n[gateway]\nport = {port} # ours\n[supervise]\nrestart = \"never\" # why\n");
    world.manifest("a", &text);
    world.private(&world.state("a"));
    world.run(&["profile", "clone", "a", &to]).ok();
    let made = fs::read_to_string(world.home(format!(".config/openclaw/profiles/{to}.toml"))).unwrap();
    for words in ["# of mine", "# ours", "restart = \"never\" # why", "isolation = \"isolated\""] {
        assert!(made.contains(words), "{words}: {made}");
    }
    assert!(!made.contains(&port.to_string()), "{made}");
    let (found, second) = (world.name("found"), world.name("second"));
    world.private(&world.state(&found));
    world.run(&["profile", "clone", &found, &second]).ok();
    assert_eq!(world.start(&second)["managed"], true);
    assert!(fs::read_dir(world.state(&found)).unwrap().next().is_none(), "the found one is only read");
}

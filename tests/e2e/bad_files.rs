//! Manifests and configurations that cannot be read: named with file and line, never treated as empty, never
//! written over.

use std::fs;
use std::path::{Path, PathBuf};

use super::look;
use super::world::{World, pid};

/// Commands that must read the profile `p`, each of which must refuse it.
fn refuses(world: &World, code: &str, words: &[&str]) {
    let before = (look::tree(&world.state("p")), look::tree(&world.home(".config")));
    for command in
        [&["profile", "start", "p"][..], &["profile", "restart", "p"], &["--profile", "p", "health"]]
    {
        let error = world.run(&[command, &["--json"]].concat()).refused(78, code);
        let message = error["message"].as_str().unwrap();
        for word in words {
            assert!(message.contains(word), "{command:?}: {word:?} is missing in {message}");
        }
    }
    let front = world.run(&["gateway", "run", "--profile", "p", "--json"]);
    front.refused(78, code);
    let after = (look::tree(&world.state("p")), look::tree(&world.home(".config")));
    assert_eq!(before, after, "nothing was written");
    assert!(!world.journal().contains("gateway spawned"));
    // A list is not refused for one profile's sake (I9); it shows what is wrong.
    let listed = world.run(&["profile", "list", "--json"]).ok().json();
    let profiles = listed["profiles"].as_array().unwrap();
    let broken = profiles.iter().find(|profile| profile["name"] == "p").unwrap();
    assert_eq!(broken["state"], "failed");
    assert!(broken["warnings"][0].as_str().is_some_and(|warning| warning.contains(words[0])), "{broken}");
}

/// A managed profile `p` and its `openclaw.json`.
fn profile(world: &World) -> (PathBuf, PathBuf) {
    let port = world.block();
    world.run(&["profile", "create", "p", "--runtime", "embedded", "--port", &port.to_string()]).ok();
    (world.home(".config/openclaw/profiles/p.toml"), world.state("p").join("openclaw.json"))
}

/// Breaks `file` by each of `texts`, and puts it right again.
fn each(world: &World, file: &Path, code: &str, texts: &[(&[u8], &str)]) {
    let good = fs::read(file).unwrap();
    for (text, word) in texts {
        fs::write(file, text).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        refuses(world, code, &[name, word]);
    }
    fs::write(file, good).unwrap();
    assert_eq!(world.start("p")["state"], "ready", "put right, it starts");
}

#[test]
fn a_broken_manifest_is_named_with_its_line() {
    let world = World::new();
    let (manifest, _) = profile(&world);
    let texts: [(&[u8], &str); 9] = [
        (b"description = \"x\"\n[gateway\n", "p.toml:2: "),
        (b"\n[gateway]\nprot = 20000\n", "p.toml:3: unknown key `prot` in [gateway]; did you mean `port`?"),
        (b"[gatway]\nport = 20000\n", "p.toml:1: unknown key `gatway`; did you mean `gateway`?"),
        (b"port = 20000\n", "p.toml:1: unknown key `port`; it belongs in [gateway]"),
        (
            b"[gateway]\nport = 65426\n",
            "p.toml:2: `gateway.port`: 65426 is not a whole number from 1 to 65425",
        ),
        (b"[gateway]\nport = \"20000\"\n", "p.toml:2: `gateway.port` must be a whole number"),
        (b"[runtime]\nkind = \"embeded\"\n", "did you mean \"embedded\"?"),
        (b"[supervise]\n\nstop_timeout = \"soon\"\n", "p.toml:3: `supervise.stop_timeout`"),
        (b"[runtime]\nkind = \"command\"\ncommand = [\"x\", \"{prot}\"]\n", "p.toml:3: "),
    ];
    each(&world, &manifest, "manifest_invalid", &texts);
}

#[test]
fn a_broken_configuration_is_named_with_its_line() {
    let world = World::new();
    let (_, config) = profile(&world);
    let texts: [(&[u8], &str); 4] = [
        (b"{\n  gateway: {\n    port: ,\n  }\n}\n", "openclaw.json:3:"),
        (b"{ gateway: {", "openclaw.json:1:"),
        (b"{ gateway: { port: 70000 } }", "`gateway.port` must be a port"),
        (b"", "openclaw.json"),
    ];
    each(&world, &config, "config_invalid", &texts);
}

#[test]
fn files_that_are_no_text_are_never_treated_as_empty() {
    let world = World::new();
    let (manifest, config) = profile(&world);
    for file in [&manifest, &config] {
        each(&world, file, "file_unreadable", &[(b"\xff\xfe{}", "cannot be read")]);
        world.run(&["supervisor", "stop"]).ok();
        fs::remove_file(world.kept("logs/supervisor.log")).unwrap();
        let good = fs::read(file).unwrap();
        fs::remove_file(file).unwrap();
        fs::create_dir(file).unwrap();
        refuses(&world, "file_unreadable", &[file.file_name().unwrap().to_str().unwrap(), "directory"]);
        fs::remove_dir(file).unwrap();
        fs::write(file, good).unwrap();
    }
}

#[test]
fn a_running_gateway_is_not_disturbed_by_a_file_that_breaks_under_it() {
    let world = World::new();
    let (manifest, config) = profile(&world);
    let gateway = pid(&world.start("p"));
    for file in [manifest, config] {
        let good = fs::read(&file).unwrap();
        fs::write(&file, "{ [").unwrap();
        assert!(matches!(world.run(&["profile", "start", "p"]).code, Some(0 | 78)));
        assert!(look::is_alive(gateway));
        assert_eq!(pid(&world.run(&["profile", "list", "--json"]).ok().json()["profiles"][0]), gateway);
        fs::write(&file, good).unwrap();
    }
    fs::write(world.state("p").join("openclaw.json"), "{ [").unwrap();
    world.run(&["profile", "stop", "p"]).ok();
    assert!(!look::is_alive(gateway), "a stop needs no configuration");
}

#[test]
fn one_broken_profile_is_its_own_trouble() {
    let world = World::new();
    let name = world.name("sound");
    world.manifest("broken", "[gateway\n");
    world.private(&world.home(".openclaw-torn"));
    fs::write(world.home(".openclaw-torn/openclaw.json"), "{").unwrap();
    assert_eq!(world.start(&name)["state"], "ready");
    assert_eq!(world.run(&["--profile", &name, "health", "--json"]).ok().json()["ok"], true);
    let listed = world.run(&["profile", "list", "--json"]).ok().json();
    let states: Vec<&str> =
        listed["profiles"].as_array().unwrap().iter().map(|p| p["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["failed", "ready", "failed"], "{listed}");
}

#[test]
fn a_configuration_without_a_credential_is_refused_and_says_what_to_set() {
    let world = World::new();
    let (_, config) = profile(&world);
    for text in ["{}", "{ gateway: { auth: { mode: 'token' } } }", "{ gateway: { auth: { token: '' } } }"] {
        fs::write(&config, text).unwrap();
        let start = world.run(&["profile", "start", "p", "--json"]);
        assert_eq!(start.code, Some(78), "{text}: {start:?}");
        let message = start.json()["error"]["message"].to_string();
        assert!(message.contains("gateway.auth"), "{text}: {message}");
        assert_eq!(fs::read_to_string(&config).unwrap(), text);
    }
}

//! A device of ours at the real gateway from npm. `make test` installs it.

use std::fs;
use std::time::Duration;

use openclaw_supervisor::base::Kind;
use serde_json::Value;

use super::devices::{READ, call, far};
use super::npm;
use super::world::{World, said_within};

/// Longest time that the real program may take to start, on a machine that is busy with other tests.
const LONG: Duration = Duration::from_secs(120);

#[test]
fn real_gateway_pairs_the_device_and_its_token_opens_the_next_connection() {
    let world = World::new();
    let name = world.name("pairs");
    for words in [&["profile", "create", &name, "--runtime", "openclaw"][..], &["profile", "start", &name]] {
        let mut command = world.command(words);
        let child = command.env("PATH", npm::path()).spawn().unwrap();
        said_within(child, LONG).ok();
    }
    let port = world.show(&name)["port"].as_u64().unwrap() as u16;
    let text = fs::read_to_string(world.state(&name).join("openclaw.json")).unwrap();
    let config: Value = json5::from_str(&text).unwrap();
    let token = config["gateway"]["auth"]["token"].as_str().unwrap();
    // Signed rightly, and from this host: it approves by itself.
    assert!(call(&world, &far(port, token), READ, "status").unwrap().is_object());
    // The shared secret is wrong now; what opens is the device's own token.
    assert!(call(&world, &far(port, "stale-since-then"), READ, "status").unwrap().is_object());
    let kept = || {
        let entries = fs::read_dir(world.kept("devices")).unwrap().flatten().map(|entry| entry.path());
        entries.filter(|path| path.extension().is_some_and(|end| end == "json")).collect::<Vec<_>>()
    };
    let [file] = &kept()[..] else { panic!("one token: {:?}", kept()) };
    // A token that the gateway does not know is forgotten, and the secret tried instead.
    let mut spoilt: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    spoilt["token"] = "A".repeat(43).into();
    fs::write(file, spoilt.to_string()).unwrap();
    let error = call(&world, &far(port, "stale-since-then"), READ, "status").unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Denied, "gateway_auth_refused"), "{error}");
    assert!(kept().is_empty());
    assert!(call(&world, &far(port, token), READ, "status").unwrap().is_object());
    assert_eq!(kept().len(), 1);
}

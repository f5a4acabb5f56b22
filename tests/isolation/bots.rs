//! Incident B5: one bot token in two gateways, messages answered twice or lost. The second start is refused with
//! both names, however the token is written, and the token itself is nowhere.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::look;
use super::world::{Said, World, pid, said};

const TOKEN: &str = "7001:AAH-canary_of_incident_b5";

/// `b`'s configuration in each form that means [`TOKEN`]; what starts with `@` is a path in the world.
fn forms(world: &World) -> Vec<Value> {
    let telegram = |settings: Value| json!({ "channels": { "telegram": settings } });
    fs::write(world.path("token"), format!("{TOKEN}\n")).unwrap();
    fs::write(world.path("secrets.json"), json!({ "bots": { "main": TOKEN } }).to_string()).unwrap();
    fs::write(world.state("b").join(".env"), format!("FROM_DOTENV='{TOKEN}'\n")).unwrap();
    let included = telegram(json!({ "botToken": TOKEN }));
    fs::write(world.state("b").join("bots.json5"), included.to_string()).unwrap();
    let file = json!({ "source": "file", "provider": "p", "id": "/bots/main" });
    let providers = json!({ "providers": { "p": { "source": "file", "path": world.path("secrets.json") } } });
    vec![
        telegram(json!({ "botToken": TOKEN })),
        telegram(json!({ "botToken": format!("  {TOKEN} \n") })),
        telegram(json!({ "accounts": { "second": { "botToken": TOKEN } } })),
        telegram(json!({ "botToken": "${FROM_SHELL}" })),
        telegram(json!({ "botToken": "${FROM_DOTENV}" })),
        telegram(json!({ "botToken": { "source": "env", "provider": "default", "id": "FROM_SHELL" } })),
        telegram(json!({ "tokenFile": world.path("token") })),
        json!({ "channels": { "telegram": { "botToken": file } }, "secrets": providers }),
        json!({ "channels": { "telegram": { "botToken": "${OWN}" } }, "env": { "vars": { "OWN": TOKEN } } }),
        json!({ "$include": "./bots.json5" }),
    ]
}

fn start(world: &World, words: &[&str]) -> Said {
    let mut command = world.command(words);
    said(command.env("FROM_SHELL", TOKEN).spawn().unwrap())
}

/// Asserts that the token is in nothing below `root`, neither as it is nor in base64.
#[track_caller]
fn nowhere(root: &Path) {
    let forms = [TOKEN.to_owned(), STANDARD.encode(TOKEN), URL_SAFE_NO_PAD.encode(TOKEN)];
    let tree = look::tree(root);
    assert!(!tree.is_empty(), "nothing was looked at in {}", root.display());
    for (path, (_, bytes)) in tree {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!forms.iter().any(|form| text.contains(form)), "the secret is in {path}");
    }
}

#[track_caller]
fn says_nothing(said: &Said) {
    assert!(!said.out.contains(TOKEN) && !said.err.contains(TOKEN), "the secret is in the output");
}

#[test]
fn incident_b5_the_second_gateway_with_one_token_is_refused_in_every_form() {
    let world = World::new();
    world.pair("");
    world.config("a", json!({ "channels": { "telegram": { "botToken": TOKEN } } }));
    let first = pid(&world.start("a"));
    for form in forms(&world) {
        world.config("b", form.clone());
        let refused = start(&world, &["profile", "start", "b", "--json"]);
        says_nothing(&refused);
        let error = refused.refused(78, "credential_shared");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("`a` and `b`") && message.contains("telegram"), "{form}: {message}");
        assert!(error["remedy"].as_str().unwrap().contains("--allow-shared-channel"), "{error}");
        let check = start(&world, &["profile", "check", "--json"]);
        says_nothing(&check);
        assert_eq!(check.code, Some(4), "{form}");
    }
    assert_eq!(pid(&world.show("a")), first, "the first one is not disturbed");
    assert_eq!(world.journal().matches("gateway spawned").count(), 1);
    nowhere(&world.kept(""));
    nowhere(&world.home(".config"));
    nowhere(&world.path("run"));
}

#[test]
fn incident_b5_a_permission_lets_it_start_and_is_a_warning_from_then_on() {
    let world = World::new();
    world.pair("");
    let shared = json!({ "channels": { "telegram": { "botToken": TOKEN } } });
    world.config("a", shared.clone());
    world.start("a");
    world.config("b", shared);
    world.run(&["profile", "start", "b", "--json"]).refused(78, "credential_shared");
    let other = world.run(&["profile", "start", "b", "--allow-shared-channel=discord", "--json"]);
    other.refused(78, "credential_shared");
    let started = world.run(&["profile", "start", "b", "--allow-shared-channel", "--json"]).ok().json();
    assert_eq!(started["state"], "ready");
    let warns = |status: &Value| {
        let warnings = status["warnings"].as_array().unwrap().iter().filter_map(Value::as_str);
        warnings.filter(|warning| warning.contains("telegram")).count() == 1
    };
    assert!(warns(&started), "{started}");
    let manifest = fs::read_to_string(world.home(".config/openclaw/profiles/b.toml")).unwrap();
    assert!(manifest.contains(r#"allow_shared_channels = ["discord", "telegram"]"#), "{manifest}");
    for name in ["a", "b"] {
        assert!(warns(&world.show(name)), "{name}");
        // Whoever was there first does not suffer for the other's permission.
        world.run(&["profile", "restart", name]).ok();
    }
    let list = world.run(&["profile", "list", "--json"]).ok();
    assert!(list.json()["profiles"].as_array().unwrap().iter().all(warns), "{list:?}");
    let check = world.run(&["profile", "check", "--json"]).ok().json();
    assert_eq!((&check["ok"], &check["conflicts"][0]["severity"]), (&true.into(), &"warning".into()));
    assert_eq!(check["conflicts"].as_array().unwrap().len(), 1);
    assert!(world.run(&["profile", "check"]).ok().out.contains("warning: "));
    world.run(&["profile", "stop", "b"]).ok();
    assert!(warns(&world.show("b")), "also while it is down");
    nowhere(&world.kept(""));
}

#[test]
fn incident_b5_a_profile_can_be_created_with_the_permission() {
    let world = World::new();
    world.pair("");
    world.config("a", json!({ "channels": { "slack": { "appToken": TOKEN } } }));
    let (name, port) = (world.name("fresh"), world.block().to_string());
    world.run(&["profile", "create", &name, "--port", &port, "--allow-shared-channel"]).ok();
    world.config(&name, json!({ "channels": { "slack": { "accounts": { "x": { "appToken": TOKEN } } } } }));
    let started = world.run(&["profile", "start", &name, "--json"]).ok().json();
    assert_eq!(started["warnings"].as_array().unwrap().len(), 1, "{started}");
}

#[test]
fn incident_b5_what_is_disabled_or_not_the_same_is_no_sharing() {
    let world = World::new();
    world.pair("");
    world.config("a", json!({ "channels": { "telegram": { "botToken": TOKEN } } }));
    for apart in [
        json!({ "channels": { "telegram": { "enabled": false, "botToken": TOKEN } } }),
        json!({ "channels": { "telegram": { "accounts": { "x": { "enabled": false, "botToken": TOKEN } } } } }),
        json!({ "channels": { "telegram": { "botToken": format!("{TOKEN}2") } } }),
        json!({ "channels": { "telegram": { "botToken": "${NOT_SET}" } } }),
        json!({ "channels": { "telegram": { "tokenFile": "/nowhere" } } }),
        json!({ "channels": "broken" }),
    ] {
        world.config("b", apart.clone());
        assert_eq!(start(&world, &["profile", "check"]).code, Some(0), "{apart}");
    }
}

#[test]
fn incident_b5_one_name_of_a_variable_with_two_values_of_their_own_is_no_sharing() {
    let world = World::new();
    world.pair("");
    for name in ["a", "b"] {
        world.config(name, json!({ "channels": { "telegram": { "botToken": "${FROM_SHELL}" } } }));
        fs::write(world.state(name).join(".env"), format!("FROM_SHELL=of-{name}\n")).unwrap();
    }
    assert_eq!(start(&world, &["profile", "check"]).code, Some(0), "each has a value of its own");
    fs::remove_file(world.state("a").join(".env")).unwrap();
    fs::remove_file(world.state("b").join(".env")).unwrap();
    assert_eq!(start(&world, &["profile", "check"]).code, Some(4), "both take the shell's");
}

//! What people are told beside the answer: with `-v` where it came from, and of the host what to mend.

use std::fs;

use serde_json::json;

use super::recorded::{recorded, words};
use super::verbs::{ALL, each};
use super::world::World;

/// A secret that nobody guesses, and that must never be told.
const STRONG: &str = "0f3c9a51d27be8460f3c9a51d27be846";

fn with_token(world: &World, name: &str, token: &str) {
    let file = world.state(name).join("openclaw.json");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(
        file,
        json!({"gateway": {"mode": "local", "auth": {"mode": "token", "token": token}}}).to_string(),
    )
    .unwrap();
}

#[test]
fn every_verb_tells_profile_endpoint_and_credential_with_their_sources_and_never_the_secret() {
    let world = recorded(&[]);
    with_token(&world, "work", STRONG);
    let port = world.show("work")["port"].to_string();
    each(&ALL, |verb| {
        let verb: Vec<&str> = verb.iter().map(String::as_str).collect();
        let said = world.run(&[&["--profile", "work", "-v", "--timeout", "5s"][..], &verb].concat());
        for told in [
            &format!("profile work (from flag), port {port} (from manifest)"),
            &format!("endpoint ws://127.0.0.1:{port} (from "),
            "credential from config gateway.auth.token",
        ] {
            assert!(said.err.contains(told), "{verb:?}: {told} is missing: {said:?}");
        }
        assert!(!said.err.contains(STRONG) && !said.out.contains(STRONG), "{verb:?}: {said:?}");
    });
}

#[test]
fn a_credential_that_can_be_guessed_is_warned_of_and_neither_shown_nor_refused() {
    let world = recorded(&[]);
    let warned = || {
        let check = world.run(&["profile", "check", "work", "--json"]).ok().json();
        let deep = world.run(&words("status --deep", &["--json"]));
        assert_eq!(check["ok"], true);
        assert_eq!(deep.json()["host"]["warnings"], check["warnings"], "{deep:?}");
        check["warnings"].clone()
    };
    with_token(&world, "work", STRONG);
    assert_eq!(warned(), json!([]));
    with_token(&world, "work", "hunter2");
    let told = warned();
    assert_eq!(
        (&told[0]["code"], &told[0]["profile"]),
        (&json!("credential_weak"), &json!("work")),
        "{told}"
    );
    assert!(told[0]["message"].as_str().unwrap().contains("gateway.auth.token of `work` has 7"), "{told}");
    for words in [&["profile", "check"][..], &["--profile", "work", "status", "--deep"]] {
        let said = world.run(words).ok();
        assert!(said.out.contains("warning") && !said.out.contains("hunter2"), "{said:?}");
    }
    with_token(&world, "work", "undefined");
    assert_eq!(warned()[0]["code"], "credential_placeholder");
    let created = world.name("created");
    world.run(&["profile", "create", &created]).ok();
    let check = world.run(&["profile", "check", &created, "--json"]).ok().json();
    assert_eq!(check["warnings"], json!([]), "what this program makes is strong");
}

#[test]
fn a_gateway_older_than_what_is_installed_is_named_with_both_versions() {
    let world = recorded(&[]);
    let package = world.path("npm/openclaw");
    fs::create_dir_all(&package).unwrap();
    fs::write(package.join("openclaw.mjs"), "").unwrap();
    fs::write(
        package.join("package.json"),
        r#"{"name": "openclaw", "version": "2026.9.9", "bin": {"openclaw": "openclaw.mjs"}}"#,
    )
    .unwrap();
    let port = world.show("work")["port"].to_string();
    world.manifest(
        "work",
        &format!(
            "[runtime]\nkind = \"openclaw\"\nprogram = \"{}\"\n[gateway]\nport = {port}",
            package.join("openclaw.mjs").display()
        ),
    );
    let deep = world.run(&words("status --deep", &["--json"])).ok().json();
    let mut versions = deep["host"]["versions"].clone();
    assert_eq!(versions["supervisor"].take()["skew"], false, "{deep}");
    let own = env!("CARGO_PKG_VERSION");
    assert_eq!(
        versions,
        json!({"cli": own, "gateway": "0.0.0-fake", "installed": "2026.9.9", "skew": true, "supervisor": null})
    );
    assert!(deep["host"]["durability"]["reason"].is_string(), "{}", deep["host"]);
    let shown = world.run(&words("status --deep", &[])).ok();
    assert!(shown.out.contains("gateway 0.0.0-fake, installed 2026.9.9; restart the gateway"), "{shown:?}");
}

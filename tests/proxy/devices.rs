//! As whom the command line knocks: when a device is shown, what it signs, and what becomes of the tokens that
//! gateways give it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use openclaw_supervisor::access::{Asked, Credential, CredentialSource, Listener, Target, target};
use openclaw_supervisor::base::{Error, Kind, Secret};
use openclaw_supervisor::client::gateway::{self, Asking};
use openclaw_supervisor::client::keep::Keep;
use openclaw_supervisor::profile::{Environment, SupervisorPaths};
use openclaw_supervisor::wire::{ConnectParams, device};
use serde_json::{Value, json};

use super::served::{SECRET, Served};
use super::world::World;

pub const READ: &[&str] = &["operator.read"];

/// The gateway on `port` as one of another machine, which the test cannot have: only that no kernel can be asked
/// about it is different.
pub fn far(port: u16, secret: &str) -> Target {
    let asked = Asked {
        url: Some(format!("ws://127.0.0.1:{port}")),
        credential: Some((Credential::Token(Secret::new(secret)), CredentialSource::new("test"))),
        ..Asked::default()
    };
    let mut target =
        target::for_url(&asked, &Environment::from_pairs([("HOME", "/nowhere")])).unwrap().unwrap();
    target.listener = Listener::Elsewhere;
    target.may_use_kept = true;
    target
}

fn keep(world: &World) -> Keep {
    let env = Environment::from_pairs([("HOME", world.home("").to_str().unwrap())]);
    Keep::new(&SupervisorPaths::derive(&env).unwrap())
}

pub fn call(world: &World, target: &Target, scopes: &[&str], method: &str) -> Result<Value, Error> {
    let keep = keep(world);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let asking = Asking {
        target,
        own: None,
        scopes,
        purpose: "test",
        limit: Duration::from_secs(10),
        node: None,
        keep: Some(&keep),
        traceparent: None,
    };
    runtime.block_on(gateway::call(asking, method, json!({})))
}

/// What each connect showed: its `auth`, and whether a device signed it for the connection's challenge.
fn shown(served: &Served) -> Vec<(Value, bool)> {
    let connects = served.heard("connect").into_iter();
    connects
        .map(|params| {
            let typed: ConnectParams = serde_json::from_value(params.clone()).unwrap();
            let signed = typed.device.as_ref().is_some_and(|device| {
                device::verify(&typed, &device.nonce, device.signed_at) == Ok(()) && device.signed_at == 1
            });
            (params["auth"].clone(), signed)
        })
        .collect()
}

#[test]
fn a_device_shows_the_secret_once_and_its_own_token_from_then_on_to_that_gateway_only() {
    let world = World::new();
    let served = world.served(&["--device-token", "token-of-the-device"]);
    let other = world.served(&[]);
    let (secret, token) = (json!({"token": SECRET}), json!({"deviceToken": "token-of-the-device"}));
    for _ in 0..2 {
        call(&world, &far(served.port, SECRET), READ, "health").unwrap();
    }
    call(&world, &far(other.port, SECRET), READ, "health").unwrap();
    assert_eq!(shown(&served), [(secret.clone(), true), (token, true)]);
    assert_eq!(shown(&other), [(secret.clone(), true)]);
    assert!(!other.text().contains("token-of-the-device"));
    let ids = [&served, &other].map(|served| served.heard("connect")[0]["device"]["id"].clone());
    assert_ne!(ids[0], ids[1], "two gateways cannot tell that it is one user");
    // What was typed is all that counts; what needs no scope needs no device.
    let mut typed = far(served.port, SECRET);
    typed.may_use_kept = false;
    call(&world, &typed, READ, "health").unwrap();
    call(&world, &far(served.port, SECRET), &[], "health").unwrap();
    assert_eq!(shown(&served)[2..], [(secret.clone(), true), (secret, false)]);
    for entry in fs::read_dir(world.kept("devices")).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_refused_token_is_forgotten_and_the_secret_tried_once() {
    let world = World::new();
    let faults = "--faults=-,AUTH_DEVICE_TOKEN_MISMATCH,-,AUTH_DEVICE_TOKEN_MISMATCH,AUTH_TOKEN_MISMATCH";
    let served = world.served(&["--device-token", "given", faults]);
    let target = far(served.port, SECRET);
    let (secret, token) = (json!({"token": SECRET}), json!({"deviceToken": "given"}));
    call(&world, &target, READ, "health").unwrap();
    call(&world, &target, READ, "health").unwrap();
    assert_eq!(shown(&served), [(secret.clone(), true), (token.clone(), true), (secret.clone(), true)]);
    let error = call(&world, &target, READ, "health").unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Denied, "gateway_auth_refused"));
    assert_eq!(shown(&served)[3..], [(token, true), (secret.clone(), true)]);
    call(&world, &target, READ, "health").unwrap();
    assert_eq!(shown(&served)[5..], [(secret, true)], "it was forgotten");
}

#[test]
fn an_expired_challenge_is_answered_by_one_clean_reconnect() {
    let world = World::new();
    let served = world.served(&["--faults=DEVICE_AUTH_SIGNATURE_EXPIRED"]);
    call(&world, &far(served.port, SECRET), READ, "health").unwrap();
    assert_eq!(shown(&served).len(), 2);
    let expired = "--faults=DEVICE_AUTH_SIGNATURE_EXPIRED,DEVICE_AUTH_SIGNATURE_EXPIRED";
    let served = world.served(&[expired]);
    let error = call(&world, &far(served.port, SECRET), READ, "health").unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Denied, "gateway_auth_refused"));
    assert_eq!(shown(&served).len(), 2);
}

#[test]
fn a_remote_profile_without_a_secret_asks_to_be_paired_with_its_own_key() {
    let world = World::new();
    let served = world.served(&["--faults=PAIRING_REQUIRED", "--device-token", "given"]);
    world.manifest(
        "far",
        &format!("kind = \"remote\"\n[remote]\ntransport = \"direct\"\nurl = \"{}\"", served.url()),
    );
    let status = ["--profile", "far", "gateway", "call", "health", "--json"];
    let refused = world.run(&status).refused(77, "gateway_pairing_required");
    assert_eq!(
        refused["remedy"],
        "within 5 minutes, on the gateway's host: openclaw devices approve request-1"
    );
    // Approved by then.
    world.run(&status).ok();
    world.run(&status).ok();
    assert_eq!(
        shown(&served),
        [(Value::Null, true), (Value::Null, true), (json!({"deviceToken": "given"}), true)]
    );
    let ids: Vec<Value> =
        served.heard("connect").into_iter().map(|params| params["device"]["id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "one key: {ids:?}");
    assert!(world.kept("devices/profile-far.key").exists());
    assert!(!world.state("far").exists(), "nothing lies in the profile's own state");
    let said = world.run(&["--profile", "far", "health", "-v"]).ok();
    assert!(!said.out.contains("given") && !said.err.contains("given"), "{said:?}");
}

#[test]
fn a_removed_profile_takes_its_key_and_tokens_with_it_and_its_name_begins_anew() {
    let world = World::new();
    let served = world.served(&["--device-token", "given"]);
    let manifest = format!("kind = \"remote\"\n[remote]\ntransport = \"direct\"\nurl = \"{}\"", served.url());
    let ask = |name: &str| world.run(&["--profile", name, "gateway", "call", "health", "--json"]).ok();
    for name in ["far", "other"] {
        world.manifest(name, &manifest);
        ask(name);
    }
    let kept = || fs::read_dir(world.kept("devices")).unwrap().count();
    assert_eq!(kept(), 4, "a key and a token each");
    let plan = world.run(&["profile", "rm", "far", "--json"]).ok().json();
    let named = plan["plan"]["delete"].to_string();
    assert!(named.contains("/devices/token-") && named.contains("/devices/profile-far.key"), "{named}");
    assert_eq!(kept(), 4, "only the plan was shown");
    world.run(&["profile", "rm", "far", "--yes"]).ok();
    assert_eq!(kept(), 2);
    assert!(world.kept("devices/profile-other.key").exists());
    world.manifest("far", &manifest);
    ask("far");
    ask("other");
    let connects = served.heard("connect");
    let id = |at: usize| connects[at]["device"]["id"].clone();
    assert_ne!(id(2), id(0), "a new key");
    assert_eq!(shown(&served)[2], (Value::Null, true), "no token of the old one");
    assert_eq!(shown(&served)[3], (json!({"deviceToken": "given"}), true), "the other's is still there");
}

#[test]
fn from_this_host_the_secret_is_enough_and_no_key_is_made() {
    let world = World::new();
    let served = world.served(&["--device-token", "given"]);
    let secret = world.secret();
    let url = served.url();
    world.run(&["gateway", "call", "status", "--json", "--url", &url, "--token-file", &secret]);
    assert_eq!(shown(&served), [(json!({"token": SECRET}), false)]);
    assert!(!world.kept("devices").exists());
}

#[test]
fn the_embedded_gateway_believes_the_signature() {
    let world = World::new();
    let name = world.name("signed");
    let port = world.start(&name)["port"].as_u64().unwrap() as u16;
    let config = fs::read_to_string(world.state(&name).join("openclaw.json")).unwrap();
    let config: Value = json5::from_str(&config).unwrap();
    let token = config["gateway"]["auth"]["token"].as_str().unwrap();
    // In this order: once it was let in, the device has a token of its own, which counts beside a wrong shared one.
    let error = call(&world, &far(port, "another"), READ, "status").unwrap_err();
    assert_eq!(error.kind(), Kind::Denied, "{error}");
    let status = call(&world, &far(port, token), READ, "status").unwrap();
    assert!(status.is_object(), "{status}");
}

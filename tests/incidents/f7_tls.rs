//! F7: with TLS on, every probe still spoke plain and called a healthy gateway dead. The probe goes in by the door that
//! the configuration names and knows the gateway by its own certificate; a door that is another one is a finding with
//! a sentence, and ends nobody. Verification is never off.

use std::fs;

use serde_json::{Value, json};

use super::world::{World, pid};

/// Soon enough to see many rounds.
const OFTEN: &str = "probe_interval = \"100ms\"\nstart_timeout = \"20s\"";

/// Writes the configuration of `name`: with TLS or without.
fn configure(world: &World, name: &str, tls: bool) {
    world.private(&world.state(name));
    let cert = world.path(&format!("{name}.pem"));
    let config = json!({"gateway": {
        "auth": {"token": "a-token-of-this-test-0123456789"}, "tls": {"enabled": tls, "certPath": cert},
    }});
    fs::write(world.state(name).join("openclaw.json"), config.to_string()).unwrap();
}

/// A profile whose gateway runs with `knobs`.
fn running(world: &World, name: &str, tls: bool, knobs: &[&str]) -> Value {
    configure(world, name, tls);
    let starts = format!("@{name}.starts");
    world.fake(name, "", OFTEN, &[&["--starts", &starts][..], knobs].concat());
    world.start(name)
}

/// Waits for a warning with `words`, or for none at all; the gateway is ready and the same all the while.
fn warned(world: &World, name: &str, gateway: u32, words: Option<&str>) {
    let status = world.until(name, &format!("warned: {words:?}"), |status| {
        assert_eq!((&status["state"], pid(status)), (&json!("ready"), gateway), "{status}");
        let warnings = status["warnings"].to_string();
        words.map_or(warnings == "[]", |words| warnings.contains(words))
    });
    assert_eq!(status["restarts"], 0, "{status}");
    assert_eq!(world.lines(&format!("{name}.starts")).len(), 1);
}

fn health(world: &World, name: &str) -> super::world::Said {
    world.run(&["--profile", name, "health", "--json", "--timeout", "5s"])
}

#[test]
fn incident_f7_a_self_signed_gateway_is_ready_by_its_own_certificate_and_no_mismatch_ends_it() {
    let world = World::new();
    let status = running(&world, "work", true, &["--tls", "@work.pem"]);
    assert_eq!(status["state"], "ready", "{status}");
    for layer in ["tcp", "http", "challenge", "hello"] {
        assert_eq!(status["probe"][layer], true, "{layer}: {status}");
    }
    assert!(status["url"].as_str().unwrap().starts_with("wss://"), "{status}");
    let gateway = pid(&status);
    health(&world, "work").ok();
    // Another certificate lies there, as after an exchange that the gateway has not noticed.
    let (file, own) = (world.path("work.pem"), fs::read(world.path("work.pem")).unwrap());
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(&file, other.cert.pem()).unwrap();
    warned(&world, "work", gateway, Some("shows another certificate"));
    health(&world, "work").refused(77, "tls_fingerprint_mismatch");
    fs::remove_file(&file).unwrap();
    warned(&world, "work", gateway, Some("holds no certificate to know it by"));
    health(&world, "work").refused(77, "tls_untrusted");
    fs::write(&file, own).unwrap();
    warned(&world, "work", gateway, None);
    health(&world, "work").ok();
    // The configuration turns it off, and the gateway that runs goes on as it began.
    configure(&world, "work", false);
    warned(&world, "work", gateway, Some("speaks TLS although gateway.tls.enabled is not true"));
    assert_ne!(health(&world, "work").code, Some(0));
    configure(&world, "work", true);
    warned(&world, "work", gateway, None);
}

#[test]
fn incident_f7_an_expired_certificate_of_its_own_and_a_plain_gateway_are_up_too() {
    let world = World::new();
    let expired = running(&world, "old", true, &["--tls", "@old.pem", "--tls-expired"]);
    assert_eq!((&expired["state"], &expired["probe"]["hello"]), (&json!("ready"), &json!(true)), "{expired}");
    health(&world, "old").ok();
    let plain = running(&world, "plain", false, &[]);
    configure(&world, "plain", true);
    warned(&world, "plain", pid(&plain), Some("speaks no TLS although gateway.tls.enabled is true"));
    assert_ne!(health(&world, "plain").code, Some(0));
    configure(&world, "plain", false);
    warned(&world, "plain", pid(&plain), None);
    health(&world, "plain").ok();
}

/// Sets `gateway.tls` of a profile with a gateway of our own.
fn set_tls(world: &World, name: &str, tls: Value) {
    let file = world.state(name).join("openclaw.json");
    let mut config: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    config["gateway"]["tls"] = tls;
    fs::write(file, config.to_string()).unwrap();
}

#[test]
fn incident_f7_the_embedded_gateway_has_tls_of_its_own_and_takes_up_a_renewed_certificate() {
    let world = World::new();
    let name = world.name("own");
    world.run(&["profile", "create", &name, "--runtime", "embedded"]).ok();
    set_tls(&world, &name, json!({ "enabled": true, "keyPath": "/nowhere/key.pem" }));
    let error = world.run(&["--profile", &name, "gateway", "run", "--json"]).refused(78, "tls_invalid");
    assert!(error["message"].as_str().unwrap().contains("gateway.tls.certPath"), "{error}");
    set_tls(&world, &name, json!({ "enabled": true }));
    let status = world.start(&name);
    for layer in ["tcp", "http", "challenge", "hello"] {
        assert_eq!(status["probe"][layer], true, "{layer}: {status}");
    }
    assert!(status["url"].as_str().unwrap().starts_with("wss://"), "{status}");
    health(&world, &name).ok();
    let folder = world.state(&name).join("gateway/tls");
    let new = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.join("gateway-cert.pem"), new.cert.pem()).unwrap();
    fs::write(folder.join("gateway-key.pem"), new.signing_key.serialize_pem()).unwrap();
    health(&world, &name).ok();
    let after = world.show(&name);
    assert_eq!((&after["state"], pid(&after)), (&json!("ready"), pid(&status)), "{after}");
    assert_eq!(after["restarts"], 0, "{after}");
}

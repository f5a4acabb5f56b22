//! F6: each start added entries to what the tailnet is served, `reset` would have wiped the user's own, a handler in
//! the way killed the gateway, and a pair of settings that cannot be crashed in a loop for ten hours. The gateway has
//! exactly its handler, in the foreground, for as long as it lives; what was there before stays byte for byte; and
//! whatever Tailscale says, the gateway itself is up.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::fake::built::built;
use super::look;
use super::world::{Said, World, pid, wait_for};

/// A proxy in the background.
fn proxy(port: u16, target: &str) -> (Value, Value) {
    let web = json!({ "Handlers": { "/": { "Proxy": target } } });
    (json!({ port.to_string(): { "HTTPS": true } }), json!({ format!("host.tail1.ts.net:{port}"): web }))
}

/// What others configured: notes on 443, something of the host's own on 8443.
fn foreign() -> Value {
    let ((mut tcp, mut web), (more_tcp, more_web)) =
        (proxy(443, "http://127.0.0.1:3000"), proxy(8443, "http://127.0.0.1:9090"));
    tcp.as_object_mut().unwrap().extend(more_tcp.as_object().cloned().unwrap());
    web.as_object_mut().unwrap().extend(more_web.as_object().cloned().unwrap());
    json!({ "TCP": tcp, "Web": web })
}

/// Puts the stand-in on PATH.
fn installed(world: &World, mode: &str, config: &Value) {
    let program = world.path("bin").join("tailscale");
    if !program.exists() {
        symlink(built("fake-tailscale"), program).unwrap();
    }
    let state = json!({ "mode": mode, "config": config }).to_string();
    fs::write(world.path("bin").join("tailscale.new"), state).unwrap();
    fs::rename(world.path("bin").join("tailscale.new"), world.path("bin").join("tailscale.json")).unwrap();
}

/// A profile with its own gateway, which wants `mode` of Tailscale.
fn profile(world: &World, name: &str, mode: &str, gateway: &str) -> u16 {
    let port = world.block();
    world.manifest(name, &format!("[runtime]\nkind = \"embedded\"\n[gateway]\nport = {port}\n{gateway}\n"));
    world.private(&world.state(name));
    let config = json!({ "gateway": { "auth": { "token": "a-token-of-this-test-0123456789" },
        "tailscale": { "mode": mode } } });
    fs::write(world.state(name).join("openclaw.json"), config.to_string()).unwrap();
    port
}

/// What is served now, by the stand-in's own word.
fn served(world: &World) -> Value {
    let mut command = Command::new(world.path("bin").join("tailscale"));
    command.args(["serve", "status", "--json"]);
    super::world::said(world.surround(&mut command).spawn().unwrap()).ok().json()
}

/// The sessions in the foreground, and what is served besides.
fn parted(mut served: Value) -> (Vec<Value>, Value) {
    let sessions = served.as_object_mut().unwrap().remove("Foreground");
    let sessions = sessions.and_then(|sessions| sessions.as_object().cloned()).unwrap_or_default();
    (sessions.into_iter().map(|(_, session)| session).collect(), served)
}

/// The one session that a gateway on `port` is to have.
fn session(https: u16, port: u16) -> Value {
    let (tcp, web) = proxy(https, &format!("http://127.0.0.1:{}", port + 3));
    json!({ "TCP": tcp, "Web": web })
}

/// The profile's exposure by `host status`, once it is `state`.
fn exposed(world: &World, name: &str, state: &str) -> Value {
    let mut last = Value::Null;
    wait_for(&format!("{name} to be exposed: {state}"), || {
        let report = world.run(&["host", "status", "--json"]).ok().json();
        let gateways = report["gateways"].as_array().unwrap();
        last = gateways.iter().find(|gateway| gateway["profile"] == name)?["exposure"][0].clone();
        (last["state"] == state).then(|| last.clone())
    })
}

fn health(world: &World, name: &str) -> Said {
    world.run(&["--profile", name, "health", "--json"])
}

/// Asserts that nothing was ever switched off, reset, or put into the background.
fn asserts_modest(world: &World) {
    let log = fs::read_to_string(world.path("bin").join("tailscale.log")).unwrap_or_default();
    for word in ["reset", "off", "--bg", "clear", "drain", "set-config", "set-raw"] {
        assert!(!log.split_whitespace().any(|said| said.starts_with(word)), "{word}: {log}");
    }
}

#[test]
fn incident_f6_twenty_restarts_a_kill_and_another_port_leave_one_handler_and_the_foreign_ones_alone() {
    let world = World::new();
    installed(&world, "ok", &foreign());
    let file = world.path("bin").join("tailscale.json");
    let before = fs::read(&file).unwrap();
    let port = profile(&world, "work", "serve", "tailnet_port = 10000");
    world.start("work");
    let only_ours = |port: u16| {
        let exposure = exposed(&world, "work", "up");
        assert_eq!(exposure["url"], "https://host.tail1.ts.net:10000/", "{exposure}");
        let (sessions, besides) = parted(served(&world));
        assert_eq!(sessions, [session(10000, port)]);
        assert_eq!(besides, foreign());
        assert_eq!(fs::read(&file).unwrap(), before, "byte for byte");
    };
    only_ours(port);
    for _ in 0..20 {
        world.run(&["profile", "restart", "work"]).ok();
        only_ours(port);
    }
    let gateway = pid(&world.show("work"));
    look::signal(gateway, Signal::SIGKILL);
    world.until("work", "another process", |status| status["state"] == "ready" && status["pid"] != gateway);
    only_ours(port);
    let other = profile(&world, "work", "serve", "tailnet_port = 10000");
    world.run(&["profile", "restart", "work"]).ok();
    only_ours(other);
    assert!(world.run(&["host", "status"]).ok().out.contains("tailnet serve"));
    world.run(&["profile", "stop", "work"]).ok();
    assert_eq!(parted(served(&world)), (vec![], foreign()), "nothing is left of it");
    assert!(!world.state("work").join("exposure.json").exists());
    asserts_modest(&world);
}

#[test]
fn incident_f6_beside_a_foreign_handler_the_gateway_runs_and_says_which_port_is_free() {
    let world = World::new();
    installed(&world, "ok", &foreign());
    profile(&world, "work", "serve", "");
    world.start("work");
    let wrong = exposed(&world, "work", "failed")["error"].clone();
    assert_eq!(wrong["code"], "tailnet_port_taken", "{wrong}");
    assert!(wrong["message"].as_str().unwrap().contains("/ -> proxy http://127.0.0.1:3000"), "{wrong}");
    assert!(wrong["remedy"].as_str().unwrap().contains("tailnet_port = 10000"), "{wrong}");
    health(&world, "work").ok();
    assert_eq!(parted(served(&world)), (vec![], foreign()));
    // A foreground session of somebody's is as foreign.
    let mut command = Command::new(world.path("bin").join("tailscale"));
    command.args(["serve", "--https=10000", "http://127.0.0.1:5000"]);
    let mut theirs = world.surround(&mut command).spawn().unwrap();
    wait_for("their session", || (parted(served(&world)).0.len() == 1).then_some(()));
    profile(&world, "work", "serve", "tailnet_port = 10000");
    world.run(&["profile", "restart", "work"]).ok();
    let wrong = exposed(&world, "work", "failed")["error"].clone();
    assert!(wrong["message"].as_str().unwrap().contains("foreground session"), "{wrong}");
    // And once they are gone the port is had, by itself.
    theirs.kill().unwrap();
    theirs.wait().unwrap();
    exposed(&world, "work", "up");
    asserts_modest(&world);
}

#[test]
fn incident_f6_whatever_tailscale_says_the_gateway_is_up_and_the_exposure_heals() {
    let world = World::new();
    let port = profile(&world, "work", "serve", "");
    let gateway = pid(&world.start("work"));
    for (mode, code) in [
        ("", "tailscale_missing"),
        ("needs-login", "tailscale_not_up"),
        ("denied", "tailscale_denied"),
        ("old", "tailscale_too_old"),
    ] {
        if !mode.is_empty() {
            installed(&world, mode, &json!({}));
        }
        wait_for(&format!("{code} to be told"), || {
            let wrong = exposed(&world, "work", "failed")["error"].clone();
            assert!(!wrong["remedy"].as_str().unwrap().is_empty(), "{wrong}");
            (wrong["code"] == code).then_some(())
        });
        health(&world, "work").ok();
        assert_eq!(pid(&world.show("work")), gateway, "{mode}");
    }
    // By now it waits for long: who mends something restarts the gateway, or waits.
    installed(&world, "raced", &json!({ "TCP": {} }));
    world.run(&["profile", "restart", "work"]).ok();
    exposed(&world, "work", "up");
    let (sessions, besides) = parted(served(&world));
    assert_eq!(sessions, [session(443, port)]);
    assert!(besides["TCP"]["5432"].is_object(), "what the other program wrote stays: {besides}");
    asserts_modest(&world);
}

#[test]
fn incident_f6_two_profiles_have_a_port_each_and_one_port_is_refused_before_anything_runs() {
    let world = World::new();
    installed(&world, "ok", &json!({}));
    let (one, two) = (profile(&world, "one", "serve", ""), profile(&world, "two", "serve", ""));
    let refused = world.run(&["profile", "start", "two", "--json"]).refused(78, "tailnet_port_shared");
    assert!(refused["remedy"].as_str().unwrap().contains("tailnet_port = 8443"), "{refused}");
    assert!(world.running("gateway run").is_empty());
    assert_eq!(world.run(&["profile", "check"]).code, Some(4));
    let manifest = format!("[runtime]\nkind = \"embedded\"\n[gateway]\nport = {two}\ntailnet_port = 8443\n");
    world.manifest("two", &format!("{manifest}tailnet_path = \"/two\"\n"));
    world.run(&["profile", "check"]).ok();
    world.start("one");
    world.start("two");
    exposed(&world, "one", "up");
    assert_eq!(exposed(&world, "two", "up")["url"], "https://host.tail1.ts.net:8443/two");
    let (sessions, _) = parted(served(&world));
    assert!(sessions.contains(&session(443, one)) && sessions.len() == 2, "{sessions:?}");
    asserts_modest(&world);
}

#[test]
fn incident_f6_settings_that_cannot_be_together_are_refused_before_anything_runs() {
    let world = World::new();
    installed(&world, "ok", &json!({}));
    profile(&world, "lan", "serve", "bind = \"lan\"");
    profile(&world, "open", "funnel", "");
    for (name, code) in [("lan", "tailscale_bind_conflict"), ("open", "funnel_needs_password")] {
        let checked = world.run(&["profile", "check", name, "--json"]);
        assert_eq!(checked.code, Some(4), "{checked:?}");
        assert!(checked.out.contains(code), "{checked:?}");
        let refused = world.run(&["profile", "start", name, "--json"]).refused(78, code);
        assert!(refused["remedy"].as_str().unwrap().contains("openclaw.json"), "{refused}");
        let foreground = world.run(&["--profile", name, "gateway", "run", "--json"]);
        foreground.refused(78, code);
    }
    assert!(world.running("gateway run").is_empty());
    assert!(!world.path("bin").join("tailscale.log").exists(), "Tailscale was never asked");
}

#[test]
fn incident_f6_a_funnel_with_a_password_is_told_as_one() {
    let world = World::new();
    installed(&world, "ok", &json!({}));
    profile(&world, "open", "funnel", "tailnet_port = 8443");
    let config = json!({ "gateway": { "auth": { "mode": "password", "password": "a-password-of-this-test-01234" },
        "tailscale": { "mode": "funnel" } } });
    fs::write(world.state("open").join("openclaw.json"), config.to_string()).unwrap();
    world.start("open");
    let exposure = exposed(&world, "open", "up");
    assert_eq!(exposure["kind"], "funnel", "{exposure}");
    let (sessions, _) = parted(served(&world));
    assert_eq!(sessions[0]["AllowFunnel"], json!({ "host.tail1.ts.net:8443": true }));
    asserts_modest(&world);
}

//! Where a verb looks when it is told: a typed URL for which no file is read, another port, and every way at once.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::fake::FAKE;
use super::recorded::{ANSWERS, VERBS, recorded, words};
use super::world::{Said, World};

/// A world whose profile `work` runs the recorded gateway, its URL and a file with a token for it.
fn with_token() -> (World, u16, PathBuf) {
    let world = recorded(&[]);
    let port = world.show("work")["port"].as_u64().unwrap() as u16;
    let token = world.path("token");
    std::fs::write(&token, "a-token-of-this-test-0123456789").unwrap();
    (world, port, token)
}

/// Runs a verb with `--url` alone, in a home whose files nobody could read.
fn typed(world: &World, verb: &str, port: u16, token: &std::path::Path) -> Said {
    let url = format!("ws://127.0.0.1:{port}");
    let more = ["--json", "--url", &url, "--token-file", token.to_str().unwrap()];
    world.run(&verb.split(' ').chain(more).collect::<Vec<_>>())
}

#[test]
fn with_a_url_every_verb_shows_that_place_and_reads_no_profile() {
    let (world, port, token) = with_token();
    // The default profile is the one that would be meant; what cannot be parsed would be told.
    world.private(&world.home(".openclaw"));
    std::fs::write(world.home(".openclaw/openclaw.json"), "{ broken").unwrap();
    world.manifest("default", "broken = [");
    let url = format!("ws://127.0.0.1:{port}");
    for (verb, _) in VERBS.iter().chain(&[("dashboard --no-open", &[][..])]) {
        let document = typed(&world, verb, port, &token).ok().json();
        match *verb {
            "status" | "status --deep" => {
                assert_eq!(document["gateway"]["url"], url, "{document}");
                assert_eq!(document["gateway"]["urlSource"], "cli --url", "{document}");
                assert_eq!((&document["profile"], &document["gatewayService"]), (&Value::Null, &Value::Null));
            }
            "gateway status" | "gateway status --require-rpc" => {
                assert_eq!(document["gateway"]["probeUrl"], url, "{document}");
                assert_eq!((&document["rpc"]["ok"], &document["config"]), (&json!(true), &Value::Null));
            }
            "gateway probe" => {
                assert_eq!(document["targets"].as_array().unwrap().len(), 1, "{document}");
                assert_eq!(document["targets"][0]["kind"], "explicit", "{document}");
                assert_eq!(document["primaryTargetId"], "explicit", "{document}");
            }
            "dashboard --no-open" => assert_eq!(document["url"], format!("http://127.0.0.1:{port}/")),
            _ => {}
        }
    }
    for verb in ["status", "gateway status", "gateway probe", "dashboard"] {
        let words: Vec<&str> = verb.split(' ').chain(["--json", "--url", &url]).collect();
        world.run(&words).refused(2, "gateway_credentials_required");
    }
}

#[test]
fn every_verb_that_asks_takes_another_port() {
    let (world, port, _) = with_token();
    let port = port.to_string();
    // Its own port is a dead one now: only who takes the other one gets an answer.
    let manifest = world.home(".config/openclaw/profiles/work.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(manifest, text.replace(&format!("port = {port}"), &format!("port = {}", world.block())))
        .unwrap();
    for (verb, _) in VERBS.iter().chain(&[("dashboard --no-open", &[][..]), ("logs", &[])]) {
        let without = world.run(&words(verb, &["--json"]));
        assert_ne!(without.code, Some(0), "{verb}: {without:?}");
        world.run(&words(verb, &["--json", "--port", &port])).ok();
    }
    let both = world
        .run(&words("status", &["--json", "--port", &port, "--url", "ws://127.0.0.1:1", "--token", "x"]));
    both.refused(2, "url_and_port");
}

/// A gateway beside the profile's own, which is ended with its owner.
struct Beside(std::process::Child, u16);

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Beside {
    fn new(world: &World, identity: &str) -> Beside {
        let port = world.block();
        let answers = world.path(&format!("{identity}.json"));
        std::fs::write(&answers, ANSWERS).unwrap();
        let mut command = std::process::Command::new(&*FAKE);
        let child = world
            .surround(&mut command)
            .args(["--port", &port.to_string(), "--boot-id", identity, "--answers"])
            .arg(&answers)
            .spawn()
            .unwrap();
        let ready = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(());
        super::world::wait_for("the gateway beside", ready);
        Beside(child, port)
    }
}

#[test]
fn a_probe_tries_every_way_and_counts_each_gateway_once() {
    let world = World::new();
    std::fs::write(world.path("answers.json"), ANSWERS).unwrap();
    world.fake("work", "", "", &["--answers", "@answers.json", "--boot-id", "one", "--record", "@frames"]);
    world.run(&["profile", "start", "work"]).ok();
    let (same, other) = (Beside::new(&world, "one"), Beside::new(&world, "two"));
    let config = |port: u16| {
        let text = json!({"gateway": {
            "auth": {"token": "the-local-one-0123456789"},
            "remote": {"url": format!("ws://127.0.0.1:{port}"), "token": "the-remote-one-0123456789"},
        }});
        std::fs::create_dir_all(world.state("work")).unwrap();
        std::fs::write(world.state("work").join("openclaw.json"), text.to_string()).unwrap();
    };
    let probe = |more: &[&str]| world.run(&words("gateway probe", &[&["--json"], more].concat()));
    let codes = |document: &Value| {
        let warnings = document["warnings"].as_array().unwrap().iter();
        warnings.map(|warning| warning["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let kinds = |document: &Value| {
        let targets = document["targets"].as_array().unwrap().iter();
        targets.map(|target| target["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    config(same.1);
    let document = probe(&[]).ok().json();
    assert_eq!(kinds(&document), ["localLoopback", "configRemote"], "{document}");
    assert_eq!(codes(&document), [""; 0], "one gateway over two ways: {document}");
    config(other.1);
    let document = probe(&[]).ok().json();
    assert_eq!(codes(&document), ["multiple_gateways"], "{document}");
    assert_eq!(document["warnings"][0]["targetIds"], json!(["localLoopback", "configRemote"]));
    assert_eq!(document["targets"][1]["active"], false, "{document}");
    let frames = world.lines("frames").concat();
    assert!(frames.contains("the-local-one") && !frames.contains("the-remote-one"), "each gets its own");
    let url = format!("ws://127.0.0.1:{}", same.1);
    let token = world.path("token");
    std::fs::write(&token, "the-typed-one-0123456789").unwrap();
    let document = probe(&["--url", &url, "--token-file", token.to_str().unwrap()]).ok().json();
    assert_eq!(kinds(&document), ["explicit", "configRemote", "localLoopback"], "{document}");
    assert!(
        !world.lines("frames").concat().contains("the-typed-one"),
        "what was typed goes to the URL alone"
    );
    // The exit code is that of the gateway which the other verbs ask.
    world.run(&["profile", "stop", "work"]).ok();
    let said = probe(&[]);
    assert_eq!(said.code, Some(3), "{said:?}");
    let document = said.json();
    assert_eq!((&document["ok"], &document["degraded"]), (&json!(false), &json!(true)), "{document}");
    assert_eq!(document["primaryTargetId"], "configRemote", "{document}");
}

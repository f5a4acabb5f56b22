//! Where credentials go: a listener that records every byte, URLs that were typed or inherited, and certificates
//! (INCIDENTS F1, H3, invariant I8).

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use openclaw_supervisor::base::Pin;

use super::tls;
use super::world::World;

const CANARY: &str = "canary-5ecret-of-this-host";

/// A listener that nobody may even connect to.
fn silent() -> (std::net::TcpListener, u16) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[test]
fn a_url_without_credentials_of_its_own_is_refused_before_anybody_is_called() {
    let world = World::new();
    let (listener, port) = silent();
    let config = world.home(".openclaw");
    world.private(&config);
    let text = format!("{{gateway: {{auth: {{token: '{CANARY}'}}, remote: {{token: '{CANARY}'}}}}}}");
    fs::write(config.join("openclaw.json"), text).unwrap();
    for verb in [&["health"][..], &["gateway", "health"], &["gateway", "call", "status"]] {
        for host in
            ["127.0.0.1", "localhost", "localhost.", "127.evil.test", "[::ffff:127.0.0.1]", "a:b@127.0.0.1"]
        {
            let url = format!("ws://{host}:{port}");
            let mut command = world.command(&[verb, &["--json", "--url", &url]].concat());
            command.env("OPENCLAW_GATEWAY_TOKEN", CANARY).env("OPENCLAW_GATEWAY_PASSWORD", CANARY);
            let said = super::world::said(command.spawn().unwrap());
            assert_eq!(said.json()["ok"], false, "{said:?}");
            assert!(!said.out.contains(CANARY) && !said.err.contains(CANARY), "{said:?}");
        }
        let mut command = world.command(&[verb, &["--json"]].concat());
        command.env("OPENCLAW_GATEWAY_URL", format!("ws://127.0.0.1:{port}"));
        super::world::said(command.spawn().unwrap()).refused(2, "gateway_credentials_required");
    }
    assert!(listener.accept().is_err(), "somebody connected");
}

/// A certificate for 127.0.0.1 in front of the gateway on `port`; its port, its pin, and how many bytes came through.
fn wrapped(port: u16) -> (u16, Pin, Arc<AtomicUsize>) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let pin = Pin::of(made.cert.der());
    let (own, through) = tls::front(vec![made.cert.der().clone()], &made.signing_key, port);
    (own, pin, through)
}

#[test]
fn a_pinned_certificate_is_checked_before_the_first_frame() {
    let world = World::new();
    let name = world.name("tls");
    let status = world.start(&name);
    let config = fs::read_to_string(world.state(&name).join("openclaw.json")).unwrap();
    let config: serde_json::Value = json5::from_str(&config).unwrap();
    let token = world.path("token");
    fs::write(&token, config["gateway"]["auth"]["token"].as_str().unwrap()).unwrap();
    let (port, pin, through) = wrapped(status["port"].as_u64().unwrap() as u16);
    let url = format!("wss://127.0.0.1:{port}");
    let ask = |pins: &[&str]| {
        let given = ["health", "--json", "--url", &url, "--token-file", token.to_str().unwrap()];
        world.run(&[&given[..], pins].concat())
    };
    let other = Pin::of(b"another certificate").to_string();
    let refused = ask(&["--tls-fingerprint", &other]).refused(77, "tls_fingerprint_mismatch");
    let message = refused["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains(&pin.to_string()) && message.contains(&other), "{refused}");
    ask(&[]).refused(77, "tls_untrusted");
    assert_eq!(through.load(Ordering::SeqCst), 0, "nothing passed the handshake");
    assert_eq!(ask(&["--tls-fingerprint", &pin.to_string()]).ok().json()["ok"], true);
    let both = format!("{other},{pin}");
    assert_eq!(ask(&["--tls-fingerprint", &both]).ok().json()["ok"], true);
    world.run(&["profile", "stop", &name]).ok();
}

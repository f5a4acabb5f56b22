//! Nodes over a link: the real program's own node reaches the real gateway through the near end of a tunnel and of a
//! forwarder, works there, and what the gateway has to tell it arrives.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;

use super::direct::pin;
use super::look;
use super::npm;
use super::server::Pair;
use super::tls::front;
use super::world::said_within;

/// Longest time that the real program may take for anything, on a machine that is busy with other tests.
const LONG: Duration = Duration::from_secs(120);

/// The real program, with a real gateway on the far side.
struct Real {
    pair: Pair,
    port: u16,
}

impl Real {
    fn new() -> Real {
        let pair = Pair::new();
        let name = pair.far.name("real");
        for words in
            [&["profile", "create", &name, "--runtime", "openclaw"][..], &["profile", "start", &name]]
        {
            let mut command = pair.far.command(words);
            let child = command.env("PATH", npm::path()).spawn().unwrap();
            said_within(child, LONG).ok();
        }
        let port = pair.far.show(&name)["port"].as_u64().unwrap() as u16;
        let text = fs::read_to_string(pair.far.state(&name).join("openclaw.json")).unwrap();
        let config: Value = json5::from_str(&text).unwrap();
        fs::write(pair.file("token"), config["gateway"]["auth"]["token"].as_str().unwrap()).unwrap();
        Real { pair, port }
    }

    /// Asks the gateway through the link of `name`.
    fn ask(&self, name: &str, words: &[&str]) -> super::world::Said {
        let all = [&["--profile", name, "--timeout", "60s"][..], words].concat();
        said_within(self.pair.near.spawn(&all), LONG)
    }

    /// Runs the real program's node called `called`, which knows nothing but `port` of this host.
    fn node(&self, called: &str, port: u16) -> Child {
        let mut command = Command::new(npm::bin().join("openclaw"));
        self.pair.near.surround(&mut command);
        let token = fs::read_to_string(self.pair.file("token")).unwrap();
        command
            .args([
                "node",
                "run",
                "--host",
                "127.0.0.1",
                "--port",
                &port.to_string(),
                "--display-name",
                called,
            ])
            .env("PATH", npm::path())
            .env("OPENCLAW_STATE_DIR", self.pair.file(called))
            .env("OPENCLAW_GATEWAY_TOKEN", token.trim())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// The official client, connected to `port` of this host, and what it is told.
    fn events(&self, port: u16) -> Events {
        let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/events.mjs");
        let mut child = Command::new(npm::node())
            .arg(script)
            .arg(port.to_string())
            .env("OPENCLAW_TEST_NPM", npm::folder())
            .stdin(fs::File::open(self.pair.file("token")).unwrap())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let (sender, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        let mut events = Events { child, lines };
        events.until(|line| line.get("hello").is_some());
        events
    }

    /// Lets the node in that runs behind the link of `name`, and has it do something.
    fn use_node(&self, name: &str, called: &str) {
        let deadline = Instant::now() + LONG;
        let request = loop {
            let waiting = self.ask(name, &["nodes", "pending", "--json"]).ok().json();
            if let Some(request) = waiting[0]["requestId"].as_str() {
                break request.to_owned();
            }
            assert!(Instant::now() < deadline, "{called} does not ask: {waiting}");
        };
        self.ask(name, &["nodes", "approve", &request]).ok();
        let invoke = ["nodes", "invoke", "--node", called, "--command", "system.which", "--json"];
        let deadline = Instant::now() + LONG;
        loop {
            let said = self.ask(name, &[&invoke[..], &["--params", r#"{"bins":["sh"]}"#]].concat());
            if said.code == Some(0) {
                assert!(said.out.contains("/sh"), "{said:?}");
                return;
            }
            // It connects anew once it is let in.
            assert!(Instant::now() < deadline, "{said:?}");
        }
    }
}

/// What a client is told, line by line; it ends with this value.
struct Events {
    child: Child,
    lines: std::sync::mpsc::Receiver<Value>,
}

impl Events {
    /// The first line from here on that is `wanted`.
    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + LONG;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).expect("it is told");
            if wanted(&line) {
                return line;
            }
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn real_gateway_takes_nodes_over_a_tunnel_and_over_a_forwarder() {
    let real = Real::new();
    let (tunnel, direct) = (real.pair.name("tunnel"), real.pair.name("direct"));
    let (target, identity, token) = (real.pair.target(), real.pair.text("user"), real.pair.text("token"));
    let port = real.port.to_string();
    let create = ["profile", "create", &tunnel, "--remote", &target, "--remote-port", &port];
    real.pair.near.run(&[&create[..], &["--identity", &identity, "--token-file", &token]].concat()).ok();
    let near = real.pair.near.start(&tunnel)["port"].as_u64().unwrap() as u16;
    // The real program's own words go the same way, by the configuration that was written for it; not each of its
    // commands reads the file of the token, so that is exported as its message says.
    let secret = fs::read_to_string(real.pair.file("token")).unwrap();
    let mut theirs = real.pair.near.command(&["--profile", &tunnel, "system", "presence", "--json"]);
    theirs.env("OPENCLAW_PROFILE", &tunnel).env("OPENCLAW_GATEWAY_TOKEN", secret.trim());
    let theirs = theirs.env("PATH", npm::path()).spawn().unwrap();
    let presence = said_within(theirs, LONG).ok();
    assert!(presence.out.contains("\"mode\""), "{presence:?}");
    let mut desk = real.node("Desk", near);
    real.use_node(&tunnel, "Desk");
    // What wakes the assistant by voice is told to whoever is connected, over the link as anywhere, and kept.
    let mut events = real.events(near);
    let words = r#"{"triggers":["computer"]}"#;
    real.ask(&tunnel, &["gateway", "call", "voicewake.set", "--params", words]).ok();
    let kept = real.ask(&tunnel, &["gateway", "call", "voicewake.get", "--json"]).ok().json();
    assert_eq!(kept["triggers"][0], "computer", "{kept}");
    let told = events.until(|line| line["event"] == "voicewake.changed");
    assert_eq!(told["payload"]["triggers"][0], "computer", "{told}");
    look::signal(desk.id(), Signal::SIGTERM);
    desk.wait().unwrap();

    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["gateway.test".into()]).unwrap().self_signed(&key).unwrap();
    let (tls, _) = front(vec![certificate.der().clone()], &key, real.port);
    let (url, pin) = (format!("wss://127.0.0.1:{tls}"), pin(certificate.der()));
    let create = ["profile", "create", &direct, "--remote", &url, "--tls-fingerprint", &pin];
    real.pair.near.run(&[&create[..], &["--token-file", &token]].concat()).ok();
    let near = real.pair.near.start(&direct)["port"].as_u64().unwrap() as u16;
    let mut lap = real.node("Lap", near);
    real.use_node(&direct, "Lap");
    look::signal(lap.id(), Signal::SIGTERM);
    lap.wait().unwrap();
}

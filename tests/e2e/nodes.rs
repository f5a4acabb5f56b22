//! Nodes of the embedded gateway: this program's own and the real one's join it, are let in and do what they are asked.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::world::{World, said, wait_for};
use super::{look, npm};

/// Longest time that the real program may take to start, on a machine that is busy with other tests.
const LONG: Duration = Duration::from_secs(120);

/// A node that runs; it ends with this value.
struct Node(Option<Child>);

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(child) = self.0.take() {
            look::signal(child.id(), Signal::SIGTERM);
            said(child);
        }
    }
}

struct Gateway {
    world: World,
    name: String,
}

impl Gateway {
    fn start() -> Gateway {
        let world = World::new();
        let name = world.name("work");
        world.run(&["profile", "create", &name, "--runtime", "embedded"]).ok();
        world.start(&name);
        Gateway { world, name }
    }

    fn ask(&self, words: &[&str]) -> super::world::Said {
        self.world.run(&[&["--profile", &self.name, "--json"], words].concat())
    }

    /// Lets the one node in that waits, as soon as it does.
    fn let_in(&self) {
        let deadline = Instant::now() + LONG;
        let request = loop {
            let waiting = self.ask(&["nodes", "pending"]).ok().json();
            if let Some(request) = waiting[0]["requestId"].as_str() {
                break request.to_owned();
            }
            assert!(Instant::now() < deadline, "no node asks: {waiting}");
        };
        self.ask(&["nodes", "approve", &request]).ok();
    }

    fn call(&self, method: &str, params: &Value) -> super::world::Said {
        self.ask(&["gateway", "call", method, "--params", &params.to_string()])
    }

    /// Has the agent run `words` on the node, and decides once it asks; what the agent says.
    fn decided(&self, words: &str, decision: &str) -> super::world::Said {
        let message = format!("/node run Desk system.run {words}");
        let child = self.world.spawn(&["--profile", &self.name, "agent", "-m", &message]);
        let asked = wait_for("a question", || {
            self.call("exec.approval.list", &json!({})).ok().json().get(0).cloned()
        });
        let answer = json!({"id": asked["id"], "decision": decision});
        self.call("exec.approval.resolve", &answer).ok();
        said(child)
    }

    fn invoke(&self, command: &str, params: &Value) -> super::world::Said {
        let params = params.to_string();
        self.ask(&["nodes", "invoke", "--node", "Desk", "--command", command, "--params", &params])
    }
}

#[test]
fn our_own_node_is_let_in_and_runs_what_its_owner_lists_and_nothing_else() {
    let gateway = Gateway::start();
    let words = ["--profile", &gateway.name, "node", "run", "--display-name", "Desk"];
    let _node = Node(Some(gateway.world.spawn(&words)));
    gateway.let_in();
    let found = gateway.invoke("system.which", &json!({"bins": ["sh", "no-such-program"]})).ok().json();
    assert_eq!(found["payload"]["bins"].as_object().unwrap().len(), 1, "{found}");
    let echo = json!({"command": ["/bin/echo", "hi"]});
    let refused = gateway.invoke("system.run", &echo);
    assert!(refused.code != Some(0) && refused.out.contains("SYSTEM_RUN_DENIED"), "{refused:?}");
    let rules = gateway.world.state(&gateway.name).join("node-exec.json");
    fs::write(&rules, r#"{"allow": [["/bin/echo", "*"], ["/bin/sh", "-c", "sleep 1000"]]}"#).unwrap();
    fs::set_permissions(&rules, fs::Permissions::from_mode(0o666)).unwrap();
    let open = gateway.invoke("system.run", &echo);
    assert!(open.out.contains("chmod 600"), "{open:?}");
    fs::set_permissions(&rules, fs::Permissions::from_mode(0o600)).unwrap();
    let ran = gateway.invoke("system.run", &echo).ok().json();
    assert_eq!(
        (&ran["payload"]["stdout"], &ran["payload"]["success"]),
        (&json!("hi\n"), &json!(true)),
        "{ran}"
    );
    let preloaded = json!({"command": ["/bin/echo"], "env": {"LD_PRELOAD": "/x.so"}});
    assert!(gateway.invoke("system.run", &preloaded).out.contains("LD_PRELOAD"));
    let slow = json!({"command": ["/bin/sh", "-c", "sleep 1000"], "timeoutMs": 100});
    let slow = gateway.invoke("system.run", &slow).ok().json();
    assert_eq!(slow["payload"]["timedOut"], true, "{slow}");
}

#[test]
fn our_own_node_runs_what_somebody_approved_where_its_owner_lets_them_be_asked() {
    let gateway = Gateway::start();
    let words = ["--profile", &gateway.name, "node", "run", "--display-name", "Desk"];
    let _node = Node(Some(gateway.world.spawn(&words)));
    gateway.let_in();
    let rules = gateway.world.state(&gateway.name).join("node-exec.json");
    let write = |text: &str| {
        fs::write(&rules, text).unwrap();
        fs::set_permissions(&rules, fs::Permissions::from_mode(0o600)).unwrap();
    };
    let bare = json!({"command": ["echo", "hi"]});
    let missed = gateway.invoke("system.run", &bare);
    assert!(missed.out.contains("allowlist miss"), "nobody may be asked yet: {missed:?}");
    write(r#"{"ask": "on-miss"}"#);
    assert!(gateway.invoke("system.run", &bare).out.contains("SYSTEM_RUN_DENIED: approval required"));
    let prepared = gateway.invoke("system.run.prepare", &bare).ok().json()["payload"].clone();
    let program = prepared["plan"]["argv"][0].as_str().unwrap().to_owned();
    assert!(program.starts_with('/') && prepared["execPolicy"]["ask"] == "on-miss", "{prepared}");
    let denied = gateway.decided("echo hi", "deny");
    assert!(denied.code != Some(0) && denied.err.contains("denied"), "{denied:?}");
    let once = gateway.decided("echo hi", "allow-once").ok();
    assert!(once.out.contains("hi"), "{once:?}");
    // Once is once.
    assert!(gateway.invoke("system.run", &bare).out.contains("approval required"));
    write(r#"{"ask": "on-miss", "allowAlways": true}"#);
    gateway.decided("echo hi", "allow-always").ok();
    let kept: Value = serde_json::from_str(&fs::read_to_string(&rules).unwrap()).unwrap();
    assert_eq!(kept, json!({"ask": "on-miss", "allowAlways": true, "allow": [[program, "hi"]]}));
    assert_eq!(fs::metadata(&rules).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(gateway.invoke("system.run", &bare).ok().json()["payload"]["stdout"], "hi\n");
    let other = gateway.invoke("system.run", &json!({"command": ["echo", "ho"]}));
    assert!(other.out.contains("approval required"), "{other:?}");
    // A gateway's word opens nothing that the owner has closed.
    write(r#"{"ask": "on-miss", "security": "deny"}"#);
    assert!(gateway.invoke("system.run", &bare).out.contains("SYSTEM_RUN_DISABLED"));
}

/// The real program's node, with this configuration of its own.
fn real_node(gateway: &Gateway, own: &Value) -> Node {
    let shown = gateway.world.show(&gateway.name);
    let text = fs::read_to_string(gateway.world.state(&gateway.name).join("openclaw.json")).unwrap();
    let config: Value = json5::from_str(&text).unwrap();
    let folder = gateway.world.path("real-node");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("openclaw.json"), own.to_string()).unwrap();
    let mut command = Command::new(npm::bin().join("openclaw"));
    gateway.world.surround(&mut command);
    command
        .args(["node", "run", "--host", "127.0.0.1", "--port", &shown["port"].to_string()])
        .args(["--display-name", "Desk"])
        .env("PATH", npm::path())
        .env("OPENCLAW_STATE_DIR", &folder)
        .env("OPENCLAW_GATEWAY_TOKEN", config["gateway"]["auth"]["token"].as_str().unwrap())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    Node(Some(command.spawn().unwrap()))
}

#[test]
fn real_node_joins_the_embedded_gateway_and_runs_a_command() {
    let gateway = Gateway::start();
    let _node = real_node(&gateway, &json!({}));
    gateway.let_in();
    let ran = gateway.invoke("system.run", &json!({"command": ["/bin/echo", "hi"]})).ok().json();
    assert_eq!(ran["payload"]["stdout"], "hi\n", "{ran}");
}

#[test]
fn real_node_runs_what_somebody_approved_at_the_embedded_gateway() {
    let gateway = Gateway::start();
    let asks = json!({"tools": {"exec": {"security": "allowlist", "ask": "on-miss"}}});
    let _node = real_node(&gateway, &asks);
    gateway.let_in();
    let bare = json!({"command": ["/bin/echo", "hi there"]});
    let refused = gateway.invoke("system.run", &bare);
    assert!(refused.out.contains("SYSTEM_RUN_DENIED: approval required"), "{refused:?}");
    let denied = gateway.decided("/bin/echo hi", "deny");
    assert!(denied.code != Some(0) && denied.err.contains("denied"), "{denied:?}");
    let once = gateway.decided("/bin/echo hi", "allow-once").ok();
    assert!(once.out.contains("hi"), "{once:?}");
    assert!(gateway.invoke("system.run", &bare).out.contains("approval required"), "once is once");
}

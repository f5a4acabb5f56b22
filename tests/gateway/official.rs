//! The official client through its whole life against this gateway: refused until its device is paired, calls, events,
//! a token taken away, the end of the gateway and the next one at the same port.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::harness::{Gateway, TOKEN, within};
use super::npm;
use super::provider::{Provider, Scene};

/// Node takes seconds to begin on a busy machine.
const DEADLINE: std::time::Duration = std::time::Duration::from_secs(60);

/// The client in its own process; it ends with this value.
struct Official {
    node: Child,
    told: UnboundedReceiver<Value>,
}

impl Official {
    /// One that lives as a script of `tests/real` says.
    fn begin(script: &str, port: u16) -> Self {
        let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real").join(script);
        let mut node = Command::new(npm::node())
            .arg(script)
            .arg(port.to_string())
            .env("OPENCLAW_TEST_NPM", npm::folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        node.stdin.take().unwrap().write_all(TOKEN.as_bytes()).unwrap();
        let (tell, told) = unbounded_channel();
        let lines = BufReader::new(node.stdout.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = tell.send(serde_json::from_str(&line).unwrap());
            }
        });
        Official { node, told }
    }

    /// The next thing that has `key`; nothing once the client has ended.
    async fn next(&mut self, key: &str) -> Value {
        let found = async {
            loop {
                match self.told.recv().await {
                    Some(line) if line[key].is_null() => {}
                    found => return found.unwrap_or_default()[key].clone(),
                }
            }
        };
        tokio::time::timeout(DEADLINE, found).await.unwrap_or_else(|_| panic!("no {key} in time"))
    }
}

impl Drop for Official {
    fn drop(&mut self) {
        let _ = self.node.kill();
        let _ = self.node.wait();
    }
}

#[tokio::test]
async fn real_official_client_lives_its_whole_life() {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("gateway.sqlite");
    let mut first = Gateway::with(|options| {
        options.embedded.nodes.auto_approve_local = false;
        options.store = store.clone();
    })
    .await;
    let mut client = Official::begin("life.mjs", first.port);

    let refused = client.next("refused").await;
    assert!(refused.as_str().unwrap().starts_with("device pairing required (requestId: "), "{refused}");
    assert_eq!(client.next("paused").await, "PAIRING_REQUIRED");
    let (mut owner, _) = first.connected(&["operator.admin"]).await;
    let waiting = owner.call("device.pair.list", json!({})).await["payload"]["pending"][0].clone();
    let request = json!({ "requestId": waiting["requestId"] });
    let approved = owner.call("device.pair.approve", request).await;
    assert_eq!(approved["ok"], true, "{approved}");
    let id = approved["payload"]["device"]["deviceId"].clone();

    assert_eq!(client.next("kept").await, "operator");
    assert_eq!(client.next("hello").await["auth"]["scopes"], json!(["operator.read"]));
    let called = json!([true, "string", "missing scope: operator.pairing"]);
    assert_eq!(client.next("called").await, called);

    // Its token is replaced: it is thrown out, comes back by itself and is told the new one.
    let rotated = owner.call("device.token.rotate", json!({"deviceId": id, "role": "operator"})).await;
    assert_eq!(rotated["ok"], true, "{rotated}");
    assert_eq!(client.next("close").await, json!({"code": 4001, "reason": "device removed"}));
    assert_eq!(client.next("kept").await, "operator");
    assert_eq!(client.next("called").await, called);

    // The gateway goes, and another one comes: the client hears of the end, and finds it again.
    let port = first.port;
    first.join().unwrap();
    while client.next("event").await != "shutdown" {}
    assert_eq!(client.next("close").await, json!({"code": 1012, "reason": "service restart"}));
    let mut second = Gateway::with(|options| {
        options.port = port;
        options.store = store;
    })
    .await;
    assert_eq!(client.next("called").await, called);
    second.join().unwrap();
    assert_eq!(client.next("close").await, json!({"code": 1012, "reason": "service restart"}));
    assert_eq!(client.next("nothing more").await, Value::Null);
    assert!(client.node.wait().unwrap().success());
}

#[tokio::test]
async fn real_official_client_hears_an_errand_whole() {
    let ((story, first), (long, second), (more, third)) = (Scene::steps(), Scene::steps(), Scene::steps());
    let refusal = json!({ "error": { "message": "maximum context length is 8192" } }).to_string();
    let scenes = vec![first, second, third, Scene::Refuses(400, "", refusal)];
    let mut provider = Provider::start(scenes).await;
    let gateway = super::agent::gateway(&provider).await;
    let mut client = Official::begin("agent.mjs", gateway.port);
    story.send("One ").unwrap();
    long.send("Far").unwrap();
    more.send("Half").unwrap();
    for (step, piece) in [("one", "two "), ("two", "three.")] {
        assert_eq!(client.next("step").await, step);
        story.send(piece).unwrap();
    }
    drop(story);
    assert_eq!(client.next("step").await, "back");
    more.send(" a word").unwrap();
    drop(more);
    assert_eq!(client.next("nothing more").await, Value::Null);
    assert!(client.node.wait().unwrap().success());
    within("the provider to be left", provider.gone.recv()).await.unwrap();
    drop(long);
}

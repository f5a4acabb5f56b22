//! The rescue profile: a small gateway that sees the others through the supervisor, and mends them. What it may is
//! decided by its manifest, by itself and once more by the supervisor, who knows it by its process.

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::{SinkExt, StreamExt};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::look;
use super::world::{OPENCLAW, PATIENCE, Said, World, pid, wait_for};

/// Everything is allowed that there is.
pub const ALL: &str = r#"["status", "conflicts", "logs", "start", "stop", "restart", "rollback"]"#;

impl World {
    /// A rescue profile with these lines in `[rescue]`, started; its name.
    pub fn rescue(&self, lines: &str) -> String {
        let name = self.name("rescue");
        self.rescue_manifest(&name, lines);
        self.start(&name);
        name
    }

    /// The manifest of one.
    pub fn rescue_manifest(&self, name: &str, lines: &str) {
        self.run(&["profile", "create", name, "--from", "rescue"]);
        let file = self.home(format!(".config/openclaw/profiles/{name}.toml"));
        let text = std::fs::read_to_string(&file).unwrap();
        let (before, _) = text.split_once("[rescue]").unwrap();
        std::fs::write(&file, format!("{before}[rescue]\n{lines}\n")).unwrap();
    }

    /// Calls a method of that gateway as its owner.
    fn ask(&self, rescue: &str, method: &str, params: Value) -> Said {
        let params = params.to_string();
        self.run(&["--profile", rescue, "gateway", "call", method, "--params", &params, "--json"])
    }

    /// The same where an answer is expected.
    #[track_caller]
    fn told(&self, rescue: &str, method: &str, params: Value) -> Value {
        self.ask(rescue, method, params).ok().json()
    }

    /// The same where a refusal is expected; all that it says.
    #[track_caller]
    fn refusal(&self, rescue: &str, method: &str, params: Value) -> String {
        let said = self.ask(rescue, method, params);
        assert_ne!(said.code, Some(0), "{said:?}");
        said.out + &said.err
    }

    fn names(&self, rescue: &str) -> Vec<String> {
        let told = self.told(rescue, "fleet.list", json!({}));
        let names = told["profiles"].as_array().unwrap().iter();
        names.map(|profile| profile["name"].as_str().unwrap().to_owned()).collect()
    }
}

/// Somebody at the rescue gateway's WebSocket, signed in with its token.
struct Chat(WebSocketStream<TcpStream>);

impl Chat {
    async fn new(world: &World, rescue: &str, scopes: &[&str]) -> Chat {
        let (port, config) = (world.show(rescue)["port"].clone(), world.state(rescue).join("openclaw.json"));
        let config: Value = serde_json::from_slice(&std::fs::read(config).unwrap()).unwrap();
        let stream = TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap();
        let (socket, _) = client_async(format!("ws://127.0.0.1:{port}/"), stream).await.unwrap();
        let mut chat = Chat(socket);
        chat.until(|frame| frame["event"] == "connect.challenge").await;
        let client = json!({"id": "cli", "version": "1", "platform": "linux", "mode": "cli"});
        let token = &config["gateway"]["auth"]["token"];
        let hello = json!({
            "minProtocol": 4, "maxProtocol": 4, "client": client, "role": "operator", "scopes": scopes,
            "auth": { "token": token },
        });
        chat.call("connect", hello).await;
        chat
    }

    /// The next frame that is `wanted`.
    async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let found = async {
            loop {
                let Some(Ok(message)) = self.0.next().await else { panic!("the gateway closed") };
                let Ok(text) = message.to_text() else { continue };
                let frame: Value = serde_json::from_str(text).unwrap_or_default();
                if wanted(&frame) {
                    return frame;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("it comes in time")
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        let request = json!({"type": "req", "id": method, "method": method, "params": params});
        self.0.send(Message::text(request.to_string())).await.unwrap();
        let answer = self.until(|frame| frame["type"] == "res" && frame["id"] == method).await;
        assert_eq!(answer["ok"], true, "{answer}");
        answer["payload"].clone()
    }

    /// Says something and returns what is answered.
    async fn say(&mut self, message: &str) -> String {
        static SAID: AtomicU32 = AtomicU32::new(0);
        let key = format!("said {}", SAID.fetch_add(1, Ordering::Relaxed));
        let params = json!({"sessionKey": "main", "message": message, "idempotencyKey": key});
        // The answer may come before the call's own.
        let request = json!({"type": "req", "id": key, "method": "chat.send", "params": params});
        self.0.send(Message::text(request.to_string())).await.unwrap();
        let ended = |frame: &Value| {
            let state = frame["payload"]["state"].as_str().unwrap_or_default();
            frame["ok"] == false || frame["event"] == "chat" && ["final", "error"].contains(&state)
        };
        self.until(ended).await.to_string()
    }
}

#[tokio::test]
async fn the_owner_brings_a_hung_gateway_back_from_the_chat() {
    let world = World::new();
    world.fake("main", "", "hang_timeout = \"2h\"\nstop_timeout = \"200ms\"", &["--ignore-term"]);
    let hung = pid(&world.start("main"));
    let rescue = world.rescue(&format!("may = {ALL}"));
    look::signal(hung, Signal::SIGSTOP);
    let mut reader = Chat::new(&world, &rescue, &["operator.write"]).await;
    let said = reader.say("/restart main").await;
    assert!(said.contains("it takes the scope operator.admin"), "{said}");
    assert_eq!(pid(&world.show("main")), hung);
    let said = reader.say("/profiles").await;
    assert!(said.contains("this gateway") && said.contains("main: "), "{said}");
    let mut owner = Chat::new(&world, &rescue, &["operator.admin", "operator.read", "operator.write"]).await;
    let said = owner.say("/restart main").await;
    assert!(said.contains("main is ready."), "{said}");
    assert_ne!(pid(&world.show("main")), hung);
    let said = owner.say("/status main").await;
    assert!(said.contains("main: ready"), "{said}");
    for (line, words) in [
        ("/status mian", "did you mean `main`?"),
        ("/logs main many", "It is written /logs NAME"),
        ("/conflicts", "Gateways on this host: 2"),
        ("/help", "/rollback NAME"),
        ("/rollback main", "no files are kept"),
    ] {
        let said = owner.say(line).await;
        assert!(said.contains(words), "{line}: {said}");
    }
}

#[tokio::test]
async fn changes_and_incidents_of_the_others_are_told_as_they_come() {
    let world = World::new();
    world.fake("main", "", "restart = \"never\"", &[]);
    let rescue = world.rescue(&format!("may = {ALL}"));
    let mut chat = Chat::new(&world, &rescue, &["operator.read"]).await;
    // The gateway may be on its way to the supervisor still.
    wait_for("the gateway to watch", || {
        let log = std::fs::read_to_string(world.state(&rescue).join("logs/gateway.log")).unwrap_or_default();
        log.contains("the supervisor is there").then_some(())
    });
    let main = pid(&world.start("main"));
    let ready = |frame: &Value| {
        let profile = &frame["payload"]["profile"];
        frame["event"] == "fleet.changed" && profile["name"] == "main" && profile["state"] == "ready"
    };
    chat.until(ready).await;
    let supervisor = world.supervisor();
    look::signal(supervisor, Signal::SIGKILL);
    let gone =
        |frame: &Value| frame["event"] == "fleet.changed" && frame["payload"]["supervisor"]["up"] == false;
    chat.until(gone).await;
    world.start("main");
    let there =
        |frame: &Value| frame["event"] == "fleet.changed" && frame["payload"]["supervisor"]["up"] == true;
    chat.until(there).await;
    assert_eq!(pid(&world.show("main")), main, "nobody was touched");
}

#[test]
fn a_hung_gateway_is_brought_back_by_the_rescue_beside_it() {
    let world = World::new();
    // It would hang for hours before it is given up by itself.
    world.fake("main", "", "hang_timeout = \"2h\"\nstop_timeout = \"200ms\"", &["--ignore-term"]);
    let hung = pid(&world.start("main"));
    let rescue = world.rescue(&format!("may = {ALL}"));
    look::signal(hung, Signal::SIGSTOP);
    let told = world.told(&rescue, "fleet.restart", json!({ "name": "main" }));
    assert_eq!((&told["done"], &told["profile"]["state"]), (&json!(true), &json!("ready")), "{told}");
    assert!(!look::is_alive(hung));
    assert_ne!(pid(&told["profile"]), hung);
    let main = told["profile"].clone();
    let listed = world.told(&rescue, "fleet.list", json!({}));
    assert_eq!(listed["own"], json!(rescue));
    assert!(listed["profiles"].as_array().unwrap().iter().any(|one| one["pid"] == main["pid"]), "{listed}");
    // What is said in words says what to do next.
    let said = world.refusal(&rescue, "fleet.restart", json!({ "name": "mian" }));
    assert!(said.contains("did you mean `main`?"), "{said}");
    let said = world.refusal(&rescue, "fleet.stop", json!({ "name": rescue }));
    assert!(said.contains("nobody could start it again"), "{said}");
    let stopped = world.told(&rescue, "fleet.stop", json!({ "name": "main" }));
    assert_eq!(stopped["profile"]["state"], "stopped");
    let started = world.told(&rescue, "fleet.start", json!({ "name": "main", "timeoutMs": 20000 }));
    assert_eq!(started["profile"]["state"], "ready");
}

#[test]
fn logs_conflicts_and_files_are_told_without_a_credential() {
    let world = World::new();
    let line = "posting to /bot12345678:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/getUpdates";
    world.fake("main", "", "stable_after = \"50ms\"", &["--log-line", line]);
    world.start("main");
    let rescue = world.rescue(&format!("may = {ALL}"));
    let told = wait_for("the line", || {
        let told = world.told(&rescue, "fleet.logs", json!({ "name": "main", "lines": 5 }));
        (!told["lines"].as_array().unwrap().is_empty()).then_some(told)
    });
    let text = told["lines"].to_string();
    assert!(text.contains("posting to /***/getUpdates") && !text.contains("AAHdq"), "{text}");
    let told = world.told(&rescue, "fleet.conflicts", json!({}));
    let gateways = told["gateways"].as_array().unwrap();
    assert!(gateways.iter().any(|gateway| gateway["profile"] == "main"), "{told}");
    let said = world.refusal(&rescue, "fleet.rollback", json!({ "name": "main" }));
    assert!(said.contains("no files are kept") || said.contains("are those with which"), "{said}");
}

#[test]
fn what_the_manifest_does_not_name_is_not_there_and_not_done() {
    let world = World::new();
    world.fake("main", "", "", &[]);
    world.fake("secret", "", "", &[]);
    world.start("main");
    world.start("secret");
    let rescue = world.rescue("profiles = [\"main\"]\nmay = [\"status\", \"logs\", \"restart\"]");
    assert_eq!(world.names(&rescue), ["main"]);
    for method in ["fleet.logs", "fleet.restart"] {
        let said = world.refusal(&rescue, method, json!({ "name": "secret" }));
        assert!(said.contains("there is no profile `secret`") && !said.contains("did you mean"), "{said}");
    }
    let before = pid(&world.show("main"));
    let said = world.refusal(&rescue, "fleet.stop", json!({ "name": "main" }));
    assert!(said.contains("does not allow `stop`"), "{said}");
    let said = world.refusal(&rescue, "fleet.conflicts", json!({}));
    assert!(said.contains("does not allow `conflicts`"), "{said}");
    // The gateway goes by the manifest that it began with, the supervisor by the one that is there.
    world.rescue_manifest(&rescue, "may = [\"status\"]");
    let said = world.refusal(&rescue, "fleet.restart", json!({ "name": "main" }));
    assert!(said.contains("does not allow `restart`"), "{said}");
    assert!(world.journal().contains("rescue_forbidden"));
    assert_eq!(pid(&world.show("main")), before);
}

#[test]
fn a_gateway_without_rescue_orders_nothing_however_it_asks() {
    let world = World::new();
    world.fake("main", "", "", &[]);
    let before = pid(&world.start("main"));
    for (name, order) in [("sly", r#"["profile", "stop", "main"]"#), ("slyer", r#"["supervisor", "stop"]"#)] {
        let command = order.replacen('[', &format!("[\"{OPENCLAW}\", "), 1);
        let port = world.block();
        world.manifest(
            name,
            &format!(
                "[runtime]\nkind = \"command\"\ncommand = {command}\nready = \"tcp\"\n[gateway]\nport = {port}\n\
                 [supervise]\nrestart = \"never\"\n"
            ),
        );
        assert_ne!(world.run(&["profile", "start", name]).code, Some(0));
        let log = world.run(&["profile", "logs", name]).ok().out;
        assert!(log.contains("may not"), "{name}: {log}");
    }
    assert_eq!(pid(&world.show("main")), before);
    // Nor has an embedded gateway the methods.
    let plain = world.name("plain");
    world.start(&plain);
    let said = world.refusal(&plain, "fleet.list", json!({}));
    assert!(said.contains("has no fleet.list"), "{said}");
}

#[test]
fn a_rescue_says_that_the_supervisor_is_gone_and_works_again_with_the_next_one() {
    let world = World::new();
    world.may_leave_gateways();
    world.fake("main", "", "", &[]);
    world.start("main");
    let rescue = world.rescue(&format!("may = {ALL}"));
    let first = world.supervisor();
    look::signal(first, Signal::SIGKILL);
    wait_for("its end", || (!look::is_alive(first)).then_some(()));
    let said = world.refusal(&rescue, "fleet.restart", json!({ "name": "main" }));
    assert!(said.contains("the supervisor of this machine does not run"), "{said}");
    // The next one adopts both, and knows the rescue by its process.
    world.start("main");
    assert_ne!(world.supervisor(), first);
    let told = world.told(&rescue, "fleet.restart", json!({ "name": "main" }));
    assert_eq!(told["profile"]["state"], "ready", "{told}");
    let said = world.refusal(&rescue, "fleet.restart", json!({ "name": rescue }));
    assert!(said.contains("itself"), "{said}");
}

#[test]
fn a_rescue_restarts_itself_where_that_is_said() {
    let world = World::new();
    let rescue = world.rescue(&format!("may = {ALL}"));
    let before = pid(&world.show(&rescue));
    let told = world.told(&rescue, "fleet.restart", json!({ "name": rescue, "itself": true }));
    assert_eq!(told["done"], false, "{told}");
    world.until(&rescue, "a new run", |status| status["state"] == "ready" && status["pid"] != before);
}

#[test]
fn a_confined_rescue_reaches_the_supervisor_and_nothing_else_of_it_does() {
    let world = World::new();
    world.fake("main", "", "", &[]);
    world.start("main");
    for level in ["peers", "strict"] {
        let name = world.name("kept");
        world
            .rescue_manifest(&name, &format!("may = {ALL}\n[confine]\nlevel = \"{level}\"\nfallback = true"));
        world.start(&name);
        let told = world.told(&name, "fleet.restart", json!({ "name": "main" }));
        assert_eq!(told["profile"]["state"], "ready", "{level}: {told}");
    }
}

//! Orders to a rescue gateway from wherever its owner is: a terminal, a phone, a browser.

use std::fs;

use serde_json::{Value, json};

use super::bot_api::{BOT_TOKEN, BotApi, visible};
use super::browser::walk;
use super::rescue::ALL;
use super::world::{Said, World, pid, wait_for};

/// The token that opens a profile's gateway.
fn token(world: &World, name: &str) -> String {
    let text = fs::read_to_string(world.state(name).join("openclaw.json")).unwrap();
    let config: Value = serde_json::from_str(&text).unwrap();
    config["gateway"]["auth"]["token"].as_str().unwrap().to_owned()
}

#[test]
fn an_order_in_a_terminal_comes_with_the_right_to_it_and_a_word_does_not() {
    let world = World::new();
    world.fake("main", "", "stop_timeout = \"200ms\"", &[]);
    let before = pid(&world.start("main"));
    let rescue = world.rescue(&format!("may = {ALL}"));
    let agent = |message: &str| world.run(&["--profile", &rescue, "agent", "-m", message]);
    let scopes = || {
        let listed = world.run(&["--profile", &rescue, "devices", "list", "--json"]).ok().json();
        listed["paired"].to_string()
    };
    assert!(agent("/status main").ok().out.contains("main: ready"));
    assert!(!scopes().contains("operator.admin"), "a word needs no more than to be said: {}", scopes());
    assert!(agent("What of /restart main?").ok().out.contains("I know these commands"));
    assert_eq!(pid(&world.show("main")), before);

    assert!(agent("/restart main").ok().out.contains("main is ready."));
    assert_ne!(pid(&world.show("main")), before);
    assert!(agent("/stop main").ok().out.contains("main is stopped."));
    assert!(agent("/start main").ok().out.contains("main is ready."));
    let refused: Said = agent("/restart mian");
    assert!(refused.code != Some(0) && refused.err.contains("did you mean `main`?"), "{refused:?}");
    assert_eq!(world.show("main")["state"], "ready");
    let own = pid(&world.show(&rescue));
    let told = agent(&format!("/restart {rescue} itself")).ok().out;
    assert!(told.contains(&rescue), "{told}");
    world.until(&rescue, "a new run", |status| status["state"] == "ready" && status["pid"] != own);
}

/// What somebody reads on a phone.
struct Phone<'a> {
    api: &'a BotApi,
    chat: i64,
    /// How many messages to anybody were looked at.
    seen: usize,
}

impl Phone<'_> {
    fn new(api: &BotApi, chat: i64) -> Phone<'_> {
        Phone { api, chat, seen: 0 }
    }

    /// The next message.
    async fn next(&mut self) -> String {
        loop {
            self.seen += 1;
            let sent = self.api.was_asked("sendMessage", self.seen).await;
            let message = &sent[self.seen - 1];
            if message["chat_id"] == self.chat {
                return visible(message["text"].as_str().unwrap());
            }
        }
    }

    /// The next message with these words.
    async fn hears(&mut self, words: &str) -> String {
        loop {
            let told = self.next().await;
            if told.contains(words) {
                return told;
            }
        }
    }
}

#[tokio::test]
async fn its_owner_mends_a_gateway_from_the_phone_and_nobody_else_does() {
    let api = BotApi::start().await;
    let world = World::new();
    let (rescue, broken) = (world.name("rescue"), world.name("work"));
    let good = worked(&world, &broken);
    world.rescue_manifest(&rescue, &format!("may = {ALL}\noperators = [\"telegram:5\"]"));
    let config = world.state(&rescue).join("openclaw.json");
    let mut tree: Value = serde_json::from_str(&fs::read_to_string(&config).unwrap()).unwrap();
    // Both may talk with it, and one of them is known to the manifest.
    tree["channels"]["telegram"] = api.config(json!({ "allowFrom": [5, 6] }));
    tree["commands"]["ownerAllowFrom"] = json!(["telegram:6"]);
    fs::write(&config, tree.to_string()).unwrap();
    world.start(&rescue);

    // An edit in the night: the gateway no longer boots.
    let file = world.state(&broken).join("openclaw.json");
    let bad = good.replace("\"token\":", "\"tokn\":");
    fs::write(&file, &bad).unwrap();
    world.run(&["profile", "restart", &broken, "--json"]).refused(78, "gateway_config_invalid");

    // Who may order it is told of that unasked, the other one is not.
    let (mut owner, mut guest) = (Phone::new(&api, 5), Phone::new(&api, 6));
    owner.hears("its configuration is invalid").await;
    for order in ["/rollback", "/restart", "/start", "/status", "/logs"] {
        api.write(6, &format!("{order} {broken}"));
        let told = guest.next().await;
        assert!(told.contains("You may not do this here") && told.contains("\"telegram:6\""), "{told}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), bad);
    assert_eq!(world.show(&broken)["state"], "failed");

    api.write(5, &format!("/status {broken}"));
    let told = owner.hears("wanted: up").await;
    assert!(told.contains("its last line: error: ") && told.contains("sets no gateway.auth.token"), "{told}");
    api.write(5, &format!("/rollback {broken}"));
    let told = owner.hears("is back as it last worked").await;
    assert!(told.contains("gateway.auth.tokn"), "{told}");
    world.until_state(&broken, "ready");
    assert_eq!(fs::read_to_string(&file).unwrap(), good);
    api.write(5, &format!("/rollback {broken}"));
    owner.hears("are those with which").await;
    // And by the method, as the page does it.
    fs::write(&file, &bad).unwrap();
    let params = json!({ "name": broken }).to_string();
    let call = ["--profile", &rescue, "gateway", "call", "fleet.rollback", "--params", &params, "--json"];
    let told = world.run(&call).ok().json();
    assert_eq!(told["restored"][0]["keys"], json!(["gateway.auth.token", "gateway.auth.tokn"]), "{told}");
    assert_eq!(fs::read_to_string(&file).unwrap(), good);
    let log = fs::read_to_string(world.state(&rescue).join("logs/gateway.log")).unwrap();
    assert!(!log.contains(BOT_TOKEN) && !log.contains(&token(&world, &broken)));
}

/// Starts a profile that has been ready for so long that its files are kept as good ones; its configuration.
fn worked(world: &World, name: &str) -> String {
    world.run(&["profile", "create", name, "--runtime", "embedded"]).ok();
    let manifest = world.home(format!(".config/openclaw/profiles/{name}.toml"));
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("[supervise]\n", "[supervise]\nstable_after = \"100ms\"\n")).unwrap();
    world.start(name);
    let kept = world.kept(&format!("records/{name}.good"));
    wait_for("the copy of the good files", || kept.exists().then_some(()));
    fs::read_to_string(world.state(name).join("openclaw.json")).unwrap()
}

#[test]
fn a_rescue_turns_the_others_in_a_real_browser() {
    let world = World::new();
    world.fake("main", "", "stop_timeout = \"200ms\"", &["--starts", "@starts", "--clean", "@clean"]);
    let first = pid(&world.start("main"));
    // Two others that could not run beside each other.
    let port = world.block();
    for name in ["left", "right"] {
        world.manifest(name, &format!("[runtime]\nkind = \"embedded\"\n[gateway]\nport = {port}\n"));
    }
    let rescue = world.rescue(&format!("may = {ALL}"));
    let own = world.show(&rescue)["port"].as_u64().unwrap() as u16;
    let mut shown = Vec::new();
    walk("rescue-page.mjs", &[own], &token(&world, &rescue), |line| shown.push(line.to_owned()));
    assert_eq!(shown, ["shown", "stopped", "started", "restarted", "refused"]);
    // What the page showed is what was.
    assert_eq!((world.lines("starts").len(), world.lines("clean").len()), (3, 2));
    let status = world.show("main");
    assert_eq!(status["state"], "ready");
    assert_ne!(pid(&status), first);
}

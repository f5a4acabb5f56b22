//! A model at work: streaming, tools, what goes wrong on the way, and what never leaves.

use std::path::Path;

use openclaw_supervisor::profile::{Embedded, SecretSource};
use serde_json::{Value, json};

use super::chat::{ended, said, text};
use super::harness::{Client, Gateway, within};
use super::provider::{Provider, Scene};

const ALL: &[&str] = &["operator.admin"];
const KEY: &str = "canary-key-that-never-leaves-0123456789";

/// A gateway whose model is at this provider.
pub async fn gateway(provider: &Provider) -> Gateway {
    let config = provider.config(KEY);
    let follow = |source: &SecretSource| match source {
        SecretSource::Inline(secret) => Ok(Some(secret.clone())),
        _ => Ok(None),
    };
    let embedded = Embedded::read(&config, Path::new("openclaw.json"), &follow).unwrap();
    Gateway::with(|options| options.embedded = embedded).await
}

/// Nothing that the gateway wrote down holds the key.
fn assert_silent(gateway: &mut Gateway) {
    let log = gateway.log();
    assert!(!log.contains(KEY), "{log}");
    gateway.join().unwrap();
    for file in std::fs::read_dir(gateway.home.path().join("embedded")).unwrap() {
        // The journal goes when the store is closed.
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes()));
    }
}

async fn send(client: &mut Client, message: &str, key: &str) {
    let params = json!({ "sessionKey": "main", "message": message, "idempotencyKey": key });
    assert_eq!(client.call("chat.send", params).await["payload"]["status"], "started");
}

#[tokio::test]
async fn an_answer_streams_and_is_kept() {
    let provider =
        Provider::start(vec![Scene::Says(&["Hel", "lo ", "there"]), Scene::Says(&["Again"])]).await;
    let mut gateway = gateway(&provider).await;
    let (mut client, hello) = gateway.connected(ALL).await;
    assert_eq!(hello["snapshot"]["sessionDefaults"]["modelConfigured"], true);
    let models = client.call("models.list", json!({})).await;
    assert_eq!(
        (&models["payload"]["models"][0]["id"], &models["payload"]["models"][0]["available"]),
        (&json!("small"), &json!(true))
    );

    send(&mut client, "hi", "k1").await;
    let mut heard = String::new();
    let end = loop {
        let chat = client.event("chat").await["payload"].clone();
        match chat["state"].as_str().unwrap() {
            "delta" => heard.push_str(chat["deltaText"].as_str().unwrap()),
            _ => break chat,
        }
    };
    assert_eq!((heard.as_str(), &end["state"]), ("Hello there", &json!("final")));
    assert_eq!(text(&end["message"]), "Hello there");
    assert_eq!((&end["message"]["provider"], &end["message"]["model"]), (&json!("own"), &json!("small")));
    assert_eq!(end["message"]["usage"]["totalTokens"], 16);
    said(&mut client, "and?", "k2").await;
    let asked = provider.asked();
    assert_eq!(asked[0]["authorization"], format!("bearer {KEY}"));
    let roles: Vec<_> =
        asked[1]["body"]["messages"].as_array().unwrap().iter().map(|said| said["role"].clone()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "user"]);
    let listed = client.call("sessions.list", json!({})).await;
    assert_eq!(listed["payload"]["sessions"][0]["totalTokens"], 32);
    let help = said(&mut client, "/help", "k3").await;
    assert!(text(&help["message"]).contains("/status"), "commands work beside a model: {help}");
    assert_eq!(provider.asked().len(), 2);
    assert_silent(&mut gateway);
}

#[tokio::test]
async fn what_comes_soon_after_the_last_step_is_told_before_more_comes() {
    let (say, scene) = Scene::steps();
    let provider = Provider::start(vec![scene]).await;
    let gateway = gateway(&provider).await;
    let (mut client, _) = gateway.connected(ALL).await;
    send(&mut client, "hi", "k1").await;
    for piece in ["One", " two", " three"] {
        say.send(piece).unwrap();
        assert_eq!(client.event("chat").await["payload"]["deltaText"], piece);
    }
    drop(say);
    assert_eq!(text(&ended(&mut client, "k1").await["message"]), "One two three");
}

#[tokio::test]
async fn tools_are_used_in_rounds_and_only_by_who_may() {
    let provider = Provider::start(vec![
        Scene::Calls(&[("sessions_list", "{}"), ("no_such", "{}"), ("sessions_history", "not json")]),
        Scene::Says(&["There is one."]),
        Scene::Calls(&[("sessions_send", r#"{"session":"other","message":"/help"}"#)]),
        Scene::Says(&["Done."]),
    ])
    .await;
    let mut gateway = gateway(&provider).await;
    let (mut client, _) = gateway.connected(ALL).await;
    let end = said(&mut client, "which sessions are there?", "k1").await;
    assert_eq!(text(&end["message"]), "There is one.");
    let second = provider.asked()[1]["body"].clone();
    let results: Vec<String> = second["messages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|said| said["role"] == "tool")
        .map(|said| said["content"].as_str().unwrap().to_owned())
        .collect();
    assert!(results[0].contains("agent:main:main"), "{results:?}");
    assert_eq!(&results[1..], ["error: there is no tool no_such", "error: the arguments are no JSON object"]);
    let history = client.call("chat.history", json!({ "sessionKey": "main" })).await;
    let roles: Vec<_> =
        history["payload"]["messages"].as_array().unwrap().iter().map(|said| said["role"].clone()).collect();
    assert_eq!(roles, ["user", "assistant", "toolResult", "toolResult", "toolResult", "assistant"]);

    let end = said(&mut client, "tell the other", "k2").await;
    assert_eq!(text(&end["message"]), "Done.");
    let other = client.call("chat.history", json!({ "sessionKey": "other" })).await;
    assert_eq!(other["payload"]["totalMessages"], 2);
    let offered = |at: usize| -> Vec<String> {
        let tools = provider.asked()[at]["body"]["tools"].clone();
        tools
            .as_array()
            .into_iter()
            .flatten()
            .map(|tool| tool["function"]["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert!(offered(0).contains(&"sessions_send".to_owned()), "{:?}", offered(0));
    assert_silent(&mut gateway);
}

#[tokio::test]
async fn an_abort_cuts_the_stream_at_once_and_keeps_what_was_said() {
    let mut provider = Provider::start(vec![Scene::Hangs("Once upon"), Scene::Says(&["Next"])]).await;
    let gateway = gateway(&provider).await;
    let (mut client, _) = gateway.connected(ALL).await;
    send(&mut client, "a story", "k1").await;
    let delta = client.event("chat").await;
    assert_eq!(delta["payload"]["deltaText"], "Once upon");
    // The next question waits for its turn.
    send(&mut client, "and another", "k2").await;
    let ended_runs = client.call("chat.abort", json!({ "sessionKey": "main", "runId": "k1" })).await;
    assert_eq!(ended_runs["payload"], json!({ "ok": true, "aborted": true, "runIds": ["k1"] }));
    within("the end of the stream", provider.gone.recv()).await.unwrap();
    let end = ended(&mut client, "k2").await;
    assert_eq!(text(&end["message"]), "Next");
    let history = client.call("chat.history", json!({ "sessionKey": "main" })).await;
    let partial = &history["payload"]["messages"][2];
    assert_eq!((text(partial), &partial["stopReason"]), ("Once upon".to_owned(), &json!("aborted")));
    let waited = client.call("agent.wait", json!({ "runId": "k1" })).await;
    assert_eq!(
        (&waited["payload"]["status"], &waited["payload"]["stopReason"]),
        (&json!("timeout"), &json!("rpc"))
    );
    let again = client.call("chat.abort", json!({ "sessionKey": "main" })).await;
    assert_eq!(again["payload"]["aborted"], false);
}

#[tokio::test]
async fn a_provider_that_is_busy_or_breaks_off_is_asked_again() {
    let provider = Provider::start(vec![
        Scene::Refuses(429, "retry-after: 0\r\n", json!({ "error": { "message": "slow down" } }).to_string()),
        Scene::Cuts("Wro"),
        Scene::Says(&["Right"]),
    ])
    .await;
    let gateway = gateway(&provider).await;
    let (mut client, _) = gateway.connected(ALL).await;
    let end = said(&mut client, "hi", "k1").await;
    assert_eq!((&end["state"], text(&end["message"])), (&json!("final"), "Right".to_owned()));
    assert_eq!(provider.asked().len(), 3);
}

#[tokio::test]
async fn what_goes_wrong_is_told_in_words_without_the_key() {
    let refusal = |words: &str| json!({ "error": { "message": words } }).to_string();
    let table = [
        (
            401,
            "",
            refusal(&format!("Incorrect API key provided: {KEY}")),
            "does not accept the key (401)",
            None,
        ),
        (429, "retry-after: 3600\r\n", refusal("quota"), "to be asked again in 3600 s", Some("rate_limit")),
        (400, "", refusal("maximum context length is 8192"), "too long", Some("context_length")),
        (404, "", "<html>no</html>".to_owned(), "answered with 404: <html>no</html>", None),
    ];
    let count = table.len();
    let scenes =
        table.iter().map(|(status, headers, body, ..)| Scene::Refuses(*status, headers, body.clone()));
    let provider = Provider::start(scenes.collect()).await;
    let mut gateway = gateway(&provider).await;
    let (mut client, _) = gateway.connected(ALL).await;
    for (at, (_, _, _, words, kind)) in table.iter().enumerate() {
        let end = said(&mut client, "hi", &format!("k{at}")).await;
        assert_eq!((&end["state"], end["errorKind"].as_str()), (&json!("error"), *kind), "{end}");
        let told = end["errorMessage"].as_str().unwrap();
        assert!(told.contains(words) && !told.contains(KEY), "{told}");
    }
    assert_eq!(provider.asked().len(), count, "none of these is asked again");
    let errand = json!({ "message": "hi", "idempotencyKey": "last", "timeout": 5 });
    client.send(&json!({ "type": "req", "id": "a", "method": "agent", "params": errand })).await;
    assert_eq!(client.answer("a").await["payload"]["status"], "accepted");
    let last = client.answer("a").await;
    assert_eq!(
        (&last["ok"], &last["payload"]["status"], &last["error"]["code"]),
        (&json!(false), &json!("error"), &json!("UNAVAILABLE"))
    );
    assert_silent(&mut gateway);
}

#[tokio::test]
async fn an_answer_has_its_time() {
    let mut provider = Provider::start(vec![Scene::Hangs("Well")]).await;
    let gateway = gateway(&provider).await;
    let (mut client, _) = gateway.connected(ALL).await;
    let params = json!({ "sessionKey": "main", "message": "hi", "idempotencyKey": "k", "timeoutMs": 2000 });
    client.call("chat.send", params).await;
    let end = ended(&mut client, "k").await;
    assert_eq!((&end["state"], &end["errorKind"]), (&json!("error"), &json!("timeout")), "{end}");
    within("the end of the stream", provider.gone.recv()).await.unwrap();
}

#[tokio::test]
async fn who_may_only_write_is_offered_no_more() {
    let provider =
        Provider::start(vec![Scene::Calls(&[("sessions_send", "{}")]), Scene::Says(&["No."])]).await;
    let gateway = gateway(&provider).await;
    let (mut client, _) = gateway.connected(&["operator.write"]).await;
    said(&mut client, "hi", "k").await;
    let tools: Value = provider.asked()[0]["body"]["tools"].clone();
    assert!(tools.to_string().contains("sessions_send"), "a writer may say something elsewhere: {tools}");
    assert!(!tools.to_string().contains("fleet_"), "{tools}");
}

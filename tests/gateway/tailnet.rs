//! The tailnet's door: who gets in there by whose word, and a Tailscale that is slow or waits for a person. The stand-in
//! for its program is the one of the incidents.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use openclaw_supervisor::gateway::{Exposing, Pace};
use openclaw_supervisor::profile::tailscale::{Tailnet, TailscaleMode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::built::built;
use super::devices::spoilt;
use super::harness::{Client, Gateway, TOKEN, connect, within};

const HOST: &str = "host.tail1.ts.net:8443";

/// A gateway with a `tailscale` of its own beside it.
struct Shown {
    gateway: Gateway,
    folder: TempDir,
}

impl Shown {
    async fn with(mode: &str, allow_identity: bool) -> Shown {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("tailscale");
        symlink(built("fake-tailscale"), &program).unwrap();
        let state = json!({ "mode": mode, "config": {}, "whois": { "100.64.0.9": "ana@example.com" } });
        std::fs::write(folder.path().join("tailscale.json"), state.to_string()).unwrap();
        let soon = Duration::from_millis(20);
        let pace = Pace { ask: soon * 100, up: soon * 100, look: soon, retry_min: soon, ..Pace::default() };
        let exposing = Exposing {
            wish: Tailnet { mode: TailscaleMode::Serve, https_port: 8443, path: "/".into(), allow_identity },
            candidates: vec!["/nowhere/tailscale".into(), program],
            listener: 0,
            record: folder.path().join("exposure.json"),
            pace,
        };
        let gateway = Gateway::with(|options| options.tailnet = Some(exposing)).await;
        Shown { gateway, folder }
    }

    /// What is written down, once it is `state`.
    async fn until(&self, state: &str) -> Value {
        let file = self.folder.path().join("exposure.json");
        let look = async {
            loop {
                let text = std::fs::read_to_string(&file).unwrap_or_default();
                let record: Value = serde_json::from_str(&text).unwrap_or_default();
                if record["exposure"][0]["state"] == state {
                    return record["exposure"][0].clone();
                }
                tokio::task::yield_now().await;
            }
        };
        within(&format!("an exposure that is {state}"), look).await
    }

    /// The gateway as Tailscale's proxy reaches it.
    async fn at_the_tailnets_door(mut self) -> Shown {
        self.until("up").await;
        let session = session(self.folder.path()).unwrap();
        let target = session["Web"][HOST]["Handlers"]["/"]["Proxy"].as_str().unwrap().to_owned();
        self.gateway.port = target.rsplit_once(':').unwrap().1.parse().unwrap();
        self
    }

    /// A connection from `address`, of whom the proxy says that it is `login`'s; challenged.
    async fn from(&self, address: &str, login: Option<&str>) -> (Client, String) {
        let mut headers = json!({ "host": HOST, "x-forwarded-for": address });
        if let Some(login) = login {
            headers["tailscale-user-login"] = login.into();
        }
        let mut client = self.gateway.open("/", &headers).await.expect("an upgrade");
        let challenge = client.recv().await.expect("a challenge");
        (client, challenge["payload"]["nonce"].as_str().unwrap().to_owned())
    }
}

/// The only session that stands.
fn session(folder: &Path) -> Option<Value> {
    let mut entries = std::fs::read_dir(folder.join("sessions")).ok()?.flatten();
    serde_json::from_str(&std::fs::read_to_string(entries.next()?.path()).ok()?).ok()
}

/// A control page with a device, which offers no credential.
fn page(nonce: &str) -> Value {
    let capture = json!({"name": "page", "role": "operator", "scopes": ["operator.read"], "credential": null,
        "client": {"id": "openclaw-control-ui", "version": "1", "platform": "web", "mode": "webchat"}});
    spoilt(&capture, nonce)
}

#[tokio::test]
async fn an_identity_counts_only_at_the_tailnets_door_and_only_when_whois_agrees() {
    let shown = Shown::with("ok", true).await;
    shown.until("up").await;
    let forged =
        json!({ "host": HOST, "x-forwarded-for": "100.64.0.9", "tailscale-user-login": "ana@example.com" });
    let (status, body) = shown.gateway.open("/", &forged).await.err().expect("no upgrade at its own door");
    assert_eq!(status, 403);
    assert!(body.contains("proxy_attribution_required"), "{body}");

    let shown = shown.at_the_tailnets_door().await;
    let (mut ana, nonce) = shown.from("100.64.0.9", Some("ana@example.com")).await;
    ana.send(&page(&nonce)).await;
    let hello = ana.answer("r1").await;
    assert_eq!(hello["payload"]["auth"], json!({"role": "operator", "scopes": ["operator.read"]}), "{hello}");
    for (address, login) in [("100.64.0.9", "bo@example.com"), ("100.64.0.7", "ana@example.com")] {
        let (mut liar, nonce) = shown.from(address, Some(login)).await;
        liar.send(&page(&nonce)).await;
        let answer = liar.answer("r1").await;
        assert_eq!(answer["error"]["details"]["code"], "AUTH_TAILSCALE_IDENTITY_MISMATCH", "{answer}");
        // Not even with the credential: somebody lies.
        let (mut liar, _) = shown.from(address, Some(login)).await;
        liar.send(&connect("cli", "cli", &[], json!({ "token": TOKEN }))).await;
        assert_eq!(liar.answer("c").await["ok"], false);
    }
    // Whoever is no control page, or is nobody's, brings the credential.
    let (mut program, _) = shown.from("100.64.0.9", Some("ana@example.com")).await;
    program.send(&connect("cli", "cli", &[], json!({}))).await;
    assert_eq!(program.answer("c").await["ok"], false);
    let (mut nobody, nonce) = shown.from("100.64.0.9", None).await;
    nobody.send(&page(&nonce)).await;
    let answer = nobody.answer("r1").await;
    assert_eq!(answer["error"]["details"]["code"], "AUTH_TOKEN_MISSING", "{answer}");
}

#[tokio::test]
async fn without_allow_tailscale_a_stated_identity_is_nothing() {
    let shown = Shown::with("ok", false).await.at_the_tailnets_door().await;
    let (mut ana, nonce) = shown.from("100.64.0.9", Some("ana@example.com")).await;
    ana.send(&page(&nonce)).await;
    assert_eq!(ana.answer("r1").await["error"]["details"]["code"], "AUTH_TOKEN_MISSING");
    let calls = std::fs::read_to_string(shown.folder.path().join("tailscale.log")).unwrap();
    assert!(!calls.contains("whois"), "{calls}");
}

#[tokio::test]
async fn at_the_tailnets_door_nobody_is_local_guesses_are_counted_and_the_way_must_be_whole() {
    let shown = Shown::with("ok", false).await.at_the_tailnets_door().await;
    for headers in [
        json!({}),
        json!({ "x-forwarded-for": "100.64.0.9" }),
        json!({ "host": "evil.example:8443", "x-forwarded-for": "100.64.0.9" }),
        json!({ "host": HOST }),
        json!({ "host": HOST, "x-forwarded-for": "100.64.0.9, 127.0.0.1" }),
    ] {
        let refused = shown.gateway.open("/", &headers).await.err();
        assert_eq!(refused.map(|(status, _)| status.as_u16()), Some(403), "{headers}");
    }
    let (mut client, _) = shown.from("100.64.0.9", None).await;
    client.send(&connect("cli", "cli", &["operator.admin"], json!({ "token": TOKEN }))).await;
    let hello = client.answer("c").await;
    assert_eq!(
        hello["payload"]["auth"]["scopes"],
        json!([]),
        "a secret alone has no rights from afar: {hello}"
    );
    let code_from = async |address: &str| {
        let (mut guesser, _) = shown.from(address, None).await;
        guesser.send(&connect("cli", "cli", &[], json!({ "token": "a guess" }))).await;
        guesser.answer("c").await["error"]["details"]["code"].clone()
    };
    for _ in 0..10 {
        assert_eq!(code_from("100.64.0.8").await, "AUTH_TOKEN_MISMATCH");
    }
    assert_eq!(code_from("100.64.0.8").await, "AUTH_RATE_LIMITED");
    assert_eq!(code_from("::ffff:100.64.0.8").await, "AUTH_RATE_LIMITED", "the same address");
    assert_eq!(code_from("100.64.0.10").await, "AUTH_TOKEN_MISMATCH");
}

#[tokio::test]
async fn incident_f6_a_slow_tailscale_and_one_that_waits_for_a_person_keep_nobody_from_the_gateway() {
    for (mode, code, words) in [
        ("slow", "tailscale_late", "within 2 s"),
        ("stuck", "tailscale_feature_off", "https://login.ts.net/f/serve"),
    ] {
        let shown = Shown::with(mode, false).await;
        shown.gateway.connected(&[]).await;
        let wrong = shown.until("failed").await["error"].clone();
        assert_eq!(wrong["code"], code, "{wrong}");
        assert!(wrong["message"].as_str().unwrap().contains(words), "{wrong}");
        shown.gateway.connected(&[]).await;
    }
}

#[tokio::test]
async fn incident_f6_the_session_ends_with_the_gateway_and_its_record_too() {
    let mut shown = Shown::with("ok", false).await;
    shown.until("up").await;
    let entry = std::fs::read_dir(shown.folder.path().join("sessions")).unwrap().next().unwrap().unwrap();
    let session = std::fs::File::open(entry.path()).unwrap();
    assert!(session.try_lock().is_err(), "it stands");
    shown.gateway.join().unwrap();
    assert!(session.try_lock().is_ok(), "it is gone");
    assert!(!shown.folder.path().join("exposure.json").exists());
}

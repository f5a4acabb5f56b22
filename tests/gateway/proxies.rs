//! Clients that a proxy brings, and what wrong credentials cost them: one count for every way in, by the address that
//! the trusted proxy tells. The proxy stands on this machine, and so brings clients of any address.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use openclaw_supervisor::base::Secret;
use openclaw_supervisor::gateway::{Access, Auth, Reload, Settings};
use openclaw_supervisor::profile::Embedded;
use openclaw_supervisor::profile::fence::{Network, ProxyAuth};
use serde_json::{Value, json};

use super::harness::{Client, Gateway, TOKEN, connect};
use super::http::{ask, body};

async fn behind_a_proxy() -> Gateway {
    Gateway::with(|options| {
        options.access.fence.trusted_proxies = vec![Network::parse("127.0.0.1").unwrap()];
    })
    .await
}

async fn from(gateway: &Gateway, address: &str, id: &str, mode: &str, auth: Value) -> (Client, Value) {
    let mut client = gateway.open("/", &json!({"X-Forwarded-For": address})).await.unwrap();
    client.send(&connect(id, mode, &["operator.admin"], auth)).await;
    let answer = client.answer("c").await;
    (client, answer)
}

#[tokio::test]
async fn incident_h3_who_comes_through_a_proxy_is_not_of_this_machine() {
    let gateway = behind_a_proxy().await;
    // As recorded of clients at another address (remote-cli-deviceless, remote-backend-deviceless, remote-bad-token).
    for (id, mode) in [("cli", "cli"), ("gateway-client", "backend")] {
        for address in ["192.0.2.9", "127.0.0.1", "::1"] {
            let (_, hello) = from(&gateway, address, id, mode, json!({"token": TOKEN})).await;
            assert_eq!(hello["payload"]["auth"]["scopes"], json!([]), "{id} {address}");
        }
    }
    let (mut client, answer) = from(&gateway, "192.0.2.9", "cli", "cli", json!({"token": "nope"})).await;
    let told = "unauthorized: gateway token mismatch (set gateway.remote.token to match gateway.auth.token)";
    assert_eq!(answer["error"]["message"], told);
    assert_eq!(client.closed().await, Some((1008, told.into())));
    let ready = ask(&gateway, "GET /readyz HTTP/1.1\r\nX-Forwarded-For: 192.0.2.9").await;
    assert_eq!(body(&ready), r#"{"ready":true}"#);
    let bearer =
        format!("GET /readyz HTTP/1.1\r\nX-Forwarded-For: 192.0.2.9\r\nAuthorization: Bearer {TOKEN}");
    assert!(ask(&gateway, &bearer).await.contains("uptimeMs"));
}

#[tokio::test]
async fn one_count_for_every_way_in_as_recorded() {
    let gateway = behind_a_proxy().await;
    let guesses = [
        json!({"token": "a"}),
        json!({"password": "b"}),
        json!({"deviceToken": "c", "token": ""}),
        json!({"token": "d"}),
    ];
    let spellings = ["192.0.2.9", "::ffff:192.0.2.9"];
    for round in 0..10 {
        if round % 5 == 4 {
            let address = spellings[round % 2];
            let wrong =
                format!("GET /readyz HTTP/1.1\r\nX-Forwarded-For: {address}\r\nAuthorization: Bearer x");
            assert_eq!(body(&ask(&gateway, &wrong).await), r#"{"ready":true}"#, "round {round}");
            continue;
        }
        let guess = guesses[round % 4].clone();
        let offers_nothing = guess["deviceToken"] == "c";
        let (_, answer) = from(&gateway, spellings[round % 2], "cli", "cli", guess).await;
        let code = answer["error"]["details"]["code"].as_str().unwrap().to_owned();
        let expected = if offers_nothing { "DEVICE_IDENTITY_REQUIRED" } else { "AUTH_TOKEN_MISMATCH" };
        assert_eq!(code, expected, "round {round}: {answer}");
    }
    // Two rounds offered nothing that can be compared, so two are left.
    for _ in 0..2 {
        from(&gateway, "192.0.2.9", "cli", "cli", json!({"token": "e"})).await;
    }
    for token in ["f", TOKEN] {
        let (mut client, answer) =
            from(&gateway, "192.0.2.9", "gateway-client", "backend", json!({"token": token})).await;
        let error = &answer["error"];
        let told = "unauthorized: too many failed authentication attempts (retry later)";
        assert_eq!(error["message"], told);
        let left = error["retryAfterMs"].as_u64().unwrap();
        assert!(error["retryable"] == true && (290_000..=300_000).contains(&left), "{error}");
        assert_eq!(
            error["details"],
            json!({"code": "AUTH_RATE_LIMITED", "authReason": "rate_limited",
                "canRetryWithDeviceToken": false, "recommendedNextStep": "wait_then_retry"})
        );
        assert_eq!(client.closed().await, Some((1008, told.into())));
    }
    let locked =
        format!("GET /readyz HTTP/1.1\r\nX-Forwarded-For: 192.0.2.9\r\nAuthorization: Bearer {TOKEN}");
    let answer = ask(&gateway, &locked).await;
    assert!(
        answer.starts_with("HTTP/1.1 429 Too Many Requests\r\n") && answer.contains("\r\nRetry-After: "),
        "{answer}"
    );
    assert_eq!(
        body(&answer),
        r#"{"error":{"message":"Too many failed authentication attempts. Please try again later.","type":"rate_limited"}}"#
    );
    // Nobody else pays for it.
    let (_, other) = from(&gateway, "192.0.2.10", "cli", "cli", json!({"token": TOKEN})).await;
    assert_eq!(other["ok"], true);
    gateway.connected(&[]).await;
}

#[tokio::test]
async fn incident_h3_a_proxy_that_has_asked_is_believed_and_nobody_else() {
    let gateway = Gateway::with(|options| {
        options.access.auth = Auth::TrustedProxy;
        options.access.fence.trusted_proxies = vec![Network::parse("127.0.0.1").unwrap()];
        options.access.fence.proxy_auth =
            ProxyAuth { user_header: "x-user".into(), allow_loopback: true, ..ProxyAuth::default() };
    })
    .await;
    for (headers, ok) in [
        (json!({"X-User": "ana", "X-Forwarded-For": "192.0.2.9"}), true),
        (json!({"X-User": "ana"}), true),
        (json!({"X-Forwarded-For": "192.0.2.9"}), false),
        (json!({}), false),
    ] {
        let mut client = gateway.open("/", &headers).await.unwrap();
        client
            .send(&connect("gateway-client", "backend", &["operator.admin"], json!({"token": "any"})))
            .await;
        let answer = client.answer("c").await;
        assert_eq!(answer["ok"], ok, "{headers}: {answer}");
        if ok {
            assert_eq!(answer["payload"]["auth"]["scopes"], json!([]), "{headers}");
        } else {
            assert_eq!(answer["error"]["details"]["code"], "AUTH_TRUSTED_PROXY_REQUIRED");
        }
    }
}

#[tokio::test]
async fn a_changed_credential_ends_what_the_old_one_opened() {
    let next: Arc<Mutex<Option<Access>>> = Arc::default();
    let seen = Arc::clone(&next);
    let gateway = Gateway::with(|options| {
        options.limits.reload = Duration::from_millis(5);
        let settings = |access| Ok(Settings { access, embedded: Embedded::default(), waiting: Vec::new() });
        options.reload = Some(Reload::new(move || seen.lock().unwrap().take().map(settings)));
    })
    .await;
    let (mut client, _) = gateway.connected(&[]).await;
    let same = Access { auth: Auth::Token(Secret::new(TOKEN)), fence: Default::default() };
    *next.lock().unwrap() = Some(same.clone());
    assert_eq!(client.call("health", json!({})).await["ok"], true, "the same credential ends nothing");
    *next.lock().unwrap() = Some(Access { auth: Auth::Token(Secret::new("another")), ..same });
    assert_eq!(client.closed().await, Some((4001, "gateway auth changed".into())));
    let (mut late, _) = gateway.challenged().await;
    late.send(&connect("cli", "cli", &[], json!({"token": TOKEN}))).await;
    assert_eq!(late.answer("c").await["error"]["details"]["code"], "AUTH_TOKEN_MISMATCH");
}

//! Published advisories about the real gateway, each tried on this one under its id (INCIDENTS.md, section 3).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use openclaw_supervisor::base::Secret;
use openclaw_supervisor::gateway::{Access, Auth, Reload, Settings};
use openclaw_supervisor::profile::Embedded;
use openclaw_supervisor::profile::fence::{Network, ProxyAuth};
use serde_json::{Value, json};

use super::harness::{Gateway, TOKEN, connect};
use super::http::{ask, body};
use super::pairing::{Device, FAR, gateway};

const ADMIN: &[&str] = &["operator.admin"];

fn code(answer: &Value) -> &str {
    answer["error"]["details"]["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn ghsa_rqpp_rjj8_7wv8_and_ghsa_qjpc_qf9m_xwmr_a_client_declares_no_scopes_of_its_own() {
    let gateway = gateway(|_| {}).await;
    for (headers, id, mode, kept) in [
        (json!({}), "cli", "cli", true),
        (json!({}), "test", "backend", false),
        (json!({}), "gateway-client", "cli", false),
        (json!({"X-Forwarded-For": FAR}), "cli", "cli", false),
        (json!({"X-Forwarded-For": FAR}), "gateway-client", "backend", false),
        (json!({"Origin": format!("http://127.0.0.1:{}", gateway.port)}), "cli", "cli", false),
        (json!({"Origin": format!("http://localhost:{}", gateway.port)}), "gateway-client", "backend", false),
    ] {
        let mut client = gateway.open("/", &headers).await.unwrap();
        client.send(&connect(id, mode, ADMIN, json!({ "token": TOKEN }))).await;
        let hello = client.answer("c").await;
        let scopes = if kept { json!(ADMIN) } else { json!([]) };
        assert_eq!(hello["payload"]["auth"]["scopes"], scopes, "{id} {mode} {headers}: {hello}");
        if !kept {
            assert_eq!(client.call("status", json!({})).await["error"]["code"], "FORBIDDEN");
        }
    }
}

#[tokio::test]
async fn ghsa_4jpw_hj22_2xmc_who_may_pair_mints_no_admin() {
    let gateway = gateway(|_| {}).await;
    let (mut owner, _) = gateway.connected(ADMIN).await;
    let (mut pairer, _) = gateway.connected(&["operator.pairing"]).await;
    // A device that was approved for everything, with a token for less.
    let admin = Device::new(1, ADMIN);
    let id = admin.key.id();
    admin.token(&gateway, "").await;
    for scopes in [json!(["operator.admin"]), json!(["operator.read"]), Value::Null] {
        let mut params = json!({"deviceId": id, "role": "operator"});
        if !scopes.is_null() {
            params["scopes"] = scopes;
        }
        let denied = pairer.call("device.token.rotate", params).await;
        assert_eq!(denied["error"]["message"], "device token rotation denied", "{denied}");
    }
    let denied = pairer.call("device.token.revoke", json!({"deviceId": id, "role": "operator"})).await;
    assert_eq!(denied["error"]["message"], "device token revocation denied");
    // Nor does an approval give away what the approver has not got, nor make a node.
    let asks = Device::new(2, ADMIN);
    let (_, answer) = asks.connect(&gateway, FAR).await;
    let request = answer["error"]["details"]["requestId"].clone();
    let denied = pairer.call("device.pair.approve", json!({ "requestId": request })).await;
    assert_eq!(denied["error"]["message"], "missing scope: operator.admin");
    let (_, answer) = Device::node(3).connect(&gateway, FAR).await;
    let node = json!({ "requestId": answer["error"]["details"]["requestId"] });
    let denied = pairer.call("device.pair.approve", node.clone()).await;
    assert_eq!(denied["error"]["message"], "device pairing approval denied");
    assert_eq!(owner.call("device.pair.approve", node).await["ok"], true);
    // Not even an owner gives a token more than its device was approved for.
    let plain = Device::new(4, &["operator.read"]);
    plain.token(&gateway, "").await;
    let wide = json!({"deviceId": plain.key.id(), "role": "operator", "scopes": ADMIN});
    let denied = owner.call("device.token.rotate", wide).await;
    assert_eq!(denied["error"]["message"], "device token rotation denied");
    // Whoever came by a device's own token sees and manages that device alone.
    let own = Device::new(5, &["operator.pairing"]);
    let token = own.token(&gateway, "").await;
    let (mut own, _) = own.with_token(&token).connect(&gateway, FAR).await;
    let listed = own.call("device.pair.list", json!({})).await["payload"].clone();
    assert_eq!(
        (listed["pending"].as_array().unwrap().len(), listed["paired"].as_array().unwrap().len()),
        (0, 1)
    );
    for (method, params) in [
        ("device.pair.remove", json!({ "deviceId": id })),
        ("device.pair.rename", json!({"deviceId": id, "label": "mine"})),
        ("device.pair.approve", json!({ "requestId": request })),
        ("device.pair.reject", json!({ "requestId": request })),
        ("device.token.revoke", json!({"deviceId": id, "role": "operator"})),
    ] {
        let denied = own.call(method, params).await["error"]["message"].clone();
        assert!(denied.as_str().unwrap().ends_with(" denied"), "{method}: {denied}");
    }
}

#[tokio::test]
async fn cve_2026_28472_a_field_that_is_there_is_no_credential() {
    let gateway = Gateway::start().await;
    for auth in [
        json!({"token": ""}),
        json!({"token": " "}),
        json!({"token": "garbage"}),
        json!({"deviceToken": "garbage"}),
        json!({"bootstrapToken": TOKEN}),
        json!({"approvalRuntimeToken": TOKEN}),
        json!({"agentRuntimeIdentityToken": TOKEN}),
        json!({}),
    ] {
        for (id, mode, role) in [
            ("cli", "cli", "operator"),
            ("node-host", "node", "node"),
            ("openclaw-control-ui", "webchat", "operator"),
            ("openclaw-tui", "ui", "operator"),
        ] {
            let (mut client, _) = gateway.challenged().await;
            let mut frame = connect(id, mode, ADMIN, auth.clone());
            frame["params"]["role"] = json!(role);
            client.send(&frame).await;
            assert_eq!(client.answer("c").await["ok"], false, "{id} {auth}");
            assert_eq!(client.closed().await.unwrap().0, 1008);
        }
    }
    // A node and a control page need a device whatever they know.
    for (id, mode, role) in [("node-host", "node", "node"), ("openclaw-control-ui", "webchat", "operator")] {
        let (mut client, _) = gateway.challenged().await;
        let mut frame = connect(id, mode, ADMIN, json!({ "token": TOKEN }));
        frame["params"]["role"] = json!(role);
        client.send(&frame).await;
        assert!(code(&client.answer("c").await).ends_with("DEVICE_IDENTITY_REQUIRED"), "{id}");
    }
}

#[tokio::test]
async fn ghsa_68x5_xx89_w9mm_and_ghsa_m8wm_r5vq_qjpg_an_old_credential_opens_nothing_after_its_change() {
    let next: Arc<Mutex<Option<Access>>> = Arc::default();
    let seen = Arc::clone(&next);
    let gateway = gateway(|options| {
        options.limits.reload = Duration::from_millis(5);
        let settings = |access| Ok(Settings { access, embedded: Embedded::default(), waiting: Vec::new() });
        options.reload = Some(Reload::new(move || seen.lock().unwrap().take().map(settings)));
    })
    .await;
    let device = Device::new(1, &["operator.read"]);
    let (mut by_secret, hello) = device.connect(&gateway, "").await;
    let token = hello["payload"]["auth"]["deviceToken"].as_str().unwrap().to_owned();
    let own = Device::new(1, &["operator.read"]).with_token(&token);
    let (mut by_token, _) = own.connect(&gateway, "").await;
    let access = Access { auth: Auth::Token(Secret::new("another")), fence: Default::default() };
    *next.lock().unwrap() = Some(access);
    assert_eq!(by_secret.closed().await, Some((4001, "gateway auth changed".into())));
    assert_eq!(code(&device.connect(&gateway, "").await.1), "AUTH_TOKEN_MISMATCH");
    let bearer = format!("GET /readyz HTTP/1.1\r\nAuthorization: Bearer {TOKEN}");
    assert!(ask(&gateway, &bearer).await.starts_with("HTTP/1.1 200"), "what is for everybody");
    // The device's own token is another credential, with a revocation of its own.
    assert_eq!(by_token.call("status", json!({})).await["ok"], true);
}

#[tokio::test]
async fn ghsa_5847_rm3g_23mw_and_ghsa_5p6w_wmh3_frfr_no_way_of_asking_evades_the_limit() {
    let gateway = gateway(|_| {}).await;
    let device = |auth: Value| Device { auth, ..Device::new(1, &[]) };
    // A made up device token buys no free guess of the secret, whichever spelling the address has.
    let mut codes = Vec::new();
    for round in 0..11 {
        let auth = json!({"token": format!("guess {round}"), "deviceToken": "made up"});
        let address = ["192.0.2.9", "::ffff:192.0.2.9", "::ffff:c000:209"][round % 3];
        codes.push(code(&device(auth).connect(&gateway, address).await.1).to_owned());
    }
    assert!(codes[..10].iter().all(|code| code == "AUTH_DEVICE_TOKEN_MISMATCH"), "{codes:?}");
    assert_eq!(codes[10], "AUTH_RATE_LIMITED");
    for auth in [json!({"token": TOKEN}), json!({"password": TOKEN}), json!({"deviceToken": "another"})] {
        assert_eq!(code(&device(auth).connect(&gateway, "192.0.2.9").await.1), "AUTH_RATE_LIMITED");
    }
    // Nobody else pays for it.
    assert_eq!(
        code(&device(json!({ "token": "x" })).connect(&gateway, "192.0.2.10").await.1),
        "AUTH_TOKEN_MISMATCH"
    );
    gateway.connected(&[]).await;
}

#[tokio::test]
async fn cve_2026_53817_a_place_that_is_only_claimed_makes_no_device_of_this_machine() {
    let gateway = gateway(|_| {}).await;
    for headers in [
        json!({"X-Forwarded-For": "127.0.0.1"}),
        json!({"X-Forwarded-For": "::1"}),
        json!({"X-Forwarded-For": "192.0.2.2, 127.0.0.1"}),
        json!({"X-Forwarded-For": FAR, "Host": "localhost"}),
    ] {
        let device = Device::new(1, ADMIN);
        let address = headers["X-Forwarded-For"].as_str().unwrap();
        let (_, answer) = device.connect(&gateway, address).await;
        assert_eq!(code(&answer), "PAIRING_REQUIRED", "{headers}: {answer}");
    }
    // Without a trusted proxy nobody is brought at all.
    let closed = Gateway::start().await;
    let refused = closed.open("/", &json!({"X-Forwarded-For": "127.0.0.1"})).await.err().unwrap();
    assert_eq!(refused.0.as_u16(), 403);
}

#[tokio::test]
async fn ghsa_83w9_h5wv_j9xm_pairings_that_race_end_in_one() {
    let gateway = gateway(|_| {}).await;
    let device = Device::new(1, &["operator.read"]);
    let many = futures_util::future::join_all((0..8).map(|_| device.connect(&gateway, ""))).await;
    let tokens: Vec<_> =
        many.iter().map(|(_, hello)| hello["payload"]["auth"]["deviceToken"].clone()).collect();
    assert!(tokens.iter().all(Value::is_string), "{tokens:?}");
    // Whichever was told last opens; and there is one device.
    let (mut owner, _) = gateway.connected(ADMIN).await;
    let listed = owner.call("device.pair.list", json!({})).await["payload"].clone();
    assert_eq!((listed["paired"].as_array().unwrap().len(), &listed["pending"]), (1, &json!([])));
    // One request is approved once, and what was rejected meanwhile is not.
    let (_, answer) = Device::new(2, &[]).connect(&gateway, FAR).await;
    let request = answer["error"]["details"]["requestId"].clone();
    for (id, method) in [
        ("1", "device.pair.approve"),
        ("2", "device.pair.reject"),
        ("3", "device.pair.approve"),
        ("4", "device.pair.reject"),
    ] {
        owner
            .send(&json!({"type": "req", "id": id, "method": method, "params": {"requestId": request}}))
            .await;
    }
    let mut done = 0;
    for _ in 0..4 {
        done += u32::from(owner.response().await.unwrap()["ok"] == true);
    }
    assert_eq!(done, 1);
}

#[tokio::test]
async fn cve_2026_53843_ghsa_q99w_vh6v_q3v7_a_revoked_node_comes_back_by_its_owner_alone() {
    let gateway = gateway(|_| {}).await;
    let (mut owner, _) = gateway.connected(ADMIN).await;
    let node = Device::node(1);
    let (mut connected, hello) = node.connect(&gateway, "").await;
    let token = hello["payload"]["auth"]["deviceToken"].as_str().unwrap().to_owned();
    let revoked = owner.call("device.token.revoke", json!({"deviceId": node.key.id(), "role": "node"})).await;
    assert_eq!(revoked["ok"], true, "{revoked}");
    assert_eq!(connected.closed().await, Some((4001, "device removed".into())));
    let own = Device::node(1).with_token(&token);
    assert_eq!(code(&own.connect(&gateway, "").await.1), "AUTH_DEVICE_TOKEN_MISMATCH");
    // Not with the shared secret either, even at this machine.
    let (_, answer) = node.connect(&gateway, "").await;
    assert_eq!(answer["error"]["details"]["reason"], "role-upgrade", "{answer}");
    let request = answer["error"]["details"]["requestId"].clone();
    assert_eq!(owner.call("device.pair.approve", json!({ "requestId": request })).await["ok"], true);
    assert_ne!(node.token(&gateway, "").await, token);
    assert_eq!(code(&own.connect(&gateway, "").await.1), "AUTH_DEVICE_TOKEN_MISMATCH");
}

#[tokio::test]
async fn cve_2026_53832_an_identity_header_of_any_local_process_is_nothing() {
    let gateway = Gateway::with(|options| {
        options.access.auth = Auth::TrustedProxy;
        options.access.fence.trusted_proxies = vec![Network::parse("127.0.0.1").unwrap()];
        options.access.fence.proxy_auth = ProxyAuth { user_header: "x-user".into(), ..ProxyAuth::default() };
    })
    .await;
    let mut client = gateway.open("/", &json!({"X-User": "ana"})).await.unwrap();
    client.send(&connect("gateway-client", "backend", ADMIN, json!({}))).await;
    assert_eq!(code(&client.answer("c").await), "AUTH_TRUSTED_PROXY_REQUIRED");
}

#[tokio::test]
async fn cve_2026_32045_and_ghsa_cjv3_m589_v3rx_neither_a_header_nor_an_address_stands_for_a_credential() {
    let gateway = gateway(|_| {}).await;
    let (_node, hello) = Device::node(1).connect(&gateway, "").await;
    assert_eq!(hello["ok"], true);
    let tailscale = "GET /readyz HTTP/1.1\r\nTailscale-User-Login: ana@example.com";
    assert!(ask(&gateway, tailscale).await.starts_with("HTTP/1.1 403"));
    let (_held, _) = Device::new(2, &[]).connect(&gateway, FAR).await;
    let same_address = format!("GET /readyz HTTP/1.1\r\nX-Forwarded-For: {FAR}");
    assert_eq!(body(&ask(&gateway, &same_address).await), r#"{"ready":true}"#, "no details");
}

#[tokio::test]
async fn ghsa_8mh7_phf8_xgfm_who_may_only_look_sees_no_secret() {
    let gateway = Gateway::with(|options| {
        let secrets =
            json!({"gateway": {"auth": {"token": TOKEN}}, "channels": {"telegram": {"botToken": "1:bot"}}});
        std::fs::write(&options.config_path, format!("// {TOKEN}\n{secrets}")).unwrap();
    })
    .await;
    let paired = Device::new(1, ADMIN).token(&gateway, "").await;
    for scopes in [&["operator.read"][..], ADMIN] {
        let (mut client, hello) = gateway.connected(scopes).await;
        let mut told = hello.to_string();
        for method in hello["features"]["methods"].as_array().unwrap() {
            told += &client.call(method.as_str().unwrap(), json!({})).await.to_string();
        }
        for secret in [TOKEN, "1:bot", &paired] {
            assert!(!told.contains(secret), "{scopes:?}");
        }
        let config = client.call("config.get", json!({})).await["payload"].clone();
        assert_eq!(config["config"]["gateway"]["auth"]["token"], "__OPENCLAW_REDACTED__");
    }
    assert!(!gateway.log().contains(TOKEN) && !gateway.log().contains(&paired));
}

#[tokio::test]
async fn ghsa_rchv_x836_w7xp_ghsa_943q_mwmv_hhvh_and_cve_2026_26317_http_opens_nothing() {
    let gateway = Gateway::start().await;
    let mut client = gateway.open(&format!("/?token={TOKEN}"), &json!({})).await.unwrap();
    client.send(&connect("cli", "cli", ADMIN, json!({}))).await;
    assert_eq!(code(&client.answer("c").await), "DEVICE_IDENTITY_REQUIRED");
    assert!(!gateway.log().contains(TOKEN), "a URL ends up in no log");
    for path in ["/tools/invoke", "/api/v1/admin/rpc", "/v1/chat/completions", "/browser/start"] {
        let answer =
            ask(&gateway, &format!("POST {path} HTTP/1.1\r\nOrigin: http://evil.test\r\nContent-Length: 0"))
                .await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn ghsa_g27f_9qjv_22pm_what_a_stranger_sends_writes_no_line_of_its_own_into_the_log() {
    let gateway = Gateway::start().await;
    let (mut client, _) = gateway.challenged().await;
    let mut frame = connect("cli", "cli", &[], json!({ "token": "x" }));
    let forged = "1\n{\"0\":\"forged\",\"_meta\":{}}\r\u{1b}[31m";
    for field in ["version", "platform", "displayName", "deviceFamily", "instanceId"] {
        frame["params"]["client"][field] = json!(forged);
    }
    client.send(&frame).await;
    client.closed().await;
    let mut client = gateway.open("/?x=%0aforged", &json!({"User-Agent": "a\tforged"})).await.unwrap();
    client.send_text(format!("{{\"type\":\"{}\"}}", "x\\nforged")).await;
    client.closed().await;
    for line in gateway.log().lines() {
        let line: Value = serde_json::from_str(line).expect("every line is one of ours");
        assert!(line["_meta"]["logLevelName"].is_string(), "{line}");
    }
    assert!(!gateway.log().contains('\u{1b}'));
}

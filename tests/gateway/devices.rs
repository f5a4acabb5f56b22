//! Devices: signatures made by the official functions verify, and each recorded fault is answered as it was.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use openclaw_supervisor::gateway::Auth;
use openclaw_supervisor::host::clock;
use openclaw_supervisor::wire::connect::{Challenge, Device};
use openclaw_supervisor::wire::{Client as Program, ConnectAuth, ConnectParams, device};
use serde_json::{Value, json};

use super::harness::{Gateway, TOKEN};

#[test]
fn official_signatures_verify_and_no_other_text_does() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("data/signatures.json")).unwrap();
    for vector in &vectors {
        let inputs = &vector["inputs"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let family = inputs["deviceFamily"].as_str().map(str::to_owned);
        let mut params = ConnectParams {
            client: Program {
                id: text(&inputs["clientId"]),
                mode: text(&inputs["clientMode"]),
                platform: text(&inputs["platform"]),
                device_family: family,
                ..Program::default()
            },
            role: Some(text(&inputs["role"])),
            scopes: serde_json::from_value(inputs["scopes"].clone()).unwrap(),
            auth: inputs["token"]
                .as_str()
                .map(|token| ConnectAuth { token: Some(token.into()), ..Default::default() }),
            device: Some(Device {
                id: text(&vector["deviceId"]),
                public_key: text(&vector["publicKeyBase64url"]),
                signature: String::new(),
                signed_at: inputs["signedAtMs"].as_i64().unwrap(),
                nonce: text(&inputs["nonce"]),
            }),
            ..ConnectParams::default()
        };
        let payloads = device::signed_payloads(&params).unwrap();
        assert_eq!(payloads, [text(&vector["payloadV2"]), text(&vector["payloadV3"])]);
        let (nonce, now) = (text(&inputs["nonce"]), inputs["signedAtMs"].as_i64().unwrap());
        let seed = text(&vector["privateSeedHex"]);
        let seed: Vec<u8> =
            (0..32).map(|at| u8::from_str_radix(&seed[2 * at..2 * at + 2], 16).unwrap()).collect();
        let mut signed = params.clone();
        let key = device::DeviceKey::from_seed(&seed.try_into().unwrap());
        key.sign(&mut signed, &Challenge { nonce: nonce.clone(), ts: now });
        params.device.as_mut().unwrap().signature = text(&vector["signatureV3"]);
        assert_eq!(signed.device, params.device, "our own signature is the official one");
        for signature in ["signatureV2", "signatureV3"] {
            params.device.as_mut().unwrap().signature = text(&vector[signature]);
            assert_eq!(device::verify(&params, &nonce, now), Ok(()));
            assert_eq!(device::verify(&params, &nonce, now + 120_001), Err(device::Doubt::Expired));
            params.role = Some("another".into());
            assert_eq!(device::verify(&params, &nonce, now), Err(device::Doubt::Signature));
            params.role = Some(text(&inputs["role"]));
        }
    }
    assert_eq!(vectors.len(), 3);
}

/// A key that is the name's own.
pub fn key_of(name: &str) -> SigningKey {
    let mut seed = [7; 32];
    seed.iter_mut().zip(name.bytes()).for_each(|(byte, letter)| *byte = letter);
    SigningKey::from_bytes(&seed)
}

/// The recorded connection with a key of our own: signed rightly first, then spoilt as its name says.
pub fn spoilt(capture: &Value, nonce: &str) -> Value {
    let name = capture["name"].as_str().unwrap();
    let key = key_of(capture["of"].as_str().unwrap_or(name));
    let now = clock::epoch_ms() as i64;
    let credential = capture["credential"].to_string().replace("<SHARED_TOKEN>", TOKEN);
    let credential: Option<ConnectAuth> = serde_json::from_str(&credential).unwrap();
    let mut params = ConnectParams {
        min_protocol: 4,
        max_protocol: 4,
        client: serde_json::from_value(capture["client"].clone()).unwrap(),
        role: serde_json::from_value(capture["role"].clone()).unwrap(),
        scopes: serde_json::from_value(capture["scopes"].clone()).unwrap(),
        auth: credential,
        device: Some(Device {
            id: device::device_id(key.verifying_key().as_bytes()),
            public_key: URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes()),
            signature: String::new(),
            signed_at: match name {
                "stale" | "stale-3min" => now - 180_000,
                "future-3min" => now + 180_000,
                "stale-1min" => now - 60_000,
                _ => now,
            },
            nonce: match name {
                "blank-nonce" => " ".into(),
                "wrong-nonce" => "00000000-0000-4000-8000-000000000000".into(),
                _ => nonce.into(),
            },
        }),
        ..ConnectParams::default()
    };
    let whole = params.auth.clone();
    if name == "token-field-sig-empty" {
        params.auth = None;
    }
    let [v2, v3] = device::signed_payloads(&params).unwrap();
    params.auth = whole;
    let payload = if name == "cli-v2" { v2 } else { v3 };
    let device = params.device.as_mut().unwrap();
    device.signature = URL_SAFE_NO_PAD.encode(key.sign(payload.as_bytes()).to_bytes());
    match name {
        "bad-signature" => device.signature = URL_SAFE_NO_PAD.encode([1; 64]),
        "bad-pubkey" => device.public_key = "AAAA".into(),
        "id-mismatch" => device.id = "a".repeat(64),
        _ => {}
    }
    json!({"type": "req", "id": "r1", "method": "connect", "params": params})
}

#[tokio::test]
async fn recorded_devices_are_answered_as_they_were() {
    let table: Vec<Value> = serde_json::from_str(include_str!("data/devices.json")).unwrap();
    let gateway = Gateway::start().await;
    let mut tokens: HashMap<String, String> = HashMap::new();
    for capture in &table {
        let name = capture["name"].as_str().unwrap();
        let (mut client, nonce) = gateway.challenged().await;
        let mut capture = capture.clone();
        if let Some(token) = tokens.get(capture["of"].as_str().unwrap_or_default()) {
            let credential = capture["credential"].to_string().replace("<DEVICE_TOKEN>", token);
            capture["credential"] = serde_json::from_str(&credential).unwrap();
        }
        client.send(&spoilt(&capture, &nonce)).await;
        let answer = client.answer("r1").await;
        assert_eq!(answer["error"], capture["error"], "{name}");
        if let Some(close) = capture.get("close") {
            let (code, reason) = client.closed().await.expect(name);
            assert_eq!(
                (json!(code), json!(reason)),
                (close["code"].clone(), close["reason"].clone()),
                "{name}"
            );
        } else {
            let mut auth = answer["payload"]["auth"].clone();
            let issued = auth["issuedAtMs"].as_u64();
            let fields = auth.as_object_mut().unwrap();
            fields.remove("issuedAtMs");
            let token = fields.remove("deviceToken");
            assert_eq!(auth, capture["auth"], "{name}");
            // A backend of this machine is let in as it is, and gets no token of its own.
            let paired = name != "backend";
            let token = token.map(|token| token.as_str().unwrap().to_owned());
            assert_eq!(token.as_ref().map(String::len), paired.then_some(43), "{name}");
            if let Some(known) = tokens.get(capture["of"].as_str().unwrap_or_default()) {
                assert_eq!(token.as_ref(), Some(known), "{name}: the same token is told again");
            }
            tokens.extend(token.map(|token| (name.to_owned(), token)));
            assert_eq!(issued.is_some(), paired, "{name}");
        }
    }
}

#[tokio::test]
async fn without_configured_auth_a_device_gets_what_it_asks_for() {
    let gateway = Gateway::with(|options| options.access.auth = Auth::None).await;
    let (mut client, nonce) = gateway.challenged().await;
    let capture = json!({"name": "tui", "role": "operator", "scopes": ["operator.admin"], "credential": null,
        "client": {"id": "openclaw-tui", "version": "1", "platform": "linux", "mode": "ui"}});
    client.send(&spoilt(&capture, &nonce)).await;
    let hello = client.answer("r1").await;
    assert_eq!(hello["payload"]["auth"], json!({"role": "operator", "scopes": ["operator.admin"]}));
    assert_eq!(hello["payload"]["snapshot"]["authMode"], "none");
    let presence = hello["payload"]["snapshot"]["presence"].as_array().unwrap();
    assert_eq!((presence.len(), &presence[1]["mode"]), (2, &json!("ui")));
}

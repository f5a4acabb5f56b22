//! Pairing as it was recorded of clients at another address (`remote-*`), the tokens of devices, and who may manage
//! whom. The clients come through a proxy that the gateway trusts.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openclaw_supervisor::gateway::Options;
use openclaw_supervisor::profile::fence::Network;
use openclaw_supervisor::wire::connect::Challenge;
use openclaw_supervisor::wire::device::DeviceKey;
use openclaw_supervisor::wire::{ConnectAuth, ConnectParams};
use serde_json::{Value, json};

use super::harness::{Client, Gateway, TOKEN};
use super::schema;

pub const FAR: &str = "192.0.2.2";

/// A gateway behind a proxy, so that its clients have addresses.
pub async fn gateway(change: impl FnOnce(&mut Options)) -> Gateway {
    Gateway::with(|options| {
        options.access.fence.trusted_proxies = vec![Network::parse("127.0.0.1").unwrap()];
        change(options);
    })
    .await
}

/// A device with a key of its own.
pub struct Device {
    pub key: DeviceKey,
    pub client: Value,
    pub role: &'static str,
    pub scopes: &'static [&'static str],
    pub auth: Value,
}

impl Device {
    pub fn new(seed: u8, scopes: &'static [&'static str]) -> Self {
        let client = json!({"id": "cli", "version": "facts-1", "platform": "linux", "mode": "cli"});
        let key = DeviceKey::from_seed(&[seed; 32]);
        Device { key, client, role: "operator", scopes, auth: json!({ "token": TOKEN }) }
    }

    pub fn node(seed: u8) -> Self {
        let client = json!({"id": "node-host", "version": "f", "platform": "linux", "deviceFamily": "Linux", "mode": "node"});
        Device { client, role: "node", ..Device::new(seed, &[]) }
    }

    pub fn with_token(mut self, token: &str) -> Self {
        self.auth = json!({ "deviceToken": token });
        self
    }

    /// Connects from `address`, or from this machine where it is empty.
    pub async fn connect(&self, gateway: &Gateway, address: &str) -> (Client, Value) {
        let headers = if address.is_empty() { json!({}) } else { json!({ "X-Forwarded-For": address }) };
        let mut client = gateway.open("/", &headers).await.unwrap();
        let challenge = client.recv().await.unwrap();
        let challenge: Challenge = serde_json::from_value(challenge["payload"].clone()).unwrap();
        let mut params = ConnectParams {
            min_protocol: 4,
            max_protocol: 4,
            client: serde_json::from_value(self.client.clone()).unwrap(),
            role: Some(self.role.into()),
            scopes: Some(self.scopes.iter().map(|scope| (*scope).to_owned()).collect()),
            auth: Some(serde_json::from_value::<ConnectAuth>(self.auth.clone()).unwrap()),
            ..ConnectParams::default()
        };
        self.key.sign(&mut params, &challenge);
        client.send(&json!({"type": "req", "id": "r1", "method": "connect", "params": params})).await;
        let answer = client.answer("r1").await;
        (client, answer)
    }

    /// The token that it is told when it connects.
    pub async fn token(&self, gateway: &Gateway, address: &str) -> String {
        let (_, hello) = self.connect(gateway, address).await;
        hello["payload"]["auth"]["deviceToken"].as_str().unwrap_or_else(|| panic!("{hello}")).to_owned()
    }
}

/// An answer without what is different each time.
fn settled(answer: &Value) -> Value {
    let mut error = answer["error"].clone();
    assert!(error["details"]["requestId"].as_str().is_some_and(|id| id.len() == 36), "{answer}");
    error["details"]["requestId"] = json!("R");
    error
}

async fn refused(device: &Device, gateway: &Gateway) -> (Value, String) {
    let (mut client, answer) = device.connect(gateway, FAR).await;
    let id =
        answer["error"]["details"]["requestId"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    let (code, reason) = client.closed().await.unwrap();
    let told = format!("{} (requestId: {id})", answer["error"]["message"].as_str().unwrap());
    assert_eq!((code, reason.as_str()), (1008, &told[..told.len().min(123)]));
    (settled(&answer), id)
}

#[tokio::test]
async fn a_device_from_elsewhere_is_paired_and_widened_as_recorded() {
    let gateway = gateway(|_| {}).await;
    let (mut owner, _) = gateway.connected_as("gateway-client", "backend", &["operator.admin"]).await;
    let device = Device::new(1, &["operator.read", "operator.write"]);
    let id = device.key.id();
    // remote-device-unpaired, remote-device-unpaired-again
    let mut expected = json!({"code": "NOT_PAIRED", "message": "pairing required: device is not approved yet",
        "details": {"code": "PAIRING_REQUIRED", "reason": "not-paired", "requestId": "R",
            "remediationHint": "Approve this device from the pending pairing requests.", "deviceId": id,
            "requestedRole": "operator", "requestedScopes": ["operator.read", "operator.write"]}});
    let (error, request) = refused(&device, &gateway).await;
    assert_eq!(error, expected);
    assert_eq!(refused(&device, &gateway).await, (error, request.clone()));
    let mut told = owner.event("device.pair.requested").await["payload"].clone();
    schema::assert_fits(&schema::definition("DevicePairRequestedEvent"), &told);
    let listed = owner.call("device.pair.list", json!({})).await["payload"].clone();
    assert_eq!(listed, json!({"pending": [told], "paired": []}), "asked once, told once");
    told["ts"] = json!(0);
    assert_eq!(
        told,
        json!({"requestId": request, "deviceId": id, "publicKey": device.key.public_key(), "platform": "linux",
            "clientId": "cli", "clientMode": "cli", "role": "operator", "roles": ["operator"],
            "scopes": ["operator.read", "operator.write"], "remoteIp": FAR, "silent": false, "isRepair": false,
            "ts": 0})
    );
    // remote-pair-approve-operator
    owner.send(&json!({"type": "req", "id": "a", "method": "device.pair.approve", "params": {"requestId": request}})).await;
    let resolved = owner.event("device.pair.resolved").await["payload"].clone();
    schema::assert_fits(&schema::definition("DevicePairResolvedEvent"), &resolved);
    assert_eq!((&resolved["decision"], &resolved["deviceId"]), (&json!("approved"), &json!(id)));
    let approved = owner.answer("a").await["payload"].clone();
    let at = approved["device"]["approvedAtMs"].clone();
    assert_eq!(
        approved,
        json!({"requestId": request, "device": {"deviceId": id, "publicKey": device.key.public_key(),
            "platform": "linux", "clientId": "cli", "clientMode": "cli", "role": "operator", "roles": ["operator"],
            "scopes": ["operator.read", "operator.write"], "remoteIp": FAR, "approvedVia": "owner",
            "createdAtMs": at, "approvedAtMs": at,
            "tokens": [{"role": "operator", "scopes": ["operator.read", "operator.write"], "createdAtMs": at}]}})
    );
    // remote-device-after-approve, remote-device-with-devicetoken
    let (_, hello) = device.connect(&gateway, FAR).await;
    let auth = hello["payload"]["auth"].clone();
    assert_eq!((&auth["scopes"], &auth["issuedAtMs"]), (&json!(["operator.read", "operator.write"]), &at));
    let token = auth["deviceToken"].as_str().unwrap().to_owned();
    assert_eq!(URL_SAFE_NO_PAD.decode(&token).unwrap().len(), 32);
    let own = Device::new(1, &["operator.read", "operator.write"]).with_token(&token);
    let (mut client, hello) = own.connect(&gateway, FAR).await;
    assert_eq!(hello["payload"]["auth"], auth, "the same token is told again");
    assert_eq!(client.call("status", json!({})).await["ok"], true);
    // remote-device-scope-upgrade
    let wider =
        Device { auth: json!({"token": TOKEN}), ..Device::new(1, &["operator.read", "operator.admin"]) };
    expected["message"] = json!("pairing required: device is asking for more scopes than currently approved");
    expected["details"]["reason"] = json!("scope-upgrade");
    expected["details"]["remediationHint"] =
        json!("Review the requested scopes, then approve the pending upgrade.");
    expected["details"]["requestedScopes"] = json!(["operator.read", "operator.admin"]);
    expected["details"]["approvedRoles"] = json!(["operator"]);
    expected["details"]["approvedScopes"] = json!(["operator.read", "operator.write"]);
    let (error, upgrade) = refused(&wider, &gateway).await;
    assert_eq!(error, expected);
    // remote-device-metadata-change: it asks for less than what waits already, so that request stays.
    let mut changed = Device::new(1, &["operator.read"]);
    changed.client["platform"] = json!("darwin");
    expected["message"] = json!("pairing required: device identity changed and must be re-approved");
    expected["details"]["reason"] = json!("metadata-upgrade");
    expected["details"]["remediationHint"] =
        json!("Review the refreshed device details, then approve the pending request.");
    expected["details"]["requestedScopes"] = json!(["operator.read"]);
    assert_eq!(refused(&changed, &gateway).await, (expected, upgrade));
    // remote-node-unpaired, and its rejection
    let node = Device::node(2);
    let (error, request) = refused(&node, &gateway).await;
    assert_eq!(
        error["details"],
        json!({"code": "PAIRING_REQUIRED", "reason": "not-paired", "requestId": "R",
            "remediationHint": "Approve this device from the pending pairing requests.",
            "deviceId": node.key.id(), "requestedRole": "node"})
    );
    let rejected = owner.call("device.pair.reject", json!({"requestId": request})).await;
    assert_eq!(rejected["payload"], json!({"requestId": request, "deviceId": node.key.id()}));
    assert_ne!(refused(&node, &gateway).await.1, request, "it may ask again");
}

#[tokio::test]
async fn what_was_paired_is_paired_after_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("gateway.sqlite");
    let mut first = gateway(|options| options.store = store.clone()).await;
    let device = Device::new(1, &["operator.read"]);
    let token = device.token(&first, "").await;
    first.join().unwrap();
    let second = gateway(|options| options.store = store).await;
    let own = Device::new(1, &["operator.read"]).with_token(&token);
    assert_eq!(own.token(&second, FAR).await, token);
}

#[tokio::test]
async fn a_device_of_this_machine_is_paired_in_silence_unless_that_is_switched_off() {
    let open = gateway(|_| {}).await;
    let (mut owner, _) = open.connected(&["operator.pairing"]).await;
    let device = Device::new(1, &["operator.read"]);
    let first = device.token(&open, "").await;
    let resolved = owner.event("device.pair.resolved").await;
    assert_eq!(resolved["payload"]["decision"], "approved");
    let wider = Device::new(1, &["operator.admin"]);
    let (_, hello) = wider.connect(&open, "").await;
    assert_eq!(hello["payload"]["auth"]["scopes"], json!(["operator.admin"]));
    assert_ne!(hello["payload"]["auth"]["deviceToken"], json!(first), "a wider token is another one");
    let listed = owner.call("device.pair.list", json!({})).await["payload"]["paired"][0].clone();
    assert_eq!((&listed["approvedVia"], &listed["lastSeenReason"]), (&json!("silent"), &json!("connect")));
    // Being an operator of this machine makes it no node of it.
    let node = Device { role: "node", scopes: &[], ..Device::new(1, &[]) };
    let (_, answer) = node.connect(&open, "").await;
    assert_eq!(answer["error"]["details"]["reason"], "role-upgrade");
    assert_eq!(Device::node(3).connect(&open, "").await.1["ok"], true);

    let strict = gateway(|options| options.embedded.nodes.auto_approve_local = false).await;
    let (_, answer) = device.connect(&strict, "").await;
    assert_eq!(answer["error"]["details"]["reason"], "not-paired");
}

#[tokio::test]
async fn a_credential_that_was_taken_away_ends_its_connections() {
    let gateway = gateway(|_| {}).await;
    let (mut owner, _) = gateway.connected(&["operator.admin"]).await;
    let device = Device::new(1, &["operator.read", "operator.pairing"]);
    let id = device.key.id();
    let (mut client, hello) = device.connect(&gateway, "").await;
    let token = hello["payload"]["auth"]["deviceToken"].as_str().unwrap().to_owned();

    // An owner replaces it: it is not told to them, and opens nothing any more.
    let rotated = owner.call("device.token.rotate", json!({"deviceId": id, "role": "operator"})).await;
    assert_eq!(rotated["payload"]["tokenDelivery"], "withheld-cross-device", "{rotated}");
    assert!(rotated["payload"].get("token").is_none());
    schema::assert_fits(&schema::definition("DeviceTokenRotateResult"), &rotated["payload"]);
    assert_eq!(client.closed().await, Some((4001, "device removed".into())));
    let own = Device::new(1, &["operator.read", "operator.pairing"]).with_token(&token);
    let (_, answer) = own.connect(&gateway, "").await;
    assert_eq!(answer["error"]["details"]["code"], "AUTH_DEVICE_TOKEN_MISMATCH");

    // The device itself replaces its own: it is told the new one, and then has to use it.
    let token = device.token(&gateway, "").await;
    let own = own.with_token(&token);
    let (mut client, _) = own.connect(&gateway, "").await;
    let rotated = client.call("device.token.rotate", json!({"deviceId": id, "role": "operator"})).await;
    assert_eq!(rotated["payload"]["tokenDelivery"], "in-band", "{rotated}");
    assert_eq!(client.closed().await, Some((4001, "device removed".into())));
    let own = own.with_token(rotated["payload"]["token"].as_str().unwrap());
    let (mut client, hello) = own.connect(&gateway, "").await;
    assert_eq!(hello["ok"], true, "{hello}");

    let revoked = owner.call("device.token.revoke", json!({"deviceId": id, "role": "operator"})).await;
    assert!(revoked["payload"]["revokedAtMs"].is_u64(), "{revoked}");
    assert_eq!(client.closed().await, Some((4001, "device removed".into())));
    assert_eq!(own.connect(&gateway, "").await.1["error"]["details"]["code"], "AUTH_DEVICE_TOKEN_MISMATCH");
    // From elsewhere the shared secret does not bring it back; at this machine it does, as a new approval.
    assert_eq!(refused(&device, &gateway).await.0["details"]["reason"], "role-upgrade");

    let removed = owner.call("device.pair.remove", json!({"deviceId": id})).await;
    assert_eq!(removed["payload"], json!({"deviceId": id}));
    assert_eq!(refused(&device, &gateway).await.0["details"]["reason"], "not-paired");
    let unknown = owner.call("device.pair.remove", json!({"deviceId": id})).await;
    assert_eq!(unknown["error"]["message"], "unknown deviceId");
}

#[tokio::test]
async fn a_device_is_named_by_its_owner_and_events_are_for_who_may_pair() {
    let gateway = gateway(|_| {}).await;
    let (mut owner, hello) = gateway.connected(&["operator.pairing"]).await;
    for event in ["device.pair.requested", "device.pair.resolved", "device.pair.changed"] {
        assert!(hello["features"]["events"].as_array().unwrap().contains(&json!(event)));
    }
    let (mut reader, _) = gateway.connected(&["operator.read"]).await;
    let denied = reader.call("device.pair.list", json!({})).await;
    assert_eq!(denied["error"]["message"], "missing scope: operator.pairing");
    let device = Device::new(1, &["operator.read"]);
    device.token(&gateway, "").await;
    let label = json!({"deviceId": device.key.id(), "label": " Desk "});
    owner.send(&json!({"type": "req", "id": "n", "method": "device.pair.rename", "params": label})).await;
    owner.event("device.pair.changed").await;
    let named = owner.answer("n").await;
    assert_eq!(named["payload"], json!({"deviceId": device.key.id(), "label": "Desk"}));
    let listed = owner.call("device.pair.list", json!({})).await;
    assert_eq!(listed["payload"]["paired"][0]["operatorLabel"], "Desk");
    let blank = owner.call("device.pair.rename", json!({"deviceId": device.key.id(), "label": " "})).await;
    assert_eq!(blank["error"]["message"], "label required");
    // The reader heard nothing of all that.
    reader.send(&json!({"type": "req", "id": "h", "method": "health"})).await;
    while let Some(frame) = reader.recv().await {
        assert!(!frame["event"].as_str().unwrap_or_default().starts_with("device."), "{frame}");
        if frame["id"] == "h" {
            break;
        }
    }
}

//! The first frame of a connection. It is refused with a code that the protocol knows, or lets somebody in: never beyond
//! what was asked for or what was approved, and never without the credential of this very gateway. The first byte says
//! how the gateway asks, where the peer is, and what is done with the peer's device.

use std::sync::LazyLock;

use openclaw_supervisor::base::Secret;
use openclaw_supervisor::gateway::admission::{
    self, Asking, By, Denial, Grant, Guess, Identity, Pairing, Peer, Role,
};
use openclaw_supervisor::gateway::connect::{self, Refusal};
use openclaw_supervisor::gateway::devices::judge::{self, Reason};
use openclaw_supervisor::gateway::devices::{Book, Card, Paired, Token, Via};
use openclaw_supervisor::gateway::{Access, Auth, scope};
use openclaw_supervisor::profile::Fence;
use openclaw_supervisor::wire::connect::{Challenge, ConnectParams};
use openclaw_supervisor::wire::device::DeviceKey;
use openclaw_supervisor::wire::{ConnectAuth, Frame, fault, limits};
use serde_json::{Value, json};

/// The shared secret, as the seeds have it.
const SECRET: &str = "a-shared-secret-of-the-seeds";
/// The token of the one device that is known.
const DEVICE_TOKEN: &str = "a-device-token-of-the-seeds";
/// What that token, and the device itself, was approved for.
const TOKEN_SCOPES: [&str; 1] = [scope::READ];
const DEVICE_SCOPES: [&str; 2] = [scope::READ, scope::PAIRING];
const NONCE: &str = "f3014424-f5e8-428f-9ecb-252f7d520ab2";
const NOW: i64 = 1_795_384_886_486;
const LOCKED_MS: u64 = 5000;
const REFUSALS: [&str; 2] = [fault::INVALID_REQUEST, fault::NOT_PAIRED];

static KEY: LazyLock<DeviceKey> = LazyLock::new(|| DeviceKey::from_seed(&[7; 32]));
static BOOK: LazyLock<Book> = LazyLock::new(book);

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The device of [`KEY`], paired as operator and as node.
fn book() -> Book {
    let token = |role: &str, scopes: &[&str]| Token {
        token: DEVICE_TOKEN.into(),
        role: role.into(),
        scopes: words(scopes),
        created_at_ms: 1,
        rotated_at_ms: None,
        revoked_at_ms: None,
        last_used_at_ms: None,
    };
    let card = Card {
        device_id: KEY.id(),
        public_key: KEY.public_key(),
        platform: Some("linux".into()),
        roles: words(&["operator", "node"]),
        scopes: words(&DEVICE_SCOPES),
        ..Card::default()
    };
    let tokens = [token("operator", &TOKEN_SCOPES), token("node", &[])];
    let paired = Paired {
        card,
        operator_label: None,
        approved_via: Via::Owner,
        created_at_ms: 1,
        approved_at_ms: 1,
        last_seen_at_ms: None,
        last_seen_reason: None,
        tokens: tokens.into_iter().map(|token| (token.role.clone(), token)).collect(),
    };
    Book { paired: [(KEY.id(), paired)].into(), ..Book::default() }
}

/// What the first byte says.
struct Scene {
    access: Access,
    peer: Peer,
    signed: bool,
    spoilt: bool,
    locked: bool,
}

impl Scene {
    fn of(byte: u8) -> Self {
        let auth = match byte & 3 {
            0 => Auth::Token(Secret::new(SECRET)),
            1 => Auth::Password(Secret::new(SECRET)),
            2 => Auth::None,
            _ => Auth::TrustedProxy,
        };
        let peer = |ip: [u8; 4], local, origin: Option<&str>| Peer {
            ip: ip.into(),
            local,
            origin: origin.map(str::to_owned),
            host: Some("127.0.0.1:18789".into()),
            user: None,
            identity: Identity::None,
        };
        let far = || peer([192, 0, 2, 9], false, None);
        let peer = match byte >> 2 & 7 {
            0 | 1 => peer([127, 0, 0, 1], true, None),
            2 => peer([127, 0, 0, 1], true, Some("http://127.0.0.1:18789")),
            3 => peer([127, 0, 0, 1], true, Some("https://evil.test")),
            4 => far(),
            5 => Peer { user: Some("ana".into()), ..far() },
            6 => Peer { identity: Identity::Proved("ana@example.com".into()), ..far() },
            _ => Peer { identity: Identity::Contradicted, ..far() },
        };
        let access = Access { auth, fence: Fence::default() };
        Scene { access, peer, signed: byte & 32 != 0, spoilt: byte & 96 == 96, locked: byte & 128 != 0 }
    }
}

/// Holds it.
pub fn hold(data: &[u8]) {
    let Some((byte, frame)) = data.split_first() else { return };
    let scene = Scene::of(*byte);
    let (id, mut params) = match connect::read(frame) {
        Ok(read) => read,
        Err(refusal) => return unread(&refusal, frame),
    };
    written_anew(&id, &params);
    if scene.signed {
        KEY.sign(&mut params, &Challenge { nonce: NONCE.into(), ts: NOW });
    }
    if scene.spoilt {
        spoil(&mut params, frame.len());
    }
    let asking = Asking {
        params: &params,
        peer: &scene.peer,
        access: &scene.access,
        book: &BOOK,
        nonce: NONCE,
        now_ms: NOW as u64,
        locked_ms: scene.locked.then_some(LOCKED_MS),
        token_locked_ms: scene.locked.then_some(LOCKED_MS),
    };
    match admission::admit(&asking) {
        Err(denial) => denied(&denial, &scene, &params),
        Ok((grant, pairing)) => {
            assert!(!scene.spoilt, "a signature counts for other parameters than it was made for");
            admitted(&grant, pairing, &scene, &params);
        }
    }
}

/// What cannot be read ends with a code, and with an answer where there is one to answer.
fn unread(refusal: &Refusal, frame: &[u8]) {
    let json: Option<Value> = serde_json::from_slice(frame).ok();
    assert_eq!(refusal.code, if json.is_some() { 1008 } else { 1000 });
    assert_eq!(refusal.reason.is_empty(), json.is_none());
    if let (Some((id, fault)), Some(json)) = (&refusal.answer, json) {
        assert_eq!((&json["id"], &fault.message), (&json!(id), &refusal.reason));
        assert_eq!((fault.code.as_str(), id.is_empty()), (fault::INVALID_REQUEST, false));
        assert!(fault.message.len() < 16 * 1024, "{} bytes", fault.message.len());
    }
}

/// Written anew, the parameters are the same.
fn written_anew(id: &str, params: &ConnectParams) {
    let json = serde_json::to_value(params).expect("parameters are JSON");
    let text = Frame::request(id, "connect", json).to_text();
    assert_eq!(connect::read(text.as_bytes()), Ok((id.to_owned(), params.clone())), "{text}");
}

/// Changes one of the things that a device signs; which of them, `choice` says.
fn spoil(params: &mut ConnectParams, choice: usize) {
    let ConnectParams { client, role, scopes, device, auth, .. } = params;
    let other = |text: &mut String, [a, b]: [&str; 2]| *text = if text == a { b.into() } else { a.into() };
    match choice % 9 {
        0 => other(&mut client.id, ["cli", "test"]),
        1 => other(&mut client.mode, ["cli", "test"]),
        2 => other(role.get_or_insert("operator".into()), ["operator", "node"]),
        3 => scopes.get_or_insert_default().push(scope::ADMIN.into()),
        4 => client.platform.push('x'),
        5 => client.device_family.get_or_insert_default().push('x'),
        6 => {
            let auth = auth.get_or_insert_default();
            let ConnectAuth { token, device_token, bootstrap_token, .. } = &*auth;
            let signed = token.as_ref().or(device_token.as_ref()).or(bootstrap_token.as_ref());
            auth.token = Some(format!("{}x", signed.map_or("", String::as_str)));
        }
        7 => device.iter_mut().for_each(|device| device.signed_at += 1),
        _ => device.iter_mut().for_each(|device| device.nonce.push('x')),
    }
}

/// A denial has the codes of the protocol, costs only who has guessed, and tells no secret.
fn denied(denial: &Denial, scene: &Scene, params: &ConnectParams) {
    let Denial { fault, code, guessed } = denial;
    let text = serde_json::to_string(fault).expect("a fault is JSON");
    assert!(REFUSALS.contains(&fault.code.as_str()) && !fault.message.is_empty(), "{text}");
    assert_eq!(*code == 1002, fault.detail_code() == Some("PROTOCOL_MISMATCH"), "{text}");
    assert!([1002, 1008].contains(code), "{code}");
    assert!(fault.detail_code().is_some() || fault.message == "invalid role", "{text}");
    assert!(!text.contains(SECRET) && !text.contains(DEVICE_TOKEN), "{text}");
    assert!(scene.locked || fault.retry_after_ms.is_none(), "{text}");
    let auth = params.auth.clone().unwrap_or_default();
    let has = |field: &Option<String>| field.as_deref().is_some_and(|text| !text.is_empty());
    let [secret, token] = guessed;
    assert!(secret.is_none() || *secret == Some(Guess::Secret) && (has(&auth.token) || has(&auth.password)));
    assert!(
        token.is_none()
            || *token == Some(Guess::DeviceToken) && (has(&auth.token) || has(&auth.device_token))
    );
    assert!(!scene.locked || guessed == &[None, None], "who is locked out guesses nothing: {text}");
}

/// Who is let in has shown what is asked for, and gets nothing beyond what it asked for.
fn admitted(grant: &Grant, pairing: Pairing, scene: &Scene, params: &ConnectParams) {
    let Scene { access, peer, locked, .. } = scene;
    assert!(params.min_protocol <= limits::PROTOCOL && params.max_protocol >= limits::PROTOCOL_MIN_PROBE);
    assert!(peer.origin.as_deref() != Some("https://evil.test"), "a page from elsewhere was let in");
    assert!(peer.identity != Identity::Contradicted, "an identity that the system denies was let in");
    assert_eq!(grant.role.as_str(), params.role.as_deref().unwrap_or("operator"));
    let asked = params.scopes.clone().unwrap_or_default();
    assert!(grant.scopes.iter().all(|scope| asked.contains(scope)), "{:?} of {asked:?}", grant.scopes);
    assert_eq!(grant.device, params.device.as_ref().map(|device| device.id.clone()));

    let auth = params.auth.clone().unwrap_or_default();
    let shows = |secret: &str| [&auth.token, &auth.password].into_iter().flatten().any(|text| text == secret);
    let near = peer.local && peer.origin.is_none();
    let page = params.client.id == "openclaw-control-ui";
    let shown = match (grant.by, &access.auth) {
        (By::Token, Auth::Token(_)) | (By::Password, Auth::Password(_)) => shows(SECRET) && !locked,
        (By::None, Auth::None) => peer.local,
        (By::TrustedProxy, Auth::TrustedProxy) => peer.user.is_some(),
        (By::Tailscale, _) => matches!(peer.identity, Identity::Proved(_)) && page && grant.device.is_some(),
        (By::DeviceToken, _) => {
            let own = [&auth.device_token, &auth.token].into_iter().flatten();
            let known = own.map(|text| text.trim()).any(|text| text == DEVICE_TOKEN);
            let covers = |wanted: &String| scope::allows(grant.role.as_str(), &words(&TOKEN_SCOPES), wanted);
            known && !locked && grant.device == Some(KEY.id()) && asked.iter().all(covers)
        }
        _ => false,
    };
    assert!(shown, "let in by {:?} without it", grant.by);
    match &params.device {
        None => {
            let program = matches!(params.client.id.as_str(), "gateway-client" | "cli");
            assert!(grant.scopes.is_empty() || near && program, "a client without device keeps scopes");
            assert_eq!((grant.role, pairing), (Role::Operator, Pairing::Waived));
        }
        Some(device) => paired(grant, pairing, scene, params, &device.public_key),
    }
}

/// A device that needs no approval was approved for all that it gets; nobody from elsewhere is approved in silence.
fn paired(grant: &Grant, pairing: Pairing, scene: &Scene, params: &ConnectParams, key: &str) {
    let (peer, client) = (&scene.peer, &params.client);
    assert!(pairing != Pairing::Waived || peer.local, "who is elsewhere has to be paired");
    let lacking = judge::lacks(&BOOK, grant, key, client);
    let Some(reason) = lacking else {
        let approved = words(&DEVICE_SCOPES);
        let within = |wanted: &String| scope::allows(grant.role.as_str(), &approved, wanted);
        assert!(grant.device == Some(KEY.id()) && grant.scopes.iter().all(within), "{:?}", grant.scopes);
        return;
    };
    for known in [false, true] {
        let silent = |allowed| judge::is_silent(reason, known, grant, client, peer, allowed);
        assert!(peer.local || !silent(true), "a device from elsewhere was approved in silence");
        assert!(
            !silent(false) || reason == Reason::Metadata,
            "{reason:?} was approved where that is switched off"
        );
        assert!(
            !silent(true) || !known || grant.role == Role::Operator,
            "a known device became a node by itself"
        );
    }
}

//! Who gets in and with what (OPENCLAW.md 4.3, 4.6, 4.8, 5.2): a pure decision over the parameters of
//! `connect`, the place the peer speaks from and how this gateway authenticates.

use std::net::IpAddr;

use serde_json::json;

use super::access::Access;
use super::devices::{self, Book};
use super::options::Auth;
use super::origin;
use crate::wire::device::{self, Doubt};
use crate::wire::{ConnectParams, Fault, fault, limits};

/// Where the peer speaks from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The address that asks, for whomever it does.
    pub ip: IpAddr,
    /// Whether it is a program on this machine.
    pub local: bool,
    /// The web page that it speaks for.
    pub origin: Option<String>,
    /// The host that it believes to speak with.
    pub host: Option<String>,
    /// The user that a trusted proxy names.
    pub user: Option<String>,
    /// Who it is by Tailscale's word.
    pub identity: Identity,
}

/// Who a peer is by Tailscale's word, which counts only where its proxy is the one that connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Nobody is stated, or this gateway does not care.
    None,
    /// This login, and the system says the same of the peer's address.
    Proved(String),
    /// A login is stated that the system does not give the peer's address.
    Contradicted,
    /// A login is stated, and the system was not to be asked.
    Unknown,
}

/// The two kinds of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Uses the gateway.
    Operator,
    /// Is used by the gateway.
    Node,
}

impl Role {
    /// The protocol's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Operator => "operator",
            Role::Node => "node",
        }
    }
}

/// What opened a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// Nothing: none is asked for.
    #[default]
    None,
    /// The shared token.
    Token,
    /// The shared password.
    Password,
    /// The word of a trusted proxy.
    TrustedProxy,
    /// The word of Tailscale.
    Tailscale,
    /// The token of its device.
    DeviceToken,
}

impl By {
    /// Whether it ends when the shared credential changes.
    pub const fn is_shared(self) -> bool {
        !matches!(self, By::DeviceToken)
    }
}

/// What a connection was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Operator or node.
    pub role: Role,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// Its device, when it proved one.
    pub device: Option<String>,
    /// What opened it.
    pub by: By,
}

/// What a device still needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// To be paired for all that it is granted.
    Needed,
    /// The same, if it is paired at all.
    IfKnown,
    /// Nothing.
    Waived,
}

/// What may be guessed; wrong ones of each kind are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Guess {
    /// The shared secret.
    Secret,
    /// A device's token.
    DeviceToken,
    /// The hooks' token.
    Hook,
}

/// Why a connection gets nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Denial {
    /// The answer.
    pub fault: Fault,
    /// The close code.
    pub code: u16,
    /// The wrong credentials that were tried, so that the next try shall cost: the shared secret, and a device's token.
    pub guessed: [Option<Guess>; 2],
}

impl Denial {
    fn policy(fault: Fault) -> Self {
        Denial { fault, code: 1008, guessed: [None; 2] }
    }
}

/// Who asks to be let in, and all that counts for that.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// What it says of itself.
    pub params: &'a ConnectParams,
    /// Where it speaks from.
    pub peer: &'a Peer,
    /// Who may come in now.
    pub access: &'a Access,
    /// The devices.
    pub book: &'a Book,
    /// The nonce of this connection's challenge.
    pub nonce: &'a str,
    /// The wall clock, milliseconds since the epoch.
    pub now_ms: u64,
    /// How long this party is still locked out of guessing shared secrets, in milliseconds.
    pub locked_ms: Option<u64>,
    /// The same of devices' tokens.
    pub token_locked_ms: Option<u64>,
}

/// Decides.
///
/// # Errors
/// The denial.
pub fn admit(asking: &Asking<'_>) -> Result<(Grant, Pairing), Denial> {
    let Asking { params, peer, access, .. } = *asking;
    let auth = &access.auth;
    check_version(params)?;
    let role = match params.role.as_deref() {
        None | Some("operator") => Role::Operator,
        Some("node") => Role::Node,
        Some(_) => return Err(Denial::policy(Fault::invalid("invalid role"))),
    };
    if !origin::is_allowed(peer, &access.fence.allowed_origins) {
        return Err(Denial::policy(origin::refusal()));
    }
    if peer.identity == Identity::Contradicted {
        return Err(Denial::policy(auth_fault(
            "tailscale identity mismatch",
            "tailscale_identity_mismatch",
            false,
            "update_auth_configuration",
        )));
    }
    let requested = || params.scopes.clone().unwrap_or_default();
    // A page of this machine's is no program of it: it keeps what it asks for by its own device alone.
    let near = peer.local && peer.origin.is_none();
    if let Some(device) = &params.device {
        device::verify(params, asking.nonce, asking.now_ms as i64)
            .map_err(|doubt| Denial::policy(device_fault(doubt)))?;
        let proved = is_proved_page(params, peer, role);
        let by = if proved { By::Tailscale } else { check_credential(asking, &device.id, role)? };
        let pairing = match by {
            By::Tailscale => Pairing::IfKnown,
            By::TrustedProxy => Pairing::Needed,
            _ if is_backend(params) && near => Pairing::Waived,
            _ if is_operator_page(params) && role == Role::Operator && matches!(auth, Auth::None) => {
                Pairing::Waived
            }
            _ => Pairing::Needed,
        };
        return Ok((Grant { role, scopes: requested(), device: Some(device.id.clone()), by }, pairing));
    }
    check_deviceless(params, peer, auth, role)?;
    let by = check_secret(asking)?;
    let keeps = near && (is_backend(params) || is_cli(params));
    let scopes = if keeps { requested() } else { Vec::new() };
    Ok((Grant { role, scopes, device: None, by }, Pairing::Waived))
}

/// The shared secret, else the token of the device, which may stand in either field.
fn check_credential(asking: &Asking<'_>, device_id: &str, role: Role) -> Result<By, Denial> {
    let denial = match check_secret(asking) {
        Ok(by) => return Ok(by),
        Err(denial) => denial,
    };
    let auth = asking.params.auth.as_ref();
    let own = auth.and_then(|auth| auth.device_token.as_deref()).filter(|token| !token.trim().is_empty());
    let shared = auth.and_then(|auth| auth.token.as_deref()).filter(|token| !token.trim().is_empty());
    let Some(token) = own.or(shared) else { return Err(denial) };
    if let Some(millis) = asking.token_locked_ms {
        return Err(Denial { fault: rate_limited(millis), ..denial });
    }
    let key = asking.params.device.as_ref().and_then(|device| device::canonical_key(&device.public_key));
    let scopes = asking.params.scopes.as_deref().unwrap_or_default();
    let key = key.unwrap_or_default();
    let fault = match devices::check(asking.book, device_id, &key, role.as_str(), token.trim(), scopes) {
        Ok(()) => return Ok(By::DeviceToken),
        Err(devices::Wrong::Scopes) => auth_fault(
            "device token scope mismatch (re-pair or approve scope upgrade)",
            "scope_mismatch",
            false,
            "review_auth_configuration",
        ),
        Err(devices::Wrong::Token) if own.is_some() => auth_fault(
            "device token mismatch (rotate/reissue device token)",
            "device_token_mismatch",
            false,
            "update_auth_credentials",
        ),
        Err(devices::Wrong::Token) => denial.fault,
    };
    // Both kinds of guesses cost: a made up token must not buy free tries of the secret, nor the other way round.
    let guessed = [denial.guessed[0], Some(Guess::DeviceToken)];
    Err(Denial { fault, code: 1008, guessed })
}

fn check_version(params: &ConnectParams) -> Result<(), Denial> {
    let lenient = params.client.mode == "probe"
        || params.client.mode == "node"
        || params.role.as_deref() == Some(Role::Node.as_str());
    let lowest = if lenient { limits::PROTOCOL_MIN_PROBE } else { limits::PROTOCOL };
    if params.min_protocol <= limits::PROTOCOL && params.max_protocol >= lowest {
        return Ok(());
    }
    let fault = Fault::invalid("protocol mismatch").details(json!({
        "code": "PROTOCOL_MISMATCH",
        "clientMinProtocol": params.min_protocol,
        "clientMaxProtocol": params.max_protocol,
        "expectedProtocol": limits::PROTOCOL,
        "minimumProbeProtocol": limits::PROTOCOL_MIN_PROBE,
    }));
    Err(Denial { fault, code: 1002, guessed: [None; 2] })
}

fn is_backend(params: &ConnectParams) -> bool {
    params.client.id == "gateway-client" && params.client.mode == "backend"
}

/// Whether a member of the tailnet speaks through a control page of its own browser: then its identity stands for the
/// credential and for the pairing, as in the real program. Nodes and other programs bring both.
fn is_proved_page(params: &ConnectParams, peer: &Peer, role: Role) -> bool {
    let page = params.client.id == "openclaw-control-ui" && role == Role::Operator;
    page && matches!(peer.identity, Identity::Proved(_))
}

/// Whether it is a control page or the like, which no shared secret replaces a device for.
fn is_operator_page(params: &ConnectParams) -> bool {
    matches!(params.client.id.as_str(), "openclaw-control-ui" | "openclaw-tui")
}

fn is_cli(params: &ConnectParams) -> bool {
    params.client.id == "cli" && params.client.mode == "cli"
}

/// What a client without device must not be: a node, a control page, or one that offers nothing.
fn check_deviceless(params: &ConnectParams, peer: &Peer, auth: &Auth, role: Role) -> Result<(), Denial> {
    let identity_required = Fault::new(fault::NOT_PAIRED, "device identity required")
        .details(json!({ "code": "DEVICE_IDENTITY_REQUIRED" }));
    if role == Role::Node {
        return Err(Denial::policy(identity_required));
    }
    if is_operator_page(params) {
        let fault =
            Fault::invalid("control ui requires device identity (use HTTPS or localhost secure context)")
                .details(json!({ "code": "CONTROL_UI_DEVICE_IDENTITY_REQUIRED" }));
        return Err(Denial::policy(fault));
    }
    let enough = match auth {
        Auth::None => is_backend(params) && peer.local,
        Auth::Token(_) | Auth::Password(_) => offered(params).next().is_some(),
        // Who has been asked by nobody is told so by the check of that.
        Auth::TrustedProxy => true,
    };
    if enough { Ok(()) } else { Err(Denial::policy(identity_required)) }
}

/// The shared secrets that a client offers. The real gateway does not care in which of the two fields.
fn offered(params: &ConnectParams) -> impl Iterator<Item = &str> {
    let auth = params.auth.as_ref();
    let token = auth.and_then(|auth| auth.token.as_deref());
    let password = auth.and_then(|auth| auth.password.as_deref());
    [token, password].into_iter().flatten().filter(|text| !text.is_empty())
}

fn check_secret(asking: &Asking<'_>) -> Result<By, Denial> {
    let Asking { params, peer, access, .. } = *asking;
    let (secret, word, by) = match &access.auth {
        Auth::None if peer.local => return Ok(By::None),
        Auth::None => return Err(Denial::policy(unauthorized("none", "mismatch", params, peer))),
        Auth::TrustedProxy if peer.user.is_some() => return Ok(By::TrustedProxy),
        Auth::TrustedProxy => return Err(Denial::policy(not_by_proxy())),
        Auth::Token(secret) => (secret, "token", By::Token),
        Auth::Password(secret) => (secret, "password", By::Password),
    };
    let offers = offered(params).next().is_some();
    if let Some(millis) = asking.locked_ms.filter(|_| offers) {
        return Err(Denial::policy(rate_limited(millis)));
    }
    // Both are compared, whatever the first says: the time tells nothing.
    let matched = offered(params).fold(false, |matched, text| secret.matches(text) | matched);
    if matched {
        return Ok(by);
    }
    if offers {
        let fault = unauthorized(word, "mismatch", params, peer);
        return Err(Denial { fault, code: 1008, guessed: [Some(Guess::Secret), None] });
    }
    Err(Denial::policy(unauthorized(word, "missing", params, peer)))
}

/// What is said to whom no trusted proxy has asked, a program of this machine included.
fn not_by_proxy() -> Fault {
    auth_fault(
        "no user was named by a trusted proxy (connect through the proxy)",
        "trusted_proxy_required",
        false,
        "update_auth_configuration",
    )
}

fn unauthorized(word: &str, wrong: &str, params: &ConnectParams, peer: &Peer) -> Fault {
    let hint = match (word, params.client.id.as_str(), peer.local) {
        ("token", "cli", true) => "use this gateway's gateway.auth.token or pair the device",
        ("token", "cli", false) => "set gateway.remote.token to match gateway.auth.token",
        ("token", ..) => "provide gateway auth token",
        (_, _, true) => "use this gateway's gateway.auth.password",
        (_, _, false) => "set gateway.remote.password to match gateway.auth.password",
    };
    let message = format!("gateway {word} {wrong} ({hint})");
    let retry = wrong == "mismatch" && word == "token" && params.device.is_some();
    let next = match (wrong, retry) {
        ("missing", _) => "update_auth_configuration",
        (_, true) => "retry_with_device_token",
        (_, false) => "update_auth_credentials",
    };
    auth_fault(&message, &format!("{word}_{wrong}"), retry, next)
}

fn auth_fault(message: &str, reason: &str, retry_with_device: bool, next: &str) -> Fault {
    Fault::invalid(format!("unauthorized: {message}")).details(json!({
        "code": format!("AUTH_{}", reason.to_ascii_uppercase()),
        "authReason": reason,
        "canRetryWithDeviceToken": retry_with_device,
        "recommendedNextStep": next,
    }))
}

fn rate_limited(millis: u64) -> Fault {
    auth_fault(
        "too many failed authentication attempts (retry later)",
        "rate_limited",
        false,
        "wait_then_retry",
    )
    .retry_after(millis)
}

fn device_fault(doubt: Doubt) -> Fault {
    let (message, code, reason) = match doubt {
        Doubt::PublicKey => ("device public key invalid", "PUBLIC_KEY_INVALID", "device-public-key"),
        Doubt::IdMismatch => ("device identity mismatch", "DEVICE_ID_MISMATCH", "device-id-mismatch"),
        Doubt::Expired => ("device signature expired", "SIGNATURE_EXPIRED", "device-signature-stale"),
        Doubt::NonceMissing => ("device nonce required", "NONCE_REQUIRED", "device-nonce-missing"),
        Doubt::NonceMismatch => ("device nonce mismatch", "NONCE_MISMATCH", "device-nonce-mismatch"),
        Doubt::Signature => ("device signature invalid", "SIGNATURE_INVALID", "device-signature"),
    };
    Fault::invalid(message).details(json!({ "code": format!("DEVICE_AUTH_{code}"), "reason": reason }))
}

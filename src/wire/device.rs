//! Device identity: the id of a key, the payload that is signed, and its verification (OPENCLAW.md 5.1, 5.2).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use super::connect::{Challenge, ConnectParams, Device};

/// How far a signature's time may lie from the gateway's clock, in milliseconds, either way.
pub const SKEW_MAX_MS: i64 = 120_000;

/// The device id of a raw Ed25519 public key: lower-case hex SHA-256.
pub fn device_id(public_key: &[u8]) -> String {
    Sha256::digest(public_key).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes as the protocol writes them: base64url without padding.
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What stands before the key in the SubjectPublicKeyInfo of an Ed25519 key (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The raw bytes of a public key that is written as base64url, as base64 or as PEM.
fn decoded_key(text: &str) -> Option<Vec<u8>> {
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let body = body.trim_end_matches('=');
    let bytes = URL_SAFE_NO_PAD.decode(body).or_else(|_| STANDARD_NO_PAD.decode(body)).ok()?;
    match bytes.strip_prefix(&SPKI_PREFIX) {
        Some(raw) if text.contains("-----") => Some(raw.to_vec()),
        _ => Some(bytes),
    }
}

/// The one way to write a public key: its raw bytes, base64url without padding; `None` where it is none.
pub fn canonical_key(text: &str) -> Option<String> {
    decoded_key(text).map(|raw| URL_SAFE_NO_PAD.encode(raw))
}

/// A device's key pair. It has no `Debug`: nothing of it is ever printed.
pub struct DeviceKey(SigningKey);

impl DeviceKey {
    /// The key pair that follows from 32 random bytes.
    pub fn from_seed(seed: &[u8; 32]) -> DeviceKey {
        DeviceKey(SigningKey::from_bytes(seed))
    }

    /// The device's id.
    pub fn id(&self) -> String {
        device_id(self.0.verifying_key().as_bytes())
    }

    /// 32 bytes that follow from the private key and from `purpose`, and tell nothing of either.
    pub fn derived(&self, purpose: &[u8]) -> [u8; 32] {
        Sha256::new().chain_update(self.0.to_bytes()).chain_update(purpose).finalize().into()
    }

    /// Its public key, base64url.
    pub fn public_key(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.verifying_key().as_bytes())
    }

    /// Adds this device to `params`, which must be whole but for it, with a version 3 signature over the challenge.
    /// The gateway's own clock, which the challenge tells, is what it compares with.
    pub fn sign(&self, params: &mut ConnectParams, challenge: &Challenge) {
        params.device = Some(Device {
            id: self.id(),
            public_key: self.public_key(),
            signature: String::new(),
            signed_at: challenge.ts,
            nonce: challenge.nonce.clone(),
        });
        let payload = signed_payloads(params).map(|[_, v3]| v3).unwrap_or_default();
        if let Some(device) = &mut params.device {
            device.signature = URL_SAFE_NO_PAD.encode(self.0.sign(payload.as_bytes()).to_bytes());
        }
    }
}

/// The text that a device signs, in version 2 and 3; `None` when the parameters carry no device.
pub fn signed_payloads(params: &ConnectParams) -> Option<[String; 2]> {
    let device = params.device.as_ref()?;
    let auth = params.auth.as_ref();
    let token = auth
        .and_then(|auth| auth.token.as_ref().or(auth.device_token.as_ref()).or(auth.bootstrap_token.as_ref()))
        .map_or("", String::as_str);
    let scopes = params.scopes.as_deref().unwrap_or_default().join(",");
    let role = params.role.as_deref().unwrap_or("operator");
    let body = format!(
        "{}|{}|{}|{role}|{scopes}|{}|{token}|{}",
        device.id, params.client.id, params.client.mode, device.signed_at, device.nonce
    );
    let platform = folded(Some(&params.client.platform));
    let family = folded(params.client.device_family.as_deref());
    Some([format!("v2|{body}"), format!("v3|{body}|{platform}|{family}")])
}

/// Trimmed, ASCII letters lower-cased only; empty where absent.
fn folded(text: Option<&str>) -> String {
    text.unwrap_or_default().trim().to_ascii_lowercase()
}

/// Why a device is not believed; the protocol's detail codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The public key is none.
    PublicKey,
    /// The id is not the key's hash.
    IdMismatch,
    /// The signature is too old or from the future.
    Expired,
    /// There is no nonce.
    NonceMissing,
    /// The nonce is not the one of this connection.
    NonceMismatch,
    /// The signature does not fit.
    Signature,
}

/// Checks a device in the order of the real gateway: id, time, nonce, signature (version 3, then 2).
///
/// # Errors
/// The first [`Doubt`] met.
pub fn verify(params: &ConnectParams, nonce: &str, now_ms: i64) -> Result<(), Doubt> {
    let Some(device) = params.device.as_ref() else { return Err(Doubt::PublicKey) };
    let key = decoded_key(&device.public_key).ok_or(Doubt::PublicKey)?;
    if device_id(&key) != device.id {
        return Err(Doubt::IdMismatch);
    }
    let key: [u8; 32] = key.try_into().map_err(|_| Doubt::PublicKey)?;
    let key = VerifyingKey::from_bytes(&key).map_err(|_| Doubt::PublicKey)?;
    if device.signed_at.abs_diff(now_ms) > SKEW_MAX_MS.unsigned_abs() {
        return Err(Doubt::Expired);
    }
    if device.nonce.trim().is_empty() {
        return Err(Doubt::NonceMissing);
    }
    if device.nonce != nonce {
        return Err(Doubt::NonceMismatch);
    }
    let signature =
        URL_SAFE_NO_PAD.decode(device.signature.trim_end_matches('=')).map_err(|_| Doubt::Signature)?;
    let signature = Signature::from_slice(&signature).map_err(|_| Doubt::Signature)?;
    let payloads = signed_payloads(params).ok_or(Doubt::Signature)?;
    let fits = payloads.iter().rev().any(|payload| key.verify_strict(payload.as_bytes(), &signature).is_ok());
    if fits { Ok(()) } else { Err(Doubt::Signature) }
}

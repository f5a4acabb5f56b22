//! What still stands between a device and its connection, and whether that is approved without anyone being asked
//! (OPENCLAW.md 5.3): pure.

use serde_json::{Value, json};

use super::book::{Book, Paired, Pending};
use crate::gateway::admission::{By, Grant, Peer, Role};
use crate::gateway::scope;
use crate::wire::connect::Client;
use crate::wire::{Fault, fault};

/// Why a device has to be approved first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is unknown, or its key is another one.
    NotPaired,
    /// It says that it runs on something else than before.
    Metadata,
    /// It was not approved for this role, or its token for it was revoked.
    Role,
    /// It was approved for less.
    Scopes,
}

impl Reason {
    /// The protocol's word, what is lacking, and what to do about it.
    const fn words(self) -> [&'static str; 3] {
        match self {
            Reason::NotPaired => [
                "not-paired",
                "device is not approved yet",
                "Approve this device from the pending pairing requests.",
            ],
            Reason::Metadata => [
                "metadata-upgrade",
                "device identity changed and must be re-approved",
                "Review the refreshed device details, then approve the pending request.",
            ],
            Reason::Role => [
                "role-upgrade",
                "device is asking for a higher role than currently approved",
                "Review the requested role upgrade, then approve the pending request.",
            ],
            Reason::Scopes => [
                "scope-upgrade",
                "device is asking for more scopes than currently approved",
                "Review the requested scopes, then approve the pending upgrade.",
            ],
        }
    }
}

/// The first thing that the device with this key lacks for what it is to be granted.
pub fn lacks(book: &Book, grant: &Grant, public_key: &str, client: &Client) -> Option<Reason> {
    let id = grant.device.as_deref().unwrap_or_default();
    let role = grant.role.as_str();
    let Some(device) = book.paired.get(id).filter(|device| device.card.public_key == public_key) else {
        return Some(Reason::NotPaired);
    };
    if is_changed(device, client) {
        return Some(Reason::Metadata);
    }
    if !device.has_role(role) {
        return Some(Reason::Role);
    }
    let beyond = grant.scopes.iter().any(|wanted| !scope::allows(role, &device.card.scopes, wanted));
    beyond.then_some(Reason::Scopes)
}

/// Whether the device says that it is of another system or kind than the one that was approved. A newer version of the
/// same system is the same where the client program tells versions.
fn is_changed(device: &Paired, client: &Client) -> bool {
    let folded = |text: Option<&str>| text.unwrap_or_default().trim().to_ascii_lowercase();
    let (was, is) = (folded(device.card.platform.as_deref()), folded(Some(&client.platform)));
    let family = folded(device.card.device_family.as_deref());
    let tells_versions = is_app(client) || client.id == "node-host";
    let same_system = tells_versions && !is.is_empty() && system(&was) == system(&is);
    let platform_changed = !was.is_empty() && was != is && !same_system;
    platform_changed || !family.is_empty() && family != folded(client.device_family.as_deref())
}

/// The system that a platform's text names, without its version.
fn system(platform: &str) -> &str {
    match platform.split_whitespace().next().unwrap_or_default() {
        "darwin" => "macos",
        "ipados" => "ios",
        name => name,
    }
}

fn is_app(client: &Client) -> bool {
    let apps = ["openclaw-macos", "openclaw-linux", "openclaw-ios", "openclaw-android", "openclaw-watchos"];
    apps.contains(&client.id.as_str())
}

/// Whether what is lacking is approved at once: for a program of this machine that showed the shared secret, unless the
/// configuration says no. A device that is known already becomes no node by that: what it may then run is its owner's
/// decision.
pub fn is_silent(
    reason: Reason,
    known: bool,
    grant: &Grant,
    client: &Client,
    peer: &Peer,
    allowed: bool,
) -> bool {
    let is_page = peer.origin.is_some();
    let page_client = client.id == "openclaw-control-ui" || client.id == "openclaw-tui";
    let webchat = client.mode == "webchat" || client.id == "webchat-ui";
    if !peer.local || (is_page && !page_client && !webchat) || (known && grant.role != Role::Operator) {
        return false;
    }
    match reason {
        Reason::Metadata => !is_page && !page_client && !webchat && client.mode == "ui" && is_app(client),
        _ if !allowed => false,
        Reason::Scopes => matches!(grant.by, By::Token | By::Password | By::None),
        Reason::NotPaired | Reason::Role => true,
    }
}

/// The answer to a device that has to be approved first, and the reason of the close.
pub fn refusal(
    reason: Reason,
    request: &Pending,
    grant: &Grant,
    known: Option<&Paired>,
) -> (Box<Fault>, String) {
    let [word, lacking, hint] = reason.words();
    let message = format!("pairing required: {lacking}");
    let mut details = json!({
        "code": "PAIRING_REQUIRED",
        "reason": word,
        "requestId": request.request_id,
        "remediationHint": hint,
        "deviceId": grant.device,
        "requestedRole": grant.role.as_str(),
    });
    let mut list = |key: &str, words: Vec<String>| {
        if !words.is_empty() {
            details[key] = Value::from(words);
        }
    };
    list("requestedScopes", grant.scopes.clone());
    if let Some(device) = known.filter(|device| device.card.public_key == request.card.public_key) {
        list("approvedRoles", device.card.roles.clone());
        let mut approved = device.card.scopes.clone();
        approved.sort_unstable();
        list("approvedScopes", approved);
    }
    let close = format!("{message} (requestId: {})", request.request_id);
    (Box::new(Fault::new(fault::NOT_PAIRED, message).details(details)), close)
}

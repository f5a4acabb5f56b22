//! Tokens of devices: pure decisions over the book. A token is worth at most what its device was approved for, and who
//! makes one gives away no more than they have.

use crate::base::Secret;
use crate::gateway::scope;

use super::book::{Book, Change, Paired, Token};

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It is none of this device and role, or it was revoked.
    Token,
    /// It is, but was made for less than is asked for.
    Scopes,
}

/// Whether `token` opens a connection of the device with that key in that role with those scopes.
///
/// # Errors
/// Why not.
pub fn check(
    book: &Book,
    device_id: &str,
    public_key: &str,
    role: &str,
    token: &str,
    scopes: &[String],
) -> Result<(), Wrong> {
    let device = book.paired.get(device_id).filter(|device| device.card.public_key == public_key);
    let kept = device.and_then(|device| device.tokens.get(role));
    let kept = kept.filter(|kept| kept.revoked_at_ms.is_none()).ok_or(Wrong::Token)?;
    if token.is_empty() || !Secret::new(kept.token.as_str()).matches(token) {
        return Err(Wrong::Token);
    }
    let approved = device.map(|device| scope::normalized(&device.card.scopes)).unwrap_or_default();
    let within = |wanted: &String, most: &[String]| scope::allows(role, most, wanted);
    let sound = kept.scopes.iter().all(|wanted| within(wanted, &approved))
        && scope::normalized(scopes).iter().all(|wanted| within(wanted, &kept.scopes));
    if sound { Ok(()) } else { Err(Wrong::Scopes) }
}

/// The token that `hello-ok` tells: the one there is, where it covers `scopes`, else a new one within what was approved.
/// `None` for a device that is not paired for the role.
pub fn ensure(
    book: &Book,
    device_id: &str,
    role: &str,
    scopes: &[String],
    fresh: &str,
    now_ms: u64,
) -> Option<(Token, Option<Change>)> {
    let device = book.paired.get(device_id).filter(|device| has_approved(device, role))?;
    let asked = scope::normalized(scopes);
    let approved = scope::normalized(&device.card.scopes);
    let within = |scopes: &[String], most: &[String]| scopes.iter().all(|one| scope::allows(role, most, one));
    if !within(&asked, &approved) {
        return None;
    }
    // What was revoked comes back by an approval alone.
    let kept = device.tokens.get(role).filter(|kept| kept.revoked_at_ms.is_none())?;
    if within(&kept.scopes, &approved) && within(&asked, &kept.scopes) {
        return Some((kept.clone(), None));
    }
    let token = renewed(Some(kept), role, asked, fresh, now_ms);
    Some((token.clone(), Some(with(device, token))))
}

/// Why a token is not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// There is no such device, role or token.
    Unknown,
    /// It would have a scope that the device was not approved for.
    Beyond(String),
    /// Who asks has not got this scope.
    Missing(String),
}

/// Replaces a token; the old one opens nothing any more. `scopes` are what it had where none are named; `caller` are the
/// scopes of who asks, where they bound what may be given.
///
/// # Errors
/// Why not.
pub fn rotate(
    book: &Book,
    device_id: &str,
    role: &str,
    scopes: Option<&[String]>,
    caller: Option<&[String]>,
    fresh: &str,
    now_ms: u64,
) -> Result<(Token, Change), Denied> {
    let device = book.paired.get(device_id).filter(|device| has_approved(device, role));
    let device = device.ok_or(Denied::Unknown)?;
    let old = device.tokens.get(role);
    let had = || old.map_or(&device.card.scopes[..], |old| &old.scopes);
    let wanted = scope::normalized(scopes.unwrap_or_else(had));
    let approved = scope::normalized(&device.card.scopes);
    if let Some(beyond) = wanted.iter().find(|one| !scope::allows(role, &approved, one)) {
        return Err(Denied::Beyond(beyond.clone()));
    }
    if let Some(caller) = caller
        && let Some(missing) = wanted.iter().find(|one| !scope::allows(role, caller, one))
    {
        return Err(Denied::Missing(missing.clone()));
    }
    let token = Token { rotated_at_ms: Some(now_ms), ..renewed(old, role, wanted, fresh, now_ms) };
    Ok((token.clone(), with(device, token)))
}

/// Revokes a token.
///
/// # Errors
/// Why not.
pub fn revoke(
    book: &Book,
    device_id: &str,
    role: &str,
    caller: Option<&[String]>,
    now_ms: u64,
) -> Result<(Token, Change), Denied> {
    let device = book.paired.get(device_id).filter(|device| has_approved(device, role));
    let old = device.and_then(|device| device.tokens.get(role));
    let (Some(device), Some(old)) = (device, old) else { return Err(Denied::Unknown) };
    if let Some(caller) = caller
        && let Some(missing) = old.scopes.iter().find(|one| !scope::allows(role, caller, one))
    {
        return Err(Denied::Missing(missing.clone()));
    }
    let token = Token { revoked_at_ms: Some(now_ms), ..old.clone() };
    Ok((token.clone(), with(device, token)))
}

fn has_approved(device: &Paired, role: &str) -> bool {
    device.card.roles.iter().any(|approved| approved == role)
}

/// The token `fresh` in the place of `old`, which it goes on from.
pub fn renewed(old: Option<&Token>, role: &str, scopes: Vec<String>, fresh: &str, now_ms: u64) -> Token {
    Token {
        token: fresh.into(),
        role: role.into(),
        scopes,
        created_at_ms: old.map_or(now_ms, |old| old.created_at_ms),
        rotated_at_ms: old.map(|_| now_ms),
        revoked_at_ms: None,
        last_used_at_ms: old.and_then(|old| old.last_used_at_ms),
    }
}

fn with(device: &Paired, token: Token) -> Change {
    let mut device = device.clone();
    device.tokens.insert(token.role.clone(), token);
    Change::of_device(device)
}

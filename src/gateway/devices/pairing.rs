//! Asking to be paired and being approved: pure changes of the book (OPENCLAW.md 5.3). Ids, tokens and the time are
//! handed in.

use super::book::{Book, Card, Change, PENDING_MAX, Paired, Pending, Token, Via};
use super::token;
use crate::gateway::scope;

/// How long a silent pairing is safe from its successor, in milliseconds: two of one kind may start together.
const YOUNG_MS: u64 = 60_000;

/// What became of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The request as it waits now.
    pub request: Pending,
    /// Whether it is a new one.
    pub created: bool,
    /// Earlier ones of the same device that it takes the place of.
    pub superseded: Vec<String>,
    /// The change.
    pub change: Change,
}

/// Asks for what `card` says. A request that waits already for this or for more keeps its id; others of the same device
/// become one with it under `new_id`, silent only if all were.
pub fn ask(book: &Book, card: Card, silent: bool, new_id: &str, now_ms: u64) -> Asked {
    let is_repair = book.paired.contains_key(&card.device_id);
    let waiting: Vec<&Pending> =
        book.all_waiting(now_ms).into_iter().filter(|other| other.card.device_id == card.device_id).collect();
    let mut change = book.expired(now_ms);
    if let [only] = waiting[..]
        && covers(&only.card, &card)
    {
        let request = refreshed(only, card, silent, is_repair, now_ms);
        change.pending.push((request.request_id.clone(), Some(request.clone())));
        return Asked { request, created: false, superseded: vec![], change };
    }
    let mut merged = Card { roles: vec![], scopes: vec![], ..card.clone() };
    for part in waiting.iter().map(|other| &other.card).chain([&card]) {
        add(&mut merged.roles, &part.roles);
        add(&mut merged.scopes, &part.scopes);
    }
    let silent = silent && waiting.iter().all(|other| other.silent);
    let request = Pending {
        request_id: new_id.into(),
        card: merged,
        silent,
        is_repair,
        ts: now_ms,
        refreshed_at_ms: None,
    };
    let superseded: Vec<String> = waiting.iter().map(|other| other.request_id.clone()).collect();
    change.pending.extend(superseded.iter().map(|id| (id.clone(), None)));
    let others = book.all_waiting(now_ms);
    let left = others.iter().rev().filter(|other| other.card.device_id != card.device_id);
    let too_many = (others.len() + 1).saturating_sub(PENDING_MAX);
    change.pending.extend(left.take(too_many).map(|oldest| (oldest.request_id.clone(), None)));
    change.pending.push((request.request_id.clone(), Some(request.clone())));
    Asked { request, created: true, superseded, change }
}

/// Whether a request that waits asks for all that `card` asks for.
fn covers(waiting: &Card, card: &Card) -> bool {
    let same = waiting.public_key == card.public_key && waiting.role == card.role;
    let roles = card.roles.iter().all(|role| waiting.roles.contains(role));
    let scopes = card.scopes.iter().all(|wanted| {
        waiting.scopes.contains(wanted)
            || card.roles.iter().any(|role| scope::allows(role, &waiting.scopes, wanted))
    });
    same && roles && scopes
}

fn refreshed(waiting: &Pending, card: Card, silent: bool, is_repair: bool, now_ms: u64) -> Pending {
    let old = waiting.card.clone();
    Pending {
        request_id: waiting.request_id.clone(),
        card: Card {
            display_name: card.display_name.or(old.display_name),
            platform: card.platform.or(old.platform),
            device_family: card.device_family.or(old.device_family),
            client_id: card.client_id.or(old.client_id),
            client_mode: card.client_mode.or(old.client_mode),
            remote_ip: card.remote_ip.or(old.remote_ip),
            roles: old.roles,
            scopes: old.scopes,
            ..card
        },
        silent: waiting.silent && silent,
        is_repair: waiting.is_repair || is_repair,
        ts: waiting.ts,
        refreshed_at_ms: Some(now_ms),
    }
}

/// Adds what is not there yet.
fn add(list: &mut Vec<String>, more: &[String]) {
    for word in more.iter().map(|word| word.trim()).filter(|word| !word.is_empty()) {
        if !list.iter().any(|there| there == word) {
            list.push(word.to_owned());
        }
    }
}

/// Why a request is not approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It does not wait.
    Unknown,
    /// It asks for a scope that none of its roles can have.
    Outside(String),
    /// Who approves has not got this scope.
    Missing(String),
}

/// Approves the request in the name of someone with `approver`'s scopes; `tokens` are as many new ones as it has roles.
/// A token is widened by what is newly asked for and by nothing else: what was taken from it earlier stays taken.
///
/// # Errors
/// Why not.
pub fn approve(
    book: &Book,
    request_id: &str,
    approver: &[String],
    via: Via,
    tokens: &[String],
    now_ms: u64,
) -> Result<(Paired, Change), Refused> {
    let pending = book.waiting(request_id, now_ms).ok_or(Refused::Unknown)?;
    let existing = book.paired.get(&pending.card.device_id);
    let asked = scope::normalized(&pending.card.scopes);
    let fits = |wanted: &&String| !pending.card.roles.iter().any(|role| scope::belongs(role, wanted));
    if let Some(outside) = asked.iter().find(fits) {
        return Err(Refused::Outside(outside.clone()));
    }
    let mut card = pending.card.clone();
    (card.roles, card.scopes) = (Vec::new(), Vec::new());
    for part in existing.map(|device| &device.card).into_iter().chain([&pending.card]) {
        add(&mut card.roles, &part.roles);
        add(&mut card.scopes, &part.scopes);
    }
    let mut kept = existing.map(|device| device.tokens.clone()).unwrap_or_default();
    for (role, fresh) in pending.card.roles.iter().zip(tokens) {
        let old = kept.get(role);
        let scopes = token_scopes(role, pending, old, existing, &card.scopes);
        if let Some(missing) = missing(role, pending, &scopes, approver) {
            return Err(Refused::Missing(missing));
        }
        let fresh = token::renewed(old, role, scopes, fresh, now_ms);
        kept.insert(role.clone(), fresh);
    }
    let device = Paired {
        card,
        operator_label: existing.and_then(|device| device.operator_label.clone()),
        approved_via: match existing {
            // Who was let in by its owner stays so.
            Some(device) if device.approved_via == Via::Owner => Via::Owner,
            _ => via,
        },
        created_at_ms: existing.map_or(now_ms, |device| device.created_at_ms),
        approved_at_ms: now_ms,
        last_seen_at_ms: existing.and_then(|device| device.last_seen_at_ms),
        last_seen_reason: existing.and_then(|device| device.last_seen_reason.clone()),
        tokens: kept,
    };
    let mut change = Change::of_device(device.clone());
    change.pending.push((request_id.into(), None));
    Ok((device, change))
}

/// The first operator's scope that the approver would give away without having it.
fn missing(role: &str, pending: &Pending, scopes: &[String], approver: &[String]) -> Option<String> {
    if role != "operator" || scopes.is_empty() {
        return None;
    }
    let given = scope::normalized(&pending.card.scopes).into_iter().chain(scopes.iter().cloned());
    given.filter(|wanted| scope::belongs(role, wanted)).find(|wanted| !scope::allows(role, approver, wanted))
}

fn token_scopes(
    role: &str,
    pending: &Pending,
    old: Option<&Token>,
    existing: Option<&Paired>,
    approved: &[String],
) -> Vec<String> {
    let of_role = |scopes: &[String]| -> Vec<String> {
        scope::normalized(scopes).into_iter().filter(|word| scope::belongs(role, word)).collect()
    };
    let asked = of_role(&pending.card.scopes);
    if asked.is_empty() {
        return of_role(old.map_or(approved, |old| &old.scopes));
    }
    let before = existing.map(|device| of_role(&device.card.scopes)).unwrap_or_default();
    let Some(old) = old.filter(|_| !before.is_empty()) else { return asked };
    let mut scopes = old.scopes.clone();
    add(&mut scopes, &asked.into_iter().filter(|word| !before.contains(word)).collect::<Vec<_>>());
    of_role(&scopes)
}

/// Ends a request; `None` when it does not wait.
pub fn reject(book: &Book, request_id: &str, now_ms: u64) -> Option<(Pending, Change)> {
    let pending = book.waiting(request_id, now_ms)?.clone();
    Some((pending, Change { pending: vec![(request_id.into(), None)], ..Change::default() }))
}

/// Ends a pairing and what its device still asks for; `None` when there is none.
pub fn remove(book: &Book, device_id: &str) -> Option<Change> {
    book.paired.get(device_id)?;
    let asked = book.pending.values().filter(|pending| pending.card.device_id == device_id);
    let pending = asked.map(|pending| (pending.request_id.clone(), None)).collect();
    Some(Change { pending, paired: vec![(device_id.into(), None)] })
}

/// Takes one role from a device; without another its pairing ends. `None` when it does not have that role.
pub fn leave(book: &Book, device_id: &str, role: &str) -> Option<Change> {
    let mut device =
        book.paired.get(device_id).filter(|device| device.card.roles.iter().any(|has| has == role))?.clone();
    device.card.roles.retain(|has| has != role);
    let Some(left) = device.card.roles.first() else { return remove(book, device_id) };
    device.card.role = Some(left.clone());
    device.tokens.remove(role);
    Some(Change { paired: vec![(device_id.into(), Some(device))], ..Change::default() })
}

/// Silent pairings that the silent one of `device_id` takes the place of: the same kind of client with another key, not
/// connected now. Whoever begins with an empty state each time would fill the book.
pub fn superseded(
    book: &Book,
    device_id: &str,
    is_connected: impl Fn(&str) -> bool,
    now_ms: u64,
) -> Vec<String> {
    let kind = |device: &Paired| {
        let words = [&device.card.client_id, &device.card.client_mode, &device.card.display_name];
        words.map(|word| word.as_deref().unwrap_or_default().trim().to_lowercase())
    };
    let Some(anchor) = book.paired.get(device_id).filter(|device| device.approved_via == Via::Silent) else {
        return Vec::new();
    };
    let replaced = |(id, device): &(&String, &Paired)| {
        id.as_str() != device_id
            && device.approved_via == Via::Silent
            && kind(device) == kind(anchor)
            && now_ms.saturating_sub(device.approved_at_ms) >= YOUNG_MS
            && !is_connected(id)
    };
    book.paired.iter().filter(replaced).map(|(id, _)| id.clone()).collect()
}

//! Approvals of what would be run: somebody asks, somebody who may decides, and what was approved is run once, as it was
//! shown, by whoever asked. A client's own word that something is approved never counts.
//!
//! | file | its part |
//! | --- | --- |
//! | `book` | the approvals and their states, pure |
//! | `bound` | what an approval holds for, and how it is shown, pure |
//! | `asked` | what is asked for, out of the protocol's words, pure |

pub mod asked;
pub mod book;
pub mod bound;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use tokio::time::timeout;
use uuid::Uuid;

pub use book::{Asker, Decision, End, Record, State};
pub use bound::Bound;

use super::agent::Author;
use super::connection::Connection;
use super::hub::Hub;
use super::scope;
use crate::host::clock;
use crate::wire::{Fault, fault};
use book::{Book, Decided, Found, Refused};

/// How long an approval waits where nothing else is said.
pub const USUAL: Duration = Duration::from_secs(30 * 60);
/// How long it waits at most; more counts as this.
pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// How soon may be asked again what found too many others, in milliseconds.
const BUSY_RETRY_MS: u64 = 1000;

/// The approvals of a gateway.
#[derive(Debug, Default)]
pub struct Approvals {
    book: RefCell<Book>,
    changed: Notify,
}

/// What somebody asks for.
#[derive(Debug)]
pub struct Asked {
    /// The id, where the asker chose one: it is unlike all others.
    pub id: Option<String>,
    /// Who asks.
    pub asker: Asker,
    /// What it is bound to.
    pub bound: Option<Bound>,
    /// The same in the words of the protocol.
    pub request: Value,
    /// What may be decided.
    pub allowed: Vec<Decision>,
    /// How long it waits.
    pub timeout: Duration,
}

/// Who looks at approvals.
#[derive(Debug)]
pub struct Viewer<'a> {
    admin: bool,
    decides: bool,
    asker: Option<Asker>,
    /// The name under which a decision is told.
    pub name: Option<&'a str>,
}

impl<'a> Viewer<'a> {
    /// Whoever is at a connection.
    pub fn at(connection: &'a Connection) -> Self {
        let client = &connection.client;
        Viewer {
            admin: connection.may(scope::ADMIN),
            decides: connection.may(scope::APPROVALS),
            asker: Some(asker(connection)),
            name: client.display_name.as_deref().or(Some(client.id.as_str())),
        }
    }

    /// Whoever writes in a conversation.
    pub fn of(author: &'a Author) -> Self {
        let (asker, name) = match author {
            Author::Operator { device: Some(device), .. } => {
                let device = Some(device.clone());
                (Some(Asker::Connection { device, connection: String::new() }), "operator")
            }
            Author::Operator { .. } => (None, "operator"),
            Author::Sender { channel, .. } => (None, *channel),
        };
        let (admin, decides) = (author.may(scope::ADMIN), author.may(scope::APPROVALS));
        Viewer { admin, decides, asker, name: Some(name) }
    }

    /// Whether they may see it and decide about it: their own, those of the gateway's agent, and as an admin each.
    fn sees(&self, record: &Record) -> bool {
        let own = || self.asker.as_ref().is_some_and(|asker| asker.is(&record.asker));
        self.admin || self.decides && (matches!(record.asker, Asker::Run(_)) || own())
    }
}

/// The asker that a connection is.
pub fn asker(connection: &Connection) -> Asker {
    Asker::Connection { device: connection.grant.device.clone(), connection: connection.id.clone() }
}

/// Asks for an approval and tells everyone of it who may decide, but not the connection `except`. Gives it back with the
/// number of those that were told.
///
/// # Errors
/// `INVALID_REQUEST` where the id is one of another, `UNAVAILABLE` where too many wait.
pub fn open(hub: &Hub, asked: Asked, except: Option<&str>) -> Result<(Record, usize), Fault> {
    let (now, created_at_ms) = (hub.moment(), clock::epoch_ms());
    let limit = asked.timeout.min(LONGEST);
    let record = Record {
        id: asked.id.unwrap_or_else(|| Uuid::new_v4().to_string()),
        asker: asked.asker,
        bound: asked.bound,
        request: asked.request,
        allowed: asked.allowed,
        until: now + limit,
        created_at_ms,
        expires_at_ms: created_at_ms + limit.as_millis() as u64,
        state: State::Waiting,
    };
    hub.approvals.book.borrow_mut().open(record.clone(), now).map_err(|refused| match refused {
        Refused::Taken => Fault::invalid("approval id already pending"),
        Refused::Full => Fault::new(fault::UNAVAILABLE, "too many approvals are waiting; retry shortly")
            .details(json!({ "code": "APPROVALS_BUSY" }))
            .retry_after(BUSY_RETRY_MS),
    })?;
    tracing::info!(target: "gateway/approvals", approval = record.id, "asked for");
    let told = tell(hub, "exec.approval.requested", &shown(&record), &record, except);
    Ok((record, told))
}

/// An approval as those see it who decide.
fn shown(record: &Record) -> Value {
    json!({
        "approvalKind": "exec",
        "id": record.id,
        "request": record.request,
        "createdAtMs": record.created_at_ms,
        "expiresAtMs": record.expires_at_ms,
    })
}

/// Tells every connection that may see it; how many those are.
fn tell(hub: &Hub, event: &str, payload: &Value, record: &Record, except: Option<&str>) -> usize {
    let connections = hub.connections();
    let those = connections.iter().filter(|connection| {
        Some(connection.id.as_str()) != except
            && connection.may(scope::APPROVALS)
            && Viewer::at(connection).sees(record)
    });
    those.filter(|connection| connection.tell(event, payload.clone())).count()
}

/// Those that wait and that the viewer may decide about, the first one first.
pub fn list(hub: &Hub, viewer: &Viewer<'_>) -> Vec<Value> {
    let mut book = hub.approvals.book.borrow_mut();
    book.waiting(hub.moment()).into_iter().filter(|record| viewer.sees(record)).map(shown).collect()
}

/// The one that waits, by its id or the beginning of it.
///
/// # Errors
/// `INVALID_REQUEST` where there is none, or more than one.
pub fn find(hub: &Hub, viewer: &Viewer<'_>, text: &str) -> Result<Record, Fault> {
    looked(hub, text, |record| record.waits() && viewer.sees(record))
}

fn looked(hub: &Hub, text: &str, fits: impl Fn(&Record) -> bool) -> Result<Record, Fault> {
    match hub.approvals.book.borrow_mut().look(text, hub.moment(), fits) {
        Found::One(record) => Ok(record.clone()),
        Found::Many => Err(Fault::invalid("ambiguous approval id prefix; use the full id")),
        Found::None => Err(unknown()),
    }
}

/// The answer where an approval is unknown, has ended or is none of the asker's affairs.
pub fn unknown() -> Fault {
    Fault::invalid("unknown or expired approval id").details(json!({
        "reason": "APPROVAL_NOT_FOUND",
        "remediation": "Re-request the action; pending approvals are cleared after expiry or restart.",
    }))
}

/// Decides about one, by its id or the beginning of it, and tells everyone who may know. The same decision again changes
/// nothing. Gives back the id.
///
/// # Errors
/// `INVALID_REQUEST` where there is none, where it was decided otherwise, or where that is no decision for it.
pub fn resolve(hub: &Hub, viewer: &Viewer<'_>, text: &str, decision: Decision) -> Result<String, Fault> {
    let past = |record: &Record| !record.waits() && viewer.sees(record);
    let record = find(hub, viewer, text).or_else(|fault| looked(hub, text, past).map_err(|_| fault))?;
    let outcome = hub.approvals.book.borrow_mut().decide(&record.id, decision, hub.moment());
    match outcome {
        Decided::Now => {
            let by = viewer.name;
            tracing::info!(target: "gateway/approvals", approval = record.id, decision = decision.as_str(), by, "decided");
            settled(hub, &record, decision, by);
            Ok(record.id)
        }
        Decided::Before => Ok(record.id),
        Decided::Otherwise => Err(Fault::invalid("approval already resolved")
            .details(json!({ "reason": "APPROVAL_ALREADY_RESOLVED" }))),
        Decided::NotOffered => Err(Fault::invalid("allow-always is unavailable for this command")
            .details(json!({ "reason": "APPROVAL_ALLOW_ALWAYS_UNAVAILABLE" }))),
        Decided::Gone => Err(unknown()),
    }
}

fn settled(hub: &Hub, record: &Record, decision: Decision, by: Option<&str>) {
    let told = json!({
        "id": record.id,
        "decision": decision.as_str(),
        "resolvedBy": by,
        "ts": clock::epoch_ms(),
        "request": record.request,
    });
    tell(hub, "exec.approval.resolved", &told, record, None);
    hub.approvals.changed.notify_waiters();
}

/// Ends one that waits without a decision.
pub fn end(hub: &Hub, id: &str, end: End) {
    let ended = hub.approvals.book.borrow_mut().end(id, end, hub.moment());
    if !ended {
        return;
    }
    tracing::info!(target: "gateway/approvals", approval = id, why = end.as_str(), "ended");
    let record = hub.approvals.book.borrow_mut().find(id, hub.moment()).cloned();
    match record {
        // Whoever was told of it has to hear that there is nothing to decide any more.
        Some(record) if end == End::Aborted => settled(hub, &record, Decision::Deny, None),
        _ => hub.approvals.changed.notify_waiters(),
    }
}

/// The approval of that id, where the connection may see it.
pub fn seen(hub: &Hub, viewer: &Viewer<'_>, id: &str) -> Option<Record> {
    let mut book = hub.approvals.book.borrow_mut();
    book.find(id, hub.moment()).filter(|record| viewer.sees(record)).cloned()
}

/// Waits until an approval is decided or has ended; none where there is none.
pub async fn settled_state(hub: &Hub, id: &str) -> Option<State> {
    loop {
        let changed = hub.approvals.changed.notified();
        let now = hub.moment();
        let until = {
            let mut book = hub.approvals.book.borrow_mut();
            let record = book.find(id, now)?;
            match record.state {
                State::Waiting => record.until,
                state => return Some(state),
            }
        };
        // Time is up or something has changed: either way it is looked at again.
        let _ = timeout(until - now, changed).await;
    }
}

/// Whether the parameters of a call claim that it is approved.
pub fn is_claimed(params: &Value) -> bool {
    let decision = params["approvalDecision"].as_str().and_then(Decision::read);
    params["approved"] == json!(true)
        || matches!(decision, Some(Decision::AllowOnce | Decision::AllowAlways))
        || !params["approvalSource"].is_null()
}

/// Uses the approval that a call of `system.run` on `node` claims, for what `forwarded` will be: gives back what goes to
/// the node, as it was approved.
///
/// # Errors
/// `INVALID_REQUEST` with a code of its own for everything that is not as it was approved.
pub fn redeem(
    hub: &Rc<Hub>,
    asker: &Asker,
    node: &str,
    claimed: &Value,
    mut forwarded: Map<String, Value>,
) -> Result<Value, Fault> {
    check_source(claimed)?;
    let id = claimed["runId"].as_str().map(str::trim).filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| refused(None, "MISSING_RUN_ID", "approval override requires params.runId"))?;
    let refuse = |code: &str, what: &str| refused(Some(id), code, what);
    let now = hub.moment();
    let record = hub.approvals.book.borrow_mut().find(id, now).cloned();
    let record = record.ok_or_else(|| refuse("UNKNOWN_APPROVAL_ID", "unknown or expired approval id"))?;
    if matches!(record.state, State::Decided { .. }) && now > record.until {
        return Err(refuse("APPROVAL_EXPIRED", "approval expired"));
    }
    let bound = record.bound.as_ref();
    let bound =
        bound.ok_or_else(|| refuse("APPROVAL_NODE_BINDING_MISSING", "approval id missing node binding"))?;
    if bound.node != node {
        return Err(refuse("APPROVAL_NODE_MISMATCH", "approval id not valid for this node"));
    }
    if !record.asker.is(asker) {
        return Err(match record.asker {
            Asker::Connection { device: Some(_), .. } => {
                refuse("APPROVAL_DEVICE_MISMATCH", "approval id not valid for this device")
            }
            _ => refuse("APPROVAL_CLIENT_MISMATCH", "approval id not valid for this client"),
        });
    }
    bound.admits(claimed).map_err(|mismatch| {
        let mut details = mismatch.details;
        details["code"] = json!(mismatch.code);
        details["runId"] = json!(id);
        Fault::invalid(mismatch.sentence).details(details)
    })?;
    // No fallback stands in for a decision.
    let decision = match claimed["approvalSource"].is_null() {
        true => hub.approvals.book.borrow_mut().redeem(id, now),
        false => None,
    };
    let decision = decision.ok_or_else(|| refuse("APPROVAL_REQUIRED", "approval required"))?;
    tracing::info!(target: "gateway/approvals", approval = id, node, decision = decision.as_str(), "used");
    bound.fill(&mut forwarded);
    forwarded.insert("runId".into(), json!(id));
    forwarded.insert("approved".into(), json!(true));
    forwarded.insert("approvalDecision".into(), json!(decision.as_str()));
    Ok(Value::Object(forwarded))
}

fn check_source(claimed: &Value) -> Result<(), Fault> {
    let said = |name: &str| !claimed[name].is_null();
    match claimed["approvalSource"].as_str() {
        None if !said("approvalSource") => Ok(()),
        Some("ask-fallback") if said("approved") || said("approvalDecision") => {
            let what = "approval source cannot be combined with explicit approval";
            Err(refused(None, "APPROVAL_SOURCE_MISMATCH", what))
        }
        Some("ask-fallback") => Ok(()),
        _ => Err(refused(None, "INVALID_APPROVAL_SOURCE", "approval source invalid")),
    }
}

fn refused(id: Option<&str>, code: &str, what: &str) -> Fault {
    let mut details = json!({ "code": code });
    if let Some(id) = id {
        details["runId"] = json!(id);
    }
    Fault::invalid(what).details(details)
}

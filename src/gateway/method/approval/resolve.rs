//! `exec.approval.resolve`: decides about what would be run.

use serde_json::{Value, json};

use crate::gateway::approvals::{self, Decision, Viewer};
use crate::gateway::method::Call;
use crate::gateway::shape::{Shape, WORD, optional, required};
use crate::wire::Fault;

/// What is decided.
pub const PARAMS: Shape = Shape::Object(&[
    required("id", WORD),
    required("decision", WORD),
    optional(
        "reviewer",
        Shape::Object(&[required("channel", WORD), required("accountId", WORD), required("senderId", WORD)]),
    ),
    optional("grantExpiresInDays", Shape::Integer(1, 3650)),
]);

/// Decides.
///
/// # Errors
/// As [`approvals::resolve`]. Nobody decides in the name of a person of a channel: those decide there.
pub fn answer(call: &Call) -> Result<Value, Fault> {
    let decision = Decision::read(call.text("decision")).ok_or_else(|| Fault::invalid("invalid decision"))?;
    if !call.params["reviewer"].is_null() {
        return Err(approvals::unknown());
    }
    approvals::resolve(&call.hub, &Viewer::at(&call.connection), call.text("id"), decision)?;
    Ok(json!({ "ok": true }))
}

//! The family of the conversation: sending, reading, ending, and saying something in the agent's place.

mod abort;
mod history;
mod inject;
mod send;

use serde_json::{Value, json};

pub use send::{begin, no_attachments, timeout};

use super::{Family, Method, later};
use crate::gateway::agent::{Author, told};
use crate::gateway::connection::Connection;
use crate::gateway::scope;
use crate::gateway::shape::Shape;
use crate::wire::Fault;

/// Its rows.
pub const FAMILY: Family = Family {
    here: |_| true,
    methods: &[
        Method {
            name: "chat.send",
            scope: Some(scope::WRITE),
            params: None,
            run: |call| later(send::answer(call)),
        },
        Method {
            name: "chat.history",
            scope: Some(scope::READ),
            params: Some(history::PARAMS),
            run: |call| later(history::answer(call)),
        },
        Method {
            name: "chat.abort",
            scope: Some(scope::WRITE),
            params: None,
            run: |call| later(abort::answer(call)),
        },
        Method {
            name: "chat.inject",
            scope: Some(scope::ADMIN),
            params: None,
            run: |call| later(inject::answer(call)),
        },
    ],
    events: told::EVENTS,
};

/// Who speaks at a connection.
pub fn author(connection: &Connection) -> Author {
    Author::Operator { scopes: connection.grant.scopes.clone(), device: connection.grant.device.clone() }
}

/// Holds the parameters of a method that changes a session against their shape; the session is asked for first, in
/// the words of the real gateway.
///
/// # Errors
/// `INVALID_REQUEST`.
pub fn of_session(method: &str, field: &str, params: &Value, shape: &Shape) -> Result<(), Fault> {
    let named = params[field].as_str().is_some_and(|key| !key.trim().is_empty());
    if !named && params.is_object() {
        let details = json!({ "code": "SESSION_MUTATION_TARGET_REQUIRED", "method": method });
        return Err(Fault::invalid("session mutation target is unavailable").details(details));
    }
    shape.check(params).map_err(|wrong| Fault::invalid(format!("invalid {method} params: {wrong}")))
}

//! What a connection may do: scopes, and which of them stands for which (OPENCLAW.md 4.10).

use serde_json::json;

use crate::wire::{Fault, fault};

/// Everything.
pub const ADMIN: &str = "operator.admin";
/// Looking without changing.
pub const READ: &str = "operator.read";
/// Changing; includes looking.
pub const WRITE: &str = "operator.write";
/// Speech; included in [`WRITE`].
pub const TALK: &str = "operator.talk";

/// Whether `granted` covers `wanted`.
pub fn covers(granted: &[String], wanted: &str) -> bool {
    granted.iter().any(|scope| {
        scope == wanted || scope == ADMIN || (scope == WRITE && (wanted == READ || wanted == TALK))
    })
}

/// The answer to a call that needs `wanted` and comes without it.
pub fn missing(wanted: &str) -> Fault {
    Fault::new(fault::FORBIDDEN, format!("missing scope: {wanted}")).details(json!({
        "code": "MISSING_SCOPE",
        "missingScope": wanted,
        "requiredScopes": [wanted],
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_covers_all_and_write_covers_read_and_talk() {
        let has = |scope: &str, wanted| covers(&[scope.to_owned()], wanted);
        assert!(has(ADMIN, "operator.pairing") && has(WRITE, READ) && has(WRITE, TALK) && has(READ, READ));
        assert!(!has(READ, WRITE) && !has(WRITE, ADMIN) && !has("operator.foo", READ) && !covers(&[], READ));
    }
}

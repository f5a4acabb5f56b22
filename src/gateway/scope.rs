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
/// Letting devices, nodes and people in.
pub const PAIRING: &str = "operator.pairing";
/// Deciding about what would be run.
pub const APPROVALS: &str = "operator.approvals";
const SESSIONS_READ: &str = "operator.sessions.read";
const SESSIONS_WRITE: &str = "operator.sessions.write";

/// Whether `granted` covers `wanted`.
pub fn covers(granted: &[String], wanted: &str) -> bool {
    let has = |scope: &str| granted.iter().any(|granted| granted == scope);
    has(wanted)
        || has(ADMIN)
        || has(WRITE) && matches!(wanted, READ | TALK | SESSIONS_READ | SESSIONS_WRITE)
        || wanted == SESSIONS_READ && (has(READ) || has(SESSIONS_WRITE))
}

/// Whether a device of `role` that was approved for `granted` may have `wanted`. Unlike [`covers`] it asks that the
/// scope is one of the role at all, so that no word of a client's own invention passes.
pub fn allows(role: &str, granted: &[String], wanted: &str) -> bool {
    let wanted = wanted.trim();
    let there = || granted.iter().any(|granted| granted.trim() == wanted);
    wanted.is_empty()
        || belongs(role, wanted) && if role == "operator" { covers(granted, wanted) } else { there() }
}

/// Whether the scope is one of the role's.
pub fn belongs(role: &str, scope: &str) -> bool {
    scope.strip_prefix(role).is_some_and(|rest| rest.starts_with('.'))
}

/// The scopes sorted, each once, with those that others of them stand for.
pub fn normalized(scopes: &[String]) -> Vec<String> {
    let words = scopes.iter().map(|scope| scope.trim()).filter(|scope| !scope.is_empty());
    let mut all: Vec<String> = words.map(str::to_owned).collect();
    let has = |scope: &str| all.iter().any(|there| there == scope);
    let implied: &[&str] = match (has(ADMIN), has(WRITE)) {
        (true, _) => &[READ, WRITE],
        (false, true) => &[READ],
        (false, false) => &[],
    };
    all.extend(implied.iter().map(|scope| (*scope).to_owned()));
    all.sort_unstable();
    all.dedup();
    all
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
    use proptest::prelude::*;

    use super::*;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn admin_covers_all_and_write_covers_read_and_talk() {
        let has = |scope: &str, wanted| covers(&[scope.to_owned()], wanted);
        assert!(has(ADMIN, "operator.pairing") && has(WRITE, READ) && has(WRITE, TALK) && has(READ, READ));
        assert!(!has(READ, WRITE) && !has(WRITE, ADMIN) && !has("operator.foo", READ) && !covers(&[], READ));
        assert!(has(READ, SESSIONS_READ) && has(WRITE, SESSIONS_WRITE) && !has(READ, SESSIONS_WRITE));
    }

    #[test]
    fn a_role_has_scopes_of_its_own_name_alone() {
        let admin = words(&[ADMIN]);
        assert!(allows("operator", &admin, WRITE) && allows("operator", &admin, " "));
        assert!(!allows("operator", &admin, "node.x") && !allows("operator", &admin, "operatorx.y"));
        assert!(allows("node", &words(&["node.x"]), "node.x") && !allows("node", &admin, READ));
    }

    #[test]
    fn what_is_implied_is_written_out_once_and_in_order() {
        assert_eq!(normalized(&words(&[WRITE, READ, " x ", "", WRITE])), [READ, WRITE, "x"]);
        assert_eq!(normalized(&words(&[ADMIN, PAIRING])), [ADMIN, PAIRING, READ, WRITE]);
    }

    fn scopes() -> impl Strategy<Value = Vec<String>> {
        let all =
            [ADMIN, READ, WRITE, TALK, PAIRING, SESSIONS_READ, SESSIONS_WRITE, "operator.foo", "node.x", ""];
        prop::collection::vec(prop::sample::select(all.map(str::to_owned).to_vec()), 0..5)
    }

    proptest! {
        #[test]
        fn more_scopes_never_take_away_and_writing_them_out_changes_nothing(
            granted in scopes(), more in scopes(), wanted in scopes(),
        ) {
            let (both, plain) = ([granted.clone(), more].concat(), normalized(&granted));
            prop_assert_eq!(&normalized(&plain), &plain);
            prop_assert!(plain.is_sorted_by(|a, b| a < b) && !plain.contains(&String::new()));
            for one in wanted.iter().filter(|one| !one.is_empty()) {
                prop_assert!(!covers(&granted, one) || covers(&both, one));
                prop_assert_eq!(covers(&plain, one), covers(&granted, one), "{:?}", one);
                for role in ["operator", "node"] {
                    let allowed = allows(role, &granted, one);
                    prop_assert!(!allowed || belongs(role, one) && covers(&granted, one));
                    prop_assert!(!allowed || allows(role, &both, one));
                }
            }
        }
    }
}

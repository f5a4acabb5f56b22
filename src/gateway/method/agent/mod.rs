//! The family of the agent: giving it an errand, waiting for what comes of it, and telling it what happens.

mod give;
mod wait;
mod wake;
mod who;

use super::{Family, Method, later, now};
use crate::gateway::scope;
use crate::gateway::sessions::run::Status;
use crate::gateway::shape::{Shape, TEXT, WORD, optional};

/// Its rows.
pub const FAMILY: Family = Family {
    here: |_| true,
    methods: &[
        Method {
            name: "agent",
            scope: Some(scope::WRITE),
            params: Some(give::PARAMS),
            run: |call| later(give::answer(call)),
        },
        Method {
            name: "agent.wait",
            scope: Some(scope::WRITE),
            params: Some(wait::PARAMS),
            run: |call| later(wait::answer(call)),
        },
        Method {
            name: "wake",
            scope: Some(scope::WRITE),
            params: Some(wake::PARAMS),
            run: |call| later(wake::answer(call)),
        },
        Method {
            name: "agent.identity.get",
            scope: Some(scope::READ),
            params: Some(Shape::Object(&[optional("agentId", WORD), optional("sessionKey", TEXT)])),
            run: |call| now(who::identity(&call)),
        },
        Method {
            name: "agents.list",
            scope: Some(scope::READ),
            params: Some(Shape::Object(&[])),
            run: |call| now(Ok(who::list(&call))),
        },
    ],
    events: &[],
};

/// The word of the protocol for how a run ended.
pub fn word(status: Status) -> &'static str {
    match status {
        Status::Open => "in_flight",
        Status::Ok => "ok",
        // As in the real gateway, which knows no other word for a run that was cut short.
        Status::Aborted => "timeout",
        Status::Error => "error",
    }
}

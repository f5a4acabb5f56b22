//! The family of a rescue gateway: the other profiles. What each method does stands in `gateway::fleet`; here is who may
//! call it, and with what.

use std::time::Duration;

use super::{Answer, Call, Family, Method, later};
use crate::gateway::fleet::watch::{ALERT, CHANGED};
use crate::gateway::fleet::{self, Turn, Verb};
use crate::gateway::scope;
use crate::gateway::shape::{Shape, WORD, optional, required};
use crate::wire::control::LOG_LINES_MAX;

/// Lines of a log where nobody says how many.
const LINES: u64 = 100;
/// How long the end of a turn is waited for where nobody says how long: a little longer than the longest start and stop
/// that nobody prolonged.
const WAIT_MS: u64 = 11 * 60 * 1000;
const WAIT_MS_MAX: i64 = 60 * 60 * 1000;

const NOTHING: Shape = Shape::Object(&[]);
const NAMED: Shape = Shape::Object(&[required("name", WORD)]);
const LOGS: Shape =
    Shape::Object(&[required("name", WORD), optional("lines", Shape::Integer(1, LOG_LINES_MAX as i64))]);
const TURN: Shape =
    Shape::Object(&[required("name", WORD), optional("timeoutMs", Shape::Integer(0, WAIT_MS_MAX))]);
/// A restart may mean the gateway itself, where that is said.
const RESTART: Shape = Shape::Object(&[
    required("name", WORD),
    optional("timeoutMs", Shape::Integer(0, WAIT_MS_MAX)),
    optional("itself", Shape::Boolean),
]);

/// Its rows.
pub const FAMILY: Family = Family {
    here: |options| options.rescue.is_some(),
    methods: &[
        Method {
            name: "fleet.list",
            scope: Some(scope::READ),
            params: Some(NOTHING),
            run: |call| later(async move { fleet::status(&call.hub).await }),
        },
        Method {
            name: "fleet.conflicts",
            scope: Some(scope::READ),
            params: Some(NOTHING),
            run: |call| later(async move { fleet::conflicts(&call.hub).await }),
        },
        Method { name: "fleet.logs", scope: Some(scope::READ), params: Some(LOGS), run: logs },
        Method {
            name: "fleet.start",
            scope: Some(scope::ADMIN),
            params: Some(TURN),
            run: |call| turn(call, Verb::Start),
        },
        Method {
            name: "fleet.stop",
            scope: Some(scope::ADMIN),
            params: Some(TURN),
            run: |call| turn(call, Verb::Stop),
        },
        Method {
            name: "fleet.restart",
            scope: Some(scope::ADMIN),
            params: Some(RESTART),
            run: |call| turn(call, Verb::Restart),
        },
        Method {
            name: "fleet.rollback",
            scope: Some(scope::ADMIN),
            params: Some(NAMED),
            run: |call| later(async move { fleet::rollback(&call.hub, call.text("name")).await }),
        },
    ],
    events: &[CHANGED, ALERT],
};

fn logs(call: Call) -> Answer {
    later(async move {
        let lines = call.params["lines"].as_u64().unwrap_or(LINES) as usize;
        fleet::logs(&call.hub, call.text("name"), lines).await
    })
}

fn turn(call: Call, verb: Verb) -> Answer {
    later(async move {
        let wait = Duration::from_millis(call.params["timeoutMs"].as_u64().unwrap_or(WAIT_MS));
        let itself = call.params["itself"] == true;
        fleet::turn(&call.hub, Turn { verb, name: call.text("name"), itself, wait }).await
    })
}

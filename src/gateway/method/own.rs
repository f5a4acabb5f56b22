//! The family of the gateway's own methods: how it is, who is there, what it wrote down.

use super::{Family, Method, health, logs_tail, now, status, system_presence};
use crate::gateway::scope;
use crate::gateway::shape::Shape;

/// Its rows.
pub const FAMILY: Family = Family {
    here: |_| true,
    methods: &[
        Method { name: "health", scope: None, params: None, run: |call| now(Ok(health::answer(&call))) },
        Method {
            name: "status",
            scope: Some(scope::READ),
            params: Some(status::PARAMS),
            run: |call| now(Ok(status::answer(&call))),
        },
        Method {
            name: "system-presence",
            scope: Some(scope::READ),
            params: Some(Shape::Object(&[])),
            run: |call| now(Ok(system_presence::answer(&call))),
        },
        Method {
            name: "logs.tail",
            scope: Some(scope::READ),
            params: Some(logs_tail::PARAMS),
            run: |call| now(logs_tail::answer(&call)),
        },
    ],
    events: &["connect.challenge", "health", "presence", "shutdown", "tick"],
};

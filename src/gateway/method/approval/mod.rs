//! The family of approvals: asking for one, waiting for it, deciding about it, looking at those that wait.

mod look;
mod request;
mod resolve;
mod wait;

use super::{Family, Method, later, now};
use crate::gateway::scope;
use crate::gateway::shape::{Shape, WORD, required};

const APPROVALS: Option<&str> = Some(scope::APPROVALS);

/// Its rows.
pub const FAMILY: Family = Family {
    here: |_| true,
    methods: &[
        Method {
            name: "exec.approval.request",
            scope: APPROVALS,
            params: Some(request::PARAMS),
            run: |call| later(request::answer(call)),
        },
        Method {
            name: "exec.approval.waitDecision",
            scope: APPROVALS,
            params: None,
            run: |call| later(wait::answer(call)),
        },
        Method {
            name: "exec.approval.resolve",
            scope: APPROVALS,
            params: Some(resolve::PARAMS),
            run: |call| now(resolve::answer(&call)),
        },
        Method {
            name: "exec.approval.get",
            scope: APPROVALS,
            params: Some(Shape::Object(&[required("id", WORD)])),
            run: |call| now(look::get(&call)),
        },
        Method {
            name: "exec.approval.list",
            scope: APPROVALS,
            params: None,
            run: |call| now(Ok(look::list(&call))),
        },
    ],
    events: &["exec.approval.requested", "exec.approval.resolved"],
};

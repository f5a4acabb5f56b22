//! The family of the sessions: which there are, what is known of them, and what may be done with them.

mod act;
mod change;
mod list;
mod look;
mod subscribe;

use super::{Family, Method, later, now};
use crate::gateway::scope;
use crate::gateway::sessions::told;

/// Its rows.
pub const FAMILY: Family = Family {
    here: |_| true,
    methods: &[
        Method {
            name: "sessions.list",
            scope: Some(scope::READ),
            params: Some(list::PARAMS),
            run: |call| later(list::answer(call)),
        },
        Method {
            name: "sessions.preview",
            scope: Some(scope::READ),
            params: Some(look::PREVIEW),
            run: |call| later(look::preview(call)),
        },
        Method {
            name: "sessions.resolve",
            scope: Some(scope::READ),
            params: Some(look::RESOLVE),
            run: |call| later(look::resolve(call)),
        },
        Method {
            name: "sessions.describe",
            scope: Some(scope::READ),
            params: Some(look::DESCRIBE),
            run: |call| later(look::describe(call)),
        },
        Method {
            name: "sessions.create",
            scope: Some(scope::WRITE),
            params: Some(act::CREATE),
            run: |call| later(act::create(call)),
        },
        Method {
            name: "sessions.send",
            scope: Some(scope::WRITE),
            params: None,
            run: |call| later(act::send(call)),
        },
        Method {
            name: "sessions.abort",
            scope: Some(scope::WRITE),
            params: Some(act::ABORT),
            run: |call| now(act::abort(&call)),
        },
        Method {
            name: "sessions.patch",
            scope: Some(scope::WRITE),
            params: None,
            run: |call| later(change::patch(call)),
        },
        Method {
            name: "sessions.reset",
            scope: Some(scope::ADMIN),
            params: None,
            run: |call| later(change::reset(call)),
        },
        Method {
            name: "sessions.delete",
            scope: Some(scope::WRITE),
            params: None,
            run: |call| later(change::delete(call)),
        },
        Method {
            name: "sessions.compact",
            scope: Some(scope::ADMIN),
            params: None,
            run: |call| later(change::compact(call)),
        },
        Method {
            name: "sessions.subscribe",
            scope: Some(scope::READ),
            params: Some(list::PARAMS),
            run: |call| later(subscribe::to_list(call)),
        },
        Method {
            name: "sessions.messages.subscribe",
            scope: Some(scope::READ),
            params: Some(subscribe::MESSAGES),
            run: |call| now(subscribe::to_messages(&call, true)),
        },
        Method {
            name: "sessions.messages.unsubscribe",
            scope: Some(scope::READ),
            params: Some(subscribe::MESSAGES),
            run: |call| now(subscribe::to_messages(&call, false)),
        },
    ],
    events: told::EVENTS,
};

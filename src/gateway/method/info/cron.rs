//! `cron.list` and `cron.status`: this gateway has no timetable, and says so in the form in which clients read one.

use serde_json::{Value, json};

use crate::gateway::method::Call;
use crate::gateway::shape::{COUNT, Shape, TEXT, WORD, optional};

/// Jobs that are listed where no limit is named.
const LIMIT: i64 = 200;

/// What may be asked for.
pub const PARAMS: Shape = Shape::Object(&[
    optional("includeDisabled", Shape::Boolean),
    optional("limit", Shape::Integer(1, LIMIT)),
    optional("offset", COUNT),
    optional("query", TEXT),
    optional("enabled", Shape::OneOf(&["all", "enabled", "disabled"])),
    optional("scheduleKind", Shape::OneOf(&["all", "at", "every", "cron", "on-exit", "stream"])),
    optional("lastRunStatus", Shape::OneOf(&["all", "ok", "error", "skipped", "unknown"])),
    optional("trigger", Shape::OneOf(&["all", "conditional", "unconditional"])),
    optional("sortBy", Shape::OneOf(&["nextRunAtMs", "updatedAtMs", "name"])),
    optional("sortDir", Shape::OneOf(&["asc", "desc"])),
    optional("agentId", WORD),
    optional("compact", Shape::Boolean),
    optional("includeDeliveryPreviews", Shape::Boolean),
]);

/// The answer to `cron.list`.
pub fn list(call: &Call) -> Value {
    json!({
        "jobs": [],
        "snapshotRevision": "none",
        "total": 0,
        "offset": call.params["offset"].as_i64().unwrap_or(0),
        "limit": call.params["limit"].as_i64().unwrap_or(LIMIT),
        "hasMore": false,
        "nextOffset": null,
        "deliveryPreviews": {},
    })
}

/// The answer to `cron.status`.
pub fn status(call: &Call) -> Value {
    let store = call.hub.options.store.display().to_string();
    json!({
        "enabled": false,
        "triggersEnabled": false,
        "storePath": store,
        "storage": "sqlite",
        "sqlitePath": store,
        "jobs": 0,
        "nextWakeAtMs": null,
    })
}

//! `diagnostics.stability`: the real gateway keeps a list of what shook it. This one writes that to its log and keeps
//! no list, which it says with a capacity of zero.

use serde_json::{Value, json};

use crate::gateway::date;
use crate::gateway::shape::{COUNT, Shape, WORD, optional};
use crate::host::clock;

/// What may be asked for.
pub const PARAMS: Shape = Shape::Object(&[
    optional("limit", Shape::Integer(1, 1000)),
    optional("type", WORD),
    optional("sinceSeq", COUNT),
]);

/// The answer.
pub fn answer() -> Value {
    json!({
        "generatedAt": date::iso(clock::epoch_ms()),
        "capacity": 0,
        "count": 0,
        "dropped": 0,
        "events": [],
        "summary": { "byType": {} },
    })
}

//! The family of the nodes: one row for each method. What they do is in `gateway/nodes`; here stands what may be asked and
//! by whom.

mod catalog;
mod event;
mod invoke;
mod pair;
mod pending;
mod voicewake;

use super::{Call, Family, Method, later, now};
use crate::gateway::scope;
use crate::gateway::shape::{Shape, TEXT, WORD, required};
use crate::wire::Fault;

const NOTHING: Option<Shape> = Some(Shape::Object(&[]));
const NODE: Option<Shape> = Some(Shape::Object(&[required("nodeId", WORD)]));
const REQUEST: Option<Shape> = Some(Shape::Object(&[required("requestId", WORD)]));
const NAME: Option<Shape> = Some(Shape::Object(&[required("nodeId", WORD), required("displayName", WORD)]));
const WORDS: Option<Shape> = Some(Shape::Object(&[required("triggers", Shape::List(&TEXT))]));
const IDS: Option<Shape> = Some(Shape::Object(&[required("ids", Shape::List(&WORD))]));

/// Its rows. What nodes alone may call is kept from operators by its name, before any scope.
pub const FAMILY: Family = Family {
    here: |_| true,
    methods: &[
        row("node.list", Some(scope::READ), NOTHING, |call| now(Ok(catalog::list(&call)))),
        row("node.describe", Some(scope::READ), NODE, |call| now(catalog::describe(&call))),
        row("node.rename", Some(scope::PAIRING), NAME, |call| later(catalog::rename(call))),
        row("node.pair.list", Some(scope::PAIRING), NOTHING, |call| now(Ok(pair::list(&call)))),
        row("node.pair.approve", Some(scope::PAIRING), REQUEST, |call| later(pair::approve(call))),
        row("node.pair.reject", Some(scope::PAIRING), REQUEST, |call| later(pair::reject(call))),
        row("node.pair.remove", Some(scope::PAIRING), NODE, |call| later(pair::remove(call))),
        row("node.invoke", Some(scope::WRITE), Some(invoke::PARAMS), |call| later(invoke::call(call))),
        row("node.invoke.result", None, None, |call| now(invoke::result(&call))),
        row("node.invoke.progress", None, Some(invoke::PROGRESS), |call| now(invoke::progress(&call))),
        row("node.event", None, Some(event::PARAMS), |call| now(event::answer(&call))),
        row("node.pending.enqueue", Some(scope::WRITE), Some(pending::ENQUEUE), |call| {
            now(pending::enqueue(&call))
        }),
        row("node.pending.drain", None, Some(pending::DRAIN), |call| now(pending::drain(&call))),
        row("node.pending.pull", None, NOTHING, |call| now(pending::pull(&call))),
        row("node.pending.ack", None, IDS, |call| now(pending::acknowledge(&call))),
        row("voicewake.get", Some(scope::READ), NOTHING, |call| now(Ok(voicewake::get(&call)))),
        row("voicewake.set", Some(scope::WRITE), WORDS, |call| later(voicewake::set(call))),
        row("voicewake.routing.get", Some(scope::READ), NOTHING, |_| now(Ok(voicewake::routing()))),
    ],
    events: &[
        "node.invoke.cancel",
        "node.invoke.request",
        "node.pair.requested",
        "node.pair.resolved",
        "node.presence",
        "voicewake.changed",
        "voicewake.routing.changed",
    ],
};

const fn row(
    name: &'static str,
    scope: Option<&'static str>,
    params: Option<Shape>,
    run: fn(Call) -> super::Answer,
) -> Method {
    Method { name, scope, params, run }
}

/// The node that the caller is, as it names it itself.
///
/// # Errors
/// `INVALID_REQUEST` where it names another.
fn own_node(call: &Call) -> Result<(), Fault> {
    let own = call.connection.grant.device.as_deref().unwrap_or_default();
    if call.text("nodeId") == own { Ok(()) } else { Err(Fault::invalid("nodeId mismatch")) }
}

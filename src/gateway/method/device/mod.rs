//! The family of devices: who is paired, who waits to be, and their tokens (OPENCLAW.md 4.11, 5.3).

mod approve;
mod list;
mod reject;
mod remove;
mod rename;
mod revoke;
mod rotate;

use serde_json::Value;

use super::{Call, Family, Method, later};
use crate::gateway::devices::Denied;
use crate::gateway::scope;
use crate::gateway::shape::{Shape, WORD, optional, required};
use crate::wire::Fault;

const PAIRING: Option<&str> = Some(scope::PAIRING);
const REQUEST: Shape = Shape::Object(&[required("requestId", WORD)]);

/// Its rows.
pub const FAMILY: Family = Family {
    here: |_| true,
    methods: &[
        Method {
            name: "device.pair.list",
            scope: PAIRING,
            params: Some(Shape::Object(&[])),
            run: |call| later(informed(call, list::answer)),
        },
        Method {
            name: "device.pair.approve",
            scope: PAIRING,
            params: Some(REQUEST),
            run: |call| later(informed(call, approve::answer)),
        },
        Method {
            name: "device.pair.reject",
            scope: PAIRING,
            params: Some(REQUEST),
            run: |call| later(informed(call, reject::answer)),
        },
        Method {
            name: "device.pair.remove",
            scope: PAIRING,
            params: Some(Shape::Object(&[required("deviceId", WORD)])),
            run: |call| later(informed(call, remove::answer)),
        },
        Method {
            name: "device.pair.rename",
            scope: PAIRING,
            params: Some(Shape::Object(&[required("deviceId", WORD), required("label", Shape::Text(1, 64))])),
            run: |call| later(informed(call, rename::answer)),
        },
        Method {
            name: "device.token.rotate",
            scope: PAIRING,
            params: Some(Shape::Object(&[
                required("deviceId", WORD),
                required("role", WORD),
                optional("scopes", Shape::List(&WORD)),
            ])),
            run: |call| later(informed(call, rotate::answer)),
        },
        Method {
            name: "device.token.revoke",
            scope: PAIRING,
            params: Some(Shape::Object(&[required("deviceId", WORD), required("role", WORD)])),
            run: |call| later(informed(call, revoke::answer)),
        },
    ],
    events: &["device.pair.requested", "device.pair.resolved", "device.pair.changed"],
};

/// The answer, once it is known which devices there are.
async fn informed<A: Future<Output = Result<Value, Fault>>>(
    call: Call,
    answer: fn(Call) -> A,
) -> Result<Value, Fault> {
    call.hub.devices.ready(&call.hub.store).await?;
    answer(call).await
}

/// The answer to what is not allowed: it tells as little of what there is as that of the real gateway.
fn denied(what: &str, device_id: &str) -> Fault {
    tracing::warn!(target: "gateway/devices", device = device_id, "{what} denied");
    Fault::invalid(format!("{what} denied"))
}

/// The same for a token, with the reason in the log alone.
fn token_denied(what: &str, device_id: &str, why: &Denied) -> Fault {
    tracing::warn!(target: "gateway/devices", device = device_id, ?why, "{what} denied");
    Fault::invalid(format!("{what} denied"))
}

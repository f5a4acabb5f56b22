//! The family of what clients ask to find their way: who the gateway is, on what it runs, how it is configured, and of
//! things that this gateway has none of, how many there are (OPENCLAW.md 4.11, 4.12).

mod commands_list;
mod config_get;
mod cron;
mod identity;
mod preflight;
mod stability;
mod system_info;
mod tools_catalog;

use serde_json::{Value, json};

use super::{Family, Method, later, now};
use crate::gateway::scope;
use crate::gateway::shape::{Shape, WORD, optional, required};
use crate::wire::{Fault, fault};

const READ: Option<&str> = Some(scope::READ);
const NOTHING: Option<Shape> = Some(Shape::Object(&[]));

/// Its rows.
pub const FAMILY: Family = Family {
    here: |_| true,
    methods: &[
        Method {
            name: "commands.list",
            scope: READ,
            params: Some(commands_list::PARAMS),
            run: |call| now(Ok(commands_list::answer(&call))),
        },
        Method {
            name: "config.get",
            scope: READ,
            params: NOTHING,
            run: |call| later(async move { Ok(config_get::answer(&call).await) }),
        },
        Method {
            name: "cron.list",
            scope: READ,
            params: Some(cron::PARAMS),
            run: |call| now(Ok(cron::list(&call))),
        },
        Method {
            name: "cron.status",
            scope: READ,
            params: NOTHING,
            run: |call| now(Ok(cron::status(&call))),
        },
        Method {
            name: "diagnostics.stability",
            scope: READ,
            params: Some(stability::PARAMS),
            run: |_| now(Ok(stability::answer())),
        },
        Method {
            name: "gateway.identity.get",
            scope: READ,
            params: NOTHING,
            run: |call| later(identity::answer(call)),
        },
        Method {
            name: "gateway.restart.preflight",
            scope: READ,
            params: NOTHING,
            run: |call| now(Ok(preflight::answer(&call))),
        },
        // It cannot be suspended, so it always runs.
        Method {
            name: "gateway.suspend.status",
            scope: READ,
            params: Some(Shape::Object(&[required("suspensionId", Shape::Text(1, 128))])),
            run: |_| now(Ok(json!({ "status": "running" }))),
        },
        // Nothing is done of its own accord, so there never was one.
        Method { name: "last-heartbeat", scope: READ, params: NOTHING, run: |_| now(Ok(Value::Null)) },
        Method {
            name: "system.info",
            scope: READ,
            params: NOTHING,
            run: |call| now(Ok(system_info::answer(&call))),
        },
        Method {
            name: "tools.catalog",
            scope: READ,
            params: Some(Shape::Object(&[
                optional("agentId", WORD),
                optional("includePlugins", Shape::Boolean),
            ])),
            run: |call| now(Ok(tools_catalog::answer(&call))),
        },
        // Whoever connects shows a credential or a device, and is no user by that.
        Method {
            name: "users.self",
            scope: READ,
            params: NOTHING,
            run: |_| now(Err(Fault::new(fault::FORBIDDEN, "users.self requires an authenticated user"))),
        },
    ],
    events: &[],
};

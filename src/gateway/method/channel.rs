//! The family of the channels' methods: how they are, who may write to them, messages out.

mod pairing;
mod power;
mod send;
mod status;

pub use send::Sent;

use super::{Family, Method, later};
use crate::gateway::scope;

/// Its rows. The family is always here: a channel may come with the next change of the configuration.
pub const FAMILY: Family = Family {
    here: |_| true,
    methods: &[
        Method {
            name: "channels.status",
            scope: Some(scope::READ),
            params: Some(status::PARAMS),
            run: |call| later(status::answer(call)),
        },
        Method {
            name: "channels.start",
            scope: Some(scope::ADMIN),
            params: Some(power::PARAMS),
            run: |call| later(power::start(call)),
        },
        Method {
            name: "channels.stop",
            scope: Some(scope::ADMIN),
            params: Some(power::PARAMS),
            run: |call| later(power::stop(call)),
        },
        Method {
            name: "channels.logout",
            scope: Some(scope::ADMIN),
            params: Some(power::PARAMS),
            run: |call| later(power::logout(call)),
        },
        Method {
            name: "channels.pairing.list",
            scope: Some(scope::PAIRING),
            params: Some(pairing::LIST),
            run: |call| later(pairing::list(call)),
        },
        Method {
            name: "channels.pairing.approve",
            scope: Some(scope::PAIRING),
            params: Some(pairing::APPROVE),
            run: |call| later(pairing::approve(call)),
        },
        Method {
            name: "channels.pairing.dismiss",
            scope: Some(scope::PAIRING),
            params: Some(pairing::DISMISS),
            run: |call| later(pairing::dismiss(call)),
        },
        Method {
            name: "send",
            scope: Some(scope::WRITE),
            params: Some(send::PARAMS),
            run: |call| later(send::answer(call)),
        },
        Method {
            name: "message.action",
            scope: Some(scope::WRITE),
            params: Some(send::ACTION),
            run: |call| later(send::action(call)),
        },
    ],
    events: &[],
};

//! `profile.all`: one order for many profiles. All are placed at once, in the order of `[supervise] after`, and
//! followed until each has become what was asked for or will not; one profile's failure is no other's.

use serde_json::{Value, json};

use super::{ending, follow, place_after};
use crate::base::{Error, ProfileName, Result};
use crate::daemon::mailbox::{Orders, Verb};
use crate::daemon::{DISK, after};
use crate::link::unix::Wire;
use crate::profile::Registry;
use crate::supervise::order::{self, Wishes};
use crate::wire::Frame;
use crate::wire::control::{self, AllParams, AllVerb, PROFILE_ALL};

/// The answer to the order; changes are told on `wire` before it.
pub async fn answer(wire: &mut Wire, orders: &Orders, id: &str, params: Value) -> Frame {
    let params = match control::params::<AllParams>(PROFILE_ALL, params) {
        Ok(params) => params,
        Err(fault) => return Frame::failure(id, fault),
    };
    let outcome = order(wire, orders, params).await;
    outcome.map_or_else(|error| control::failure(id, &error), |told| Frame::success(id, told))
}

async fn order(wire: &mut Wire, orders: &Orders, params: AllParams) -> Result<Value> {
    let verb = match params.verb {
        AllVerb::Start => Verb::Start,
        AllVerb::Stop => Verb::Stop,
        AllVerb::Restart => Verb::Restart,
    };
    let setup = orders.setup();
    let looked = tokio::task::spawn_blocking(move || -> Result<(Vec<ProfileName>, Wishes)> {
        let wishes = after::wishes(&Registry::new(DISK, &setup.environment)?)?;
        Ok((order::sorted(&params.names, &wishes), wishes))
    });
    let (names, mut wishes) = looked.await.map_err(|_| ending())??;
    let mut placed = Vec::new();
    for name in names {
        let wishes = wishes.remove(&name).unwrap_or_default();
        let view = place_after(orders, verb, &name, wishes).await;
        placed.push((name, view));
    }
    let (mut profiles, mut failures): (Vec<_>, Vec<Error>) = Default::default();
    for (name, view) in placed {
        let followed = match view {
            Ok(view) => follow(wire, verb, &name, view).await?,
            Err(error) => Err(error),
        };
        match followed {
            Ok(status) => profiles.push(status),
            Err(error) => failures.push(error.profile(&name)),
        }
    }
    orders.saved().await;
    Ok(json!({ "profiles": profiles, "failures": failures }))
}

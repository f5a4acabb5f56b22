//! `profile.list`: every profile that the supervisor looks after, or one of them, with fresh figures; where asked, those
//! as well that it does not.

use serde_json::Value;
use tokio::sync::oneshot;

use super::ending;
use crate::base::record::ProfileStatus;
use crate::base::{ProfileName, Result};
use crate::daemon::mailbox::{Order, Orders};
use crate::daemon::{DISK, known};
use crate::profile::Registry;
use crate::profile::rescue::Rescue;
use crate::wire::Frame;
use crate::wire::control::{self, ListParams, PROFILE_LIST};

/// The answer to the order, as far as `sight` reaches.
pub async fn answer(orders: &Orders, id: &str, params: Value, sight: Option<&Rescue>) -> Frame {
    let params = match control::params::<ListParams>(PROFILE_LIST, params) {
        Ok(params) => params,
        Err(fault) => return Frame::failure(id, fault),
    };
    match listed(orders, params).await {
        Ok(mut profiles) => {
            profiles.retain(|status| sight.is_none_or(|rescue| rescue.profiles.sees(&status.name)));
            Frame::success(id, serde_json::json!({ "profiles": profiles }))
        }
        Err(error) => control::failure(id, &error),
    }
}

async fn listed(orders: &Orders, params: ListParams) -> Result<Vec<ProfileStatus>> {
    let (answer, listed) = oneshot::channel();
    orders.send(Order::List(params.name.clone(), answer));
    let told = listed.await.map_err(|_| ending())?;
    if params.all { with_others(orders, told, params.name).await } else { Ok(told) }
}

/// The same with those that the supervisor does not look after.
async fn with_others(
    orders: &Orders,
    told: Vec<ProfileStatus>,
    of: Option<ProfileName>,
) -> Result<Vec<ProfileStatus>> {
    let setup = orders.setup();
    let read = tokio::task::spawn_blocking(move || Registry::new(DISK, &setup.environment)?.all());
    let known = read.await.map_err(|_| ending())??;
    let setup = orders.setup();
    let registry = Registry::new(DISK, &setup.environment)?;
    Ok(known::statuses(&registry, &known, told, of.as_ref()).await)
}

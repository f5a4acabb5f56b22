//! `profile.rollback`: puts back the files with which a profile's gateway last worked. One that was given up is tried
//! again by itself; one that runs takes the files over at its next start.

use serde_json::{Value, json};

use super::{ending, profile_of};
use crate::daemon::kept_config;
use crate::daemon::mailbox::Orders;
use crate::wire::Frame;
use crate::wire::control::{self, PROFILE_ROLLBACK};

/// The answer to the order.
pub async fn answer(orders: &Orders, id: &str, params: Value) -> Frame {
    let name = match profile_of(PROFILE_ROLLBACK, params) {
        Ok(name) => name,
        Err(fault) => return Frame::failure(id, fault),
    };
    let (records, whose) = (orders.setup().paths.records_dir, name.clone());
    let restored = tokio::task::spawn_blocking(move || kept_config::restore(&records, &whose)).await;
    match restored.map_err(|_| ending()).and_then(|restored| restored) {
        Ok(restored) => {
            tracing::info!(profile = %name, "its files were put back, as ordered");
            Frame::success(id, json!({ "ok": true, "profile": name, "restored": restored }))
        }
        Err(error) => control::failure(id, &error),
    }
}

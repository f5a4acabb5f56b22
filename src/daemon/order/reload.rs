//! `supervisor.reload`: hands over to the program that asks, in this very process, so that no gateway is
//! restarted and none loses its parent. The caller sees the hand-over when the connection closes.

use serde_json::Value;
use tokio::sync::oneshot;

use super::ending;
use crate::base::Result;
use crate::daemon::mailbox::{Order, Orders, Successor};
use crate::daemon::{fallback, rehearsal};
use crate::wire::Frame;
use crate::wire::control::{self, ReloadParams, SUPERVISOR_RELOAD};

/// The answer to the order; refused when the new program cannot be run.
pub async fn answer(orders: &Orders, id: &str, params: Value) -> Frame {
    let params = match control::params::<ReloadParams>(SUPERVISOR_RELOAD, params) {
        Ok(params) => params,
        Err(fault) => return Frame::failure(id, fault),
    };
    match hand_over(orders, params).await {
        Ok(version) => {
            let answer = serde_json::json!({ "from": env!("CARGO_PKG_VERSION"), "to": version });
            Frame::success(id, answer)
        }
        Err(error) => control::failure(id, &error),
    }
}

async fn hand_over(orders: &Orders, params: ReloadParams) -> Result<String> {
    let (program, setup) = (params.program.clone(), orders.setup());
    let asked = tokio::task::spawn_blocking(move || {
        let version = rehearsal::version_of(&setup, &params.program)?;
        fallback::keep(&setup, &params.program, &version);
        Ok(version)
    })
    .await;
    let version = asked.map_err(|_| ending())??;
    let (answer, taken) = oneshot::channel();
    orders.send(Order::HandOver(Successor::Program(program), answer));
    taken.await.map_err(|_| ending())??;
    orders.saved().await;
    Ok(version)
}

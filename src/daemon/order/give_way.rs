//! `supervisor.yield`: a supervisor that a command began on demand leaves its gateways to the one that the host's service
//! manager starts, which waits for its claim and watches on over them. The caller sees the end when the connection
//! closes.

use tokio::sync::oneshot;

use super::ending;
use crate::base::{Error, Kind, Result};
use crate::daemon::mailbox::{Order, Orders, Successor};
use crate::wire::{Frame, control};

/// The answer to the order.
pub async fn answer(orders: &Orders, id: &str) -> Frame {
    match give_way(orders).await {
        Ok(()) => Frame::success(id, serde_json::json!({ "yielding": true })),
        Err(error) => control::failure(id, &error),
    }
}

async fn give_way(orders: &Orders) -> Result<()> {
    if orders.setup().is_service() {
        let what = "the supervisor that runs is a service's or a person's own, and gives way to nobody";
        return Err(Error::new(Kind::Failed, "supervisor_running", what).remedy("openclaw supervisor status"));
    }
    let (answer, taken) = oneshot::channel();
    orders.send(Order::HandOver(Successor::Service, answer));
    taken.await.map_err(|_| ending())??;
    orders.saved().await;
    Ok(())
}

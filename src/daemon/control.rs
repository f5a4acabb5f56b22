//! The control socket: one task a connection, one answer an order. What an order does stands in `order`,
//! one file a verb, with the names of the command line.

use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use super::mailbox::{Order, Orders};
use super::order;
use crate::access::peer;
use crate::base::{Error, Kind, Result};
use crate::host::{lineage, process, settle};
use crate::link::unix::Wire;
use crate::wire::{Fault, Frame, Request, control};

/// How long answers that are on their way may take when the supervisor ends.
pub const FAREWELL: Duration = Duration::from_secs(2);

/// Connections that are served at once; the next one waits in the system's queue.
const CONNECTIONS_MAX: usize = 256;

/// Serves `listener` until `ended` says so. Returns the connections that are still open, which go on until
/// `farewell` says so: by then nobody new can come in.
pub async fn serve(
    listener: UnixListener,
    orders: Orders,
    mut ended: watch::Receiver<bool>,
    farewell: watch::Receiver<bool>,
) -> JoinSet<()> {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, orders.clone(), farewell.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the control socket did not accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = over(&mut ended) => return connections,
        }
    }
}

/// Completes when `ended` says so.
async fn over(ended: &mut watch::Receiver<bool>) {
    let _ = ended.wait_for(|ended| *ended).await;
}

async fn connection(stream: UnixStream, orders: Orders, mut ended: watch::Receiver<bool>) {
    let mut told_of_all = false;
    let served = async {
        let mut wire = Wire::over(stream)?;
        let mut alerts = orders.alerts();
        let refusal = refusal(wire.peer(), &orders).await;
        loop {
            let frame = tokio::select! {
                frame = wire.receive() => frame?,
                alert = alerts.recv(), if refusal.is_none() => {
                    match alert {
                        Ok(alert) => wire.send(&Frame::event(control::PROFILE_ALERT, alert)).await?,
                        // Who reads too slowly gets the last ones.
                        Err(RecvError::Lagged(_)) => {}
                        Err(RecvError::Closed) => return Ok(()),
                    }
                    continue;
                }
                () = over(&mut ended) => return Ok(()),
            };
            match frame {
                None => return Ok(()),
                Some(Frame::Req(request)) => match &refusal {
                    Some(refusal) => wire.send(&control::failure(&request.id, refusal)).await?,
                    None => {
                        let lists = [control::PROFILE_LIST, control::PROFILE_ALL].contains(&&*request.method);
                        told_of_all |= lists && request.params["name"].is_null();
                        answer(&mut wire, &orders, request).await?;
                    }
                },
                Some(_) => {
                    let fault = Fault::invalid("only requests are taken here");
                    wire.send(&Frame::failure("invalid", fault)).await?;
                }
            }
        }
    };
    let served: Result<()> = served.await;
    if let Err(error) = served {
        tracing::debug!(%error, "a control connection ended");
    }
    // What is said of a hundred profiles takes megabytes for a moment, and nobody needs them for days.
    if told_of_all {
        settle::give_back_memory();
    }
}

/// Why the process `pid` may give no orders: it is in a confined run, whose bounds an order would reach beyond.
async fn refusal(pid: Option<u32>, orders: &Orders) -> Option<Error> {
    let line = lineage::of(pid?);
    // Mostly nobody is bound, and then nobody has to be asked.
    if line.first().is_some_and(|peer| !peer.bound) {
        return None;
    }
    let (answer, runs) = oneshot::channel();
    orders.send(Order::Runs(answer));
    let runs = runs.await.unwrap_or_default();
    peer::is_confined(&line, process::own_pid(), &runs).then(|| {
        tracing::warn!(pid, "a confined process may give no orders");
        Error::new(
            Kind::Denied,
            "order_confined",
            "a process of a confined gateway gives the supervisor no orders",
        )
        .remedy("run the command outside of the gateway, or set [confine] level = \"off\" in its manifest")
    })
}

async fn answer(wire: &mut Wire, orders: &Orders, request: Request) -> Result<()> {
    let Request { id, method, params, .. } = request;
    let answer = match method.as_str() {
        control::PROFILE_START => order::start::answer(wire, orders, &id, params).await,
        control::PROFILE_STOP => order::stop::answer(wire, orders, &id, params).await,
        control::PROFILE_ALL => order::all::answer(wire, orders, &id, params).await,
        control::PROFILE_RESTART => order::restart::answer(wire, orders, &id, params).await,
        control::PROFILE_FORGET => order::forget::answer(orders, &id, params).await,
        control::PROFILE_LIST => order::list::answer(orders, &id, params).await,
        control::SUPERVISOR_STATUS => order::status::answer(orders, &id).await,
        control::SUPERVISOR_RELOAD => order::reload::answer(orders, &id, params).await,
        control::SUPERVISOR_STOP => order::shutdown::answer(orders, &id),
        unknown => Frame::failure(&id, Fault::invalid(format!("unknown method: {unknown}"))),
    };
    wire.send(&answer).await
}

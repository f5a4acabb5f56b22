//! The control socket: one task a connection, one answer an order. What an order does stands in `order`,
//! one file a verb, with the names of the command line.

use std::time::Duration;

use serde_json::Value;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;

use super::caller::Caller;
use super::mailbox::Orders;
use super::order;
use crate::base::Result;
use crate::base::record::ProfileStatus;
use crate::host::settle;
use crate::link::unix::Wire;
use crate::profile::rescue::Rescue;
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
        let wire = Wire::over(stream)?;
        let (alerts, caller) = (orders.alerts(), Caller::of(wire.peer(), &orders).await);
        let mut talk = Talk { wire, orders: &orders, caller, alerts, changes: None };
        loop {
            let frame = tokio::select! {
                frame = talk.wire.receive() => frame?,
                alert = talk.alerts.recv(), if talk.hears_alerts() => {
                    match alert {
                        Ok(alert) => talk.tell(control::PROFILE_ALERT, alert, "profile").await?,
                        // Who reads too slowly gets the last ones.
                        Err(RecvError::Lagged(_)) => {}
                        Err(RecvError::Closed) => return Ok(()),
                    }
                    continue;
                }
                change = next(&mut talk.changes), if talk.changes.is_some() => {
                    match change {
                        Ok(status) => {
                            let status = serde_json::to_value(&status).unwrap_or_default();
                            talk.tell(control::PROFILE_CHANGED, status, "name").await?;
                        }
                        Err(RecvError::Lagged(_)) => {}
                        Err(RecvError::Closed) => return Ok(()),
                    }
                    continue;
                }
                () = over(&mut ended) => return Ok(()),
            };
            match frame {
                None => return Ok(()),
                Some(Frame::Req(request)) => {
                    let lists = [control::PROFILE_LIST, control::PROFILE_ALL].contains(&&*request.method);
                    told_of_all |= lists && request.params["name"].is_null();
                    talk.answer(request).await?;
                }
                Some(_) => {
                    let fault = Fault::invalid("only requests are taken here");
                    talk.wire.send(&Frame::failure("invalid", fault)).await?;
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

/// The next of what is heard; never where nothing is.
async fn next(changes: &mut Option<Changes>) -> std::result::Result<ProfileStatus, RecvError> {
    match changes {
        Some(changes) => changes.recv().await,
        None => std::future::pending().await,
    }
}

type Changes = broadcast::Receiver<ProfileStatus>;

/// One connection and who is at its other end.
struct Talk<'a> {
    wire: Wire,
    orders: &'a Orders,
    caller: Result<Caller>,
    alerts: broadcast::Receiver<Value>,
    /// Of one that watches: what changes.
    changes: Option<Changes>,
}

impl Talk<'_> {
    /// The user hears of every incident unasked, a gateway once it watches.
    fn hears_alerts(&self) -> bool {
        match self.caller {
            Ok(Caller::User) => true,
            Ok(Caller::Gateway(_)) => self.changes.is_some(),
            Err(_) => false,
        }
    }

    /// Tells of something that happened to the profile that `payload` names under `key`, if it may be heard.
    async fn tell(&mut self, event: &str, payload: Value, key: &str) -> Result<()> {
        let Ok(caller) = &self.caller else { return Ok(()) };
        if caller.hears_of(self.orders, payload[key].as_str().unwrap_or_default()).await {
            self.wire.send(&Frame::event(event, payload)).await?;
        }
        Ok(())
    }

    async fn answer(&mut self, request: Request) -> Result<()> {
        let permitted = match &self.caller {
            Err(refusal) => Err(refusal.clone()),
            Ok(caller) => caller.permit(self.orders, &request).await,
        };
        let answer = match permitted {
            Ok(sight) => self.obey(request, sight).await,
            Err(refusal) => {
                tracing::info!(method = request.method, code = refusal.code(), "an order is refused");
                control::failure(&request.id, &refusal)
            }
        };
        self.wire.send(&answer).await
    }

    /// Carries out an order that the caller may give; `sight` bounds what it is shown.
    async fn obey(&mut self, request: Request, sight: Option<Rescue>) -> Frame {
        let Request { id, method, params, .. } = request;
        let (wire, orders) = (&mut self.wire, self.orders);
        match method.as_str() {
            control::PROFILE_START => order::start::answer(wire, orders, &id, params).await,
            control::PROFILE_STOP => order::stop::answer(wire, orders, &id, params).await,
            control::PROFILE_ALL => order::all::answer(wire, orders, &id, params).await,
            control::PROFILE_RESTART => order::restart::answer(wire, orders, &id, params).await,
            control::PROFILE_FORGET => order::forget::answer(orders, &id, params).await,
            control::PROFILE_LIST => order::list::answer(orders, &id, params, sight.as_ref()).await,
            control::PROFILE_LOGS => order::logs::answer(orders, &id, params).await,
            control::PROFILE_ROLLBACK => order::rollback::answer(orders, &id, params).await,
            control::PROFILE_WATCH => {
                // From before the answer on, so that nothing is missed.
                let changes = orders.changes();
                let (answer, watches) = order::watch::answer(self.caller.as_ref().ok(), &id, params);
                if watches {
                    self.changes = Some(changes);
                }
                answer
            }
            control::HOST_CONFLICTS => order::conflicts::answer(orders, &id, sight.as_ref()).await,
            control::SUPERVISOR_STATUS => order::status::answer(orders, &id).await,
            control::SUPERVISOR_RELOAD => order::reload::answer(orders, &id, params).await,
            control::SUPERVISOR_YIELD => order::give_way::answer(orders, &id).await,
            control::SUPERVISOR_STOP => order::shutdown::answer(orders, &id),
            unknown => Frame::failure(&id, Fault::invalid(format!("unknown method: {unknown}"))),
        }
    }
}

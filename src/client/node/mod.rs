//! This machine as a node of a gateway: it connects, does what it is asked and may do, and comes again when the connection
//! ends. What it may do is its owner's to say ([`policy`], in the file of [`list`]), and where they say so somebody's at the
//! gateway (`approval`); what it does is in [`act`].

pub mod act;
mod approval;
pub mod list;
pub mod policy;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::session::{Incoming, Session};
use crate::base::{Error, Kind, Result};
use act::{Failure, Machine};

/// First and longest wait before it connects again.
const REST: Duration = Duration::from_secs(1);
const REST_MAX: Duration = Duration::from_secs(30);
/// Things that are done at the same time; more are refused.
const BUSY_MAX: usize = 16;

/// What a node says of itself when it connects.
#[derive(Clone, Debug)]
pub struct Claims {
    /// Its name for people.
    pub name: String,
}

/// What became of a call: its id, and the answer.
type Finished = (String, std::result::Result<Value, Failure>);

/// Serves until `stop` resolves. `open` makes a connection; `tell` is told what happens, for people.
///
/// # Errors
/// What connecting fails of for good: what is wrong with the configuration or the credential. A gateway that is away, and
/// one where this node waits to be let in, are asked again.
pub async fn serve(
    machine: &Machine,
    open: impl AsyncFn() -> Result<Session>,
    tell: impl Fn(&str),
    stop: impl Future<Output = ()>,
) -> Result<()> {
    tokio::select! {
        ended = forever(machine, open, tell) => ended,
        () = stop => Ok(()),
    }
}

async fn forever(
    machine: &Machine,
    open: impl AsyncFn() -> Result<Session>,
    tell: impl Fn(&str),
) -> Result<()> {
    let mut rest = REST;
    loop {
        let ended = match open().await {
            Ok(session) => {
                rest = REST;
                tell("connected; an admin lets it in once: openclaw nodes pending, openclaw nodes approve");
                Connection::new(machine, session).serve().await
            }
            Err(error) if is_final(&error) => return Err(error),
            Err(error) => error,
        };
        tell(&format!("{ended}; connecting again in {} s", rest.as_secs()));
        sleep(rest).await;
        rest = (rest * 2).min(REST_MAX);
    }
}

/// Whether asking again can change nothing.
fn is_final(error: &Error) -> bool {
    let waits = error.code() == "gateway_pairing_required";
    matches!(error.kind(), Kind::Usage | Kind::Config | Kind::Denied) && !waits
}

/// One connection; what it does for the gateway ends with it.
struct Connection<'a> {
    machine: &'a Machine,
    session: Session,
    /// Its own id, as the gateway calls it.
    node: String,
    busy: HashMap<String, Arc<AtomicBool>>,
    finished: mpsc::UnboundedSender<Finished>,
    results: mpsc::UnboundedReceiver<Finished>,
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        self.busy.values().for_each(|unwanted| unwanted.store(true, Ordering::Relaxed));
    }
}

impl<'a> Connection<'a> {
    fn new(machine: &'a Machine, session: Session) -> Self {
        let (finished, results) = mpsc::unbounded_channel();
        Connection { machine, session, node: String::new(), busy: HashMap::new(), finished, results }
    }

    /// Serves until the connection ends; gives back why.
    async fn serve(mut self) -> Error {
        loop {
            let outcome = tokio::select! {
                Some((id, result)) = self.results.recv() => self.answer(&id, result).await,
                incoming = self.session.next() => match incoming {
                    Ok(Incoming::Event(event)) => {
                        self.hear(&event.event, event.payload.unwrap_or_default()).await
                    }
                    Ok(Incoming::Answer(_)) => Ok(()),
                    Err(error) => Err(error),
                },
            };
            if let Err(error) = outcome {
                return error;
            }
        }
    }

    async fn hear(&mut self, event: &str, payload: Value) -> Result<()> {
        match event {
            "node.invoke.request" => self.begin(payload).await,
            "node.invoke.cancel" => {
                let id = payload["invokeId"].as_str().unwrap_or_default();
                if let Some(unwanted) = self.busy.get(id) {
                    unwanted.store(true, Ordering::Relaxed);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn begin(&mut self, asked: Value) -> Result<()> {
        let text = |name: &str| asked[name].as_str().unwrap_or_default().to_owned();
        let (id, command) = (text("id"), text("command"));
        self.node = text("nodeId");
        if self.busy.len() >= BUSY_MAX {
            return self.answer(&id, Err(("UNAVAILABLE", "this node is busy".into()))).await;
        }
        let Ok(mut params) = serde_json::from_str::<Value>(asked["paramsJSON"].as_str().unwrap_or("{}"))
        else {
            return self.answer(&id, Err(("INVALID_REQUEST", "paramsJSON malformed JSON".into()))).await;
        };
        // The gateway's time ends the call at the latest; a program that outlived it would answer nobody.
        if let (true, Some(limit)) = (params["timeoutMs"].is_null(), asked["timeoutMs"].as_u64())
            && let Some(params) = params.as_object_mut()
        {
            params.insert("timeoutMs".into(), json!(limit));
        }
        let unwanted = Arc::new(AtomicBool::new(false));
        self.busy.insert(id.clone(), Arc::clone(&unwanted));
        let (machine, finished) = (self.machine.clone(), self.finished.clone());
        spawn_blocking(move || {
            let result = machine.act(&command, &params, &unwanted);
            // A connection that has ended wants no answer.
            let _ = finished.send((id, result));
        });
        Ok(())
    }

    async fn answer(&mut self, id: &str, result: std::result::Result<Value, Failure>) -> Result<()> {
        self.busy.remove(id);
        let mut answer = json!({ "id": id, "nodeId": self.node });
        match result {
            Ok(payload) => {
                answer["ok"] = json!(true);
                answer["payloadJSON"] = json!(payload.to_string());
            }
            Err((code, message)) => {
                answer["ok"] = json!(false);
                answer["error"] = json!({ "code": code, "message": message });
            }
        }
        self.session.tell("node.invoke.result", answer).await
    }
}

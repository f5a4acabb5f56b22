//! The embedded gateway: a small one of our own that speaks Gateway protocol v4, for machines with nothing else
//! installed and as the rescue gateway beside a full OpenClaw. One thread, one port for HTTP and WebSocket.
//!
//! | file | its part |
//! | --- | --- |
//! | `mod`, `listeners`, `ticker` | the listeners, the rhythm, the end |
//! | `tls`, `certificate` | TLS, where it is switched on |
//! | `http`, `upgrade` | probes, and the way into a WebSocket |
//! | `page` | the page that people see |
//! | `asker`, `access` | for whom a request comes, and who may come in as the configuration says it now |
//! | `session`, `conversation` | one connection, over any byte stream |
//! | `entry` | from the one to the other: limiter, decision, pairing |
//! | `connect`, `admission`, `dispatch`, `origin`, `scope`, `shape`, `throttle`, `budget`, `redact` | its decisions, pure |
//! | `devices` | who is known by a key of its own, and what was approved for it |
//! | `method` | what can be called |
//! | `hub`, `presence`, `load` | what all connections share |
//! | `connection` | one of them, as the others see it |
//! | `nodes` | the devices that do something for its users |
//! | `approvals` | what is run once somebody who may has said so |
//! | `store` | what is remembered |
//! | `sessions`, `agent` | what is said, and who answers |
//! | `hook` | orders of other programs over HTTP |
//! | `channel` | where people write from who have no client |
//! | `fleet` | the other profiles, where this is a rescue profile |
//! | `door`, `tailnet` | through which listener a connection came, and the one that Tailscale leads to |

mod access;
pub mod admission;
pub mod agent;
pub mod approvals;
pub mod asker;
mod budget;
mod certificate;
pub mod channel;
pub mod connect;
pub mod connection;
mod conversation;
pub mod date;
pub mod devices;
pub mod dispatch;
pub mod door;
mod entry;
pub mod fleet;
mod hello;
pub mod hook;
mod http;
pub mod hub;
mod listeners;
mod load;
pub mod log;
mod machine;
pub mod method;
pub mod nodes;
mod options;
pub mod origin;
mod page;
mod presence;
mod redact;
pub mod scope;
mod session;
pub mod sessions;
mod settings;
mod shape;
pub mod store;
mod tailnet;
mod throttle;
mod ticker;
mod tls;
mod upgrade;

use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;

pub use access::{Access, Reload, Settings};
pub use log::{LogFile, LogLayer};
pub use options::{Auth, Limits, Options};
pub use tailnet::{Exposing, Pace};
pub use tls::Tls;

use crate::base::{Error, Kind, Result};
use hub::Hub;
use listeners::Listeners;
use store::Store;

/// How long the end of what is being answered may take: each is cut short, and what was said of it stored.
const ANSWERS_END: Duration = Duration::from_secs(2);

/// Runs a gateway on the current thread's runtime until `stop` resolves, then tells every connection, closes
/// them and the listeners, and returns.
///
/// # Errors
/// [`Kind::Config`] with code `port_in_use` when the port is taken, [`Kind::Failed`] when it cannot be had
/// for another reason.
pub async fn run(mut options: Options, stop: impl Future<Output = ()>) -> Result<()> {
    let listeners =
        Listeners::bind(&options.addresses, options.port).map_err(|error| refused(&options, &error))?;
    let port = listeners.port().map_err(|error| refused(&options, &error))?;
    let ready = options.ready.take();
    let store = Store::open(&options.store)?;
    let hub = Hub::new(options, store);
    if let Err(fault) = hub.devices.ready(&hub.store).await {
        tracing::error!(target: "gateway/devices", "nothing is known of devices now: {}", fault.message);
    }
    let (profile, version) = (&hub.options.profile, &hub.options.version);
    tracing::info!(target: "gateway", %profile, version, port, auth = hub.access().auth.mode(), "listening");
    if let Some(tls) = &hub.options.tls {
        tracing::info!(target: "gateway/tls", "the port speaks TLS only and shows {}", tls.describe());
    }
    hub.note_config();
    LocalSet::new()
        .run_until(async {
            nodes::recall(&hub).await;
            agent::tidy(&hub).await;
            let ticker = spawn_local(ticker::run(Rc::clone(&hub)));
            let channels = spawn_local(channel::run(Rc::clone(&hub)));
            let exposing = spawn_local(tailnet::run(Rc::clone(&hub)));
            let watching = spawn_local(fleet::watch::run(Rc::clone(&hub)));
            if let Some(ready) = ready {
                // Whoever started us may have stopped waiting; the gateway runs all the same.
                let _ = ready.send(port);
            }
            tokio::select! {
                () = listeners.serve(&hub) => {}
                () = stop => {}
            }
            tracing::info!(target: "gateway", %profile, "stopping");
            exposing.abort();
            channels.abort();
            watching.abort();
            // Probes are answered until the last connection is closed; each ends by its own deadline.
            tokio::select! {
                () = listeners.serve(&hub) => {}
                () = end(&hub) => {}
            }
            ticker.abort();
        })
        .await;
    hub.front.iter().for_each(tailnet::Front::forget);
    tracing::info!(target: "gateway", %profile, "stopped");
    Ok(())
}

/// Ends what is being answered, so that what was said is kept and whoever waits is told; then the connections.
async fn end(hub: &Hub) {
    hub.drain();
    if timeout(ANSWERS_END, hub.agent.idle()).await.is_err() {
        tracing::warn!(target: "gateway", "not all that was being answered could be ended");
    }
    hub.part();
    hub.quiet().await;
}

fn refused(options: &Options, error: &io::Error) -> Error {
    let port = options.port;
    let error = match error.kind() {
        ErrorKind::AddrInUse => {
            Error::new(Kind::Config, "port_in_use", format!("port {port} is taken by another program"))
                .remedy("see who holds it with `openclaw host status`, or set another gateway.port")
        }
        ErrorKind::AddrNotAvailable => {
            let all: Vec<String> = options.addresses.iter().map(ToString::to_string).collect();
            let what = format!("this host does not have the address to listen on ({}) now", all.join(", "));
            Error::new(Kind::Failed, "bind_address_missing", what)
                .caused_by(error)
                .remedy("bring its network up, or correct gateway.bind and gateway.customBindHost")
        }
        _ => Error::new(Kind::Failed, "bind_failed", format!("port {port} cannot be listened on"))
            .caused_by(error)
            .remedy("set gateway.port to a port that this user may open"),
    };
    error.profile(&options.profile)
}

//! The embedded gateway: a small one of our own that speaks Gateway protocol v4, for machines with nothing else
//! installed and as the rescue gateway beside a full OpenClaw. One thread, one port for HTTP and WebSocket.
//!
//! | file | its part |
//! | --- | --- |
//! | `mod`, `ticker` | the listeners, the rhythm, the end |
//! | `tls`, `certificate` | TLS, where it is switched on |
//! | `http`, `upgrade` | probes, and the way into a WebSocket |
//! | `session`, `conversation` | one connection, over any byte stream |
//! | `connect`, `admission`, `dispatch`, `origin`, `scope`, `shape`, `throttle` | its decisions, pure |
//! | `method` | what can be called |
//! | `hub`, `presence`, `load` | what all connections share |
//! | `door`, `tailnet` | through which listener a connection came, and the one that Tailscale leads to |

mod admission;
mod certificate;
mod connect;
mod conversation;
pub mod date;
mod dispatch;
mod door;
mod hello;
mod http;
mod hub;
mod load;
pub mod log;
mod machine;
mod method;
mod options;
mod origin;
mod presence;
mod scope;
mod session;
mod shape;
mod tailnet;
mod throttle;
mod ticker;
mod tls;
mod upgrade;

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;

use tokio::net::{TcpListener, TcpSocket};
use tokio::task::{LocalSet, spawn_local};

pub use log::{LogFile, LogLayer};
pub use options::{Auth, Limits, Options};
pub use tailnet::{Exposing, Pace};
pub use tls::Tls;

use crate::base::{Error, Kind, Result};
use hub::Hub;

/// Connections that the system may queue for us.
const BACKLOG: u32 = 256;

/// Runs a gateway on the current thread's runtime until `stop` resolves, then tells every connection, closes
/// them and the listeners, and returns.
///
/// # Errors
/// [`Kind::Config`] with code `port_in_use` when the port is taken, [`Kind::Failed`] when it cannot be had
/// for another reason.
pub async fn run(mut options: Options, stop: impl Future<Output = ()>) -> Result<()> {
    let listeners = Listeners::bind(options.port).map_err(|error| refused(&options, &error))?;
    let port = listeners.port().map_err(|error| refused(&options, &error))?;
    let ready = options.ready.take();
    let hub = Hub::new(options);
    let (profile, version) = (&hub.options.profile, &hub.options.version);
    tracing::info!(target: "gateway", %profile, version, port, auth = hub.options.auth.mode(), "listening");
    if let Some(tls) = &hub.options.tls {
        tracing::info!(target: "gateway/tls", "the port speaks TLS only and shows {}", tls.describe());
    }
    LocalSet::new()
        .run_until(async {
            let ticker = spawn_local(ticker::run(Rc::clone(&hub)));
            let exposing = spawn_local(tailnet::run(Rc::clone(&hub)));
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
            hub.drain();
            // Probes are answered until the last connection is closed; each ends by its own deadline.
            tokio::select! {
                () = listeners.serve(&hub) => {}
                () = hub.quiet() => {}
            }
            ticker.abort();
        })
        .await;
    hub.front.iter().for_each(tailnet::Front::forget);
    tracing::info!(target: "gateway", %profile, "stopped");
    Ok(())
}

fn refused(options: &Options, error: &io::Error) -> Error {
    let port = options.port;
    let error = match error.kind() {
        ErrorKind::AddrInUse => {
            Error::new(Kind::Config, "port_in_use", format!("port {port} is taken by another program"))
                .remedy("see who holds it with `openclaw host status`, or set another gateway.port")
        }
        _ => Error::new(Kind::Failed, "bind_failed", format!("port {port} cannot be listened on"))
            .caused_by(error)
            .remedy("set gateway.port to a port that this user may open"),
    };
    error.profile(&options.profile)
}

/// The port on the loopback addresses of both protocols; the second where the machine has it.
struct Listeners {
    v4: TcpListener,
    v6: Option<TcpListener>,
}

impl Listeners {
    fn bind(port: u16) -> io::Result<Self> {
        match Listeners::bind_both(port) {
            // The system chose a port that is free on one address only; it will choose another.
            Err(error) if port == 0 && error.kind() == ErrorKind::AddrInUse => Listeners::bind_both(port),
            bound => bound,
        }
    }

    fn bind_both(port: u16) -> io::Result<Self> {
        let v4 = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        let port = v4.local_addr()?.port();
        let v6 = match listen(SocketAddr::from((Ipv6Addr::LOCALHOST, port))) {
            Ok(listener) => Some(listener),
            // Another program there would get our clients that ask for `localhost`.
            Err(error) if error.kind() == ErrorKind::AddrInUse => return Err(error),
            Err(_) => None,
        };
        Ok(Listeners { v4, v6 })
    }

    fn port(&self) -> io::Result<u16> {
        self.v4.local_addr().map(|address| address.port())
    }

    /// Takes connections until it is dropped.
    async fn serve(&self, hub: &Rc<Hub>) {
        loop {
            let accepted = tokio::select! {
                accepted = self.v4.accept() => accepted,
                accepted = accept(self.v6.as_ref()) => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    spawn_local(tls::connection(Rc::clone(hub), stream, peer));
                }
                Err(error) => {
                    tracing::warn!(target: "gateway", "a connection could not be taken: {error}");
                    ticker::rest().await;
                }
            }
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<(tokio::net::TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart must not wait for the connections of the last run to fade away.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

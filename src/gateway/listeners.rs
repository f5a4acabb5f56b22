//! The sockets that the gateway listens on: those it was told, and the IPv6 loopback address where the machine has
//! one, which another program could else take to get our clients that ask for `localhost`.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::rc::Rc;

use futures_util::future::join_all;
use nix::sys::socket::{setsockopt, sockopt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::spawn_local;

use super::hub::Hub;
use super::{ticker, tls};

/// Connections that the system may queue for us.
const BACKLOG: u32 = 256;

/// One port on one or more addresses.
pub struct Listeners(Vec<TcpListener>);

impl Listeners {
    /// Listens on `port` of every one of `addresses`; 0 lets the system choose one that is free on all.
    ///
    /// # Errors
    /// The system's refusal of the first address that cannot be had.
    pub fn bind(addresses: &[IpAddr], port: u16) -> io::Result<Self> {
        match Listeners::bind_all(addresses, port) {
            // The system chose a port that is free on one address only; it will choose another.
            Err(error) if port == 0 && error.kind() == ErrorKind::AddrInUse => {
                Listeners::bind_all(addresses, port)
            }
            bound => bound,
        }
    }

    fn bind_all(addresses: &[IpAddr], mut port: u16) -> io::Result<Self> {
        let mut bound = Vec::new();
        for address in addresses {
            let listener = listen(SocketAddr::new(*address, port))?;
            port = listener.local_addr()?.port();
            bound.push(listener);
        }
        let local = IpAddr::V6(Ipv6Addr::LOCALHOST);
        if !addresses.iter().any(|address| *address == local || *address == Ipv6Addr::UNSPECIFIED) {
            match listen(SocketAddr::new(local, port)) {
                Ok(listener) => bound.push(listener),
                Err(error) if error.kind() == ErrorKind::AddrInUse => return Err(error),
                Err(_) => {}
            }
        }
        Ok(Listeners(bound))
    }

    /// The port.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn port(&self) -> io::Result<u16> {
        let first = self.0.first().ok_or(ErrorKind::AddrNotAvailable)?;
        first.local_addr().map(|address| address.port())
    }

    /// Takes connections until it is dropped.
    pub async fn serve(&self, hub: &Rc<Hub>) {
        // Each for itself: a flood on one address takes nothing from the others.
        join_all(self.0.iter().map(|listener| serve(listener, hub))).await;
    }
}

async fn serve(listener: &TcpListener, hub: &Rc<Hub>) {
    loop {
        match listener.accept().await {
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

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart must not wait for the connections of the last run to fade away.
    socket.set_reuseaddr(true)?;
    if address.is_ipv6() {
        // Each protocol has a socket of its own; one for both would hide from looks at the other.
        setsockopt(&socket.as_fd(), sockopt::Ipv6V6Only, &true)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

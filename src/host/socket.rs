//! Who listens where, and whether a port can be bound: the kernel is asked, never a record.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpSocket;

use super::{process, system};
use crate::base::record::Holder;

/// A listening TCP socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The address it is bound to.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// The user that opened it.
    pub uid: u32,
    /// The kernel's number of the socket; 0 where the system has none.
    pub inode: u32,
}

/// Every socket that listens on `port`, on any address.
///
/// # Errors
/// When the kernel cannot be asked.
pub fn listeners_on(port: u16) -> io::Result<Vec<Listener>> {
    system::listeners(Some(port))
}

/// Every socket that listens.
///
/// # Errors
/// When the kernel cannot be asked.
pub fn all_listeners() -> io::Result<Vec<Listener>> {
    system::listeners(None)
}

/// Every port that somebody listens on.
///
/// # Errors
/// When the kernel cannot be asked.
pub fn busy_ports() -> io::Result<Vec<u16>> {
    Ok(system::listeners(None)?.into_iter().map(|listener| listener.port).collect())
}

/// Who answers a client that connects to a port on loopback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answers {
    /// Nobody listens.
    Nobody,
    /// Another user does.
    OtherUser(Holder),
    /// This user does, but somewhere outside the process group that was asked for.
    OtherProcess,
    /// The process group that was asked for, or this user when none was.
    Ours,
}

/// Asks the kernel who answers on `port`; with `leader`, whether it is a member of the process group that
/// leads. Every address that a loopback client can meet counts.
pub fn who_answers(port: u16, leader: Option<u32>) -> Answers {
    let mut listeners = listeners_on(port).unwrap_or_default();
    listeners.retain(|listener| is_reachable_from_loopback(listener.address));
    let me = nix::unistd::geteuid().as_raw();
    if let Some(foreign) = listeners.iter().find(|listener| listener.uid != me) {
        return Answers::OtherUser(holder_of(foreign, None));
    }
    match leader {
        _ if listeners.is_empty() => Answers::Nobody,
        Some(leader) if !system::group_owns(&listeners, leader) => Answers::OtherProcess,
        _ => Answers::Ours,
    }
}

/// Whether the socket `client`, which has connected to `own` on this machine, belongs to the system or to this user, as
/// a proxy's does; another user's program is neither. Where the system does not tell, everybody's counts.
pub fn is_from_a_service(client: SocketAddr, own: SocketAddr) -> bool {
    let me = nix::unistd::geteuid().as_raw();
    let users = system::connected_users(client, own);
    users.is_none_or(|users| !users.is_empty() && users.iter().all(|uid| *uid == 0 || *uid == me))
}

fn is_reachable_from_loopback(address: IpAddr) -> bool {
    address.is_loopback() || address.is_unspecified()
}

/// Who has `listener` open; `likely` is looked at first.
pub fn holder_of(listener: &Listener, likely: Option<u32>) -> Holder {
    let holder = process::holder(system::owner_of(listener, likely));
    Holder { user: holder.user.or_else(|| process::user_name(listener.uid)), ..holder }
}

/// Whether a gateway could bind `port` on loopback now: IPv4 must be free, IPv6 must not be held by another. Nothing
/// listens meanwhile: a client that waits for the gateway must not reach this look instead.
///
/// # Errors
/// The refusal of the bind itself, for example "address in use" or "permission denied".
pub fn try_bind(port: u16) -> io::Result<()> {
    bind(TcpSocket::new_v4()?, SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    let six =
        TcpSocket::new_v6().and_then(|socket| bind(socket, SocketAddr::from((Ipv6Addr::LOCALHOST, port))));
    match six {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
        // A host without IPv6 has nothing there to take.
        _ => Ok(()),
    }
}

/// Binds as a gateway would, which does not mind what ended a moment ago.
fn bind(socket: TcpSocket, address: SocketAddr) -> io::Result<()> {
    socket.set_reuseaddr(true)?;
    socket.bind(address)
}

/// A port of loopback that nobody has at the moment; whoever is to listen there must be quick.
///
/// # Errors
/// What the kernel says, for example that there is none left.
pub fn free_port() -> io::Result<u16> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    Ok(socket.local_addr()?.port())
}

/// Whether `port` cannot be bound although nobody listens there: an outgoing connection uses it as its own port,
/// or one that ended a moment ago did.
pub fn is_lent(port: u16) -> bool {
    try_bind(port).is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
        && listeners_on(port).is_ok_and(|listeners| listeners.is_empty())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_kernel_names_us_as_owner_of_our_listener() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let found = listeners_on(port).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].uid, nix::unistd::geteuid().as_raw());
        let holder = holder_of(&found[0], None);
        assert_eq!(holder.pid, Some(std::process::id()));
        assert_eq!(who_answers(port, None), Answers::Ours);
        assert_eq!(try_bind(port).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(listener);
        // A process that another test makes at this moment has it until it executes its program.
        let clock = crate::host::clock::Stopwatch::start();
        while try_bind(port).is_err() {
            assert!(clock.elapsed().as_secs() < 10);
            std::thread::yield_now();
        }
        assert_eq!(who_answers(port, Some(1)), Answers::Nobody);
    }

    #[tokio::test]
    async fn a_port_that_an_outgoing_connection_uses_is_lent() {
        let peer = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let connection = socket.connect(peer.local_addr().unwrap()).await.unwrap();
        let port = connection.local_addr().unwrap().port();
        assert!(is_lent(port));
        assert!(!is_lent(peer.local_addr().unwrap().port()), "that one has a listener");
        // Who closes first keeps the port for a while.
        drop(peer.accept().unwrap());
        drop(connection);
        assert!(!is_lent(port));
    }

    #[test]
    fn a_connection_of_this_users_is_a_services() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(own).unwrap();
        let client = client.local_addr().unwrap();
        assert!(is_from_a_service(client, own));
        if cfg!(target_os = "linux") {
            let me = nix::unistd::geteuid().as_raw();
            assert_eq!(system::connected_users(client, own), Some(vec![me]));
            assert!(!is_from_a_service(own, client), "it has not been taken yet, and is nobody's");
        }
    }

    #[test]
    fn an_ipv6_holder_counts_too() {
        let Ok(listener) = TcpListener::bind("[::1]:0") else { return };
        let port = listener.local_addr().unwrap().port();
        assert_eq!(try_bind(port).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(listeners_on(port).unwrap().len(), 1);
    }

    #[test]
    fn a_listener_of_another_group_is_not_taken_for_ours() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(who_answers(port, Some(1)), Answers::OtherProcess);
    }
}

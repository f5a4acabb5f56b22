//! What a service manager hears from this process: datagrams to the socket that it named (`sd_notify(3)`). A manager
//! that is busy, or gone, never holds anybody up.

use socket2::{Domain, SockAddr, Socket, Type};

/// The variables by which a service manager asks to be told something. A child that had them would speak for its
/// parent.
pub const NOTIFY_VARIABLES: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// The variables by which it says which descriptors it handed over.
pub const LISTEN_VARIABLES: [&str; 3] = ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"];

/// The service manager, as far as it can be told something.
#[derive(Debug)]
pub struct Manager {
    socket: Socket,
    address: SockAddr,
}

impl Manager {
    /// The manager that listens at `address`: an absolute path, or a name that begins with `@`, which has no file.
    /// `None` for anything else, and where the system has no such sockets.
    pub fn at(address: &str) -> Option<Manager> {
        let address = match address.strip_prefix('@') {
            // The kernel's own way to write such a name.
            Some(name) => SockAddr::unix(format!("\0{name}")),
            None if address.starts_with('/') => SockAddr::unix(address),
            None => return None,
        };
        let socket = Socket::new(Domain::UNIX, Type::DGRAM, None).ok()?;
        socket.set_nonblocking(true).ok()?;
        Some(Manager { socket, address: address.ok()? })
    }

    /// Tells it `lines`, each a `NAME=value`; whether it was taken.
    pub fn tell(&self, lines: &[String]) -> bool {
        self.socket.send_to(lines.join("\n").as_bytes(), &self.address).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn a_manager_hears_at_a_path_and_what_is_no_address_is_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let ear = UnixDatagram::bind(&path).unwrap();
        let manager = Manager::at(path.to_str().unwrap()).unwrap();
        assert!(manager.tell(&["READY=1".into(), "STATUS=well".into()]));
        let mut heard = [0; 64];
        let length = ear.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"READY=1\nSTATUS=well");
        drop(ear);
        assert!(!manager.tell(&["WATCHDOG=1".into()]), "nobody is there any more");
        assert!(Manager::at("relative").is_none() && Manager::at("").is_none());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_manager_hears_at_a_name_without_a_file_too() {
        use std::os::linux::net::SocketAddrExt;
        let name = format!("openclaw-test-{}", std::process::id());
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
        let ear = UnixDatagram::bind_addr(&address).unwrap();
        assert!(Manager::at(&format!("@{name}")).unwrap().tell(&["READY=1".into()]));
        let mut heard = [0; 64];
        assert_eq!(ear.recv(&mut heard).unwrap(), 7);
    }
}

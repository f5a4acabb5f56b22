//! What the hub counts for as long as it lasts: connections that said nothing yet, open ones, listed ones.

use std::net::IpAddr;
use std::rc::Rc;

use super::Hub;
use crate::gateway::admission::Peer;
use crate::gateway::connection::Connection;
use crate::gateway::origin;
use crate::gateway::throttle::Party;
use crate::wire::limits;

impl Hub {
    /// Lists an open connection until the guard is dropped.
    pub fn admitted(self: &Rc<Self>, connection: &Rc<Connection>) -> Admitted {
        self.connections.borrow_mut().insert(connection.id.clone(), Rc::clone(connection));
        Admitted { hub: Rc::clone(self), id: connection.id.clone() }
    }

    /// Admits one more unauthenticated connection from `ip`; `None` when there are too many.
    pub fn stranger(self: &Rc<Self>, ip: IpAddr) -> Option<Stranger> {
        let mut strangers = self.strangers.borrow_mut();
        let count = strangers.entry(ip).or_default();
        if *count >= limits::PREAUTH_SOCKETS_MAX {
            return None;
        }
        *count += 1;
        Some(Stranger { hub: Rc::clone(self), ip })
    }

    /// Counts an open connection until the guard is dropped.
    pub fn opened(self: &Rc<Self>) -> Opened {
        self.open.set(self.open.get() + 1);
        Opened(Rc::clone(self))
    }

    /// Waits until no counted connection is open.
    pub async fn quiet(&self) {
        while self.open.get() > 0 {
            self.changed.notified().await;
        }
    }
}

/// A connection that has not said who it is; counted until dropped.
#[derive(Debug)]
pub struct Stranger {
    hub: Rc<Hub>,
    ip: IpAddr,
}

impl Stranger {
    /// Who pays for a wrong credential on this connection.
    pub fn party(&self, peer: &Peer) -> Party {
        match &peer.origin {
            // From another machine the header is whatever its program likes.
            Some(origin) if peer.local => Party::Page(origin::party_of(origin)),
            None if peer.local => Party::Local,
            _ => Party::Remote(self.ip),
        }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut strangers = self.hub.strangers.borrow_mut();
        if let Some(count) = strangers.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                strangers.remove(&self.ip);
            }
        }
    }
}

/// A connection that said hello; listed until dropped.
#[derive(Debug)]
pub struct Admitted {
    hub: Rc<Hub>,
    id: String,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.hub.connections.borrow_mut().remove(&self.id);
    }
}

/// An open connection; counted until dropped.
#[derive(Debug)]
pub struct Opened(Rc<Hub>);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        self.0.changed.notify_one();
    }
}

//! Who may manage whose pairing: pure. Whoever came in by a device's token manages that device alone, unless it is an
//! admin; and what a node may be is an admin's affair.

use super::book::{Paired, Pending};
use crate::gateway::admission::{By, Grant};
use crate::gateway::scope;

/// Who manages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manager {
    /// The device by whose token it came in.
    pub device: Option<String>,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// Whether it may do everything.
    pub admin: bool,
}

impl Manager {
    /// Who speaks on a connection with this grant.
    pub fn of(grant: &Grant) -> Self {
        Manager {
            device: grant.device.clone().filter(|_| grant.by == By::DeviceToken),
            scopes: grant.scopes.clone(),
            admin: grant.scopes.iter().any(|scope| scope == scope::ADMIN),
        }
    }

    /// Whether it is bound to a device of its own.
    pub fn is_bound(&self) -> bool {
        self.device.is_some() && !self.admin
    }

    /// Whether it may see or change what is of that device.
    pub fn reaches(&self, device_id: &str) -> bool {
        !self.is_bound() || self.device.as_deref() == Some(device_id)
    }

    /// Whether it may approve the request.
    pub fn may_approve(&self, pending: &Pending) -> bool {
        let plain = pending.card.roles.iter().all(|role| role == "operator");
        self.admin || self.reaches(&pending.card.device_id) && plain
    }

    /// Whether it may end or name the pairing.
    pub fn may_change(&self, device_id: &str, device: Option<&Paired>) -> bool {
        self.reaches(device_id) && !(self.is_bound() && device.is_some_and(Paired::is_beyond_operator))
    }

    /// Whether it may change the device's token for `role`.
    pub fn may_change_token(&self, device_id: &str, role: &str) -> bool {
        self.reaches(device_id) && (self.admin || role == "operator")
    }

    /// Whether a new token of that device may be told to it.
    pub fn may_learn(&self, device_id: &str) -> bool {
        self.device.as_deref() == Some(device_id)
    }

    /// What bounds the token that it may make or end.
    pub fn bound(&self, role: &str) -> Option<&[String]> {
        (role == "operator").then_some(&self.scopes[..])
    }
}

//! What is judged: a profile's claim and what the host shows. Gathered by the floors that may touch the
//! host; nothing here asks whether it is still so.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::base::record::Holder;
use crate::base::{PortBlock, ProfileName};

/// What a profile's gateway needs for itself alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The profile.
    pub profile: ProfileName,
    /// The port that it listens on.
    pub port: u16,
    /// The ports that it may use besides.
    pub block: PortBlock,
    /// Its real state directory.
    pub state_dir: PathBuf,
}

/// A listening TCP socket and who has it open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its port.
    pub port: u16,
    /// The address it is bound to.
    pub address: IpAddr,
    /// The user that opened it.
    pub uid: u32,
    /// Its process, as far as the kernel tells: another user's shows neither pid nor program.
    pub holder: Holder,
}

/// What the host shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Listening sockets; those on other ports are ignored, so a caller may give all it found.
    pub listeners: Vec<Listener>,
    /// Who holds the lock on the state directory, when it is held.
    pub state_lock: Option<Holder>,
    /// Processes proved to be the profile's own run: what they hold is what the claim is about.
    pub own_pids: Vec<u32>,
}

//! What keeps a gateway from the rest of the host, in words that the planner (`profile::confine`), the kernel's hand
//! (`host::confine`) and the status share.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What may be done with a file, or with a directory and everything below it, now and later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Read, list and execute.
    Read,
    /// Read and write what exists; nothing is made or removed. Meant for devices.
    Use,
    /// Everything.
    Full,
}

/// One path and what may be done there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// The path, without links on the way.
    pub path: PathBuf,
    /// What may be done there.
    pub reach: Reach,
}

/// Everything that a confined process may do; what is not named is refused by the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The files.
    pub grants: Vec<Grant>,
    /// First and last port that it may bind by TCP; any where it is `None`.
    pub bind: Option<(u16, u16)>,
    /// Whether it may signal, and reach by abstract sockets, only processes that are confined with it.
    pub scoped: bool,
}

/// One process on the way up from some process to where all come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forebear {
    /// Its pid.
    pub pid: u32,
    /// Whether the kernel holds it, and all that it starts, to gain no privileges. Confinement always does.
    pub bound: bool,
    /// The mark of the run that it began in; the process itself can forge it.
    pub mark: Option<String>,
}

/// How far a gateway is kept from the rest of the host (DESIGN 3.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Confinement {
    /// What the manifest asks for: `off`, `peers` or `strict`.
    pub level: String,
    /// What the kernel holds the running gateway to, in the same words; `None` while nothing runs, or when it is
    /// not known.
    pub in_force: Option<String>,
    /// The Landlock ABI that it was done with.
    pub abi: Option<u32>,
}

impl Confinement {
    /// Whether the kernel holds the running gateway to anything.
    pub fn is_in_force(&self) -> bool {
        self.in_force.as_deref().is_some_and(|level| level != "off")
    }
}

impl Default for Confinement {
    fn default() -> Self {
        Confinement { level: "off".into(), in_force: None, abi: None }
    }
}

//! What the host shows, gathered by those who may look: gateways, units, profiles. Before it is judged it is put in
//! one order, and what a unit says completes what its process hides.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::base::exposure::Exposure;
use crate::base::port::DEFAULT_PORT;
use crate::base::record::{Holder, HolderKind, Isolation};
use crate::base::{PortBlock, ProfileName, Reach};
use crate::conflict::cgroup::{Manager, ManagerKind};
use crate::conflict::verdict::Conflict;
use crate::service::verdict::{Role, Verdict};

/// A running gateway, whoever started it (DESIGN 3.4).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundGateway {
    /// Its profile, where anything says it.
    pub profile: Option<ProfileName>,
    /// Its process, where the kernel tells.
    pub pid: Option<u32>,
    /// The user it runs as; `uid 1001` for one without a name.
    pub user: Option<String>,
    /// Its program.
    pub program: Option<String>,
    /// The port that it listens on.
    pub port: Option<u16>,
    /// The addresses on which it does, in order; empty where the kernel does not tell whose a socket is.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// From how far away those are reached.
    #[serde(default)]
    pub reached: Option<Reach>,
    /// Its state directory, as the real path.
    pub state_dir: Option<PathBuf>,
    /// Who looks after it.
    pub manager: Manager,
    /// What proves it: the nonce of its claim's record for ours, the handshake for one that answered when asked.
    pub identity: Option<String>,
    /// Whether our supervisor runs it.
    pub ours: bool,
    /// How it is reached from beyond this machine, by its own word.
    #[serde(default)]
    pub exposure: Vec<Exposure>,
    /// Whether it is this program's own gateway.
    #[serde(skip)]
    pub embedded: bool,
    /// Whether it has a network of its own, as a container may: then its port is no port of the host.
    #[serde(skip)]
    pub apart: bool,
}

/// Whose manager a unit belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// A user's.
    User,
    /// The system's.
    System,
}

/// A service file and what it would run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundUnit {
    /// The unit's name or launchd's label.
    pub name: String,
    /// Whose manager it belongs to.
    pub scope: Scope,
    /// Whether that is launchd, not systemd.
    pub launchd: bool,
    /// Where it was read.
    pub path: PathBuf,
    /// The user it runs as, where known.
    pub user: Option<String>,
    /// Whether it is started without being asked for.
    pub enabled: bool,
    /// Whether nothing can start it.
    pub masked: bool,
    /// What its command line is.
    pub verdict: Verdict,
}

/// A profile of this user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownProfile {
    /// Its name.
    pub name: ProfileName,
    /// Primary or isolated.
    pub isolation: Isolation,
    /// Its gateway's port.
    pub port: u16,
    /// Its ports.
    pub block: PortBlock,
    /// Its real state directory.
    pub state_dir: PathBuf,
    /// Whether a manifest puts it under our supervision.
    pub managed: bool,
    /// What the last run left written about itself.
    pub record: Option<Recorded>,
}

/// The process that a record names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its number.
    pub pid: u32,
    /// Whether it was proved to be the run that the record describes.
    pub proved: bool,
}

/// Somebody who listens on a profile's port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// The port.
    pub port: u16,
    /// Who it is, as far as the kernel tells.
    pub holder: Holder,
}

/// Everything that is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// The gateways that run.
    pub gateways: Vec<FoundGateway>,
    /// The services that were read; those that run no gateway may be among them.
    pub units: Vec<FoundUnit>,
    /// The profiles that are known.
    pub profiles: Vec<KnownProfile>,
    /// Who listens where a profile's gateway is to be and is no gateway.
    pub in_the_way: Vec<Blocker>,
    /// What the profiles share, judged already.
    pub shared: Vec<Conflict>,
    /// The user who asks.
    pub user: Option<String>,
}

impl FoundGateway {
    /// Whether it takes the place of the host's one gateway: the default profile's, one declared so, or one that
    /// hides its name and sits on the default port.
    pub fn is_primary(&self, profiles: &[KnownProfile]) -> bool {
        let declared = |name: &ProfileName| {
            profiles.iter().any(|known| known.name == *name && known.isolation == Isolation::Primary)
        };
        match &self.profile {
            Some(name) => name.is_default() || declared(name),
            None => self.state_dir.is_none() && self.port.is_none_or(|port| port == DEFAULT_PORT),
        }
    }

    /// The gateway as the holder of something.
    pub fn holder(&self) -> Holder {
        let kind = match (self.embedded, self.manager.kind) {
            (true, _) => HolderKind::EmbeddedGateway,
            (false, ManagerKind::Container) => HolderKind::Container,
            (false, _) => HolderKind::Gateway,
        };
        Holder {
            pid: self.pid,
            user: self.user.clone(),
            program: self.program.clone(),
            kind,
            unit: self.manager.service().map(str::to_owned),
            profile: self.profile.as_ref().map(ToString::to_string),
            container: self.manager.container().map(str::to_owned),
        }
    }

    /// Its ports of the host.
    pub(super) fn block(&self) -> Option<PortBlock> {
        self.port.filter(|_| !self.apart).map(PortBlock::at)
    }
}

impl FoundUnit {
    /// Whether `gateway` is this unit's process.
    pub fn runs(&self, gateway: &FoundGateway) -> bool {
        let kind = match (self.launchd, self.scope) {
            (true, _) => ManagerKind::Launchd,
            (false, Scope::User) => ManagerKind::SystemdUser,
            (false, Scope::System) => ManagerKind::SystemdSystem,
        };
        let same = gateway.manager.kind == kind && gateway.manager.unit.as_ref() == Some(&self.name);
        // Two users may each have a unit of this name.
        same && (self.scope == Scope::System || may_be_same(self.user.as_ref(), gateway.user.as_ref()))
    }

    /// Whether it is a gateway's service that something may start.
    pub(super) fn is_gateway(&self) -> bool {
        !self.masked && self.verdict.role == Role::Gateway
    }
}

/// Whether two things that may be unknown do not contradict each other.
pub(super) fn may_be_same<T: PartialEq>(a: Option<&T>, b: Option<&T>) -> bool {
    a.is_none() || b.is_none() || a == b
}

impl HostFacts {
    /// The same in one order, whatever the order it was found in; a process seen twice is one gateway.
    pub(super) fn ordered(&self) -> HostFacts {
        let mut facts = self.clone();
        // Of two views of one unit the more alarming one counts.
        let view = |unit: &FoundUnit| {
            (!unit.enabled, unit.masked, unit.verdict.role, unit.verdict.profile.clone(), unit.verdict.port)
        };
        facts.units.sort_by(|a, b| (unit_key(a), view(a)).cmp(&(unit_key(b), view(b))));
        facts.units.dedup_by(|a, b| unit_key(a) == unit_key(b));
        facts.profiles.sort_by(|a, b| (&a.name, &a.state_dir).cmp(&(&b.name, &b.state_dir)));
        for gateway in &mut facts.gateways {
            if let Some(unit) = facts.units.iter().find(|unit| unit.is_gateway() && unit.runs(gateway)) {
                complete(gateway, &unit.verdict);
            }
        }
        // What is known of a process counts more than what is not, so the fuller view of it comes first.
        facts.gateways.sort_by(|a, b| (rank(a, self), b).cmp(&(rank(b, self), a)));
        let mut seen = Vec::new();
        facts.gateways.retain(|gateway| match gateway.pid {
            Some(pid) if seen.contains(&pid) => false,
            pid => {
                seen.extend(pid);
                true
            }
        });
        facts.gateways.dedup();
        facts
    }
}

fn unit_key(unit: &FoundUnit) -> (&str, Scope, bool, &PathBuf, Option<&String>) {
    (&unit.name, unit.scope, unit.launchd, &unit.path, unit.user.as_ref())
}

fn complete(gateway: &mut FoundGateway, verdict: &Verdict) {
    gateway.profile = gateway.profile.take().or_else(|| verdict.profile.clone());
    gateway.port = gateway.port.or(verdict.port);
    gateway.state_dir = gateway.state_dir.take().or_else(|| verdict.state_dir.clone());
}

/// The more rightful owner first: ours, then a service's, then a container's, then the one on its profile's port,
/// then the asking user's, then the older one.
fn rank(gateway: &FoundGateway, facts: &HostFacts) -> (bool, bool, bool, bool, bool, Option<u32>) {
    let known = |profile: &KnownProfile| {
        Some(&profile.name) == gateway.profile.as_ref() && Some(profile.port) == gateway.port
    };
    (
        !gateway.ours,
        !gateway.manager.is_service(),
        gateway.manager.kind != ManagerKind::Container,
        !facts.profiles.iter().any(known),
        gateway.user.is_some() && gateway.user != facts.user,
        gateway.pid,
    )
}

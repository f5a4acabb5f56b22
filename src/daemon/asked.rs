//! What a port says of itself, asked before anything is guessed from names: gateways that hide behind an unknown name
//! or another user, each counted once however many doors lead to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::{census, holder};
use crate::base::PortBlock;
use crate::base::Reach;
use crate::base::port::DEFAULT_PORT;
use crate::base::record::HolderKind;
use crate::conflict::host::{FoundGateway, KnownProfile};
use crate::conflict::{Manager, ManagerKind};
use crate::host::census as seen;
use crate::host::clock::Stopwatch;
use crate::host::process;
use crate::host::socket::Listener;
use crate::link::identity::{self, Answer};
use crate::profile::Environment;

/// How long all that are asked may take together; one on this host that lives answers within a few milliseconds.
const LIMIT: Duration = Duration::from_millis(100);

/// Ports below are those of the system's own services, which are left in peace.
const PRIVILEGED: u16 = 1024;

/// A gateway that was found by its process, and the numbers of the sockets that it listens on.
pub(super) struct Sighting {
    pub(super) gateway: FoundGateway,
    pub(super) sockets: Vec<u32>,
}

/// Asks the gateways that are not proved ours, and the listeners that could be gateways although no process was found
/// for them; adds those that are.
pub(super) fn complete(
    mut found: Vec<Sighting>,
    profiles: &[KnownProfile],
    listeners: &[Listener],
    environment: &Environment,
) -> Vec<FoundGateway> {
    let clock = Stopwatch::start();
    let strangers = strangers(&found, profiles, listeners);
    let known: Vec<(usize, SocketAddr)> = found
        .iter()
        .enumerate()
        .filter(|(_, sighting)| !(sighting.gateway.ours || sighting.gateway.apart))
        .filter_map(|(place, sighting)| Some((place, door(sighting.gateway.port?, listeners)?)))
        .collect();
    let doors = known.iter().map(|(_, door)| *door).chain(strangers.iter().map(|one| address(one)));
    let mut answers = identity::ask(&doors.collect::<Vec<_>>(), LIMIT, clock);
    let behind = answers.split_off(known.len());
    for ((place, _), answer) in known.iter().zip(&answers) {
        let gateway = &mut found[*place].gateway;
        gateway.identity = answer.as_ref().map(|answer| proved(answer, gateway.port.unwrap_or_default()));
    }
    let new: Vec<(&Listener, Answer)> =
        strangers.into_iter().zip(behind).filter_map(|(one, answer)| Some((one, answer?))).collect();
    if !new.is_empty() {
        let mut answers: Vec<Answer> = answers.into_iter().flatten().collect();
        answers.extend(of_ours(&found, listeners, clock));
        new.into_iter().for_each(|(listener, answer)| {
            if !answers.iter().any(|other| other.may_be_same(&answer)) {
                add(&mut found, listener, &answer, environment);
                answers.push(answer);
            }
        });
    }
    found.into_iter().map(|sighting| sighting.gateway).collect()
}

/// The listeners that belong to no gateway that was found and could be one: those on a port where a gateway is
/// expected and, where the kernel hides other users' processes, all of theirs.
fn strangers<'a>(
    found: &[Sighting],
    profiles: &[KnownProfile],
    listeners: &'a [Listener],
) -> Vec<&'a Listener> {
    let hidden = seen::hides_others();
    let expected = |port: u16| {
        PortBlock::at(DEFAULT_PORT).contains(port) || profiles.iter().any(|known| known.port == port)
    };
    let taken = |listener: &Listener| {
        let user = process::user_name(listener.uid);
        found.iter().any(|Sighting { gateway, sockets }| {
            let on_port = !gateway.apart && gateway.port == Some(listener.port) && gateway.user == user;
            sockets.contains(&listener.inode) && listener.inode != 0 || on_port
        })
    };
    let mut strangers: Vec<&Listener> = listeners
        .iter()
        .filter(|one| one.port >= PRIVILEGED)
        .filter(|one| expected(one.port) || (hidden && one.uid != process::own_user()))
        .filter(|one| !taken(one))
        .collect();
    // Where not all can be asked, the likelier ones come first.
    strangers.sort_by_key(|one| (!expected(one.port), one.port, one.address.is_ipv6()));
    strangers.dedup_by_key(|one| (one.port, one.uid));
    strangers
}

/// What the gateways of ours say, to tell whether another door leads to one of them.
fn of_ours(found: &[Sighting], listeners: &[Listener], clock: Stopwatch) -> Vec<Answer> {
    let ours = found.iter().filter(|sighting| sighting.gateway.ours);
    let doors: Vec<SocketAddr> =
        ours.filter_map(|sighting| door(sighting.gateway.port?, listeners)).collect();
    identity::ask(&doors, LIMIT, clock).into_iter().flatten().collect()
}

/// Adds the gateway that answered on `listener`, unless it is a door to another one.
fn add(found: &mut Vec<Sighting>, listener: &Listener, answer: &Answer, environment: &Environment) {
    let holder = holder::of_listener(listener, None);
    let boxed = |sighting: &Sighting| {
        sighting.gateway.apart || sighting.gateway.manager.kind == ManagerKind::Container
    };
    match holder.kind {
        // What is behind runs elsewhere, or was found by itself.
        HolderKind::SshTunnel | HolderKind::Proxy => return,
        HolderKind::Container if found.iter().any(boxed) => return,
        _ => {}
    }
    if holder.pid.is_some_and(|pid| !census::counts_here(pid, environment)) {
        return;
    }
    let identity = Some(proved(answer, listener.port));
    // Another user's gateway that was found by its process shows neither its sockets nor its configuration.
    let unplaced = |sighting: &&mut Sighting| {
        sighting.sockets.is_empty()
            && !sighting.gateway.apart
            && sighting.gateway.user == holder.user
            && (holder.pid.is_none() || sighting.gateway.pid == holder.pid)
    };
    if let Some(sighting) = found.iter_mut().find(unplaced) {
        sighting.gateway.port = Some(listener.port);
        sighting.gateway.identity = identity;
        sighting.sockets.push(listener.inode);
        return;
    }
    let manager = match (&holder.container, holder.kind, holder.pid) {
        (Some(container), ..) => Manager::new(ManagerKind::Container, container),
        (None, HolderKind::Container, _) => Manager { kind: ManagerKind::Container, unit: None },
        (None, _, Some(pid)) => census::manager_of(pid),
        (None, _, None) => Manager::default(),
    };
    let gateway = FoundGateway {
        profile: holder.profile.as_ref().and_then(|name| name.parse().ok()),
        pid: holder.pid,
        user: holder.user,
        program: holder.program,
        port: Some(listener.port),
        addresses: vec![listener.address],
        reached: Some(Reach::of(listener.address)),
        manager,
        identity,
        embedded: holder.kind == HolderKind::EmbeddedGateway,
        ..FoundGateway::default()
    };
    found.push(Sighting { gateway, sockets: vec![listener.inode] });
}

/// What an answer proves, in words.
fn proved(answer: &Answer, port: u16) -> String {
    let version = answer.version.as_ref().map(|version| format!(", version {version}")).unwrap_or_default();
    format!("handshake on port {port}{version}")
}

/// Where whatever listens on `port` is reached.
fn door(port: u16, listeners: &[Listener]) -> Option<SocketAddr> {
    let on_port = listeners.iter().filter(|listener| listener.port == port);
    on_port.min_by_key(|listener| listener.address.is_ipv6()).map(address)
}

fn address(listener: &Listener) -> SocketAddr {
    let address = match listener.address {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    };
    SocketAddr::new(address, listener.port)
}

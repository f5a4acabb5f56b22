//! Every gateway on the host, whoever started it: the kernel's facts, judged by `conflict` and `service`. Used
//! before a primary gateway starts and by `host status` and `host conflicts`.

use std::net::IpAddr;
use std::path::PathBuf;

use super::asked::{self, Sighting};
use super::holder;
use crate::base::record::HolderKind;
use crate::base::{Reach, Result};
use crate::conflict::cgroup::{self, Manager};
use crate::conflict::host::{Blocker, FoundGateway, KnownProfile, Recorded};
use crate::conflict::process::{Found, Process, judge_process};
use crate::host::census::{self, Details, Line};
use crate::host::lock::Record;
use crate::host::socket::{self, Listener};
use crate::host::{files, process};
use crate::profile::{Environment, Registry};
use crate::service::verdict::{Command, Role};

/// The variable that moves the host's slot; what runs under another slot counts to another host.
pub const HOST_LOCK: &str = "OPENCLAW_HOST_LOCK";

/// The profiles of this user, with what their last runs left written.
///
/// # Errors
/// When the profiles cannot be listed. One whose files are broken is left out.
pub fn profiles(registry: &Registry<'_>) -> Result<Vec<KnownProfile>> {
    let all = registry.all()?.into_iter().filter_map(|(_, profile)| profile.ok());
    Ok(all
        .filter(|profile| profile.remote.is_none())
        .map(|profile| {
            let state_dir = files::real_path(&profile.paths.state_dir);
            let record = Record::read(&state_dir)
                .map(|record| Recorded { pid: record.pid, proved: record.is_proved(&state_dir) });
            KnownProfile {
                name: profile.name,
                isolation: profile.isolation,
                port: profile.port,
                block: profile.block,
                state_dir,
                managed: profile.managed,
                record,
            }
        })
        .collect())
}

/// The gateways that run now, each process once, except this process itself.
pub fn gateways(profiles: &[KnownProfile], environment: &Environment) -> Vec<FoundGateway> {
    gateways_among(&all_listeners(), profiles, environment)
}

/// The same, with whoever else listens where a profile's gateway is to be.
pub fn gateways_and_others(
    profiles: &[KnownProfile],
    environment: &Environment,
) -> (Vec<FoundGateway>, Vec<Blocker>) {
    let listeners = all_listeners();
    let gateways = gateways_among(&listeners, profiles, environment);
    let on_port = |port: u16| gateways.iter().any(|gateway| !gateway.apart && gateway.port == Some(port));
    let mut others: Vec<&Listener> = listeners
        .iter()
        .filter(|one| profiles.iter().any(|known| known.port == one.port) && !on_port(one.port))
        .collect();
    others.sort_by_key(|one| (one.port, one.address.is_ipv6()));
    others.dedup_by_key(|one| (one.port, one.uid));
    let blocker = |one: &Listener| Blocker { port: one.port, holder: holder::of_listener(one, None) };
    let others = others.into_iter().map(blocker).filter(|one| {
        // What counts to another host is no matter of this one.
        one.holder.pid.is_none_or(|pid| counts_here(pid, environment))
    });
    let others = others.collect();
    (gateways, others)
}

/// A kernel that does not tell leaves the ports to what the command lines say.
fn all_listeners() -> Vec<Listener> {
    socket::all_listeners().unwrap_or_default()
}

fn gateways_among(
    listeners: &[Listener],
    profiles: &[KnownProfile],
    environment: &Environment,
) -> Vec<FoundGateway> {
    let recorded = |pid: u32| {
        profiles.iter().find(|known| known.record.is_some_and(|record| record.proved && record.pid == pid))
    };
    // Every command line of a gateway has the word, as a subcommand or in its title; the verdict itself never
    // rests on a word.
    let mut lines = census::command_lines("gateway");
    lines.retain(|line| is_gateway(line) || recorded(line.pid).is_some());
    let proved = profiles.iter().filter_map(|known| known.record.filter(|record| record.proved));
    let unnamed = proved.filter(|record| !lines.iter().any(|line| line.pid == record.pid));
    let unnamed: Vec<Line> = unnamed.filter_map(|record| census::command_line(record.pid)).collect();
    let candidates = lines.iter().chain(&unnamed).filter(|line| line.pid != process::own_pid());
    let found = candidates
        .filter_map(|line| {
            let details = census::details(line.pid);
            let variables = details.environment.clone().map(Environment::from_pairs);
            // What has just ended shows no variables, and would count to whichever host asks.
            if details.ended || !same_host(environment, variables.as_ref()) {
                return None;
            }
            let found = judge(line, Some((&details, variables.as_ref())));
            let known = recorded(line.pid);
            (known.is_some() || found.verdict.role == Role::Gateway)
                .then(|| describe(line.pid, &details, found, known, listeners))
        })
        .collect();
    asked::complete(found, profiles, listeners, environment)
}

/// Whether process `pid` counts to this host.
pub(super) fn counts_here(pid: u32, environment: &Environment) -> bool {
    same_host(environment, census::details(pid).environment.map(Environment::from_pairs).as_ref())
}

/// Who looks after process `pid`.
pub fn manager_of(pid: u32) -> Manager {
    census::details(pid).cgroup.map_or_else(Manager::default, |text| cgroup::manager(&text))
}

fn is_gateway(line: &Line) -> bool {
    judge(line, None).verdict.role == Role::Gateway
}

pub(super) fn judge(line: &Line, details: Option<(&Details, Option<&Environment>)>) -> Found {
    let (seen, variables) = details.map_or((None, None), |(details, variables)| (Some(details), variables));
    let home = seen.and_then(|details| details.uid).and_then(census::home_of);
    let home = home.as_ref().and_then(|home| home.to_str());
    let command = Command {
        argv: &line.argv,
        environment: variables,
        directory: seen.and_then(|details| details.directory.as_deref()),
        home,
        read: &|_| None,
    };
    judge_process(&Process {
        command,
        comm: seen.and_then(|details| details.comm.as_deref()),
        exe: seen.and_then(|details| details.exe.as_deref()),
        cgroup: seen.and_then(|details| details.cgroup.as_deref()),
        label: None,
    })
}

/// Whether a process counts to this host: a slot that was moved on purpose, as tests do, is a host of its own.
fn same_host(ours: &Environment, theirs: Option<&Environment>) -> bool {
    match theirs.and_then(|variables| variables.get(HOST_LOCK)) {
        Some(slot) => ours.get(HOST_LOCK) == Some(slot),
        None => true,
    }
}

fn describe(
    pid: u32,
    details: &Details,
    found: Found,
    known: Option<&KnownProfile>,
    listeners: &[Listener],
) -> Sighting {
    let verdict = found.verdict;
    let listening = census::listening(pid, listeners);
    let expected = known.map(|known| known.port).or(verdict.likely_port());
    let on_expected = listening.iter().any(|listener| Some(listener.port) == expected);
    let port =
        if on_expected { expected } else { listening.iter().map(|found| found.port).min().or(expected) };
    let holder = process::holder(Some(pid));
    let sockets = listening.iter().map(|listener| listener.inode).collect();
    let own = listening.iter().filter(|listener| Some(listener.port) == port && !details.apart);
    let mut addresses: Vec<IpAddr> = own.map(|listener| listener.address).collect();
    addresses.sort();
    addresses.dedup();
    let gateway = FoundGateway {
        reached: (!addresses.is_empty()).then(|| Reach::farthest(&addresses)),
        addresses,
        profile: known.map(|known| known.name.clone()).or(verdict.profile),
        pid: Some(pid),
        user: census::user(details.uid),
        program: holder.program,
        port,
        state_dir: known
            .map(|known| known.state_dir.clone())
            .or_else(|| verdict.state_dir.map(|path: PathBuf| files::real_path(&path))),
        manager: found.manager,
        identity: known.and_then(|known| Record::read(&known.state_dir)).map(|record| record.nonce),
        ours: known.is_some(),
        exposure: Vec::new(),
        embedded: holder.kind == HolderKind::EmbeddedGateway,
        apart: details.apart,
    };
    Sighting { gateway, sockets }
}

//! The judgement itself. It names who is in the way and a next step that harms nobody: whatever sits on a
//! port or a directory is a conflict to be told, never a thing to be signalled (invariant I4).

use super::facts::{Claim, Facts, Listener};
use super::verdict::{Code, Conflict, Severity};
use crate::base::record::{Holder, HolderKind};

/// The process title of the real gateway, and what is left of it where the kernel keeps 15 characters.
const GATEWAY_TITLES: [&str; 2] = ["openclaw-gateway", "openclaw-gatewa"];

/// Offsets of the ports in a block that have one use (OPENCLAW.md 1.6).
const CONTROL_OFFSET: u16 = 2;
const RELAY_OFFSET: u16 = 10;

/// Judges a claim by what the host shows: the state directory first, then ports upwards, each holder of a
/// port once however many addresses it listens on. Warnings stand behind the conflict they explain.
pub fn judge(claim: &Claim, facts: &Facts) -> Vec<Conflict> {
    let foreign = |holder: &Holder| holder.pid.is_none_or(|pid| !facts.own_pids.contains(&pid));
    let mut verdict = Vec::new();
    if let Some(holder) = facts.state_lock.as_ref().filter(|holder| foreign(holder)) {
        verdict.push(state_dir_shared(claim, holder));
    }
    let mut taken: Vec<&Listener> =
        facts.listeners.iter().filter(|listener| is_claimed(claim, listener.port)).collect();
    taken.retain(|listener| foreign(&listener.holder));
    taken.sort_by_key(|listener| (listener.port, listener.holder.pid, listener.uid));
    taken.dedup_by_key(|listener| (listener.port, listener.holder.pid, listener.uid));
    verdict.extend(taken.iter().map(|listener| port_in_use(claim, listener)));

    let mut gateways: Vec<(&Holder, Option<u16>)> =
        facts.state_lock.iter().filter(|holder| foreign(holder)).map(|holder| (holder, None)).collect();
    gateways.extend(taken.iter().map(|listener| (&listener.holder, Some(listener.port))));
    gateways.retain(|(holder, _)| is_gateway(holder));
    gateways.dedup_by_key(|(holder, _)| holder.pid);
    verdict.extend(gateways.into_iter().map(|(holder, port)| unmanaged_gateway(claim, holder, port)));
    verdict
}

fn is_claimed(claim: &Claim, port: u16) -> bool {
    port == claim.port || claim.block.contains(port)
}

/// Whether the holder is a gateway by what its program is called as a whole: a path or a helper that merely
/// contains the word is none.
fn is_gateway(holder: &Holder) -> bool {
    match holder.kind {
        HolderKind::Gateway | HolderKind::EmbeddedGateway => true,
        HolderKind::Other | HolderKind::Unknown => holder
            .program
            .as_deref()
            .is_some_and(|program| GATEWAY_TITLES.contains(&program.rsplit('/').next().unwrap_or(program))),
        HolderKind::SshTunnel | HolderKind::Proxy | HolderKind::Container => false,
    }
}

fn state_dir_shared(claim: &Claim, holder: &Holder) -> Conflict {
    let message = format!(
        "the state directory {} of `{}` is held by {}",
        claim.state_dir.display(),
        claim.profile,
        described(holder)
    );
    let remedy = match holder.kind {
        HolderKind::Gateway | HolderKind::EmbeddedGateway => end_it(holder),
        _ => format!("{}, or give the profile a state_dir of its own under [paths]", end_it(holder)),
    };
    conflict(claim, Code::StateDirShared, Severity::Error, None, holder, message, remedy)
}

fn port_in_use(claim: &Claim, listener: &Listener) -> Conflict {
    let port = listener.port;
    let message = format!(
        "port {port} ({}) of `{}` is in use on {} by {}",
        role(claim, port),
        claim.profile,
        listener.address,
        described(&listener.holder)
    );
    let remedy = format!("{}, or set another port under [gateway] in the manifest", end_it(&listener.holder));
    conflict(claim, Code::PortInUse, Severity::Error, Some(port), &listener.holder, message, remedy)
}

fn unmanaged_gateway(claim: &Claim, holder: &Holder, port: Option<u16>) -> Conflict {
    let message = format!("{} is a gateway that no supervisor of yours looks after", described(holder));
    let remedy =
        format!("{}, then start the profile here: openclaw profile start {}", end_it(holder), claim.profile);
    conflict(claim, Code::UnmanagedGateway, Severity::Warning, port, holder, message, remedy)
}

fn conflict(
    claim: &Claim,
    code: Code,
    severity: Severity,
    port: Option<u16>,
    holder: &Holder,
    message: String,
    remedy: String,
) -> Conflict {
    let mut holder = holder.clone();
    if is_gateway(&holder) && holder.kind != HolderKind::EmbeddedGateway {
        holder.kind = HolderKind::Gateway;
    }
    let profile = Some(claim.profile.clone());
    Conflict { code, severity, profile, port, holder: Some(holder), message, remedy, explain: Vec::new() }
}

/// What a port of the claim is for.
fn role(claim: &Claim, port: u16) -> &'static str {
    match port.wrapping_sub(claim.block.base()) {
        _ if port == claim.port => "gateway",
        CONTROL_OFFSET => "browser control",
        RELAY_OFFSET => "relay",
        offset if offset > RELAY_OFFSET => "browser",
        _ => "reserved",
    }
}

/// The holder in words, as much as is known.
fn described(holder: &Holder) -> String {
    let mut words = match (&holder.program, holder.kind) {
        (Some(program), _) => program.clone(),
        (None, HolderKind::Unknown) => "a process that the kernel does not show".into(),
        (None, kind) => kind_in_words(kind).into(),
    };
    let mut known = Vec::new();
    known.extend(holder.pid.map(|pid| format!("pid {pid}")));
    known.extend(holder.user.as_ref().map(|user| format!("user {user}")));
    known.extend(holder.profile.as_ref().map(|profile| format!("profile `{profile}`")));
    known.extend(holder.unit.as_ref().map(|unit| format!("unit {unit}")));
    known.extend(holder.container.as_ref().map(|container| format!("container {container}")));
    if !known.is_empty() {
        words.push_str(&format!(" ({})", known.join(", ")));
    }
    words
}

const fn kind_in_words(kind: HolderKind) -> &'static str {
    match kind {
        HolderKind::Gateway => "a gateway",
        HolderKind::EmbeddedGateway => "an embedded gateway",
        HolderKind::SshTunnel => "an SSH tunnel",
        HolderKind::Proxy => "a proxy",
        HolderKind::Container => "a container",
        HolderKind::Other => "another program",
        HolderKind::Unknown => "an unknown process",
    }
}

/// How the user ends the holder by the means it was started with; a bare kill would fight its manager.
fn end_it(holder: &Holder) -> String {
    match (&holder.unit, holder.kind, holder.pid, &holder.user) {
        (Some(unit), ..) => format!("stop the service {unit}"),
        (None, HolderKind::SshTunnel, ..) => "close the SSH tunnel".into(),
        (None, ..) if holder.container.is_some() => {
            format!(
                "stop the container {}, or publish another port of it",
                holder.container.as_deref().unwrap_or_default()
            )
        }
        (None, HolderKind::Container, ..) => "stop the container, or publish another port of it".into(),
        (None, HolderKind::Gateway | HolderKind::EmbeddedGateway, ..) => {
            "stop that gateway where it was started".into()
        }
        (None, _, Some(pid), _) => format!("end process {pid} if it is not needed"),
        (None, _, None, Some(user)) => format!("ask {user} to end it"),
        (None, _, None, None) => "find out who holds it as the administrator".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::super::verdict::first_refusal;
    use super::*;
    use crate::base::PortBlock;

    fn claim() -> Claim {
        Claim {
            profile: "work".parse().unwrap(),
            port: 19789,
            block: PortBlock::at(19789),
            state_dir: "/home/ana/.openclaw-work".into(),
        }
    }

    fn holder(pid: u32, program: &str, kind: HolderKind) -> Holder {
        Holder {
            pid: Some(pid),
            user: Some("ana".into()),
            program: Some(program.into()),
            kind,
            ..Holder::default()
        }
    }

    fn listener(port: u16, address: &str, holder: Holder) -> Listener {
        Listener { port, address: address.parse::<IpAddr>().unwrap(), uid: 1000, holder }
    }

    fn judged(listeners: Vec<Listener>) -> Vec<Conflict> {
        judge(&claim(), &Facts { listeners, ..Facts::default() })
    }

    #[test]
    fn incident_a1_the_holder_of_the_port_is_named_with_a_remedy_and_exit_78() {
        let verdict = judged(vec![listener(19789, "127.0.0.1", holder(42, "nc", HolderKind::Other))]);
        let error = first_refusal(&verdict).unwrap();
        assert_eq!((error.kind().exit_code(), error.code()), (78, "port_in_use"));
        assert_eq!(
            error.message(),
            "port 19789 (gateway) of `work` is in use on 127.0.0.1 by nc (pid 42, user ana)"
        );
        assert_eq!(error.holder_record().unwrap().pid, Some(42));
        assert!(error.remedy_text().unwrap().contains("[gateway]"));
    }

    #[test]
    fn incident_b6_every_address_and_every_port_of_the_block_counts_and_no_other_port() {
        for address in ["127.0.0.1", "0.0.0.0", "::1", "::", "192.168.1.5"] {
            for (port, role) in [
                (19789, "gateway"),
                (19791, "browser control"),
                (19799, "relay"),
                (19800, "browser"),
                (19899, "browser"),
            ] {
                let verdict = judged(vec![listener(port, address, holder(1, "nc", HolderKind::Other))]);
                assert_eq!(verdict.len(), 1, "{address} {port}");
                assert!(
                    verdict[0].message.contains(&format!("port {port} ({role})")),
                    "{}",
                    verdict[0].message
                );
            }
            for port in [19788, 19900, 80] {
                assert_eq!(judged(vec![listener(port, address, holder(1, "nc", HolderKind::Other))]), []);
            }
        }
    }

    #[test]
    fn one_holder_of_a_port_is_one_conflict_on_however_many_addresses() {
        let nc = holder(7, "nc", HolderKind::Other);
        let verdict = judged(vec![
            listener(19789, "::1", nc.clone()),
            listener(19789, "127.0.0.1", holder(8, "nc", HolderKind::Other)),
            listener(19789, "0.0.0.0", nc),
        ]);
        assert_eq!(verdict.len(), 2);
    }

    #[test]
    fn a_foreign_gateway_is_called_one_and_a_word_in_a_path_is_not() {
        for program in ["openclaw-gateway", "openclaw-gatewa", "/opt/bin/openclaw-gateway"] {
            let verdict = judged(vec![listener(19789, "127.0.0.1", holder(9, program, HolderKind::Other))]);
            let codes: Vec<_> = verdict.iter().map(|conflict| conflict.code).collect();
            assert_eq!(codes, [Code::PortInUse, Code::UnmanagedGateway], "{program}");
            assert!(verdict.iter().all(|conflict| {
                conflict.holder.as_ref().is_some_and(|holder| holder.kind == HolderKind::Gateway)
            }));
        }
        for program in ["openclaw-gateway-notifier", "openclaw-gateway/helper", "my-openclaw-gateway", "node"]
        {
            let verdict = judged(vec![listener(19789, "127.0.0.1", holder(9, program, HolderKind::Other))]);
            assert_eq!(verdict.len(), 1, "{program}");
        }
    }

    #[test]
    fn the_state_directory_comes_first_and_a_gateway_that_has_both_is_told_once() {
        let gateway = holder(5, "openclaw", HolderKind::EmbeddedGateway);
        let facts = Facts {
            listeners: vec![listener(19789, "127.0.0.1", gateway.clone())],
            state_lock: Some(gateway),
            own_pids: Vec::new(),
        };
        let codes: Vec<_> = judge(&claim(), &facts).iter().map(|conflict| conflict.code).collect();
        assert_eq!(codes, [Code::StateDirShared, Code::PortInUse, Code::UnmanagedGateway]);
        assert_eq!(judge(&claim(), &Facts { own_pids: vec![5], ..facts }), [], "the profile's own run");
    }

    #[test]
    fn a_holder_that_the_kernel_hides_is_still_a_conflict_with_a_next_step() {
        let hidden = Holder { user: Some("bo".into()), ..Holder::default() };
        let facts = Facts { own_pids: vec![1], ..Facts::default() };
        let facts = Facts { listeners: vec![listener(19789, "::", hidden)], ..facts };
        let verdict = judge(&claim(), &facts);
        assert!(verdict[0].message.ends_with("by a process that the kernel does not show (user bo)"));
        assert!(verdict[0].remedy.starts_with("ask bo to end it"));
    }

    #[test]
    fn a_container_is_named_and_stopped_as_one() {
        let inside =
            Holder { container: Some("docker-3f.scope".into()), ..holder(5, "node", HolderKind::Gateway) };
        let verdict = judged(vec![listener(19789, "127.0.0.1", inside)]);
        assert!(verdict[0].message.ends_with("container docker-3f.scope)"), "{}", verdict[0].message);
        assert!(verdict[0].remedy.starts_with("stop the container docker-3f.scope"), "{}", verdict[0].remedy);
    }

    #[test]
    fn a_service_is_stopped_by_its_manager() {
        let mut gateway = holder(5, "openclaw-gateway", HolderKind::Gateway);
        gateway.unit = Some("openclaw-gateway.service".into());
        let verdict = judged(vec![listener(19789, "127.0.0.1", gateway)]);
        assert!(
            verdict.iter().all(|one| one.remedy.starts_with("stop the service openclaw-gateway.service"))
        );
    }
}

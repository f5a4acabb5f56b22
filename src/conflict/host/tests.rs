//! Each code of a conflict, with the remedy that meets only the intruder, in any order of what was found.

use super::*;
use crate::base::PortBlock;
use crate::base::record::Isolation;
use crate::conflict::cgroup::{Manager, ManagerKind};
use crate::service::verdict::{Role, Verdict};

fn gateway(name: &str, pid: u32, port: u16, manager: Manager) -> FoundGateway {
    FoundGateway {
        profile: name.parse().ok(),
        pid: Some(pid),
        user: Some("ana".into()),
        program: Some("openclaw-gateway".into()),
        port: Some(port),
        manager,
        ..FoundGateway::default()
    }
}

fn service(name: &str) -> Manager {
    Manager::new(ManagerKind::SystemdUser, name)
}

fn unit(name: &str, scope: Scope, profile: &str, port: Option<u16>) -> FoundUnit {
    let verdict = Verdict { role: Role::Gateway, profile: profile.parse().ok(), port, ..Verdict::other() };
    FoundUnit {
        name: name.into(),
        scope,
        launchd: false,
        path: format!("/units/{name}").into(),
        user: (scope == Scope::User).then(|| "ana".into()),
        enabled: true,
        masked: false,
        verdict,
    }
}

fn known(name: &str, port: u16, managed: bool) -> KnownProfile {
    KnownProfile {
        name: name.parse().unwrap(),
        isolation: if name == "default" { Isolation::Primary } else { Isolation::Isolated },
        port,
        block: PortBlock::at(port),
        state_dir: format!("/home/ana/.openclaw-{name}").into(),
        managed,
        record: None,
    }
}

fn judged(gateways: &[FoundGateway], units: &[FoundUnit], profiles: &[KnownProfile]) -> Vec<(Code, String)> {
    let mut facts = HostFacts {
        gateways: gateways.to_vec(),
        units: units.to_vec(),
        profiles: profiles.to_vec(),
        user: Some("ana".into()),
        ..HostFacts::default()
    };
    let report = survey(&facts);
    facts.gateways.reverse();
    facts.units.reverse();
    facts.profiles.reverse();
    assert_eq!(survey(&facts), report, "the order changes nothing");
    report.conflicts.into_iter().map(|conflict| (conflict.code, conflict.remedy)).collect()
}

fn one(code: Code, remedy: &str) -> Vec<(Code, String)> {
    vec![(code, remedy.to_owned())]
}

#[test]
fn incident_d2_one_gateway_with_its_service_and_an_isolated_one_are_no_conflict() {
    let main = gateway("default", 1, 18789, service("openclaw-gateway.service"));
    let rescue = gateway("rescue", 2, 23532, service("openclaw-gateway-rescue.service"));
    let units = [
        unit("openclaw-gateway.service", Scope::User, "default", Some(18789)),
        unit("openclaw-gateway-rescue.service", Scope::User, "rescue", Some(23532)),
    ];
    assert_eq!(judged(&[main, rescue], &units, &[known("default", 18789, false)]), []);
}

#[test]
fn incident_d2_the_second_one_is_named_and_never_the_healthy_one() {
    let main = gateway("default", 9, 18789, service("openclaw-gateway.service"));
    let hand = gateway("default", 2, 18900, Manager::none());
    assert_eq!(judged(&[hand, main.clone()], &[], &[]), one(Code::StateDirShared, "kill 2"));
    let foreign = FoundGateway { user: Some("bo".into()), ..gateway("default", 2, 18900, Manager::none()) };
    assert_eq!(judged(&[foreign, main.clone()], &[], &[]), one(Code::HostHasPrimary, "sudo kill 2"));
    let inside = gateway("default", 3, 18950, service("openclaw-gateway.service"));
    let both = judged(&[inside, main], &[], &[]);
    assert_eq!(both, one(Code::StateDirShared, "kill 9"), "a unit that both hang on is not stopped");
}

#[test]
fn ports_and_identities_belong_to_one() {
    let a = gateway("a", 1, 20000, service("a.service"));
    let near = gateway("b", 2, 20060, service("b.service"));
    assert_eq!(
        judged(&[near, a.clone()], &[], &[]),
        one(Code::PortBlockOverlap, "systemctl --user stop b.service")
    );
    let id = Some("x".to_owned());
    let first = FoundGateway { identity: id.clone(), ..a };
    let copy = FoundGateway { identity: id, ..gateway("c", 3, 30000, Manager::none()) };
    assert_eq!(judged(&[copy, first], &[], &[]), one(Code::DuplicateIdentity, "kill 3"));
}

#[test]
fn incident_g1_a_second_service_for_the_same_gateway_is_disabled_and_a_masked_one_is_silent() {
    let system = unit("clawbox-gateway.service", Scope::System, "default", None);
    let user = unit("openclaw-gateway.service", Scope::User, "default", Some(18789));
    let running = FoundGateway {
        manager: Manager::new(ManagerKind::SystemdSystem, "clawbox-gateway.service"),
        ..gateway("default", 1, 18789, Manager::none())
    };
    let remedy = "systemctl --user disable --now openclaw-gateway.service";
    assert_eq!(
        judged(std::slice::from_ref(&running), &[user.clone(), system.clone()], &[]),
        one(Code::DuplicateService, remedy)
    );
    let masked = FoundUnit { masked: true, ..user.clone() };
    assert_eq!(judged(std::slice::from_ref(&running), &[masked, system.clone()], &[]), []);
    let disabled = FoundUnit { enabled: false, ..user.clone() };
    assert_eq!(judged(std::slice::from_ref(&running), &[disabled, system], &[]), []);
    let alone = judged(&[running], &[user], &[]);
    assert_eq!(alone, one(Code::DuplicateService, remedy), "the other unit was not even seen");
}

#[test]
fn incident_a1_a_gateway_by_hand_under_an_enabled_service_is_told_once() {
    let hand = gateway("default", 1, 18789, Manager::none());
    let service = unit("openclaw-gateway.service", Scope::User, "default", None);
    let found = judged(std::slice::from_ref(&hand), std::slice::from_ref(&service), &[]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, Code::UnmanagedGateway);
    assert!(found[0].1.ends_with(": systemctl --user start openclaw-gateway.service"));
    let unknown = FoundGateway { manager: Manager::default(), ..hand };
    assert_eq!(judged(&[unknown], &[service], &[]), [], "D6: unknown is not nobody");
}

#[test]
fn a_profile_of_ours_is_told_who_has_what_is_its() {
    let managed = [known("work", 20000, true)];
    for (found, code) in [
        (gateway("work", 1, 20000, Manager::none()), Code::UnmanagedGateway),
        (gateway("other", 1, 20000, Manager::none()), Code::PortInUse),
        (gateway("other", 1, 20050, Manager::none()), Code::PortBlockOverlap),
        (
            FoundGateway { user: Some("bo".into()), ..gateway("default", 1, 20000, Manager::none()) },
            Code::ForeignOwner,
        ),
        (
            FoundGateway {
                state_dir: Some("/home/ana/.openclaw-work".into()),
                ..gateway("other", 1, 7, Manager::none())
            },
            Code::StateDirShared,
        ),
    ] {
        let verdict = judged(std::slice::from_ref(&found), &[], &managed);
        assert_eq!(verdict.len(), 1, "{found:?}");
        assert_eq!(verdict[0].0, code);
        assert_eq!(judged(&[FoundGateway { ours: true, ..found }], &[], &managed), []);
    }
}

#[test]
fn ports_of_services_and_stale_records_are_told() {
    let service = unit("openclaw-gateway-work.service", Scope::User, "work", Some(1));
    let verdict = judged(&[], &[service], &[known("work", 20000, false)]);
    assert_eq!(verdict[0].0, Code::ServicePortMismatch);
    let record = |proved| Some(Recorded { pid: 7, proved });
    let stale = KnownProfile { record: record(false), ..known("work", 20000, true) };
    assert_eq!(judged(&[], &[], std::slice::from_ref(&stale))[0].0, Code::StaleRecord);
    assert_eq!(judged(&[], &[], &[KnownProfile { record: record(true), ..stale }]), []);
}

#[test]
fn its_json_has_the_keys_of_the_contract() {
    let main = gateway("default", 1, 18789, service("openclaw-gateway.service"));
    let report = survey(&HostFacts { gateways: vec![main], ..HostFacts::default() }).without_reasons();
    assert_eq!(
        serde_json::to_value(report).unwrap(),
        serde_json::json!({"ok": true, "conflicts": [], "gateways": [{
            "profile": "default", "pid": 1, "user": "ana", "program": "openclaw-gateway", "port": 18789, "addresses": [], "reached": null,
            "stateDir": null, "manager": {"kind": "systemd-user", "unit": "openclaw-gateway.service"},
            "identity": null, "ours": false, "exposure": []}]})
    );
}

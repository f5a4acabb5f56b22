//! Whatever is read or found: no panic, the same verdict in any order, and no two findings on one thing.

use std::collections::BTreeMap;

use openclaw_supervisor::base::record::Isolation;
use openclaw_supervisor::conflict::cgroup;
use openclaw_supervisor::conflict::host::{
    FoundGateway, FoundUnit, HostFacts, PrimaryClaim, Scope, primary_refusal, survey,
};
use openclaw_supervisor::conflict::{Manager, ManagerKind};
use openclaw_supervisor::profile::Environment;
use openclaw_supervisor::service::systemd::Reader;
use openclaw_supervisor::service::{Agent, Command, Role, Unit, Verdict, judge};
use proptest::prelude::*;

/// Words that lead deep into the readers, among anything.
fn text() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "openclaw",
        "gateway",
        "run",
        "--profile",
        "--port",
        "sh",
        "-c",
        "docker",
        "run",
        "env",
        "-S",
        "npx",
        "node",
        "'",
        "\"",
        "\\",
        "$",
        "${",
        "$(",
        "`",
        "%i",
        "%",
        "\n",
        "ExecStart=",
        "[Service]\n",
        "Environment=",
        ";",
        "<<EOF",
        "tmux",
        "new",
        "-p",
        "18789:1",
        "sudo",
        "\\x",
        "\\u12",
        "=",
        " ",
        "|",
        "&",
        ">",
        "@",
        "dist/index.js",
        "0::/",
        "user@1.service/",
        "docker-",
        ".scope",
        ":",
    ]);
    let part = prop_oneof![4 => known.prop_map(str::to_owned), 1 => any::<String>()];
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

fn gateway() -> impl Strategy<Value = FoundGateway> {
    let names = prop::sample::select(vec!["default", "work", "rescue", ""]);
    let users = prop::sample::select(vec!["ana", "bo", ""]);
    let kinds = prop::sample::select(vec![
        ManagerKind::None,
        ManagerKind::Unknown,
        ManagerKind::SystemdUser,
        ManagerKind::Container,
    ]);
    let ports = prop::option::of(prop::sample::select(vec![18789_u16, 18800, 23532, 23592]));
    let dirs = prop::option::of(prop::sample::select(vec!["/a", "/b"]));
    (names, users, kinds, ports, dirs, 1..6_u32, any::<(bool, bool)>()).prop_map(
        |(name, user, kind, port, dir, pid, (ours, apart))| FoundGateway {
            profile: name.parse().ok(),
            user: Some(user.to_owned()).filter(|user| !user.is_empty()),
            manager: Manager { kind, unit: (kind != ManagerKind::None).then(|| format!("{name}.service")) },
            port,
            state_dir: dir.map(Into::into),
            pid: Some(pid),
            ours,
            apart,
            ..FoundGateway::default()
        },
    )
}

fn unit() -> impl Strategy<Value = FoundUnit> {
    let names = prop::sample::select(vec!["default", "work", "rescue"]);
    let ports = prop::option::of(prop::sample::select(vec![18789_u16, 23532]));
    (names, ports, any::<(bool, bool, bool)>()).prop_map(|(name, port, (system, enabled, masked))| {
        FoundUnit {
            name: format!("{name}.service"),
            scope: if system { Scope::System } else { Scope::User },
            launchd: false,
            path: format!("/{system}/{name}").into(),
            user: None,
            enabled,
            masked,
            verdict: Verdict { role: Role::Gateway, profile: name.parse().ok(), port, ..Verdict::other() },
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn no_text_panics_a_reader(text in text(), words in prop::collection::vec(text(), 0..6)) {
        let unit = Unit::read("a@b.service", &[&text], false, Reader::default());
        let read = |_: &str| Some(format!("#!/bin/sh\n{text}"));
        let environment = Environment::from_pairs([("OPENCLAW_STATE_DIR", text.as_str())]);
        for argv in unit.command_lines().iter().chain([&words]) {
            let verdict = judge(&Command {
                argv,
                environment: Some(&environment),
                directory: Some(&text),
                home: Some(&text),
                read: &read,
            });
            prop_assert_eq!(verdict.role == Role::Other, verdict.why.is_empty());
        }
        let _ = Agent::read(text.as_bytes());
        let _ = cgroup::manager(&text);
    }

    #[test]
    fn verdicts_do_not_depend_on_the_order_and_name_each_thing_once(
        gateways in prop::collection::vec(gateway(), 0..6),
        units in prop::collection::vec(unit(), 0..5),
    ) {
        let mut facts = HostFacts { gateways, units, user: Some("ana".into()), ..HostFacts::default() };
        let report = survey(&facts);
        let mut named: BTreeMap<String, usize> = BTreeMap::new();
        for conflict in &report.conflicts {
            let holder = conflict.holder.as_ref().unwrap();
            *named.entry(format!("{:?} {}", conflict.code, conflict.message)).or_default() += 1;
            prop_assert!(!conflict.explain.is_empty() && !conflict.remedy.is_empty());
            prop_assert!(holder.pid.is_some() || holder.unit.is_some());
        }
        prop_assert!(named.values().all(|count| *count == 1));
        facts.gateways.reverse();
        facts.units.reverse();
        prop_assert_eq!(&survey(&facts), &report);
        prop_assert!(report.conflicts.len() <= report.gateways.len() + facts.units.len());
    }

    #[test]
    fn a_pair_is_in_conflict_whoever_is_seen_first(a in gateway(), b in gateway()) {
        let facts = |gateways: Vec<FoundGateway>| HostFacts { gateways, user: Some("ana".into()), ..HostFacts::default() };
        prop_assert_eq!(survey(&facts(vec![a.clone(), b.clone()])), survey(&facts(vec![b.clone(), a.clone()])));
        let claim = PrimaryClaim { profile: "default".parse().unwrap(), isolation: Isolation::Primary, user: Some("ana".into()), port: 18789, state_dir: "/home/ana/.openclaw".into() };
        prop_assert_eq!(primary_refusal(&claim, &[a.clone(), b.clone()]), primary_refusal(&claim, &[b, a]));
    }
}

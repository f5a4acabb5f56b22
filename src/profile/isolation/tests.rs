//! What two profiles share, and what they do not.

use super::*;
use crate::base::PortBlock;

fn real(name: &str, state_dir: &str, port: u16) -> Real {
    let below = |name: &str| spot(&format!("{state_dir}/{name}"));
    Real {
        name: name.parse().unwrap(),
        state_dir: spot(state_dir),
        config_path: below("openclaw.json"),
        workspace: below("workspace"),
        parts: vec![
            (Part::Logs, below("logs")),
            (Part::Credentials, below("credentials")),
            (Part::Temporary, below("tmp")),
        ],
        ports: PortBlock::at(port).into(),
    }
}

fn spot(path: &str) -> Spot {
    Spot { path: path.into(), ..Spot::default() }
}

fn pair() -> (Real, Real) {
    (real("default", "/h/.openclaw", 18789), real("work", "/h/.openclaw-work", 41984))
}

/// The codes found, which are the same the other way round.
fn codes(a: &Real, b: &Real) -> Vec<&'static str> {
    let found = prove(&[a.clone(), b.clone()], None);
    assert_eq!(found, prove(&[b.clone(), a.clone()], Some(&a.name)));
    assert!(found.iter().all(|sharing| !sharing.message.is_empty() && !sharing.what.is_empty()));
    found.iter().map(|sharing| sharing.code).collect()
}

#[test]
fn neighbours_by_name_are_apart() {
    let (a, b) = pair();
    assert_eq!(codes(&a, &b), [""; 0]);
    assert_eq!(codes(&b, &real("work2", "/h/.openclaw-work2", 20000)), [""; 0]);
}

#[test]
fn ports_overlap() {
    let (a, b) = (real("main", "/a", 23592), real("rescue", "/b", 23532));
    assert_eq!(codes(&a, &b), ["port_block_overlap"]);
    assert_eq!(prove(&[b, a], None)[0].what, "23592-23642");
}

#[test]
fn incident_f3_near_ends_are_compared_one_by_one() {
    let (gateway, mut link) = (real("main", "/a", 24000), real("home", "/b", 0));
    link.ports = Ports::NearEnds(vec![23990, 24002]);
    assert_eq!(codes(&gateway, &link), ["port_block_overlap"]);
    let found = &prove(&[gateway.clone(), link.clone()], None)[0];
    assert_eq!(found.what, "24002");
    for word in ["`main`", "`home`", "24000-24110", "23990, 24002"] {
        assert!(found.message.contains(word), "{}", found.message);
    }
    assert!(found.remedy.contains("remote.forwards of `home`"), "{}", found.remedy);
    link.ports = Ports::NearEnds(vec![23990, 24111]);
    assert_eq!(codes(&gateway, &link), [""; 0]);
    let mut other = real("other", "/c", 0);
    other.ports = Ports::NearEnds(vec![23991]);
    assert_eq!(codes(&link, &other), [""; 0], "one port apart is apart");
    other.ports = Ports::NearEnds(vec![7, 23990]);
    assert_eq!(codes(&link, &other), ["port_block_overlap"]);
}

#[test]
fn one_state_directory_by_path_and_by_inode() {
    let (a, mut b) = pair();
    b.state_dir = a.state_dir.clone();
    assert_eq!(codes(&a, &b), ["state_dir_shared"]);
    let (mut a, mut b) = pair();
    (a.state_dir.id, b.state_dir.id) = (Some((1, 2)), Some((1, 2)));
    assert_eq!(codes(&a, &b), ["state_dir_shared"]);
    b.state_dir.id = Some((2, 2));
    assert_eq!(codes(&a, &b), [""; 0]);
}

#[test]
fn nested_state_directories_either_way() {
    let (a, inner) = (real("a", "/x", 20000), real("b", "/x/sub", 30000));
    assert_eq!(codes(&a, &inner), ["state_dir_nested"]);
    assert_eq!(codes(&real("z", "/x", 20000), &inner), ["state_dir_nested"]);
}

#[test]
fn one_configuration_file_or_one_in_the_others_directory() {
    let (a, mut b) = pair();
    b.config_path = a.config_path.clone();
    assert_eq!(codes(&a, &b), ["config_shared"]);
    b.config_path = spot("/h/.openclaw/work.json");
    assert_eq!(codes(&a, &b), ["config_shared"]);
    let (mut a, mut b) = pair();
    (a.config_path.id, b.config_path.id) = (Some((1, 9)), Some((1, 9)));
    assert_eq!(codes(&a, &b), ["config_shared"]);
}

#[test]
fn one_workspace_nested_ones_and_one_around_the_other() {
    let (a, mut b) = pair();
    for shared in
        ["/h/.openclaw/workspace", "/h/.openclaw/workspace/x", "/h/.openclaw/y", "/h/.openclaw", "/h"]
    {
        b.workspace = spot(shared);
        assert_eq!(codes(&a, &b), ["workspace_shared"], "{shared}");
    }
    b.workspace = spot("/h/project");
    assert_eq!(codes(&a, &b), [""; 0]);
    let (mut a, mut b) = (a, b);
    (a.workspace.id, b.workspace.id) = (Some((1, 5)), Some((1, 5)));
    assert_eq!(codes(&a, &b), ["workspace_shared"]);
}

#[test]
fn every_shared_thing_is_named_at_once() {
    let a = real("a", "/x", 20000);
    let b = Real { name: "b".parse().unwrap(), ..a.clone() };
    let all = ["port_block_overlap", "state_dir_shared", "config_shared", "workspace_shared"];
    assert_eq!(codes(&a, &b), all);
    assert_eq!(prove(std::slice::from_ref(&a), None), []);
}

#[test]
fn each_further_part_is_its_own() {
    for (index, code) in [(0, "state_dir_shared"), (1, "credential_shared"), (2, "state_dir_shared")] {
        let (a, mut b) = pair();
        b.parts[index].1 = a.parts[index].1.clone();
        assert_eq!(codes(&a, &b), [code], "one directory for both, in the state directory of one");
        b.parts[index].1 = spot("/h/.openclaw/other");
        assert_eq!(codes(&a, &b), [code], "in the state directory of the other");
        let (mut a, mut b) = pair();
        (a.parts[index].1, b.parts[index].1) = (spot("/srv/x"), spot("/srv/x/y"));
        assert_eq!(codes(&a, &b), [code], "nested elsewhere");
        let (mut a, mut b) = pair();
        (a.parts[index].1.id, b.parts[index].1.id) = (Some((1, 5)), Some((1, 5)));
        assert_eq!(codes(&a, &b), [code], "one inode");
        b.workspace = spot("/h/project");
        b.parts[index].1.id = None;
        a.parts[index].1.path = "/h/project/x".into();
        assert_eq!(codes(&a, &b), [code], "in the other's workspace");
    }
    let (mut a, mut b) = pair();
    a.parts.push((Part::LogFile, spot("/var/log/a.log")));
    b.parts.push((Part::LogFile, spot("/var/log/b.log")));
    assert_eq!(codes(&a, &b), [""; 0], "two files in one directory");
    b.parts[3].1 = a.parts[3].1.clone();
    assert_eq!(codes(&a, &b), ["state_dir_shared"]);
}

#[test]
fn a_bind_mount_hides_no_nesting() {
    let (mut a, mut b) = pair();
    a.state_dir.origin = Some((8, "/ana/.openclaw".into()));
    b.state_dir.origin = Some((8, "/ana/.openclaw/inner".into()));
    assert_eq!(codes(&a, &b), ["state_dir_nested"]);
    b.state_dir.origin = Some((9, "/ana/.openclaw/inner".into()));
    assert_eq!(codes(&a, &b), [""; 0], "another file system");
}

#[test]
fn services_of_one_name_are_found() {
    let (default, gateway) = (real("default", "/a", 20000), real("gateway", "/b", 30000));
    assert_eq!(codes(&default, &gateway), ["duplicate_service"]);
    assert_eq!(
        service_names(&"work".parse().unwrap()),
        ["openclaw-gateway-work.service", "ai.openclaw.work"]
    );
    assert_eq!(service_names(&ProfileName::default_profile())[0], "openclaw-gateway.service");
}

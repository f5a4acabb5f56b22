//! Derived ports against vectors of the real program, and the allocation of blocks over many names.

use std::collections::BTreeMap;

use openclaw_supervisor::base::port::{BASE_MAX, derived_port};
use openclaw_supervisor::base::{PortBlock, ProfileName};
use openclaw_supervisor::profile::ports::{Allocation, Ports, allocate};
use proptest::prelude::*;

#[test]
fn derived_ports_are_those_of_the_real_program() {
    #[derive(serde::Deserialize)]
    struct Vectors {
        ports: BTreeMap<String, u16>,
    }
    let vectors: Vectors = serde_json::from_str(include_str!("data/profile-port-vectors.json")).unwrap();
    for (name, port) in vectors.ports {
        // The vectors are of the hash; the profile `dev` has a port of its own by its switch.
        let expected = if name == "dev" { 19001 } else { port };
        assert_eq!(derived_port(&name.parse().unwrap()), expected, "{name}");
    }
}

/// Allocates for each name in turn, as `profile create` does over the years.
fn allocate_all(names: &[ProfileName]) -> Vec<(ProfileName, PortBlock)> {
    let mut taken: Vec<(ProfileName, PortBlock)> = Vec::new();
    let mut claimed: Vec<(ProfileName, Ports)> = Vec::new();
    for name in names {
        let Allocation { block, note } = allocate(name, None, &claimed, &|_| false).unwrap();
        claimed.push((name.clone(), block.into()));
        assert_eq!(note.is_some(), block.base() != derived_port(name), "{name} is told when it is moved");
        taken.push((name.clone(), block));
    }
    taken
}

fn assert_disjoint(taken: &[(ProfileName, PortBlock)]) {
    let mut sorted: Vec<_> = taken.iter().collect();
    sorted.sort_by_key(|(_, block)| *block);
    for pair in sorted.windows(2) {
        assert!(!pair[0].1.overlaps(pair[1].1), "{:?} and {:?} overlap", pair[0], pair[1]);
    }
    assert!(taken.iter().all(|(_, block)| block.base() <= BASE_MAX));
}

#[test]
fn a_hundred_thousand_names_in_houses_of_a_hundred_are_disjoint() {
    // 111 ports each: about 330 blocks is all that the range can hold, so they come in houses.
    for house in 0..1000 {
        let names: Vec<ProfileName> =
            (0..100).map(|number| format!("bot-{:x}-{number}", house * 7919).parse().unwrap()).collect();
        assert_disjoint(&allocate_all(&names));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_names_in_any_order_are_disjoint(
        names in prop::collection::btree_set("[A-Za-z0-9][A-Za-z0-9_-]{0,20}", 1..120),
        seed in any::<u64>(),
    ) {
        let mut names: Vec<ProfileName> = names.iter().map(|name| name.parse().unwrap()).collect();
        names.dedup();
        names.sort_by_key(|name| seed.rotate_left(name.as_str().len() as u32) ^ u64::from(derived_port(name)));
        let first = allocate_all(&names);
        assert_disjoint(&first);
        prop_assert_eq!(&first, &allocate_all(&names));
    }
}

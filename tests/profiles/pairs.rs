//! The proof of isolation over random pairs of profiles: what it finds does not depend on who is asked first, it finds
//! whatever was made to be shared, and nothing where nothing was.

use openclaw_supervisor::base::PortBlock;
use openclaw_supervisor::profile::isolation::{Part, Real, Sharing, Spot, prove};

use super::random::Random;

/// Pairs that are compared.
const PAIRS: u64 = 100_000;

const SEED: u64 = 20_260_101;

/// Directories that lie apart, in each other and nearly in each other.
const PLACES: [&str; 8] =
    ["/h/.openclaw", "/h/.openclaw-a", "/h/.openclaw-a/b", "/h", "/srv/x", "/srv/x/y", "/srv/xy", "/mnt/z"];

fn spot(random: &mut Random, below: &str) -> Spot {
    let path = format!("{}{below}", random.pick(&PLACES)).into();
    let id = random.once_in(2).then(|| (random.between(1, 2), random.between(1, 40)));
    let origin = random.once_in(4).then(|| (random.between(1, 2), random.pick(&PLACES).into()));
    Spot { path, id, origin }
}

fn profile(random: &mut Random, name: &str) -> Real {
    Real {
        name: name.parse().unwrap(),
        state_dir: spot(random, ""),
        config_path: spot(random, "/openclaw.json"),
        workspace: spot(random, "/workspace"),
        parts: vec![
            (Part::Logs, spot(random, "/logs")),
            (Part::Credentials, spot(random, "/credentials")),
            (Part::Temporary, spot(random, "/tmp")),
        ],
        ports: PortBlock::at(random.between(1024, 65_000) as u16).into(),
    }
}

/// A profile that shares nothing with any other of another number.
fn apart(number: u64, base: u16) -> Real {
    let below = |path: &str| Spot { path: format!("/p/{number}{path}").into(), ..Spot::default() };
    Real {
        name: format!("n{number}").parse().unwrap(),
        state_dir: below(""),
        config_path: below("/openclaw.json"),
        workspace: below("/workspace"),
        parts: vec![(Part::Logs, below("/logs")), (Part::Credentials, below("/credentials"))],
        ports: PortBlock::at(base).into(),
    }
}

fn has(found: &[Sharing], code: &str) -> bool {
    found.iter().any(|sharing| sharing.code == code)
}

#[test]
fn a_hundred_thousand_pairs_are_judged_the_same_from_both_sides() {
    let mut random = Random::new(SEED);
    for _ in 0..PAIRS {
        let (a, b) = (profile(&mut random, "a"), profile(&mut random, "b"));
        let found = prove(&[a.clone(), b.clone()], None);
        let same = found == prove(&[b.clone(), a.clone()], None);
        assert!(same, "{a:?} {b:?}");
        assert_eq!(has(&found, "port_block_overlap"), a.ports.shared(&b.ports).is_some(), "{a:?} {b:?}");
        if a.state_dir.path == b.state_dir.path {
            assert!(has(&found, "state_dir_shared"), "{a:?} {b:?}");
        }
    }
}

#[test]
fn a_hundred_thousand_pairs_that_are_apart_are_found_to_be() {
    let mut random = Random::new(SEED);
    for number in 0..PAIRS {
        let base = random.between(1024, 40_000) as u16;
        let other = base + random.between(111, 20_000) as u16;
        let found = prove(&[apart(number, base), apart(number + 1, other)], None);
        assert_eq!(found, [], "{number}: {base} and {other}");
    }
}

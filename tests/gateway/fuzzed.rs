//! The properties of the fuzz targets (`fuzz/`), held without a fuzzer: for every seed, and for copies of them that were
//! spoilt at random.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

#[path = "../../fuzz/properties/mod.rs"]
mod properties;

/// A target, and what it holds.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 5] = [
    ("config", properties::config::hold),
    ("frames", properties::frames::hold),
    ("handshake", properties::handshake::hold),
    ("http", properties::http::hold),
    ("telegram", properties::telegram::hold),
];
/// Letters that mean something to one of the readers.
const LETTERS: &[u8] = b"{}[]\":,'/*\\\n\r \t$.-@`<>_#~|0129aeu\x00\x7f\xc3\xff";

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = folder("seeds").join(target);
    names(&folder).iter().map(|name| fs::read(folder.join(name)).unwrap()).collect()
}

/// One change: where, what kind, and the letter or the length that belongs to it.
type Edit = (prop::sample::Index, u8, prop::sample::Index);

fn spoil(bytes: &mut Vec<u8>, other: &[u8], (at, kind, what): &Edit) {
    let at = at.index(bytes.len() + 1);
    let end = (at + what.index(16)).min(bytes.len());
    match kind {
        0 => bytes.insert(at, LETTERS[what.index(LETTERS.len())]),
        1 if at < bytes.len() => bytes[at] = LETTERS[what.index(LETTERS.len())],
        2 => drop(bytes.drain(at..end)),
        3 => bytes.truncate(at),
        4 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
        _ => {
            let from = what.index(other.len() + 1);
            drop(bytes.splice(at..end, other[from..].iter().copied().take(40)));
        }
    }
}

#[test]
fn what_the_fuzz_targets_hold_holds_for_spoilt_seeds_too() {
    for (target, hold) in TARGETS {
        let seeds = seeds(target);
        seeds.iter().for_each(|seed| hold(seed));
        let index = any::<prop::sample::Index>;
        let edits = prop::collection::vec((index(), 0..6_u8, index()), 0..6);
        let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(300) });
        let ran = runner.run(&(index(), index(), edits), |(seed, other, edits)| {
            let mut bytes = seeds[seed.index(seeds.len())].clone();
            let other = &seeds[other.index(seeds.len())];
            edits.iter().for_each(|edit| spoil(&mut bytes, other, edit));
            hold(&bytes);
            Ok(())
        });
        ran.unwrap_or_else(|failure| panic!("{target}: {failure}"));
    }
}

#[test]
fn every_target_has_its_property_its_seeds_and_its_place_in_the_manifest() {
    let wanted: Vec<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&folder("seeds")), wanted);
    let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
    for name in &wanted {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        let target = fs::read_to_string(folder("fuzz_targets").join(format!("{name}.rs"))).unwrap();
        assert!(target.contains(&format!("properties::{name}::hold(data)")), "{name}");
        assert!(seeds(name).len() >= 10, "{name} has too few seeds");
    }
    assert_eq!(names(&folder("fuzz_targets")).len(), wanted.len());
    assert_eq!(names(&folder("properties")).len(), wanted.len() + 1);
}

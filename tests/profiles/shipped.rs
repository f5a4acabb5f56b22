//! The templates that are shipped in `profiles/`: all of them are known, parse, say what they are, and the profiles
//! made from them share nothing.

use std::path::{Path, PathBuf};

use openclaw_supervisor::base::ProfileName;
use openclaw_supervisor::base::record::{Isolation, Place};
use openclaw_supervisor::profile::create::{Fill, TEMPLATES, manifest_text};
use openclaw_supervisor::profile::isolation::{Real, Spot, prove};
use openclaw_supervisor::profile::ports::{Ports, allocate};
use openclaw_supervisor::profile::rescue::{May, Sight};
use openclaw_supervisor::profile::resolved::{Profile, RuntimeChoice};
use openclaw_supervisor::profile::{Environment, Flags, GatewayConfig, Manifest, resolve};

fn made(name: &str, template: &str, port: Option<u16>) -> Profile {
    let text = manifest_text(template, &Fill { port, ..Fill::default() }).unwrap();
    let manifest = Manifest::parse(&text, Path::new(name)).unwrap();
    let env = Environment::from_pairs([("HOME", "/home/ana")]);
    let name = name.parse().unwrap();
    resolve(&name, Some(&manifest), &GatewayConfig::default(), &Flags::default(), &env).unwrap()
}

#[test]
fn every_file_of_the_folder_is_a_template_and_the_other_way_round() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let mut known: Vec<String> = TEMPLATES.iter().map(|(name, _)| format!("{name}.toml")).collect();
    known.sort();
    assert_eq!(files, known);
}

#[test]
fn each_template_says_what_it_is_and_leaves_out_what_a_machine_decides() {
    for (name, text) in TEMPLATES {
        let manifest = Manifest::parse(text, Path::new(name)).unwrap();
        assert!(manifest.description.is_some() && text.starts_with("# "), "{name}");
        assert_eq!((manifest.port, manifest.paths), (None, Default::default()), "{name}");
        let profile = made(name, text, None);
        assert!(profile.managed && profile.warnings.is_empty(), "{name}");
        let primary = if name == "default" { Isolation::Primary } else { Isolation::Isolated };
        assert_eq!(profile.isolation, primary, "{name}");
    }
    assert_eq!(made("rescue", TEMPLATES[2].1, None).runtime, RuntimeChoice::Embedded);
    let rescue = made("rescue", TEMPLATES[2].1, None).rescue.unwrap();
    assert_eq!(
        (rescue.profiles, rescue.may.len(), rescue.operators.len()),
        (Sight::All, May::WORDS.len(), 0)
    );
    assert_eq!(made("remote", TEMPLATES[3].1, None).place, Place::Remote);
}

fn spot(path: PathBuf) -> Spot {
    Spot { path, ..Spot::default() }
}

#[test]
fn profiles_made_from_all_templates_are_isolated_from_each_other() {
    let mut taken: Vec<(ProfileName, Ports)> = Vec::new();
    let mut all = Vec::new();
    // `main` derives a block that overlaps the one of `rescue`.
    let extra = [("main", TEMPLATES[1].1)];
    for (name, text) in TEMPLATES.into_iter().chain(extra) {
        let profile_name: ProfileName = name.parse().unwrap();
        let block = allocate(&profile_name, None, &taken, &|_| false).unwrap().block;
        taken.push((profile_name, block.into()));
        let port = (name != "remote").then_some(block.base());
        let profile = made(name, text, port);
        assert_eq!(profile.block, block, "{name}");
        let profile_ports = profile.ports();
        all.push(Real {
            name: profile.name,
            state_dir: spot(profile.paths.state_dir),
            config_path: spot(profile.paths.config_path),
            workspace: spot(profile.paths.workspace),
            parts: Vec::new(),
            ports: profile_ports,
        });
    }
    assert_eq!(prove(&all, None), []);
}

//! What a shell may have exported, crossed with what was typed (INCIDENTS B2). Each variable is unset, canonical for
//! the profile, deliberately elsewhere, or another profile's; `data/cells.txt` holds what comes out, cell by cell.

use std::fmt::Write as _;
use std::path::Path;

use openclaw_supervisor::base::Kind;
use openclaw_supervisor::profile::resolved::Profile;
use openclaw_supervisor::profile::{Environment, Flags, GatewayConfig, Manifest, resolve, select};

/// `OPENCLAW_STATE_DIR`, `OPENCLAW_CONFIG_PATH`, `OPENCLAW_GATEWAY_PORT` as one shell exports them.
const EXPORTS: [(&str, [&str; 3]); 5] = [
    ("none", ["", "", ""]),
    ("of x", ["/h/.openclaw-x", "/h/.openclaw-x/openclaw.json", "33000"]),
    ("custom", ["/srv/s", "/srv/c.json", "7777"]),
    ("default's", ["/h/.openclaw", "/h/.openclaw/openclaw.json", "18789"]),
    ("other's", ["/h/.openclaw-other", "/h/.openclaw-other/openclaw.json", "19001"]),
];

const PROFILES: [&str; 4] = ["", "x", "other", "default"];

/// What was typed behind `--profile`.
const TYPED: [Option<&str>; 3] = [None, Some("x"), Some("default")];

fn cell(typed: Option<&str>, exported: &str, values: [&str; 3], manifest: Option<&Manifest>) -> Profile {
    let names = ["OPENCLAW_STATE_DIR", "OPENCLAW_CONFIG_PATH", "OPENCLAW_GATEWAY_PORT"];
    let pairs = names.into_iter().zip(values).chain([("OPENCLAW_PROFILE", exported), ("HOME", "/h")]);
    let env = Environment::from_pairs(pairs);
    let flags = Flags { profile: typed.map(str::to_owned), ..Flags::default() };
    let name = select(&flags, &env, || Ok(None)).unwrap().name;
    resolve(&name, manifest, &GatewayConfig::default(), &flags, &env).unwrap()
}

#[test]
fn every_cell_comes_out_as_written() {
    let mut table = String::new();
    for typed in TYPED {
        for exported in PROFILES {
            for (values_of, values) in EXPORTS {
                let profile = cell(typed, exported, values, None);
                let paths = &profile.paths;
                let typed = typed.map(|name| format!("--profile {name}")).unwrap_or_default();
                let left = format!("{typed:17} | PROFILE={exported:7} | {values_of:9}");
                let right =
                    format!("{} {} {}", paths.state_dir.display(), paths.config_path.display(), profile.port);
                let (name, source, dropped) =
                    (profile.name, profile.port_source.as_str(), profile.warnings.len());
                writeln!(table, "{left} -> {name:7} | {right} by {source}, {dropped} dropped").unwrap();
            }
        }
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/profiles/data/cells.txt");
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    for (found, expected) in table.lines().zip(written.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(table, written, "the table has other cells than {}", file.display());
}

/// No mixture of exports leads a profile to another one's directories.
#[test]
fn no_mixture_of_exports_leads_into_another_profile() {
    let manifest = Manifest::parse("gateway.port = 19789", Path::new("x.toml")).unwrap();
    let mut cells = 0;
    for typed in TYPED {
        for exported in PROFILES {
            for state in EXPORTS {
                for config in EXPORTS {
                    for port in EXPORTS {
                        let values = [state.1[0], config.1[1], port.1[2]];
                        for manifest in [None, Some(&manifest)] {
                            let profile = cell(typed, exported, values, manifest);
                            assert_no_foreign_value(&profile);
                            cells += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(cells, 3 * 4 * 5 * 5 * 5 * 2);
}

fn assert_no_foreign_value(profile: &Profile) {
    let (name, paths) = (profile.name.as_str(), &profile.paths);
    let own =
        if profile.name.is_default() { "/h/.openclaw".to_owned() } else { format!("/h/.openclaw-{name}") };
    for path in [&paths.state_dir, &paths.config_path, &paths.workspace] {
        assert!(path.starts_with(&own) || path.starts_with("/srv"), "{name} got {}", path.display());
    }
    // 33000 stands beside the directory of `x` in one shell; alone it may be anybody's.
    let foreign_port = match profile.port {
        18789 => name != "default",
        19001 => name != "dev",
        _ => false,
    };
    assert!(!foreign_port, "{name} got port {}", profile.port);
}

#[test]
fn names_that_are_no_names_are_refused_wherever_they_come_from() {
    let long = "x".repeat(200);
    for bad in ["x/../y", "-x", long.as_str(), "wоrk", " ", "a b"] {
        let flags = Flags { profile: Some(bad.into()), ..Flags::default() };
        assert_eq!(
            select(&flags, &Environment::default(), || Ok(None)).unwrap_err().kind(),
            Kind::Usage,
            "{bad:?}"
        );
        if bad != " " {
            let env = Environment::from_pairs([("OPENCLAW_PROFILE", bad)]);
            let error = select(&Flags::default(), &env, || Ok(None)).unwrap_err();
            assert!(error.message().starts_with("OPENCLAW_PROFILE: "), "{error}");
        }
    }
    for unnamed in ["Default", "DEFAULT"] {
        let flags = Flags { profile: Some(unnamed.into()), ..Flags::default() };
        assert!(select(&flags, &Environment::default(), || Ok(None)).unwrap().name.is_default());
    }
}

#[test]
fn dev_is_a_profile_and_not_beside_another() {
    let dev = Flags { dev: true, ..Flags::default() };
    let env = Environment::from_pairs([("OPENCLAW_PROFILE", "x"), ("HOME", "/h")]);
    let name = select(&dev, &env, || Ok(None)).unwrap().name;
    assert_eq!(name.as_str(), "dev");
    let profile = resolve(&name, None, &GatewayConfig::default(), &dev, &env).unwrap();
    assert_eq!(profile.port, 19001);
    let both = Flags { profile: Some("x".into()), ..dev };
    let error = select(&both, &env, || Ok(None)).unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Usage, "profile_and_dev"));
}

//! The folders `valid/` and `invalid/` are walked: each file is a case and says itself what is expected. `.toml` is a
//! manifest, `.json5` an `openclaw.json`. In a valid file a line `#= key value` (`//=` in JSON5) is a fact of the
//! resolved profile; in an invalid one `#! text` (`//!`) is part of the message. A file whose head may hold no
//! comment has its expectations in `NAME.expect` beside it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use openclaw_supervisor::base::{Kind, Result};
use openclaw_supervisor::profile::rescue::Sight;
use openclaw_supervisor::profile::resolved::Profile;
use openclaw_supervisor::profile::{Environment, Flags, GatewayConfig, Manifest, SecretSource, resolve};

/// Every file of a folder of this test, sorted.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/profiles").join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.retain(|file| file.extension().is_none_or(|extension| extension != "expect"));
    assert!(files.len() > 5, "the folder is the right one");
    files
}

/// The expectations of a file: what follows `mark` at the beginning of its lines.
fn expectations(file: &Path, text: &str, mark: char) -> Vec<String> {
    let beside = fs::read_to_string(format!("{}.expect", file.display())).unwrap_or_default();
    let marks = [format!("#{mark} "), format!("//{mark} ")];
    let expected = beside.lines().chain(text.lines());
    let expected = expected.filter_map(|line| marks.iter().find_map(|mark| line.strip_prefix(mark.as_str())));
    let expected: Vec<String> = expected.map(str::to_owned).collect();
    assert!(!expected.is_empty(), "{} says nothing of what is expected", file.display());
    expected
}

fn read(file: &Path) -> Result<(Profile, GatewayConfig)> {
    let text = fs::read_to_string(file).unwrap();
    // Errors speak of files by the name they are given; the folder is the test's business.
    let name = Path::new(file.file_name().unwrap());
    let (manifest, config) = match file.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => (Some(Manifest::parse(&text, name)?), GatewayConfig::default()),
        Some("json5") => (None, GatewayConfig::parse(&text, name)?),
        _ => panic!("{} is neither a manifest nor an openclaw.json", file.display()),
    };
    let env = Environment::from_pairs([("HOME", "/home/ana")]);
    let profile = resolve(&"case".parse()?, manifest.as_ref(), &config, &Flags::default(), &env)?;
    Ok((profile, config))
}

#[test]
fn every_valid_file_resolves_to_what_it_says() {
    for file in files("valid") {
        let text = fs::read_to_string(&file).unwrap();
        let (profile, config) = read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let facts = facts(&profile, &config);
        assert!(profile.warnings.is_empty(), "{}: {:?}", file.display(), profile.warnings);
        for line in expectations(&file, &text, '=') {
            let (key, _) = facts
                .iter()
                .filter(|(key, _)| line.starts_with(&format!("{key} ")))
                .max_by_key(|(key, _)| key.len())
                .unwrap_or_else(|| panic!("{}: `{line}` is no known fact", file.display()));
            assert_eq!(facts[key], line[key.len() + 1..], "{}: {key}", file.display());
        }
    }
}

#[test]
fn every_invalid_file_is_refused_with_what_it_says() {
    for file in files("invalid") {
        let text = fs::read_to_string(&file).unwrap();
        let error = match read(&file) {
            Ok(_) => panic!("{} is accepted", file.display()),
            Err(error) => error,
        };
        assert_eq!(error.kind(), Kind::Config, "{}", file.display());
        assert!(error.remedy_text().is_some_and(|remedy| !remedy.is_empty()), "{}", file.display());
        for part in expectations(&file, &text, '!') {
            assert!(
                error.to_string().contains(&part),
                "{}\n expected: {part}\n found:    {error}",
                file.display()
            );
        }
    }
}

/// What a resolved profile shows, by the words that the files use.
/// What it sees, what it may, who may order it.
fn rescue(profile: &Profile) -> String {
    let Some(rescue) = &profile.rescue else { return "none".into() };
    let seen = match &rescue.profiles {
        Sight::All => "*".to_owned(),
        Sight::Only(names) => names.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
    };
    let may: Vec<&str> = rescue.may.iter().map(|may| may.as_str()).collect();
    let operators: Vec<&str> = rescue.operators.iter().map(String::as_str).collect();
    let operators = if operators.is_empty() { "-".into() } else { operators.join(",") };
    format!("{seen} {} {operators}", may.join(","))
}

fn facts(profile: &Profile, config: &GatewayConfig) -> BTreeMap<String, String> {
    let supervise = &profile.supervise;
    let millis = |duration: std::time::Duration| duration.as_millis().to_string();
    let path =
        |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
    let mut facts = vec![
        ("name", profile.name.to_string()),
        ("place", if profile.remote.is_some() { "remote" } else { "local" }.into()),
        ("isolation", profile.isolation.as_str().into()),
        ("runtime", profile.runtime.as_str().into()),
        ("command", format!("{:?}", profile.command)),
        ("ready", profile.ready.as_str().into()),
        ("node", path(&profile.node)),
        ("program", path(&profile.program)),
        ("doctorOn78", profile.doctor_on_78.to_string()),
        ("passEnv", format!("{:?}", profile.pass_env)),
        ("port", profile.port.to_string()),
        ("portSource", profile.port_source.as_str().into()),
        ("bind", profile.bind.as_str().into()),
        ("tls", profile.tls.to_string()),
        ("stateDir", profile.paths.state_dir.display().to_string()),
        ("configPath", profile.paths.config_path.display().to_string()),
        ("workspace", profile.paths.workspace.display().to_string()),
        ("autostart", supervise.autostart.to_string()),
        ("restart", supervise.restart.as_str().into()),
        ("startTimeoutMs", millis(supervise.start_timeout)),
        ("stopTimeoutMs", millis(supervise.stop_timeout)),
        ("restartsPerHour", supervise.restarts_per_hour.to_string()),
        ("restartDelayMinMs", millis(supervise.restart_delay_min)),
        ("restartDelayMaxMs", millis(supervise.restart_delay_max)),
        ("stableAfterMs", millis(supervise.stable_after)),
        ("probeIntervalMs", millis(supervise.probe_interval)),
        ("hangTimeoutMs", millis(supervise.hang_timeout)),
        ("rollback", supervise.rollback.to_string()),
        ("probationMs", millis(supervise.probation)),
        ("after", format!("{:?}", supervise.after.iter().map(ToString::to_string).collect::<Vec<_>>())),
        ("memoryHighBytes", supervise.memory_high.0.to_string()),
        ("onMemoryHigh", supervise.on_memory_high.as_str().into()),
        ("alert", format!("{:?}", supervise.alert)),
        ("confine", profile.confine.as_str().into()),
        ("confineFallback", profile.confine_fallback.to_string()),
        ("rescue", rescue(profile)),
        ("includes", format!("{:?}", config.includes)),
    ];
    if let Some(remote) = &profile.remote {
        facts.extend([
            ("transport", remote.transport.as_str().into()),
            ("target", remote.target.clone().unwrap_or_default()),
            ("identity", path(&remote.identity)),
            ("hostKeyPolicy", remote.host_key_policy.as_str().into()),
            ("remotePort", remote.remote_port.to_string()),
            ("url", remote.url.as_ref().map(ToString::to_string).unwrap_or_default()),
            ("tlsFingerprint", remote.tls_fingerprint.as_ref().map(ToString::to_string).unwrap_or_default()),
        ]);
    }
    for (key, source) in [("auth token", &config.auth.token), ("auth password", &config.auth.password)] {
        facts.extend(source.as_ref().map(|source| (key, describe(source))));
    }
    facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn describe(source: &SecretSource) -> String {
    match source {
        SecretSource::Inline(_) => "inline".into(),
        SecretSource::Env(name) => format!("env {name}"),
        SecretSource::File { path, pointer } => {
            format!("file {path} {}", pointer.as_deref().unwrap_or("whole"))
        }
        SecretSource::Unsupported(what) => format!("unsupported {what}"),
    }
}

//! An `openclaw.json`, with the files that it includes behind lines of four dashes. It is read the same twice and once
//! more from what it became, a wrong value is an error that names the file and tells no secret, and what is read is
//! within the bounds that its keys have.

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use openclaw_supervisor::base::{Error, Kind, Result, Secret};
use openclaw_supervisor::profile::config::{self, GatewayConfig, SecretSource};
use openclaw_supervisor::profile::{Embedded, include, mentions};
use serde_json::Value;

/// Begins every secret of the seeds; no text of ours has it.
const CANARY: &str = "c4n4ry";
/// Between a file and the next, which is `1.json`, `2.json` and so on.
const BORDER: &str = "\n----\n";
const FOLDER: &str = "/c";

/// Holds it.
pub fn hold(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut files = text.split(BORDER);
    let (main, others) = (files.next().unwrap_or_default(), files.collect::<Vec<_>>());
    let file = Path::new(FOLDER).join("openclaw.json");
    let once = whole(main, &others, &file);
    let twice = whole(main, &others, &file);
    match (&once, &twice) {
        (Ok(a), Ok(b)) => assert_eq!(a, b),
        (Err(a), Err(b)) => assert_eq!(a.message(), b.message()),
        _ => panic!("read twice, it is another"),
    }
    match once {
        Err(error) => wrong(&error),
        Ok(tree) => understood(&tree, &file),
    }
    expanded(main);
}

/// The tree of a file with all that it includes.
fn whole(main: &str, others: &[&str], file: &Path) -> Result<Value> {
    let mut load = |folder: &Path, named: &str| {
        let path = include::include_path(folder, named, &[PathBuf::from(FOLDER)])?;
        let text =
            (1..).zip(others).find(|(number, _)| path == Path::new(FOLDER).join(format!("{number}.json")));
        let missing =
            || Error::new(Kind::Config, "config_invalid", format!("$include of {}", path.display()));
        Ok((include::read(text.ok_or_else(missing)?.1, &path)?, path))
    };
    include::expand(include::read(main, file)?, file, &mut load)
}

/// An error says which file, and nothing of what is kept secret; the name of an included file is none.
fn wrong(error: &Error) {
    assert_eq!((error.kind(), error.code()), (Kind::Config, "config_invalid"), "{error}");
    assert!(error.message().contains(FOLDER), "{error}");
    assert!(error.message().contains("$include") || !error.to_string().contains(CANARY), "{error}");
}

/// What a tree says is within bounds, and the same when the tree is written and read.
fn understood(tree: &Value, file: &Path) {
    let follow = |source: &SecretSource| {
        Ok(match source {
            SecretSource::Inline(secret) => Some(secret.clone()),
            SecretSource::Env(name) => Some(Secret::new(format!("{CANARY}-{name}"))),
            SecretSource::File { .. } | SecretSource::Unsupported(_) => None,
        })
    };
    let config = GatewayConfig::from_value(tree, file);
    let embedded = Embedded::read(tree, file, &follow);
    untold(&config, tree);
    untold(&embedded, tree);
    let again = match include::read(&tree.to_string(), file) {
        Ok(again) => again,
        // Each of several files may be nearly too deep.
        Err(error) => return assert!(error.message().contains("deeper"), "{error}"),
    };
    assert_same(&config, &GatewayConfig::from_value(&again, file));
    assert_same(&embedded, &Embedded::read(&again, file, &follow));
    mentions::secret_files(tree);
    if let Ok(config) = config {
        assert!(config.includes.is_empty(), "an include was left");
        assert!(config.port != Some(0));
        let port = &tree["gateway"]["port"];
        assert_eq!(config.port.map(f64::from), port.as_f64(), "{port}");
        for (key, known) in [("mode", config.mode.is_some()), ("bind", config.bind.is_some())] {
            let word = tree["gateway"][key].as_str().unwrap_or_default().trim();
            assert_eq!(known, !word.is_empty(), "gateway.{key}: {word}");
        }
        assert!(config.fence.rate_limit.attempts >= 1);
        let auth = &tree["gateway"]["auth"];
        let inline = auth["token"].is_string() && !auth["password"].is_object();
        assert!(!inline || !format!("{:?}", config.auth).contains(CANARY), "a secret is printed");
    }
    if let Ok(embedded) = embedded {
        let hooks = &embedded.hooks;
        assert!(
            hooks.token.is_none() || hooks.path.len() > 1 && hooks.path.starts_with('/'),
            "{}",
            hooks.path
        );
        assert!(hooks.token.as_ref().is_none_or(|token| !token.expose().trim().is_empty()));
        let telegram = &embedded.telegram;
        assert!(!telegram.owners.all, "everybody is an owner");
        assert!(telegram.accounts.is_empty() || telegram.account(&telegram.default_account).is_some());
        for token in telegram.accounts.iter().filter_map(|account| account.token.as_ref().ok()) {
            assert!(!token.expose().contains(['/', '?', '#', ' ']), "a token that leads elsewhere");
        }
    }
}

/// An error tells of keys and never of values.
fn untold<T>(read: &Result<T>, tree: &Value) {
    if let Err(error) = read {
        assert_eq!(error.code(), "config_invalid", "{error}");
        assert!(has_key(tree) || !error.to_string().contains(CANARY), "{error}");
    }
}

fn has_key(tree: &Value) -> bool {
    match tree {
        Value::Object(map) => map.iter().any(|(key, value)| key.contains(CANARY) || has_key(value)),
        Value::Array(items) => items.iter().any(has_key),
        _ => false,
    }
}

fn assert_same<T: Debug>(a: &Result<T>, b: &Result<T>) {
    match (a, b) {
        (Ok(a), Ok(b)) => assert_eq!(format!("{a:?}"), format!("{b:?}")),
        (Err(a), Err(b)) => assert_eq!(a.message(), b.message()),
        _ => panic!("{a:?} became {b:?}"),
    }
}

/// Variables in a text: only what can be one is asked for, and a text without any stays.
fn expanded(text: &str) {
    let found = config::expand(text, |name| {
        assert!(config::is_variable(name), "{name}");
        Some(Secret::new(""))
    });
    assert!(found.is_some_and(|found| found.len() <= text.len()));
    assert!(text.contains("${") || config::expand(text, |_| None).as_deref() == Some(text));
}

//! Following a configuration's reference to a secret: a variable, or a file that is read through the way that
//! was handed in. What only the real program can ask (its own store, commands) is named, never guessed.

use std::path::Path;

use serde_json::Value;

use crate::base::{Error, Kind, Result, Secret};
use crate::profile::config::{GatewayConfig, SecretSource};
use crate::profile::environment::{Environment, expand_tilde};

/// The secret that `source` refers to; `None` when the variable is not set or the file does not exist.
///
/// # Errors
/// When the file cannot be read, is no JSON although a pointer into it is given, or has nothing there.
pub fn look_up(
    source: &SecretSource,
    config: &GatewayConfig,
    environment: &Environment,
    read: fn(&Path) -> Result<Option<String>>,
) -> Result<Option<Secret>> {
    match source {
        SecretSource::Inline(secret) => Ok(Some(secret.clone())),
        SecretSource::Env(name) => Ok(config.variable(name, environment)),
        SecretSource::Unsupported(_) => Ok(None),
        SecretSource::File { path, pointer } => {
            let Some(path) = expand_tilde(path, &environment.user_home()?) else { return Ok(None) };
            match (read(&path)?, pointer) {
                (None, _) => Ok(None),
                (Some(text), None) => Ok(Some(Secret::new(text.trim_end_matches(['\r', '\n'])))),
                (Some(text), Some(pointer)) => at_pointer(&text, pointer, &path).map(Some),
            }
        }
    }
}

fn at_pointer(text: &str, pointer: &str, path: &Path) -> Result<Secret> {
    let invalid = |why: String| {
        Error::new(Kind::Config, "credential_missing", format!("{}: {why}", path.display()))
            .remedy("correct the secret reference in openclaw.json")
    };
    // The parser's own message may quote the file, which holds secrets.
    let tree: Value = serde_json::from_str(text).map_err(|_| invalid("it is no JSON".into()))?;
    let found = tree.pointer(pointer).and_then(Value::as_str);
    found.map(Secret::new).ok_or_else(|| invalid(format!("there is no text at {pointer}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> Result<Option<String>> {
        Ok(match path.to_str() {
            Some("/home/ana/plain") => Some("s3cret\n".into()),
            Some("/secrets.json") => Some(r#"{"gateway": {"token": "t0ken"}}"#.into()),
            _ => None,
        })
    }

    fn found(source: SecretSource) -> Result<Option<String>> {
        let environment = Environment::from_pairs([("HOME", "/home/ana"), ("WORK_TOKEN", "fr0m-env")]);
        let secret = look_up(&source, &GatewayConfig::default(), &environment, read)?;
        Ok(secret.map(|secret| secret.expose().to_owned()))
    }

    #[test]
    fn variables_files_and_pointers_are_followed() {
        let file = |path: &str, pointer: Option<&str>| SecretSource::File {
            path: path.into(),
            pointer: pointer.map(str::to_owned),
        };
        assert_eq!(found(SecretSource::Env("WORK_TOKEN".into())).unwrap().as_deref(), Some("fr0m-env"));
        assert_eq!(found(SecretSource::Env("NOT_SET".into())).unwrap(), None);
        assert_eq!(found(file("~/plain", None)).unwrap().as_deref(), Some("s3cret"));
        assert_eq!(found(file("/none", None)).unwrap(), None);
        let pointed = found(file("/secrets.json", Some("/gateway/token"))).unwrap();
        assert_eq!(pointed.as_deref(), Some("t0ken"));
        assert_eq!(found(file("/secrets.json", Some("/nothing"))).unwrap_err().code(), "credential_missing");
        let error = found(file("~/plain", Some("/x"))).unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}

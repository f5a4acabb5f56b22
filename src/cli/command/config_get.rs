//! `config get`: the running gateway's configuration, or one value of it. The gateway blanks its secrets; what
//! it might have missed is blanked once more here.

use serde_json::{Value, json};

use crate::base::{Error, Kind, Result};
use crate::cli::Context;
use crate::cli::args::Config;
use crate::cli::line::ask;

/// What stands where a secret was, as the gateway writes it.
const REDACTED: &str = "__OPENCLAW_REDACTED__";

/// Ends of keys whose values are secrets.
const SECRET_KEYS: [&str; 6] = ["token", "password", "secret", "apikey", "privatekey", "passphrase"];

/// Runs one of them.
pub async fn run(context: &Context, command: &Config) -> Result<()> {
    let Config::Get { path } = command;
    let mut answer = ask(context, "config.get", json!({})).await?;
    // As in the real program: what the files say, without the defaults that the gateway added.
    let key = if answer["parsed"].is_object() { "parsed" } else { "config" };
    let mut found = answer[key].take();
    if let Some(path) = path {
        found = at(&mut found, path)?;
    }
    redact(&mut found, path.as_deref().is_some_and(is_secret));
    match &found {
        _ if context.render.is_json() => context.render.document(&found),
        Value::String(text) => context.render.report(text),
        Value::Object(_) | Value::Array(_) => context.render.document(&found),
        plain => context.render.report(&plain.to_string()),
    }
    Ok(())
}

/// The value at `path`: names between dots, numbers in brackets or between dots.
fn at(tree: &mut Value, path: &str) -> Result<Value> {
    let missing = || {
        Error::new(Kind::Failed, "config_path_missing", format!("the gateway's configuration has no {path}"))
            .remedy("see all of it: openclaw config get")
    };
    let mut value = tree;
    for step in path.replace('[', ".").replace(']', "").split('.').filter(|step| !step.is_empty()) {
        value = match value {
            Value::Array(items) => step.parse().ok().and_then(|at: usize| items.get_mut(at)),
            Value::Object(keys) => keys.get_mut(step),
            _ => None,
        }
        .ok_or_else(missing)?;
    }
    Ok(value.take())
}

/// Whether the last name of a path is one of a secret.
fn is_secret(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path).to_ascii_lowercase().replace(['_', '-'], "");
    SECRET_KEYS.iter().any(|end| last.ends_with(end))
}

/// Blanks every text under a key of a secret; `secret` says that `value` itself stands under one.
fn redact(value: &mut Value, secret: bool) {
    match value {
        Value::String(text) if secret && !text.is_empty() => REDACTED.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, secret)),
        // A reference (`{source, provider, id}`) names where a secret is kept, and is none.
        Value::Object(keys) => keys.iter_mut().for_each(|(key, value)| redact(value, is_secret(key))),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_value() {
        let tree = json!({"a": {"b": [{"c": 1}, {"c": 2}]}});
        for (path, value) in [("a.b[1].c", json!(2)), ("a.b.0.c", json!(1)), ("a.b[0]", json!({"c": 1}))] {
            assert_eq!(at(&mut tree.clone(), path).unwrap(), value, "{path}");
        }
        for path in ["x", "a.b.c", "a.b[7]", "a.b[1].c.d"] {
            assert_eq!(at(&mut tree.clone(), path).unwrap_err().code(), "config_path_missing", "{path}");
        }
    }

    #[test]
    fn what_a_gateway_forgot_to_blank_is_blanked() {
        let mut tree = json!({"auth": {"token": "t", "mode": "token"}, "botToken": "b", "tokens": 5,
            "list": [{"api_key": "k"}], "password": {"source": "env", "id": "PW"}});
        redact(&mut tree, false);
        assert_eq!(
            tree,
            json!({"auth": {"token": REDACTED, "mode": "token"}, "botToken": REDACTED, "tokens": 5,
                "list": [{"api_key": REDACTED}], "password": {"source": "env", "id": "PW"}})
        );
        let mut alone = json!("t");
        redact(&mut alone, is_secret("gateway.auth.token"));
        assert_eq!(alone, REDACTED);
    }
}

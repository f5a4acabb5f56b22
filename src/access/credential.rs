//! Which credential goes to a profile's gateway (OPENCLAW.md 7.2, INCIDENTS E4). The order of the real CLI, but for one
//! step: `gateway.remote.*` was kept for another machine and never goes to this one, `gateway.auth.*` never to another.

use std::fmt;
use std::path::Path;

use crate::base::port::DEFAULT_PORT;
use crate::base::{Error, Kind, Result, Secret};
use crate::profile::config::{AuthMode, GatewayConfig, Mode, SecretSource, is_variable};
use crate::profile::remote::Remote;
use crate::profile::tunnel::SshTarget;
use crate::profile::{Environment, GatewayUrl};

/// Texts that stand where a secret was meant: what scripts leave behind, and what the real CLI prints in its place.
const PLACEHOLDERS: [&str; 4] = ["", "undefined", "null", "__OPENCLAW_REDACTED__"];

/// Fetches what a configuration refers to; `None` when there is nothing.
pub type Lookup<'a> = dyn Fn(&SecretSource) -> Result<Option<Secret>> + 'a;

/// A credential and where it was found.
pub type Found = (Credential, CredentialSource);

/// What is shown to a gateway.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A shared token.
    Token(Secret),
    /// A shared password.
    Password(Secret),
    /// Nothing.
    None,
}

impl Credential {
    /// The token, if it is one.
    pub fn token(&self) -> Option<&Secret> {
        match self {
            Credential::Token(token) => Some(token),
            Credential::Password(_) | Credential::None => None,
        }
    }

    /// The password, if it is one.
    pub fn password(&self) -> Option<&Secret> {
        match self {
            Credential::Password(password) => Some(password),
            Credential::Token(_) | Credential::None => None,
        }
    }
}

/// The variable of the shared token.
const TOKEN: &str = "OPENCLAW_GATEWAY_TOKEN";
/// The variable of the shared password.
const PASSWORD: &str = "OPENCLAW_GATEWAY_PASSWORD";

/// Where a credential was found, in words; never its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialSource(String);

impl CredentialSource {
    /// A source that is described by `text`.
    pub fn new(text: impl Into<String>) -> Self {
        CredentialSource(text.into())
    }
}

impl fmt::Display for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One kind of credential: where it may be.
struct Places<'a> {
    key: &'static str,
    config: Option<&'a SecretSource>,
    variable: &'static str,
}

/// The credential for the profile's own gateway. `own_env` says whether the environment's `OPENCLAW_*` variables are
/// this profile's (`profile::own_env`); `lookup` fetches what the configuration refers to.
///
/// # Errors
/// [`Kind::Config`]: code `credential_placeholder` for a text that only stands in for a secret, `credential_missing`
/// for a reference that leads to nothing, `credential_unsupported` for one that only the real program can follow; and
/// what `lookup` returns.
pub fn for_local(
    config: &GatewayConfig,
    env: &Environment,
    own_env: bool,
    lookup: &Lookup<'_>,
) -> Result<Found> {
    let auth = &config.auth;
    let token = Places { key: "gateway.auth.token", config: auth.token.as_ref(), variable: TOKEN };
    let password =
        Places { key: "gateway.auth.password", config: auth.password.as_ref(), variable: PASSWORD };
    let env = own_env.then_some(env);
    let found = match auth.mode {
        Some(AuthMode::None) => {
            return Ok((Credential::None, CredentialSource::new("gateway.auth.mode none")));
        }
        Some(AuthMode::TrustedProxy) => None,
        Some(AuthMode::Token) => as_token(token.find(env, lookup)?),
        Some(AuthMode::Password) => as_password(password.find(env, lookup)?),
        None => match as_token(token.find(env, lookup)?) {
            Some(found) => Some(found),
            None => as_password(password.find(env, lookup)?),
        },
    };
    Ok(found.unwrap_or_else(nothing))
}

/// The credential for the remote gateway at `remote`. What `gateway.remote` keeps goes there only when it names the
/// same place; `own_env` and `lookup` as for [`for_local`].
///
/// # Errors
/// As [`for_local`].
pub fn for_remote(
    remote: &Remote,
    config: &GatewayConfig,
    env: &Environment,
    own_env: bool,
    lookup: &Lookup<'_>,
) -> Result<Found> {
    let from_file = |key: &str, path: &Path| -> Result<(Secret, CredentialSource)> {
        let source = SecretSource::File { path: path.display().to_string(), pointer: None };
        let secret = check(key, fetch(key, &source, lookup)?)?;
        Ok((secret, CredentialSource::new(format!("manifest {key} ({})", path.display()))))
    };
    if let Some(path) = &remote.token_file {
        return from_file("remote.token_file", path)
            .map(|(secret, place)| (Credential::Token(secret), place));
    }
    if let Some(path) = &remote.password_file {
        let found = from_file("remote.password_file", path);
        return found.map(|(secret, place)| (Credential::Password(secret), place));
    }
    let env = own_env.then_some(env);
    let kept = Some(&config.remote).filter(|_| is_same_place(remote, config));
    let token = kept.and_then(|kept| kept.token.as_ref());
    let token = Places { key: "gateway.remote.token", config: token, variable: TOKEN };
    if let Some(found) = as_token(token.find(env, lookup)?) {
        return Ok(found);
    }
    // The real CLI asks the environment first here, and only here.
    let exported = Places { key: "", config: None, variable: PASSWORD };
    if let Some(found) = as_password(exported.find(env, lookup)?) {
        return Ok(found);
    }
    let password = kept.and_then(|kept| kept.password.as_ref());
    let password = Places { key: "gateway.remote.password", config: password, variable: PASSWORD };
    Ok(as_password(password.find(None, lookup)?).unwrap_or_else(nothing))
}

/// The credential that stands in the environment, for a URL from the environment.
///
/// # Errors
/// [`Kind::Config`], code `credential_placeholder`.
pub fn for_environment(env: &Environment) -> Result<Option<Found>> {
    let nowhere = |_: &SecretSource| Ok(None);
    let token = Places { key: "", config: None, variable: TOKEN };
    if let Some(found) = as_token(token.find(Some(env), &nowhere)?) {
        return Ok(Some(found));
    }
    let password = Places { key: "", config: None, variable: PASSWORD };
    Ok(as_password(password.find(Some(env), &nowhere)?))
}

/// Whether `gateway.remote` of the configuration describes the link that is used; a manifest may have moved it.
fn is_same_place(remote: &Remote, config: &GatewayConfig) -> bool {
    let kept = &config.remote;
    let is_same = match &remote.url {
        Some(used) => {
            kept.url.as_deref().and_then(|url| url.parse::<GatewayUrl>().ok()).as_ref() == Some(used)
        }
        None => kept.ssh_target.as_deref().and_then(|text| text.parse::<SshTarget>().ok()).is_some_and(
            |kept_at| {
                remote.target.as_ref() == Some(&kept_at.destination)
                    && remote.ssh_port == kept_at.port
                    && remote.remote_port == kept.remote_port.unwrap_or(DEFAULT_PORT)
            },
        ),
    };
    config.mode == Some(Mode::Remote) && is_same
}

fn as_token(found: Option<(Secret, CredentialSource)>) -> Option<Found> {
    found.map(|(secret, source)| (Credential::Token(secret), source))
}

fn as_password(found: Option<(Secret, CredentialSource)>) -> Option<Found> {
    found.map(|(secret, source)| (Credential::Password(secret), source))
}

fn nothing() -> Found {
    (Credential::None, CredentialSource::new("nothing configured"))
}

impl Places<'_> {
    /// The configuration's secret, else the environment's.
    fn find(
        &self,
        env: Option<&Environment>,
        lookup: &Lookup<'_>,
    ) -> Result<Option<(Secret, CredentialSource)>> {
        if let Some(source) = self.config {
            let secret = fetch(self.key, source, lookup)?;
            return Ok(Some((check(self.key, secret)?, CredentialSource::new(describe(self.key, source)))));
        }
        let Some(value) = env.and_then(|env| env.raw(self.variable)).filter(|value| !value.trim().is_empty())
        else {
            return Ok(None);
        };
        let secret = check(self.variable, Secret::new(value))?;
        Ok(Some((secret, CredentialSource::new(format!("env {}", self.variable)))))
    }
}

/// Fetches what a configuration key refers to.
///
/// # Errors
/// As [`for_local`].
pub fn fetch(key: &str, source: &SecretSource, lookup: &Lookup<'_>) -> Result<Secret> {
    let refused =
        |code, what: String, remedy: String| Err(Error::new(Kind::Config, code, what).remedy(remedy));
    match source {
        SecretSource::Inline(secret) => Ok(secret.clone()),
        SecretSource::Unsupported(what) => refused(
            "credential_unsupported",
            format!("{key} is {what}, which only the real OpenClaw can read"),
            format!(
                "pass the secret by --token-file or --password-file, or let {key} refer to a variable or file"
            ),
        ),
        SecretSource::Env(name) => match lookup(source)? {
            Some(secret) => Ok(secret),
            None => refused(
                "credential_missing",
                format!("{key} refers to ${{{name}}}, which is not set"),
                format!("set {name}, or change {key} in openclaw.json"),
            ),
        },
        SecretSource::File { path, .. } => match lookup(source)? {
            Some(secret) => Ok(secret),
            None => refused(
                "credential_missing",
                format!("{key} refers to {path}, which holds no such secret"),
                format!("mend {path}, or change {key} in openclaw.json"),
            ),
        },
    }
}

/// The secret without the line end that editors and `echo` leave behind it.
///
/// # Errors
/// [`Kind::Config`], code `credential_placeholder`, naming `place`, for a text that is no secret.
pub fn check(place: &str, secret: Secret) -> Result<Secret> {
    let text = secret.expose().trim();
    let variable = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let what = match variable {
        Some(name) if is_variable(&name.to_ascii_uppercase()) => {
            format!("{place} is the unexpanded text ${{{name}}}")
        }
        _ if text.is_empty() => format!("{place} is empty"),
        _ if PLACEHOLDERS.contains(&text) => format!("{place} is the literal text `{text}`, not a secret"),
        _ if text.len() == secret.expose().len() => return Ok(secret),
        _ => return Ok(Secret::new(text)),
    };
    Err(Error::new(Kind::Config, "credential_placeholder", what)
        .remedy(format!("put the real secret into {place}, or remove it")))
}

fn describe(key: &str, source: &SecretSource) -> String {
    match source {
        SecretSource::Env(name) => format!("config {key} (${{{name}}})"),
        SecretSource::File { path, .. } => format!("config {key} (file {path})"),
        SecretSource::Inline(_) | SecretSource::Unsupported(_) => format!("config {key}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: [(&str, &str); 2] =
        [("OPENCLAW_GATEWAY_TOKEN", "env-token"), ("OPENCLAW_GATEWAY_PASSWORD", "env-password")];

    fn found(auth: &str, pairs: &[(&str, &str)], own_env: bool) -> Result<(String, String)> {
        let text = format!(
            "{{gateway: {{auth: {auth}, remote: {{token: 'far', password: 'far'}}}},
            secrets: {{providers: {{f: {{source: 'file', path: '~/s.json'}}}}}}}}"
        );
        let config = GatewayConfig::parse(&text, Path::new("openclaw.json"))?;
        let env = Environment::from_pairs(pairs.iter().copied());
        let lookup = |source: &SecretSource| match source {
            SecretSource::Env(name) => Ok(env.raw(name).map(Secret::new)),
            SecretSource::File { pointer, .. } => Ok(pointer.as_deref().map(|_| Secret::new("filed"))),
            SecretSource::Inline(_) | SecretSource::Unsupported(_) => Ok(None),
        };
        let (credential, source) = for_local(&config, &env, own_env, &lookup)?;
        let shown = match credential {
            Credential::Token(secret) => format!("token {}", secret.expose()),
            Credential::Password(secret) => format!("password {}", secret.expose()),
            Credential::None => "none".into(),
        };
        Ok((shown, source.to_string()))
    }

    #[test]
    fn the_configuration_comes_first_then_ones_own_environment_and_never_the_remote_ones() {
        let file_ref = "{token: {source: 'file', provider: 'f', id: '/t'}}";
        for (auth, env, own, credential, source) in [
            ("{token: 'a'}", &OWN[..], true, "token a", "config gateway.auth.token"),
            ("{token: 'a', password: 'b'}", &OWN, true, "token a", "config gateway.auth.token"),
            ("{password: 'b'}", &[], true, "password b", "config gateway.auth.password"),
            ("{}", &OWN, true, "token env-token", "env OPENCLAW_GATEWAY_TOKEN"),
            ("{}", &OWN, false, "none", "nothing configured"),
            ("{}", &OWN[1..], true, "password env-password", "env OPENCLAW_GATEWAY_PASSWORD"),
            (
                "{mode: 'password', token: 'a'}",
                &OWN,
                true,
                "password env-password",
                "env OPENCLAW_GATEWAY_PASSWORD",
            ),
            ("{mode: 'token', password: 'b'}", &[], true, "none", "nothing configured"),
            ("{mode: 'none', token: 'a'}", &OWN, true, "none", "gateway.auth.mode none"),
            ("{mode: 'trusted-proxy', token: 'a'}", &OWN, true, "none", "nothing configured"),
            ("{token: '${T}'}", &[("T", "v")], false, "token v", "config gateway.auth.token (${T})"),
            (file_ref, &[], true, "token filed", "config gateway.auth.token (file ~/s.json)"),
            ("{token: 'a\\n'}", &[], true, "token a", "config gateway.auth.token"),
        ] {
            assert_eq!(found(auth, env, own).unwrap(), (credential.into(), source.into()), "{auth}");
        }
    }

    #[test]
    fn what_is_no_secret_is_refused_by_the_name_of_its_place() {
        let undefined = [("OPENCLAW_GATEWAY_TOKEN", "undefined"), ("T", "null")];
        for (auth, env, code, place) in [
            ("{token: 'undefined'}", &[][..], "credential_placeholder", "gateway.auth.token"),
            ("{token: 'null '}", &[], "credential_placeholder", "gateway.auth.token"),
            ("{token: ''}", &OWN, "credential_placeholder", "gateway.auth.token"),
            ("{password: '__OPENCLAW_REDACTED__'}", &[], "credential_placeholder", "gateway.auth.password"),
            ("{token: '${x}'}", &[], "credential_placeholder", "gateway.auth.token"),
            ("{token: '$${X}'}", &[], "credential_placeholder", "gateway.auth.token"),
            ("{}", &undefined[..1], "credential_placeholder", "OPENCLAW_GATEWAY_TOKEN"),
            ("{token: '${T}'}", &undefined, "credential_placeholder", "gateway.auth.token"),
            ("{token: '${T}'}", &OWN, "credential_missing", "gateway.auth.token"),
            ("{token: 'a${T}'}", &OWN, "credential_unsupported", "gateway.auth.token"),
            (
                "{token: {source: 'exec', provider: 'p', id: 'i'}}",
                &OWN,
                "credential_unsupported",
                "gateway.auth.token",
            ),
            (
                "{token: {source: 'file', provider: 'x', id: '/t'}}",
                &OWN,
                "credential_unsupported",
                "gateway.auth.token",
            ),
            (
                "{token: {source: 'file', provider: 'f', id: 'value'}}",
                &OWN,
                "credential_missing",
                "gateway.auth.token",
            ),
        ] {
            let error = found(auth, env, true).unwrap_err();
            assert_eq!((error.kind(), error.code()), (Kind::Config, code), "{auth}");
            assert!(error.message().starts_with(place), "{error}");
        }
    }
}

//! The part of a profile's `openclaw.json` that this program needs: `gateway.*`, the workspace, and where secrets
//! are kept (OPENCLAW.md 8.2, 8.3). The real program owns the schema: keys that are not named here are none of
//! our business, and a wrong value in one that is named is refused by its name.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::resolved::{HostKeyPolicy, Transport, words};
use super::tailscale::TailscaleMode;
use super::{Environment, Fence, PageRules, include};
use crate::base::{Result, Secret};

/// The keys of the file below which is everything that [`GatewayConfig::from_value`] looks at, in a file that includes
/// no other.
pub(super) const PARTS: [&str; 4] = ["agents", "env", "gateway", "secrets"];

words! {
    /// `gateway.mode`.
    Mode {
        /// The gateway runs here.
        Local = "local",
        /// The gateway runs elsewhere; here are only clients.
        Remote = "remote",
    }
}

words! {
    /// `gateway.bind`: which addresses a gateway listens on.
    Bind {
        /// 127.0.0.1 and ::1.
        Loopback = "loopback",
        /// Whatever the real program thinks best; in a container that is every address.
        Auto = "auto",
        /// Every address.
        Lan = "lan",
        /// The tailnet's address.
        Tailnet = "tailnet",
        /// The one in `gateway.customBindHost`.
        Custom = "custom",
    }
}

words! {
    /// `gateway.auth.mode`.
    AuthMode {
        /// Nobody is asked.
        None = "none",
        /// A shared token.
        Token = "token",
        /// A shared password.
        Password = "password",
        /// A proxy in front has asked already.
        TrustedProxy = "trusted-proxy",
    }
}

/// Where a secret is to be had.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// It stands in the file itself.
    Inline(Secret),
    /// In this variable.
    Env(String),
    /// In this file, at this JSON pointer; without one, the whole file is the secret.
    File {
        /// As written, a leading `~` is the home.
        path: String,
        /// For example `/gateway/token`.
        pointer: Option<String>,
    },
    /// Somewhere that only the real program can ask; in words.
    Unsupported(String),
}

/// `gateway.auth`.
#[derive(Clone, Debug, Default)]
pub struct AuthConfig {
    /// How clients are asked; inferred from what is set when absent.
    pub mode: Option<AuthMode>,
    /// The shared token.
    pub token: Option<SecretSource>,
    /// The shared password.
    pub password: Option<SecretSource>,
    /// Whether the identity that Tailscale states may stand for the credential; not when absent.
    pub allow_tailscale: Option<bool>,
}

/// `gateway.remote`.
#[derive(Clone, Debug, Default)]
pub struct RemoteConfig {
    /// Where the gateway answers.
    pub url: Option<String>,
    /// The remote gateway's token.
    pub token: Option<SecretSource>,
    /// The remote gateway's password.
    pub password: Option<SecretSource>,
    /// The certificate's SHA-256, as written.
    pub tls_fingerprint: Option<String>,
    /// By tunnel or directly.
    pub transport: Option<Transport>,
    /// `user@host`.
    pub ssh_target: Option<String>,
    /// The SSH key file.
    pub ssh_identity: Option<String>,
    /// Who decides about an unknown host key.
    pub ssh_host_key_policy: Option<HostKeyPolicy>,
    /// The gateway's port on the other machine.
    pub remote_port: Option<u16>,
}

/// `gateway.tls`.
#[derive(Clone, Debug, Default)]
pub struct TlsConfig {
    /// Whether the port speaks TLS only.
    pub enabled: bool,
    /// The certificate, as written.
    pub cert_path: Option<String>,
    /// Its key, as written.
    pub key_path: Option<String>,
    /// Further certificates, as written.
    pub ca_path: Option<String>,
    /// Whether the gateway may make its certificate.
    pub auto_generate: Option<bool>,
}

/// What this program needs of an `openclaw.json`; the default stands for "there is no such file".
#[derive(Clone, Debug, Default)]
pub struct GatewayConfig {
    /// `gateway.mode`.
    pub mode: Option<Mode>,
    /// `gateway.port`, 1 to 65535.
    pub port: Option<u16>,
    /// `gateway.bind`.
    pub bind: Option<Bind>,
    /// `gateway.customBindHost`.
    pub custom_bind_host: Option<String>,
    /// `gateway.auth`.
    pub auth: AuthConfig,
    /// `gateway.remote`.
    pub remote: RemoteConfig,
    /// `gateway.tls`.
    pub tls: TlsConfig,
    /// `gateway.tailscale.mode`.
    pub tailscale: Option<TailscaleMode>,
    /// Who may come in beside the credential itself.
    pub fence: Fence,
    /// Where the page stands.
    pub page: PageRules,
    /// `agents.defaults.workspace`, as written.
    pub workspace: Option<String>,
    /// Variables that the file itself defines (`env.*`, `env.vars.*`); they never override existing ones.
    pub env: BTreeMap<String, Secret>,
    /// Files named by `$include` that are not merged in yet.
    pub includes: Vec<String>,
}

impl GatewayConfig {
    /// Reads an `openclaw.json`; `file` is how errors speak of it. `$include` is noted; [`include::expand`] follows it.
    ///
    /// # Errors
    /// [`crate::base::Kind::Config`], code `config_invalid`: broken JSON5 with file, line and column, or a wrong value with its
    /// key. A file that cannot be understood is never taken for an empty one.
    pub fn parse(text: &str, file: &Path) -> Result<GatewayConfig> {
        GatewayConfig::from_value(&include::read(text, file)?, file)
    }

    /// Reads the tree of an `openclaw.json`.
    ///
    /// # Errors
    /// As [`GatewayConfig::parse`].
    pub fn from_value(root: &Value, file: &Path) -> Result<GatewayConfig> {
        let gateway = Node::root(file, "gateway", root).object()?;
        let remote = gateway.child("remote").object()?;
        let tls = gateway.child("tls").object()?;
        let auth = gateway.child("auth").object()?;
        let secrets = root.get("secrets").and_then(|secrets| secrets.get("providers"));
        let agents = Node::root(file, "agents", root).object()?;
        Ok(GatewayConfig {
            mode: gateway.child("mode").word(&Mode::WORDS)?,
            port: gateway.child("port").port()?,
            bind: gateway.child("bind").word(&Bind::WORDS)?,
            custom_bind_host: gateway.child("customBindHost").text()?,
            auth: AuthConfig {
                mode: auth.child("mode").word(&AuthMode::WORDS)?,
                token: auth.child("token").secret(secrets)?,
                password: auth.child("password").secret(secrets)?,
                allow_tailscale: auth.child("allowTailscale").boolean()?,
            },
            tailscale: gateway.child("tailscale").object()?.child("mode").word(&TailscaleMode::WORDS)?,
            remote: RemoteConfig {
                url: remote.child("url").text()?,
                token: remote.child("token").secret(secrets)?,
                password: remote.child("password").secret(secrets)?,
                tls_fingerprint: remote.child("tlsFingerprint").text()?,
                transport: remote.child("transport").word(&Transport::WORDS)?,
                ssh_target: remote.child("sshTarget").text()?,
                ssh_identity: remote.child("sshIdentity").text()?,
                ssh_host_key_policy: remote.child("sshHostKeyPolicy").word(&HostKeyPolicy::WORDS)?,
                remote_port: remote.child("remotePort").port()?,
            },
            tls: TlsConfig {
                enabled: tls.child("enabled").boolean()?.unwrap_or(false),
                cert_path: tls.child("certPath").text()?,
                key_path: tls.child("keyPath").text()?,
                ca_path: tls.child("caPath").text()?,
                auto_generate: tls.child("autoGenerate").boolean()?,
            },
            fence: Fence::read(&gateway, &auth)?,
            page: PageRules::read(&gateway)?,
            workspace: agents.child("defaults").object()?.child("workspace").text()?,
            env: variables(root.get("env")),
            includes: include::includes(root),
        })
    }
}

impl GatewayConfig {
    /// A variable as the configuration may refer to it: the environment's, else its own definition.
    pub fn variable(&self, name: &str, env: &Environment) -> Option<Secret> {
        env.get(name).map(Secret::new).or_else(|| self.env.get(name).cloned())
    }

    /// A text with every `${NAME}` replaced and `$${NAME}` made plain; what is not set stays, as in the real program.
    pub fn expand(&self, text: &str, env: &Environment) -> String {
        let kept =
            |name: &str| self.variable(name, env).or_else(|| Some(Secret::new(format!("${{{name}}}"))));
        expand(text, kept).unwrap_or_default()
    }
}

/// A text with every `${NAME}` replaced by what `value` gives and `$${NAME}` made plain; `None` where it gives nothing.
/// What is no name of a variable stays as it is (OPENCLAW.md 8.3).
pub fn expand(text: &str, value: impl Fn(&str) -> Option<Secret>) -> Option<String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, token) = rest.split_at(at);
        expanded.push_str(before);
        rest = if let Some((name, behind)) = reference(&token[1..]) {
            expanded.push_str(&format!("${{{name}}}"));
            behind
        } else if let Some((name, behind)) = reference(token) {
            expanded.push_str(value(name)?.expose());
            behind
        } else {
            expanded.push('$');
            &token[1..]
        };
    }
    expanded.push_str(rest);
    Some(expanded)
}

/// The name in the `${NAME}` that a text begins with, and what stands behind it.
fn reference(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix("${")?.split_once('}').filter(|(name, _)| is_variable(name))
}

/// `env.NAME` and `env.vars.NAME`, where they are texts.
fn variables(env: Option<&Value>) -> BTreeMap<String, Secret> {
    let own = env.and_then(Value::as_object).into_iter().flatten();
    let vars = env.and_then(|env| env.get("vars")).and_then(Value::as_object).into_iter().flatten();
    own.chain(vars).filter_map(|(name, value)| Some((name.clone(), Secret::new(value.as_str()?)))).collect()
}

/// One place in the tree, with the path under which errors speak of it.
pub(super) struct Node<'a> {
    file: &'a Path,
    pub(super) path: String,
    value: Option<&'a Value>,
}

impl<'a> Node<'a> {
    /// The part `key` of a whole file.
    pub(super) fn root(file: &'a Path, key: &str, root: &'a Value) -> Node<'a> {
        Node { file, path: key.into(), value: root.get(key) }
    }

    pub(super) fn child(&self, key: &str) -> Node<'a> {
        let value =
            self.value.and_then(|value| value.get(key).or_else(|| value.get(key.parse::<usize>().ok()?)));
        Node { file: self.file, path: format!("{}.{key}", self.path), value }
    }

    pub(super) fn value(&self) -> Option<&'a Value> {
        self.value
    }

    pub(super) fn object(self) -> Result<Node<'a>> {
        match self.value {
            None | Some(Value::Object(_)) => Ok(self),
            Some(_) => Err(self.wrong("an object in braces")),
        }
    }

    pub(super) fn text(&self) -> Result<Option<String>> {
        match self.value {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
            Some(_) => Err(self.wrong("a text")),
        }
    }

    pub(super) fn boolean(&self) -> Result<Option<bool>> {
        self.value.map(|value| value.as_bool().ok_or_else(|| self.wrong("true or false"))).transpose()
    }

    fn port(&self) -> Result<Option<u16>> {
        let Some(value) = self.value else { return Ok(None) };
        // JavaScript does not tell 18789.0 from 18789.
        let number = value.as_u64().or_else(|| {
            let number = value.as_f64().filter(|number| number.fract() == 0.0)?;
            (0.0..65536.0).contains(&number).then_some(number as u64)
        });
        match number.and_then(|number| u16::try_from(number).ok()) {
            Some(port) if port > 0 => Ok(Some(port)),
            _ => Err(self.wrong("a port from 1 to 65535")),
        }
    }

    pub(super) fn word<T: Copy>(&self, words: &[(&'static str, T)]) -> Result<Option<T>> {
        let Some(text) = self.text()? else { return Ok(None) };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => {
                let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                Err(self.wrong(&format!("one of {}", all.join(", "))))
            }
        }
    }

    pub(super) fn secret(&self, providers: Option<&Value>) -> Result<Option<SecretSource>> {
        match self.value {
            None => Ok(None),
            Some(value) => match source_of(value, providers) {
                Some(source) => Ok(Some(source)),
                None => Err(self.wrong("a text or a secret reference")),
            },
        }
    }

    /// Says what was expected, never what was found: it may be a secret in the wrong place.
    pub(super) fn wrong(&self, expected: &str) -> crate::base::Error {
        include::invalid(self.file, None, format!("`{}` must be {expected}", self.path))
    }
}

/// Where the secret is to be had that `value` stands for, with the file's own `secrets.providers`; `None` when it is
/// neither a text nor a reference.
pub(super) fn source_of(value: &Value, providers: Option<&Value>) -> Option<SecretSource> {
    match value {
        Value::String(text) => Some(inline(text)),
        Value::Object(_) => Some(referred(value, providers)),
        _ => None,
    }
}

/// A text in the place of a secret: `${NAME}` is a variable, anything else itself, with what is escaped made plain.
fn inline(text: &str) -> SecretSource {
    match (reference(text), expand(text, |_| None)) {
        (Some((name, "")), _) => SecretSource::Env(name.to_owned()),
        (_, Some(plain)) => SecretSource::Inline(Secret::new(plain)),
        (_, None) => SecretSource::Unsupported("a text with a variable inside".into()),
    }
}

/// A secret reference: `{source, provider, id}`.
fn referred(reference: &Value, providers: Option<&Value>) -> SecretSource {
    let part = |key: &str| reference.get(key).and_then(Value::as_str).unwrap_or_default();
    let (source, provider, id) = (part("source"), part("provider"), part("id"));
    match source {
        "env" if is_variable(id) => SecretSource::Env(id.to_owned()),
        "file" => {
            let path = providers.and_then(|all| all.get(provider)).and_then(|provider| provider.get("path"));
            match path.and_then(Value::as_str) {
                Some(path) => SecretSource::File {
                    path: path.to_owned(),
                    pointer: Some(id.to_owned()).filter(|id| id != "value"),
                },
                None => SecretSource::Unsupported(format!("file provider `{provider}` without a path")),
            }
        }
        "exec" | "store" => SecretSource::Unsupported(format!("{source} provider `{provider}`")),
        _ => SecretSource::Unsupported("a secret reference of an unknown form".into()),
    }
}

/// Names that the real program expands: upper-case letters, digits and `_`.
pub fn is_variable(name: &str) -> bool {
    let mut letters = name.bytes();
    letters.next().is_some_and(|first| first.is_ascii_uppercase() || first == b'_')
        && letters.all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_variables_are_replaced_and_nothing_else() {
        let value = |name: &str| (name == "B").then(|| Secret::new("b"));
        for (text, expected) in [
            ("x${B}y${B}", Some("xbyb")),
            ("$${B}", Some("${B}")),
            ("$$${B}", Some("$${B}")),
            ("${a${B}", Some("${ab")),
            ("$${lower} ${lower} ${ $ $$ ${}", Some("$${lower} ${lower} ${ $ $$ ${}")),
            ("${B", Some("${B")),
            ("${C}", None),
            ("", Some("")),
        ] {
            assert_eq!(expand(text, value).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_secret_is_a_variable_or_itself() {
        assert!(matches!(inline("${B}"), SecretSource::Env(name) if name == "B"));
        assert!(matches!(inline("x${B}"), SecretSource::Unsupported(_)));
        for (text, plain) in [("pa$$word", "pa$$word"), ("$${B}", "${B}"), ("${b}", "${b}")] {
            assert!(
                matches!(inline(text), SecretSource::Inline(secret) if secret.expose() == plain),
                "{text}"
            );
        }
    }
}

//! From flags, environment and files to the gateway that is meant: what every verb that asks one begins with.
//!
//! `Ask::of(context, port)?.call(method, params).await` is one call; `.session(purpose, &[(method, params)], &[])` opens
//! a connection with the scopes of all the calls that will be made on it.

use std::time::Duration;

use serde_json::Value;

use super::{Context, chosen, survey};
use crate::access::{
    Asked, Credential, CredentialSource, Target, credential, lookup, own_tls, scope, target,
};
use crate::base::{Error, Kind, Pins, Result, Secret};
use crate::client::gateway::{self, Asking, CALL_TIMEOUT};
use crate::client::keep::Keep;
use crate::client::node::Claims;
use crate::client::session::Session;
use crate::daemon::DISK;
use crate::profile::{Environment, Flags, GatewayConfig, Profile, Registry, SecretSource, SupervisorPaths};

/// The gateway that is meant.
pub struct Ask<'a> {
    context: &'a Context,
    /// Where it answers and what goes there.
    pub target: Target,
    own: Option<(Profile, Registry<'a>)>,
    /// How long a call may take where no time was asked for.
    pub usual: Duration,
    /// What is left of the time for it all, where something came before.
    pub left: Option<Duration>,
    keep: Option<Keep>,
}

impl<'a> Ask<'a> {
    /// Reads flags, environment and, unless a URL was typed, the selected profile's files. `port` is `--port`.
    ///
    /// # Errors
    /// As [`target::for_url`], [`target::for_environment_url`] and [`target::for_profile`]; nothing has been sent.
    pub fn of(context: &'a Context, port: Option<u16>) -> Result<Ask<'a>> {
        let (asked, env) = (Ask::asked_at(context, port.or(context.port))?, &context.environment);
        let ask = match target::for_url(&asked, env) {
            Some(target) => Ask::to(context, target?, None),
            None => Ask::from_profile(context, &asked)?,
        };
        if context.global.verbose {
            let endpoint = &ask.target.endpoint;
            let (source, credential) = (endpoint.source.as_str(), &ask.target.credential_source);
            context.render.notice(&format!("endpoint {} (from {source})", endpoint.url));
            context.render.notice(&format!("credential from {credential}"));
        }
        Ok(ask)
    }

    /// The profile's gateway as if nothing had been typed but `port`.
    ///
    /// # Errors
    /// As [`Ask::of`].
    pub fn untyped(context: &'a Context, port: Option<u16>) -> Result<Ask<'a>> {
        Ask::from_profile(context, &Asked { port, ..Asked::default() })
    }

    /// The gateway behind a tunnel of this call. It is shown no device: nobody is asked to pair with a look.
    pub fn behind(context: &'a Context, target: Target) -> Ask<'a> {
        Ask { keep: None, ..Ask::to(context, target, None) }
    }

    /// What the command line says of whom to ask.
    ///
    /// # Errors
    /// [`Kind::Usage`] for what is wrong with it.
    pub fn asked(context: &Context) -> Result<Asked> {
        Ask::asked_at(context, context.port)
    }

    fn to(context: &'a Context, target: Target, own: Option<(Profile, Registry<'a>)>) -> Ask<'a> {
        // An environment without a home keeps nothing; a typed URL needs none.
        let keep = SupervisorPaths::derive(&context.environment).ok().map(|paths| Keep::new(&paths));
        Ask { context, target, own, usual: CALL_TIMEOUT, left: None, keep }
    }

    fn from_profile(context: &'a Context, asked: &Asked) -> Result<Ask<'a>> {
        let env = &context.environment;
        let flags = Flags { port: asked.port, ..chosen::flags(context) };
        let selection = chosen::selection(context)?;
        let registry = survey::registry(context)?;
        let (loaded, config) = match registry.load_configured(&selection.name, &flags) {
            Ok((profile, config)) => (Ok(profile), config),
            Err(error) => (Err(error), GatewayConfig::default()),
        };
        if let Some(target) = target::for_environment_url(asked, &selection.name, &config, env) {
            return Ok(Ask::to(context, target?, None));
        }
        if let Some(sentence) = target::unused(asked, &selection.name, env) {
            context.render.notice(&sentence);
        }
        let profile = chosen::told(context, &registry, &selection, loaded)?;
        Ask::through(context, asked, profile, &config, env)
    }

    /// The gateway of `profile` as it stands, with what `config` and the variables in `env` keep for it.
    ///
    /// # Errors
    /// As [`target::for_profile`].
    pub fn through(
        context: &'a Context,
        asked: &Asked,
        profile: Profile,
        config: &GatewayConfig,
        env: &Environment,
    ) -> Result<Ask<'a>> {
        let registry = survey::registry(context)?;
        let follow = |source: &SecretSource| lookup::look_up(source, config, &context.environment, DISK.read);
        let pins = own_pins(&profile, config, &context.environment)?;
        let target = target::for_profile(asked, &profile, config, env, pins.as_ref(), &follow)?;
        Ok(Ask::to(context, target, Some((profile, registry))))
    }

    /// The profile, unless a URL is meant.
    pub fn profile(&self) -> Option<&Profile> {
        self.own.as_ref().map(|(profile, _)| profile)
    }

    /// The profile's name, or the URL where none is meant.
    pub fn name(&self) -> &str {
        self.own.as_ref().map_or(&self.target.endpoint.url, |(profile, _)| profile.name.as_str())
    }

    /// One call on a connection of its own, with the least scopes that it needs.
    ///
    /// # Errors
    /// As [`gateway::call`].
    pub async fn call(&self, method: &str, params: Value) -> Result<Value> {
        let scopes = scope::least(method, &params);
        gateway::call(self.asking(scopes, &format!("cli:{method}")), method, params).await
    }

    /// A connection for several calls and for events, with the least scopes that all of `calls` need together, and
    /// those of `more`.
    ///
    /// # Errors
    /// As [`gateway::open`].
    pub async fn session(
        &self,
        purpose: &str,
        calls: &[(&str, &Value)],
        more: &[&'static str],
    ) -> Result<Session> {
        let needs = calls.iter().map(|(method, params)| scope::least(method, params));
        let scopes = scope::union(needs.chain([more]));
        gateway::open(self.asking(&scopes, purpose)).await
    }

    /// A connection of this machine as a node.
    ///
    /// # Errors
    /// As [`gateway::open`].
    pub async fn node(&self, claims: &Claims) -> Result<Session> {
        gateway::open(Asking { node: Some(claims), ..self.asking(&[], "node") }).await
    }

    /// Proves who listens where the page of the profile's own gateway is.
    ///
    /// # Errors
    /// As [`gateway::identify`].
    pub fn identify(&self) -> Result<()> {
        gateway::identify(&self.asking(&[], "page"))
    }

    fn asked_at(context: &Context, port: Option<u16>) -> Result<Asked> {
        let global = &context.global;
        let pins = global.tls_fingerprint.as_deref().map(str::parse::<Pins>).transpose().map_err(|why| {
            Error::new(Kind::Usage, "tls_fingerprint_invalid", format!("--tls-fingerprint: {why}"))
                .remedy("openssl x509 -in cert.pem -noout -fingerprint -sha256 prints it")
        })?;
        Ok(Asked { url: global.url.clone(), port, credential: explicit(context)?, pins })
    }

    fn asking<'b>(&'b self, scopes: &'b [&'b str], purpose: &'b str) -> Asking<'b> {
        Asking {
            target: &self.target,
            own: self.own.as_ref().map(|(profile, registry)| (profile, registry)),
            scopes,
            purpose,
            keep: self.keep.as_ref(),
            node: None,
            limit: self.left.unwrap_or(self.context.timeout.map_or(self.usual, |limit| limit.0)),
            traceparent: self
                .context
                .environment
                .get("TRACEPARENT")
                .filter(|text| is_trace(text))
                .map(str::to_owned),
        }
    }
}

/// Whether a text is a W3C trace context of version 00.
fn is_trace(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let sizes = [2, 32, 16, 2];
    let hex = |part: &&str| part.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
    parts.len() == 4 && parts.iter().zip(sizes).all(|(part, size)| part.len() == size && hex(part))
}

/// The credential that was typed, or the one in the file that was named.
fn explicit(context: &Context) -> Result<Option<(Credential, CredentialSource)>> {
    let global = &context.global;
    for (flag, typed) in [("--token", &global.token), ("--password", &global.password)] {
        let Some(text) = typed else { continue };
        context.render.notice(&format!("{flag} is visible to every process of this host; use {flag}-file"));
        let secret = credential::check(flag, Secret::new(text.as_str()))?;
        let credential =
            if flag == "--token" { Credential::Token(secret) } else { Credential::Password(secret) };
        return Ok(Some((credential, CredentialSource::new(flag))));
    }
    for (flag, file) in [("--token-file", &global.token_file), ("--password-file", &global.password_file)] {
        let Some(path) = file else { continue };
        let text = (DISK.read)(path)?.ok_or_else(|| {
            let what = format!("{flag}: there is no file {}", path.display());
            Error::new(Kind::Usage, "credential_file_missing", what)
        })?;
        let secret = credential::check(&format!("{flag} {}", path.display()), Secret::new(text))?;
        let is_token = flag == "--token-file";
        let credential = if is_token { Credential::Token(secret) } else { Credential::Password(secret) };
        return Ok(Some((credential, CredentialSource::new(format!("{flag} {}", path.display())))));
    }
    Ok(None)
}

/// The pin of the certificate with which the profile's own gateway answers on this host.
fn own_pins(profile: &Profile, config: &GatewayConfig, env: &Environment) -> Result<Option<Pins>> {
    if !profile.tls || profile.remote.is_some() {
        return Ok(None);
    }
    let path = own_tls::own_certificate(profile, config, env);
    Ok((DISK.read)(&path)?.and_then(|text| Pins::of_pem(&text)))
}

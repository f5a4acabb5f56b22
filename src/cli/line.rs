//! How the verbs ask their gateway: a connection for the calls that a verb names, and a clear word where the
//! gateway does not have one of them.

use std::time::Duration;

use serde_json::{Value, json};

use super::ask::Ask;
use super::{Context, chosen, survey};
use crate::access::{Certificate, Endpoint};
use crate::base::record::Runtime;
use crate::base::{Error, Kind, Result};
use crate::client::gateway::CALL_TIMEOUT;
use crate::client::session::{Incoming, Session};
use crate::host::lock::Record;
use crate::profile::manifest::keys::nearest;
use crate::profile::{Flags, Profile};
use crate::wire::HelloOk;

/// How many methods of a gateway are listed where it lacks one.
const LISTED: usize = 12;

/// Calls one method on a connection of its own.
///
/// # Errors
/// As [`Ask::call`]; code `method_unknown` where the gateway has no such method.
pub async fn ask(context: &Context, method: &str, params: Value) -> Result<Value> {
    ask_within(context, method, params, CALL_TIMEOUT).await
}

/// The same with another time than the usual one, where none was asked for.
///
/// # Errors
/// As [`ask`].
pub async fn ask_within(context: &Context, method: &str, params: Value, usual: Duration) -> Result<Value> {
    let asker = Asker::new(context, usual)?;
    let mut line = asker.open_for(&[(method, &params)], &[]).await?;
    let answer = line.ask(method, params).await;
    line.close().await;
    answer
}

/// Whom the verbs ask.
pub struct Asker<'c>(Ask<'c>);

impl<'c> Asker<'c> {
    /// Finds the gateway that is meant and its credential; `usual` is the time a call may take where none was asked for.
    ///
    /// # Errors
    /// As [`Ask::of`].
    pub fn new(context: &'c Context, usual: Duration) -> Result<Self> {
        let mut ask = Ask::of(context, None)?;
        ask.usual = usual;
        Ok(Asker(ask))
    }

    /// The same for one of several ways to it; `usual` as for [`Asker::new`].
    pub fn through(mut ask: Ask<'c>, usual: Duration) -> Self {
        ask.usual = usual;
        Asker(ask)
    }

    /// Where the gateway answers, and who said so.
    pub fn endpoint(&self) -> &Endpoint {
        &self.0.target.endpoint
    }

    /// What must be shown there before anything is said.
    pub fn certificate(&self) -> &Certificate {
        &self.0.target.certificate
    }

    /// The tunnel whose near end that is.
    pub fn tunnel(&self) -> Option<Value> {
        let profile = self.0.profile()?;
        let remote = profile.remote.as_ref().filter(|remote| remote.url.is_none())?;
        Some(json!({
            "kind": "ssh", "target": remote.target, "localPort": profile.port, "remotePort": remote.remote_port,
        }))
    }

    /// Proves who listens there, without a word to them.
    ///
    /// # Errors
    /// As [`Ask::identify`].
    pub fn identify(&self) -> Result<()> {
        self.0.identify()
    }

    /// Opens a connection for `methods`, with the least scopes that they need.
    ///
    /// # Errors
    /// As [`Ask::session`].
    pub async fn open(&self, methods: &[&str]) -> Result<Line<'_>> {
        let calls: Vec<(&str, &Value)> = methods.iter().map(|method| (*method, &Value::Null)).collect();
        self.open_for(&calls, &[]).await
    }

    /// The same for calls whose parameters decide what they need, and for the scopes of `more`.
    ///
    /// # Errors
    /// As [`Ask::session`].
    pub async fn open_for(&self, calls: &[(&str, &Value)], more: &[&'static str]) -> Result<Line<'_>> {
        let purpose = format!("cli:{}", calls.first().map_or("connect", |(method, _)| method));
        Ok(Line { profile: self.0.profile(), session: self.0.session(&purpose, calls, more).await? })
    }
}

/// An open connection.
pub struct Line<'a> {
    profile: Option<&'a Profile>,
    session: Session,
}

impl Line<'_> {
    /// What the gateway granted.
    pub fn hello(&self) -> &HelloOk {
        self.session.hello()
    }

    /// Calls `method`.
    ///
    /// # Errors
    /// As [`ask`].
    pub async fn ask(&mut self, method: &str, params: Value) -> Result<Value> {
        let answer = self.session.call(method, params).await;
        answer.map_err(|error| self.told(method, error))
    }

    fn told(&self, method: &str, error: Error) -> Error {
        let told = error.message().contains(&format!("unknown method: {method}"));
        // To whoever is no administrator a gateway tells of a method that it does not know only this.
        let hidden = error.message().contains("missing scope: operator.admin")
            && !self.hello().features.methods.iter().any(|known| known == method);
        if told || hidden { lacks(method, self.profile, self.hello()) } else { error }
    }

    /// Calls `method`, which may first say that it was accepted, and waits `limit` for its last answer; `watch` sees
    /// what comes meanwhile. Dropping the future leaves the connection usable.
    ///
    /// # Errors
    /// As [`Session::follow`]; code `method_unknown` where the gateway has no such method.
    pub async fn follow(
        &mut self,
        limit: Duration,
        (method, params): (&str, Value),
        watch: &mut dyn FnMut(&Incoming),
    ) -> Result<Value> {
        self.session.allow(limit);
        let answer = self.session.follow(method, params, watch).await;
        answer.map_err(|error| self.told(method, error))
    }

    /// Says goodbye.
    pub async fn close(self) {
        self.session.close().await;
    }
}

/// What is said where a gateway does not have `method`.
fn lacks(method: &str, profile: Option<&Profile>, hello: &HelloOk) -> Error {
    let record = profile.and_then(|profile| {
        let state_dir = &profile.paths.state_dir;
        Record::read(state_dir).filter(|record| record.is_proved(state_dir))
    });
    let runtime = record.map(|record| record.runtime);
    let kind = runtime.map_or("another program", Runtime::as_str);
    let methods = &hello.features.methods;
    let has = match methods.len() {
        0..=LISTED => methods.join(", "),
        many => format!("{many} others"),
    };
    let message =
        format!("this gateway has no {method} ({kind}; version {}; it has {has})", hello.server.version);
    let near = nearest(method, methods.iter().map(String::as_str));
    let remedy = match (near, runtime) {
        (Some(near), _) => format!("did you mean {near}?"),
        (None, Some(Runtime::Openclaw)) => {
            let version = &hello.server.version;
            format!(
                "compare its name with the methods of OpenClaw {version}, which stand in features.methods of its greeting"
            )
        }
        (None, _) => "the real OpenClaw may have it; a profile's runtime stands in its manifest".into(),
    };
    let error = Error::new(Kind::Failed, "method_unknown", message).remedy(remedy);
    match profile {
        Some(profile) => error.profile(&profile.name),
        None => error,
    }
}

/// The profile whose gateway is shown; `None` where a URL was typed, for which no file is read.
///
/// # Errors
/// As [`selected`].
pub fn shown(context: &Context) -> Result<Option<Profile>> {
    if context.global.url.is_some() { Ok(None) } else { selected(context).map(Some) }
}

/// The profile that the flags, the environment and `profile use` mean.
pub fn selected(context: &Context) -> Result<Profile> {
    let flags = Flags { port: context.port, ..chosen::flags(context) };
    let selection = chosen::selection(context)?;
    let registry = survey::registry(context)?;
    chosen::told(context, &registry, &selection, registry.load_with(&selection.name, &flags))
}

//! A look at one gateway: whether it lets us in, as whom, and what it says. Nothing that goes wrong ends the look;
//! it becomes part of what is told.

use serde_json::{Value, json};

use super::line::Asker;
use crate::base::{Error, Result};
use crate::host::clock::{Stopwatch, epoch_ms};
use crate::wire::HelloOk;

/// What was seen.
#[derive(Debug, Default)]
pub struct Probed {
    /// How long it took until the gateway let us in, in milliseconds.
    pub latency_ms: Option<u64>,
    /// When its process began by its own account, as the earliest and latest moment, in milliseconds of
    /// [`epoch_ms`].
    pub began_ms: Option<(f64, f64)>,
    /// What it granted.
    pub hello: Option<HelloOk>,
    /// The answers to the calls that were made, in their order; `null` for one that the gateway does not have.
    pub answers: Vec<Value>,
    /// What went wrong first.
    pub error: Option<Error>,
}

impl Probed {
    /// Looks through `asker`, which may not have come to be, and makes `calls`.
    pub async fn look(asker: &Result<Asker<'_>>, calls: &[(&str, Value)]) -> Probed {
        let mut probed = Probed { answers: vec![Value::Null; calls.len()], ..Probed::default() };
        let outcome = match asker {
            Ok(asker) => probed.ask(asker, calls).await,
            Err(error) => Err(error.clone()),
        };
        probed.error = outcome.err();
        probed
    }

    async fn ask(&mut self, asker: &Asker<'_>, calls: &[(&str, Value)]) -> Result<()> {
        let began = Stopwatch::start();
        // Without a call it is still asked whether we might read.
        let methods: Vec<&str> =
            std::iter::once("status").chain(calls.iter().map(|(method, _)| *method)).collect();
        let before = epoch_ms() as f64;
        let mut line = asker.open(&methods).await?;
        self.latency_ms = Some(began.elapsed_ms().ceil() as u64);
        let uptime = line.hello().snapshot.uptime_ms as f64;
        // Whole milliseconds are told; what began nowhere is not known.
        self.began_ms = (uptime > 0.0).then(|| (before - uptime - 2.0, epoch_ms() as f64 - uptime + 2.0));
        self.hello = Some(line.hello().clone());
        for (answer, (method, params)) in self.answers.iter_mut().zip(calls) {
            match line.ask(method, params.clone()).await {
                Ok(value) => *answer = value,
                // An older or smaller gateway is no broken one.
                Err(error) if error.code() == "method_unknown" => {}
                Err(error) => return Err(error),
            }
        }
        line.close().await;
        Ok(())
    }

    /// Whether somebody accepted and spoke, whatever came of it.
    pub fn reached(&self) -> bool {
        self.hello.is_some() || self.error.as_ref().is_some_and(|error| REACHED.contains(&error.code()))
    }

    /// Whether both may be one gateway, whatever the ways to it: told by the name of its process, else by its version,
    /// its state directory and its beginning, as far as it tells them.
    pub fn may_be_same(&self, other: &Probed) -> bool {
        let (Some(one), Some(two)) = (&self.hello, &other.hello) else { return true };
        if let (Some(one), Some(two)) = (&one.server.boot_id, &two.server.boot_id) {
            return one == two;
        }
        let differs =
            |one: &Option<String>, two: &Option<String>| one.is_some() && two.is_some() && one != two;
        let overlap = match (self.began_ms, other.began_ms) {
            (Some((a, b)), Some((c, d))) => a <= d && c <= b,
            _ => true,
        };
        overlap
            && one.server.version == two.server.version
            && !differs(&one.snapshot.state_dir, &two.snapshot.state_dir)
    }

    /// What this connection may do, in the real program's words.
    pub fn capability(&self) -> &'static str {
        let Some(hello) = &self.hello else { return "unknown" };
        let has = |scope: &str| hello.auth.scopes.iter().any(|granted| granted == scope);
        match () {
            () if has("operator.admin") => "admin_capable",
            () if has("operator.write") => "write_capable",
            () if has("operator.read") => "read_only",
            () => "connected_no_operator_scope",
        }
    }

    /// Who we are there.
    pub fn auth(&self) -> Value {
        let granted = self.hello.as_ref().map(|hello| &hello.auth);
        json!({
            "role": granted.map(|auth| auth.role.clone()),
            "scopes": granted.map(|auth| auth.scopes.clone()).unwrap_or_default(),
            "capability": self.capability(),
        })
    }

    /// The gateway's own name for itself and for this connection.
    pub fn server(&self) -> Value {
        match &self.hello {
            Some(hello) => json!(hello.server),
            None => json!({ "version": null, "connId": null }),
        }
    }

    /// The gateway's version, where it told one.
    pub fn version(&self) -> Option<&str> {
        self.hello.as_ref().map(|hello| hello.server.version.as_str())
    }

    /// The kind of failure, in the real program's words.
    pub fn failure(&self) -> Option<&'static str> {
        let error = self.error.as_ref()?;
        Some(match error.code() {
            "gateway_not_running" => "unreachable",
            "gateway_auth_refused" | "gateway_forbidden" => "auth-rejected",
            "gateway_slow" => "timeout",
            code if code.starts_with("credential") => "credentials-missing",
            _ => "failed",
        })
    }

    /// Whether what was asked for was refused for want of a scope.
    pub fn is_scope_limited(&self) -> bool {
        self.hello.is_some() && self.error.as_ref().is_some_and(|error| error.code() == "gateway_forbidden")
    }
}

/// Codes of failures behind which there is a gateway that spoke.
const REACHED: [&str; 4] =
    ["gateway_auth_refused", "gateway_forbidden", "gateway_starting", "gateway_request_failed"];

/// The gateway's own entry among those present.
pub fn own_presence(presence: &Value) -> Value {
    let entries = presence.as_array().into_iter().flatten();
    entries
        .clone()
        .find(|entry| entry["mode"] == "gateway" && entry["reason"] == "self")
        .cloned()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Kind;

    #[test]
    fn failures_have_the_real_programs_words() {
        for (code, kind, failure, reached) in [
            ("gateway_not_running", Kind::NotRunning, "unreachable", false),
            ("gateway_auth_refused", Kind::Denied, "auth-rejected", true),
            ("gateway_slow", Kind::Deadline, "timeout", false),
            ("listener_foreign", Kind::Denied, "failed", false),
        ] {
            let probed = Probed { error: Some(Error::new(kind, code, "x")), ..Probed::default() };
            assert_eq!((probed.failure(), probed.reached()), (Some(failure), reached), "{code}");
            assert_eq!(probed.auth()["capability"], "unknown");
        }
    }

    #[test]
    fn the_gateway_is_found_among_those_present() {
        let presence = json!([{"mode": "cli"}, {"mode": "gateway", "reason": "self", "host": "h"}]);
        assert_eq!(own_presence(&presence)["host"], "h");
        assert_eq!(own_presence(&Value::Null), Value::Null);
    }
}

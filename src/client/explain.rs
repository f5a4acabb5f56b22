//! What went wrong between this program and a gateway, in its own words and exit codes (DESIGN 3.3): down, slow,
//! starting, somebody else, or refused, each with what to do next.

use std::time::Duration;

use crate::base::{Error, Kind, ProfileName};
use crate::link::gateway::Trouble;
use crate::link::tls::Mistrust;
use crate::wire::Fault;
use crate::wire::fault::{AGENT_TIMEOUT, FORBIDDEN, NOT_PAIRED, UNAVAILABLE};

/// How a gateway is spoken of.
#[derive(Clone, Debug)]
pub struct Named {
    /// A phrase: "the gateway of `work`", "the gateway at wss://host".
    pub who: String,
    /// The profile, where the endpoint is one's.
    pub profile: Option<ProfileName>,
    /// Where it answers, without credentials.
    pub url: String,
    /// What to look at when the credential is refused.
    pub credential: String,
    /// Whether it runs on this host under the profile's name, so that it can be started here.
    pub is_own: bool,
}

impl Named {
    /// Adds the profile to an error.
    pub fn mark(&self, error: Error) -> Error {
        match &self.profile {
            Some(profile) => error.profile(profile),
            None => error,
        }
    }
}

/// Why an attempt to connect stopped.
pub(super) enum Stop {
    /// On the way.
    Trouble(Trouble),
    /// By a decision that explains itself.
    Error(Error),
}

/// How long to wait before a gateway that still starts is asked again; `None` for every other fault.
pub(super) fn startup_wait(fault: &Fault) -> Option<Duration> {
    let reason = fault.details.as_ref().and_then(|details| details["reason"].as_str());
    let starts = fault.code == UNAVAILABLE && reason == Some("startup-sidecars");
    starts.then(|| Duration::from_millis(fault.retry_after_ms.unwrap_or(500).clamp(100, 2000)))
}

/// The time is over and it still starts.
pub(super) fn starting(named: &Named, phase: &str) -> Error {
    let what = format!("{} is starting: {phase}", named.who);
    named.mark(Error::new(Kind::Unavailable, "gateway_starting", what).remedy("try again in a moment"))
}

/// The time is over and it said nothing more.
pub(super) fn late(named: &Named, waiting_for: &str, limit: Duration) -> Error {
    let what = format!("{} did not answer {waiting_for} within {} ms", named.who, limit.as_millis());
    let error = Error::new(Kind::Deadline, "gateway_slow", what);
    named.mark(error.remedy("it runs but is slow; try again with a longer --timeout"))
}

/// What went wrong.
pub fn explain(named: &Named, trouble: Trouble) -> Error {
    let who = &named.who;
    let unavailable = |code: &'static str, message: String| Error::new(Kind::Unavailable, code, message);
    named.mark(match trouble {
        Trouble::Refused(why) => refused(named, &why),
        Trouble::Mistrusted(mistrust) => mistrusted(named, mistrust),
        Trouble::Foreign(why) => {
            let place = named.url.split_once("://").map_or("", |(_, place)| place);
            unavailable("gateway_foreign", format!("what listens on {place} is no gateway: {why}"))
        }
        Trouble::Closed(close) => {
            let reason = close.map(|(code, reason)| format!(" ({code} {reason})")).unwrap_or_default();
            unavailable("gateway_closed", format!("{who} closed the connection{reason}"))
                .remedy("it may be restarting; try again")
        }
        Trouble::Fault(fault) => explain_fault(named, &fault),
    })
}

fn refused(named: &Named, why: &str) -> Error {
    let place = named.url.split_once("://").map_or("", |(_, place)| place);
    match &named.profile {
        Some(profile) if named.is_own => {
            let what = format!("{} does not run: nobody listens on {place}", named.who);
            Error::new(Kind::NotRunning, "gateway_not_running", what)
                .caused_by(why)
                .remedy(format!("openclaw profile start {profile}"))
        }
        _ => Error::new(Kind::Unavailable, "gateway_unreachable", format!("{} cannot be reached", named.who))
            .caused_by(why)
            .remedy(format!("see whether it runs and whether {place} is its address")),
    }
}

fn mistrusted(named: &Named, mistrust: Mistrust) -> Error {
    let who = &named.who;
    match mistrust {
        Mistrust::Pin { expected, shown } => Error::new(
            Kind::Denied,
            "tls_fingerprint_mismatch",
            format!("{who} shows the certificate {shown}, and {expected} is expected; no credential was sent"),
        )
        .remedy(
            "if its certificate was replaced, compare the new fingerprint there and put it beside the old one; \
             else somebody stands in between",
        ),
        Mistrust::Authorities(why, shown) => {
            let error = Error::new(
                Kind::Denied,
                "tls_untrusted",
                format!("{who} shows a certificate that this system does not trust; no credential was sent"),
            );
            let pin = shown.map_or("sha256:…".into(), |pin| pin.to_string());
            error.caused_by(why).remedy(format!(
                "compare its fingerprint on the gateway's host, then pin it: --tls-fingerprint {pin}"
            ))
        }
        Mistrust::Broken(why) => {
            let what = format!("{who} does not speak TLS as it should; no credential was sent");
            Error::new(Kind::Unavailable, "tls_failed", what).caused_by(why)
        }
    }
}

/// What helps against a refusal, by its detail code (OPENCLAW.md 4.9).
fn hint(named: &Named, detail: &str) -> String {
    match detail {
        "AUTH_REQUIRED" | "AUTH_TOKEN_MISSING" | "AUTH_PASSWORD_MISSING" | "DEVICE_IDENTITY_REQUIRED" => {
            format!(
                "no credential is kept for it; pass --token-file or --password-file, or {}",
                named.credential
            )
        }
        "AUTH_TOKEN_NOT_CONFIGURED" | "AUTH_PASSWORD_NOT_CONFIGURED" => {
            "on the gateway's host set gateway.auth in openclaw.json, then restart the gateway".into()
        }
        "DEVICE_AUTH_SIGNATURE_EXPIRED" => "the gateway is slow, or its clock jumps; try again".into(),
        "AUTH_SCOPE_MISMATCH" => {
            "on the gateway's host see what this device may do: openclaw devices list".into()
        }
        _ => named.credential.clone(),
    }
}

fn explain_fault(named: &Named, fault: &Fault) -> Error {
    let who = &named.who;
    let detail = fault.detail_code().unwrap_or_default();
    if detail == "PAIRING_REQUIRED" {
        let id = fault.details.as_ref().and_then(|details| details["requestId"].as_str());
        let remedy = match id {
            Some(id) => format!("within 5 minutes, on the gateway's host: openclaw devices approve {id}"),
            None => {
                "on the gateway's host: openclaw devices list, then openclaw devices approve ID".to_owned()
            }
        };
        return Error::new(Kind::Denied, "gateway_pairing_required", format!("{who}: {}", fault.message))
            .remedy(remedy);
    }
    if detail == "AUTH_RATE_LIMITED" {
        let wait = fault.retry_after_ms.map_or(String::new(), |ms| format!(" in {} s", ms.div_ceil(1000)));
        return Error::new(Kind::Denied, "gateway_rate_limited", format!("{who}: {}", fault.message))
            .remedy(format!("correct the credential, then try again{wait}"));
    }
    if detail == "PROTOCOL_MISMATCH" {
        return Error::new(Kind::Unavailable, "gateway_protocol", format!("{who}: {}", fault.message))
            .remedy("update the older one of the two");
    }
    if detail.starts_with("AUTH_") || detail.starts_with("DEVICE_") || fault.code == NOT_PAIRED {
        let what = format!("{who} refused the credential: {}", fault.message);
        return Error::new(Kind::Denied, "gateway_auth_refused", what).remedy(hint(named, detail));
    }
    if fault.code == AGENT_TIMEOUT {
        return Error::new(Kind::Deadline, "agent_timeout", fault.message.clone())
            .remedy("give it more time with --timeout");
    }
    if detail == "PAIRING_CHANGED" {
        let what = format!("{who} does not let that node do this yet: {}", fault.message);
        return Error::new(Kind::Failed, "node_not_approved", what)
            .remedy("see what waits for approval: openclaw nodes pending");
    }
    if fault.code == FORBIDDEN || detail == "MISSING_SCOPE" {
        return Error::new(Kind::Denied, "gateway_forbidden", fault.message.clone());
    }
    if fault.retryable == Some(true) {
        return Error::new(
            Kind::Unavailable,
            "gateway_starting",
            format!("{who} is not ready: {}", fault.message),
        )
        .remedy("try again in a moment");
    }
    // The real gateway prints some of its own errors with their class.
    let message = fault.message.strip_prefix("Error: ").unwrap_or(&fault.message);
    Error::new(Kind::Failed, "gateway_request_failed", message)
}

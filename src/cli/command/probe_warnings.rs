//! The warnings of `gateway probe`: codes and sentences for whoever reads the document, the real program's where it
//! has one.

use serde_json::{Value, json};

use super::gateway_probe::Seen;
use crate::access::Certificate;
use crate::cli::probed::Probed;
use crate::cli::ways;

/// What is worth a word in what was seen.
pub fn warnings(seen: &[Seen<'_>]) -> Vec<Value> {
    let ids = |which: &dyn Fn(&Probed) -> bool| -> Vec<&str> {
        seen.iter().filter(|seen| which(&seen.probed)).map(|seen| seen.way.id).collect()
    };
    let mut warnings = Vec::new();
    let mut warn = |code: &str, message: String, ids: &[&str]| {
        warnings.push(json!({ "code": code, "message": message, "targetIds": ids }));
    };
    for one in seen {
        if let Some((code, message)) = of_one(one) {
            warn(code, message, &[one.way.id]);
        }
        if let Some(message) = without_certificate(one) {
            warn("local_tls_runtime_unavailable", message, &[one.way.id]);
        }
    }
    let reached = ids(&Probed::reached);
    if let (Some(first), true) = (seen.first(), reached.is_empty()) {
        let why = first.probed.error.as_ref().map(ToString::to_string).unwrap_or_default();
        warn("no_gateway_reachable", format!("no gateway answered: {why}"), &ids(&|_| true));
    }
    let gateways = distinct(seen.iter().map(|seen| &seen.probed));
    if gateways > 1 {
        let what =
            format!("{gateways} different gateways answer; the other verbs ask the way that is configured");
        warn("multiple_gateways", what, &reached);
    }
    warnings
}

/// What went wrong on one way.
fn of_one(seen: &Seen<'_>) -> Option<(&'static str, String)> {
    let (id, probed) = (seen.way.id, &seen.probed);
    let error = probed.error.as_ref()?;
    Some(match () {
        () if seen.is_tunnel_lost => ("ssh_tunnel_failed", format!("SSH tunnel failed: {error}")),
        () if seen.way.asker.is_err() => {
            // A reference that leads to nothing, or one that only the real program can follow.
            let is_reference = ["credential_missing", "credential_unsupported"].contains(&error.code());
            let code = if is_reference { "auth_secretref_unresolved" } else { "auth_unresolved" };
            (code, format!("{id} was not asked: {error}"))
        }
        () if probed.is_scope_limited() => (
            "probe_scope_limited",
            format!("the connection succeeded, but what it may read is limited: {error}"),
        ),
        () if probed.reached() => {
            ("probe_detail_failed", format!("a gateway answered, but did not let us look: {error}"))
        }
        () => return None,
    })
}

/// A gateway of this host that speaks TLS, with a certificate that cannot be read here, is not known by that.
fn without_certificate(seen: &Seen<'_>) -> Option<String> {
    let endpoint = seen.way.asker.as_ref().ok()?;
    let is_unknown = endpoint.endpoint().is_tls() && *endpoint.certificate() == Certificate::Authorities;
    (seen.way.id == ways::LOCAL && is_unknown).then(|| {
        "gateway.tls.enabled is set, but the gateway's own certificate cannot be read to know it by"
            .to_owned()
    })
}

/// How many gateways answered, as far as that is known: one that is reached over several ways is one, and what may be
/// the same is not called different.
fn distinct<'a>(seen: impl Iterator<Item = &'a Probed>) -> usize {
    let mut found: Vec<&Probed> = Vec::new();
    for probed in seen.filter(|probed| probed.hello.is_some()) {
        if !found.iter().any(|other| other.may_be_same(probed)) {
            found.push(probed);
        }
    }
    found.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::HelloOk;

    fn gateway(boot_id: Option<&str>, version: &str, began_ms: f64) -> Probed {
        let hello: HelloOk = serde_json::from_value(json!({
            "type": "hello-ok", "protocol": 4, "features": { "methods": [], "events": [] },
            "server": { "version": version, "connId": "c", "bootId": boot_id },
            "snapshot": {
                "presence": [], "health": {}, "stateVersion": { "presence": 0, "health": 0 }, "uptimeMs": 1,
            },
            "auth": { "role": "operator", "scopes": [] },
            "policy": { "maxPayload": 1, "maxBufferedBytes": 1, "tickIntervalMs": 1 },
        }))
        .unwrap();
        Probed { hello: Some(hello), began_ms: Some((began_ms, began_ms + 5.0)), ..Probed::default() }
    }

    fn count(gateways: &[Probed]) -> usize {
        distinct(gateways.iter())
    }

    #[test]
    fn only_what_differs_for_sure_is_counted_twice() {
        assert_eq!(count(&[]), 0);
        assert_eq!(count(&[Probed::default()]), 0, "who let nobody in is not known");
        assert_eq!(count(&[gateway(Some("a"), "1", 0.0), gateway(Some("a"), "1", 900.0)]), 1);
        assert_eq!(count(&[gateway(Some("a"), "1", 0.0), gateway(Some("b"), "1", 0.0)]), 2);
        // Without a name they are told by their beginning.
        assert_eq!(count(&[gateway(None, "1", 0.0), gateway(None, "1", 4.0)]), 1);
        assert_eq!(count(&[gateway(None, "1", 0.0), gateway(None, "1", 900.0)]), 2);
        assert_eq!(count(&[gateway(None, "1", 0.0), gateway(None, "2", 0.0)]), 2);
        let unknown = Probed { began_ms: None, ..gateway(None, "1", 0.0) };
        assert_eq!(count(&[gateway(None, "1", 900.0), unknown]), 1);
    }
}

//! The golden table: every way to name an endpoint, and what may go there.

use std::path::Path;

use super::*;
use crate::base::{Pin, Secret};
use crate::profile::{Flags, Manifest, SecretSource, resolve};

/// One situation; what is left out is not there.
#[derive(Clone, Copy, Default)]
struct Case {
    url: &'static str,
    token: &'static str,
    port: u16,
    pin: bool,
    manifest: &'static str,
    config: &'static str,
    env: &'static [(&'static str, &'static str)],
}

const SSH: &str = "kind = 'remote'\nremote.target = 'h'\nremote.local_port = 7000\n";
const DIRECT: &str = "kind = 'remote'\nremote.url = 'wss://far'\n";
const FAR: &str =
    "{gateway: {mode: 'remote', auth: {token: 'near'}, remote: {url: 'wss://far', token: 'there'}}}";
const NEAR: &str =
    "{gateway: {port: 8000, auth: {token: 'near'}, remote: {url: 'wss://far', token: 'there'}}}";
const OWN: (&str, &str) = ("OPENCLAW_PROFILE", "work");
const ENV_URL: (&str, &str) = ("OPENCLAW_GATEWAY_URL", "wss://env");
const ENV_TOKEN: (&str, &str) = ("OPENCLAW_GATEWAY_TOKEN", "env-token");
const ENV_PASSWORD: (&str, &str) = ("OPENCLAW_GATEWAY_PASSWORD", "env-password");

/// The target, by the same steps as the command line takes.
fn target(case: Case) -> Result<Target> {
    let name: ProfileName = "work".parse().unwrap();
    let env = Environment::from_pairs(case.env.iter().copied().chain([("HOME", "/h")]));
    let explicit = (!case.token.is_empty())
        .then(|| (Credential::Token(Secret::new(case.token)), CredentialSource::new("--token")));
    let asked = Asked {
        url: (!case.url.is_empty()).then(|| case.url.to_owned()),
        port: (case.port > 0).then_some(case.port),
        credential: explicit,
        pins: case.pin.then(|| Pins::one(Pin::of(b"flag"))),
    };
    if let Some(target) = for_url(&asked, &env) {
        return target;
    }
    let config = if case.config.is_empty() { "{}" } else { case.config };
    let config = GatewayConfig::parse(config, Path::new("openclaw.json"))?;
    if let Some(target) = for_environment_url(&asked, &name, &config, &env) {
        return target;
    }
    let manifest =
        (!case.manifest.is_empty()).then(|| Manifest::parse(case.manifest, Path::new("m.toml")).unwrap());
    let flags = Flags { port: asked.port, ..Flags::default() };
    let profile = resolve(&name, manifest.as_ref(), &config, &flags, &env)?;
    let lookup = |source: &SecretSource| match source {
        SecretSource::File { path, .. } => Ok(Some(Secret::new(format!("in {path}")))),
        _ => Ok(None),
    };
    for_profile(&asked, &profile, &config, &env, Some(&Pins::one(Pin::of(b"own"))), &lookup)
}

/// `url | source | listener certificate | credential | its source`, or `!code`.
fn shown(case: Case) -> String {
    let target = match target(case) {
        Ok(target) => target,
        Err(error) => return format!("!{}", error.code()),
    };
    let certificate = match &target.certificate {
        Certificate::Plain => "plain",
        Certificate::Authorities => "authorities",
        Certificate::Pinned(pins) if pins.have(Pin::of(b"flag")) => "pin --tls-fingerprint",
        Certificate::Pinned(pins) if pins.have(Pin::of(b"own")) => "pin own",
        Certificate::Pinned(_) => "pin kept",
    };
    let credential = match &target.credential {
        Credential::Token(secret) => format!("token {}", secret.expose()),
        Credential::Password(secret) => format!("password {}", secret.expose()),
        Credential::None => "none".into(),
    };
    assert_eq!(target.may_use_kept, case.url.is_empty() && case.token.is_empty());
    let (endpoint, listener) = (&target.endpoint, target.listener);
    format!(
        "{} | {} | {listener:?} {certificate} | {credential} | {}",
        endpoint.url,
        endpoint.source.as_str(),
        target.credential_source
    )
}

#[test]
fn a_typed_url_gets_only_what_was_typed_with_it() {
    let all: &[(&str, &str)] = &[OWN, ENV_URL, ENV_TOKEN, ENV_PASSWORD];
    let typed = |url, token| Case { url, token, env: all, config: FAR, manifest: DIRECT, ..Case::default() };
    for (case, wanted) in [
        (typed("wss://x", ""), "!gateway_credentials_required"),
        (typed("ws://127.0.0.1:1", ""), "!gateway_credentials_required"),
        (typed("wss://far", ""), "!gateway_credentials_required"),
        (typed("wss://x", "t"), "wss://x | cli --url | Elsewhere authorities | token t | --token"),
        (typed("ws://127.0.0.1:1", "t"), "ws://127.0.0.1:1 | cli --url | OwnUser plain | token t | --token"),
        (typed("ws://localhost:1", "t"), "ws://localhost:1 | cli --url | OwnUser plain | token t | --token"),
        (typed("ws://10.0.0.7:1", "t"), "ws://10.0.0.7:1 | cli --url | Elsewhere plain | token t | --token"),
        (typed("ws://localhost.:1", "t"), "!url_not_private"),
        (typed("ws://127.evil.com", "t"), "!url_not_private"),
        (typed("ws://[::ffff:127.0.0.1]:1", "t"), "!url_not_private"),
        (typed("ws://8.8.8.8", "t"), "!url_not_private"),
        (typed("ws://127.1", "t"), "!url_invalid"),
        (typed("wss://a:b@x", "t"), "!url_invalid"),
        (typed("wss://x/?token=t", "t"), "!url_invalid"),
        (typed("wss://x#t", "t"), "!url_invalid"),
        (Case { port: 1, ..typed("wss://x", "t") }, "!url_and_port"),
        (
            Case { pin: true, ..typed("wss://x", "t") },
            "wss://x | cli --url | Elsewhere pin --tls-fingerprint | token t | --token",
        ),
        (Case { pin: true, ..typed("ws://127.0.0.1:1", "t") }, "!tls_fingerprint_plain"),
    ] {
        assert_eq!(shown(case), wanted, "{} {}", case.url, case.token);
    }
}

#[test]
fn a_url_from_the_environment_gets_only_what_stands_beside_it() {
    let with = |env| Case { env, config: FAR, ..Case::default() };
    for (case, wanted) in [
        (with(&[OWN, ENV_URL]), "!gateway_credentials_required"),
        (
            with(&[OWN, ENV_URL, ENV_TOKEN, ENV_PASSWORD]),
            "wss://env | env OPENCLAW_GATEWAY_URL | Elsewhere authorities | token env-token | env OPENCLAW_GATEWAY_TOKEN",
        ),
        (
            with(&[OWN, ENV_URL, ENV_PASSWORD]),
            "wss://env | env OPENCLAW_GATEWAY_URL | Elsewhere authorities | password env-password | env OPENCLAW_GATEWAY_PASSWORD",
        ),
        (with(&[OWN, ENV_URL, ("OPENCLAW_GATEWAY_TOKEN", "undefined")]), "!credential_placeholder"),
        (with(&[OWN, ENV_URL, ("OPENCLAW_GATEWAY_TOKEN", "${X}")]), "!credential_placeholder"),
        (with(&[OWN, ("OPENCLAW_GATEWAY_URL", "ws://h"), ENV_TOKEN]), "!url_not_private"),
        (
            with(&[OWN, ("OPENCLAW_GATEWAY_URL", "ws://h"), ENV_TOKEN, (reach::ALLOW_NAMES, "1")]),
            "ws://h | env OPENCLAW_GATEWAY_URL | Elsewhere plain | token env-token | env OPENCLAW_GATEWAY_TOKEN",
        ),
        (
            with(&[OWN, ("OPENCLAW_GATEWAY_URL", "undefined")]),
            "wss://far | config gateway.remote.url | Elsewhere authorities | token there | config gateway.remote.token",
        ),
        // Another profile's shell.
        (
            with(&[ENV_URL, ENV_TOKEN]),
            "wss://far | config gateway.remote.url | Elsewhere authorities | token there | config gateway.remote.token",
        ),
        (
            Case { token: "t", ..with(&[OWN, ENV_URL]) },
            "wss://env | env OPENCLAW_GATEWAY_URL | Elsewhere authorities | token t | --token",
        ),
        (
            Case { port: 9, config: NEAR, ..with(&[OWN, ENV_URL, ENV_TOKEN]) },
            "ws://127.0.0.1:9 | local loopback | OwnGateway plain | token near | config gateway.auth.token",
        ),
        (
            Case {
                config: "{gateway: {remote: {tlsFingerprint: 'ab'}}}",
                ..with(&[OWN, ENV_URL, ENV_TOKEN])
            },
            "!tls_fingerprint_invalid",
        ),
    ] {
        assert_eq!(shown(case), wanted, "{:?}", case.env);
    }
    let env = Environment::from_pairs([("HOME", "/h"), ENV_URL]);
    let (work, default) = ("work".parse().unwrap(), ProfileName::default_profile());
    assert!(unused(&Asked::default(), &work, &env).is_some());
    assert!(unused(&Asked::default(), &default, &env).is_none());
}

#[test]
fn a_profile_keeps_near_and_far_credentials_apart() {
    let near = Case { config: NEAR, ..Case::default() };
    let far = Case { config: FAR, ..Case::default() };
    let tls = "{gateway: {port: 8000, tls: {enabled: true}}}";
    for (case, wanted) in [
        (
            near,
            "ws://127.0.0.1:8000 | local loopback | OwnGateway plain | token near | config gateway.auth.token",
        ),
        (
            Case { token: "t", ..near },
            "ws://127.0.0.1:8000 | local loopback | OwnGateway plain | token t | --token",
        ),
        (
            Case { port: 9, ..near },
            "ws://127.0.0.1:9 | local loopback | OwnGateway plain | token near | config gateway.auth.token",
        ),
        (
            Case { env: &[OWN, ("OPENCLAW_GATEWAY_PORT", "9")], ..near },
            "ws://127.0.0.1:9 | local loopback | OwnGateway plain | token near | config gateway.auth.token",
        ),
        (
            Case { env: &[("OPENCLAW_GATEWAY_PORT", "9")], ..near },
            "ws://127.0.0.1:8000 | local loopback | OwnGateway plain | token near | config gateway.auth.token",
        ),
        (
            Case { manifest: "gateway.port = 7000", ..near },
            "ws://127.0.0.1:7000 | local loopback | OwnGateway plain | token near | config gateway.auth.token",
        ),
        (
            Case { config: "{gateway: {remote: {token: 'there'}}}", ..near },
            "ws://127.0.0.1:41984 | local loopback | OwnGateway plain | none | nothing configured",
        ),
        (
            Case { config: "{gateway: {mode: 'remote', remote: {token: 'there'}}}", ..near },
            "ws://127.0.0.1:41984 | missing gateway.remote.url (fallback local) | OwnGateway plain | none | nothing configured",
        ),
        (
            Case { config: "", env: &[OWN, ENV_TOKEN], ..near },
            "ws://127.0.0.1:41984 | local loopback | OwnGateway plain | token env-token | env OPENCLAW_GATEWAY_TOKEN",
        ),
        (
            Case { config: "", env: &[ENV_TOKEN], ..near },
            "ws://127.0.0.1:41984 | local loopback | OwnGateway plain | none | nothing configured",
        ),
        (
            Case { config: tls, ..near },
            "wss://127.0.0.1:8000 | local loopback | OwnGateway pin own | none | nothing configured",
        ),
        (
            Case { config: tls, pin: true, ..near },
            "wss://127.0.0.1:8000 | local loopback | OwnGateway pin --tls-fingerprint | none | nothing configured",
        ),
        (Case { pin: true, ..near }, "!tls_fingerprint_plain"),
        (
            far,
            "wss://far | config gateway.remote.url | Elsewhere authorities | token there | config gateway.remote.token",
        ),
        (
            Case { env: &[OWN, ENV_TOKEN], ..far },
            "wss://far | config gateway.remote.url | Elsewhere authorities | token there | config gateway.remote.token",
        ),
        (
            Case { token: "t", ..far },
            "wss://far | config gateway.remote.url | Elsewhere authorities | token t | --token",
        ),
        (Case { port: 9, ..far }, "!port_of_remote"),
        (
            Case {
                config: "{gateway: {mode: 'remote', auth: {token: 'near', password: 'near'}, remote: {url: 'wss://far'}}}",
                ..far
            },
            "wss://far | config gateway.remote.url | Elsewhere authorities | none | nothing configured",
        ),
        (
            Case {
                config: "{gateway: {mode: 'remote', remote: {url: 'wss://far', password: 'p'}}}",
                env: &[OWN, ENV_PASSWORD],
                ..far
            },
            "wss://far | config gateway.remote.url | Elsewhere authorities | password env-password | env OPENCLAW_GATEWAY_PASSWORD",
        ),
        (
            Case { config: "{gateway: {mode: 'remote', remote: {url: 'wss://far', password: 'p'}}}", ..far },
            "wss://far | config gateway.remote.url | Elsewhere authorities | password p | config gateway.remote.password",
        ),
        (
            Case { config: "{gateway: {mode: 'remote', remote: {url: 'ws://far', token: 'there'}}}", ..far },
            "!url_not_private",
        ),
        (
            Case {
                config: "{gateway: {mode: 'remote', remote: {url: 'ws://127.0.0.1:9', token: 'there'}}}",
                ..far
            },
            "ws://127.0.0.1:9 | config gateway.remote.url | OwnUser plain | token there | config gateway.remote.token",
        ),
        (
            Case { config: "{gateway: {mode: 'remote', remote: {url: 'wss://far', token: 'null'}}}", ..far },
            "!credential_placeholder",
        ),
        // A manifest has moved the profile elsewhere: what was kept for the old place stays there.
        (
            Case { manifest: "kind = 'remote'\nremote.url = 'wss://other'", ..far },
            "wss://other | manifest remote.url | Elsewhere authorities | none | nothing configured",
        ),
        (
            Case { manifest: DIRECT, ..far },
            "wss://far | manifest remote.url | Elsewhere authorities | token there | config gateway.remote.token",
        ),
        (
            Case { manifest: "kind = 'remote'\nremote.url = 'wss://far'\nremote.token_file = '/t'", ..far },
            "wss://far | manifest remote.url | Elsewhere authorities | token in /t | manifest remote.token_file (/t)",
        ),
        (
            Case { manifest: SSH, config: NEAR, ..near },
            "ws://127.0.0.1:7000 | ssh tunnel | OwnLink plain | none | nothing configured",
        ),
        (
            Case { manifest: SSH, config: NEAR, env: &[OWN, ENV_TOKEN], ..near },
            "ws://127.0.0.1:7000 | ssh tunnel | OwnLink plain | token env-token | env OPENCLAW_GATEWAY_TOKEN",
        ),
    ] {
        assert_eq!(shown(case), wanted, "{} {} {:?}", case.config, case.manifest, case.env);
    }
}

#[test]
fn a_device_is_shown_where_a_secret_is_not_enough() {
    let url = |url| Case { url, token: "typed", ..Case::default() };
    let no_auth = "{gateway: {mode: 'remote', remote: {url: 'wss://far'}}}";
    // the case, whether a call without scopes shows one, whether one with scopes does
    for (case, without, with) in [
        (Case { config: NEAR, ..Case::default() }, false, false),
        (Case { config: "{}", ..Case::default() }, false, false),
        (Case { config: FAR, ..Case::default() }, false, true),
        (Case { config: no_auth, ..Case::default() }, true, true),
        (Case { manifest: SSH, ..Case::default() }, true, true),
        (Case { manifest: SSH, token: "typed", ..Case::default() }, false, false),
        (url("ws://127.0.0.1:7"), false, false),
        (url("ws://10.0.0.7"), false, true),
        (url("wss://far"), false, true),
        (url("wss://localhost:7"), false, false),
    ] {
        let target = target(case).unwrap();
        let shown = (target.needs_device(&[]), target.needs_device(&["operator.read"]));
        assert_eq!(shown, (without, with), "{}", target.endpoint.url);
    }
    assert_eq!(
        target(Case { manifest: SSH, ..Case::default() }).unwrap().beyond.as_deref(),
        Some("h port 18789")
    );
}

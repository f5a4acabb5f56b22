//! `gateway.tls` of an `openclaw.json`, as the gateway that this program runs itself takes it: which files, and whether
//! it may make them. What contradicts itself is refused here, before a port is bound.

use std::path::PathBuf;

use crate::base::{Error, Kind, Result};
use crate::profile::config::GatewayConfig;
use crate::profile::environment::expand_tilde;
use crate::profile::{Environment, Profile};

/// Where OpenClaw keeps the certificate that it makes for itself, below the state directory.
const OWN_CERTIFICATE: &str = "gateway/tls/gateway-cert.pem";
/// Where OpenClaw keeps the key of the certificate that it makes for itself, below the state directory.
const OWN_KEY: &str = "gateway/tls/gateway-key.pem";

/// Where the certificate of a gateway on this host is, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnTls {
    /// The certificate, PEM; with those above it, where there are some.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// More certificates that are shown above the first.
    pub authorities: Option<PathBuf>,
    /// Whether a pair is made when neither file is there.
    pub generate: bool,
}

/// The file with the certificate that the gateway of `profile` on this host shows.
pub fn own_certificate(profile: &Profile, config: &GatewayConfig, environment: &Environment) -> PathBuf {
    let written = config.tls.cert_path.as_deref();
    let written = written.and_then(|text| expand_tilde(text, &environment.user_home().ok()?));
    written.unwrap_or_else(|| profile.paths.state_dir.join(OWN_CERTIFICATE))
}

/// The files of `profile`'s gateway; `None` while `gateway.tls.enabled` is not true. Files that are named are not made
/// unless `autoGenerate` says so: a mistyped path would change what every client has pinned.
///
/// # Errors
/// [`Kind::Config`], code `tls_invalid`, with the key.
pub fn own_tls(
    profile: &Profile,
    config: &GatewayConfig,
    environment: &Environment,
) -> Result<Option<OwnTls>> {
    let tls = &config.tls;
    if !tls.enabled {
        return Ok(None);
    }
    let home = environment.user_home()?;
    let path = |key: &str, text: &Option<String>| -> Result<Option<PathBuf>> {
        let Some(text) = text else { return Ok(None) };
        let path = expand_tilde(text, &home).filter(|path| path.is_absolute());
        let why = || "is neither an absolute path nor one below ~".to_owned();
        path.map(Some).ok_or_else(|| refused(profile, key, &why(), "write the whole path"))
    };
    let certificate = path("certPath", &tls.cert_path)?;
    let (key, authorities) = (path("keyPath", &tls.key_path)?, path("caPath", &tls.ca_path)?);
    let other = match (&certificate, &key) {
        (Some(_), None) => Some(("keyPath", "certPath")),
        (None, Some(_)) => Some(("certPath", "keyPath")),
        _ => None,
    };
    if let Some((missing, given)) = other {
        let why = format!("is missing beside gateway.tls.{given}");
        return Err(refused(profile, missing, &why, "name both files, or neither"));
    }
    if certificate.is_none() && authorities.is_some() && tls.auto_generate != Some(false) {
        let why = "has no meaning for a certificate that signs itself";
        return Err(refused(profile, "caPath", why, "remove it, or name gateway.tls.certPath and keyPath"));
    }
    Ok(Some(OwnTls {
        generate: tls.auto_generate.unwrap_or(certificate.is_none()),
        certificate: own_certificate(profile, config, environment),
        key: key.unwrap_or_else(|| profile.paths.state_dir.join(OWN_KEY)),
        authorities,
    }))
}

fn refused(profile: &Profile, key: &str, why: &str, remedy: &str) -> Error {
    let file = profile.paths.config_path.display();
    Error::new(Kind::Config, "tls_invalid", format!("{file}: gateway.tls.{key} {why}"))
        .profile(&profile.name)
        .remedy(remedy)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::profile::resolve::{Flags, resolve};

    fn read(tls: &str) -> std::result::Result<Option<OwnTls>, String> {
        let environment = Environment::from_pairs([("HOME", "/home/ana")]);
        let text = format!("{{gateway: {{tls: {tls}}}}}");
        let config = GatewayConfig::parse(&text, Path::new("openclaw.json")).unwrap();
        let profile = resolve(&"work".parse().unwrap(), None, &config, &Flags::default(), &environment);
        own_tls(&profile.unwrap(), &config, &environment).map_err(|error| error.to_string())
    }

    #[test]
    fn files_are_named_both_or_made_by_the_gateway() {
        assert_eq!(read("{certPath: '/c'}"), Ok(None));
        let made = read("{enabled: true}").unwrap().unwrap();
        assert!(made.generate && made.key.ends_with(".openclaw-work/gateway/tls/gateway-key.pem"));
        let given = read("{enabled: true, certPath: '~/c', keyPath: '/k', caPath: '/a'}").unwrap().unwrap();
        assert_eq!(
            given,
            OwnTls {
                certificate: "/home/ana/c".into(),
                key: "/k".into(),
                authorities: Some("/a".into()),
                generate: false
            }
        );
        assert!(!read("{enabled: true, autoGenerate: false}").unwrap().unwrap().generate);
        assert!(
            read("{enabled: true, autoGenerate: true, certPath: '/c', keyPath: '/k'}")
                .unwrap()
                .unwrap()
                .generate
        );
    }

    #[test]
    fn a_contradiction_is_refused_by_its_key() {
        for (tls, key) in [
            ("{enabled: true, certPath: '/c'}", "gateway.tls.keyPath is missing"),
            ("{enabled: true, keyPath: '/k'}", "gateway.tls.certPath is missing"),
            ("{enabled: true, caPath: '/a'}", "gateway.tls.caPath has no meaning"),
            ("{enabled: true, certPath: 'c', keyPath: '/k'}", "gateway.tls.certPath is neither"),
        ] {
            let error = read(tls).unwrap_err();
            assert!(error.contains(key), "{tls}: {error}");
        }
    }
}

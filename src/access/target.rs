//! The endpoint that is meant and what may go there, as one record: where, who is expected there, and the credential
//! kept for exactly that place (OPENCLAW.md 7, INCIDENTS F1). Changing one voids the others: a URL that was typed gets
//! only what was typed with it, one from the environment only what stands beside it.

use super::credential::{
    Credential, CredentialSource, Found, Lookup, for_environment, for_local, for_remote,
};
use super::endpoint::{self, Endpoint, EndpointSource};
use super::reach;
use crate::base::{Error, Kind, Pins, ProfileName, Result};
use crate::profile::config::Mode;
use crate::profile::remote::Remote;
use crate::profile::{Environment, GatewayConfig, GatewayUrl, Profile, own_env};

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// `--url`.
    pub url: Option<String>,
    /// `--port`.
    pub port: Option<u16>,
    /// `--token`, `--password` or their file forms.
    pub credential: Option<(Credential, CredentialSource)>,
    /// `--tls-fingerprint`.
    pub pins: Option<Pins>,
}

/// Who must own the listening socket; only of an endpoint on this host can that be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// The process that holds the profile's claim; without one, this user.
    OwnGateway,
    /// The same for the near end of the profile's tunnel.
    OwnLink,
    /// This user.
    OwnUser,
    /// It is on another machine.
    Elsewhere,
}

/// What the other end must show before anything is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// Nothing: the connection is plain.
    Plain,
    /// A certificate that one of these fits.
    Pinned(Pins),
    /// A certificate for the host's name from an authority that this system trusts.
    Authorities,
}

/// An endpoint with everything that belongs to it.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where.
    pub endpoint: Endpoint,
    /// Who must listen there.
    pub listener: Listener,
    /// What must be shown.
    pub certificate: Certificate,
    /// What is sent once both are proved.
    pub credential: Credential,
    /// Where that was found.
    pub credential_source: CredentialSource,
    /// Whether tokens that the gateway there gave earlier may be used; never for a URL or a credential that was typed.
    pub may_use_kept: bool,
    /// What besides the URL decides which gateway answers: the far end of a tunnel.
    pub beyond: Option<String>,
}

impl Target {
    fn new(
        endpoint: Endpoint,
        listener: Listener,
        pins: Option<&Pins>,
        (credential, credential_source): (Credential, CredentialSource),
    ) -> Target {
        let certificate = match pins {
            _ if !endpoint.is_tls() => Certificate::Plain,
            Some(pins) => Certificate::Pinned(pins.clone()),
            None => Certificate::Authorities,
        };
        let may_use_kept = endpoint.source != EndpointSource::Flag;
        let beyond = None;
        Target { endpoint, listener, certificate, credential, credential_source, may_use_kept, beyond }
    }

    /// Whether a connection that needs `scopes` shows a device. A shared secret from loopback keeps its scopes without
    /// one, and a call without scopes needs none (OPENCLAW.md 4.3); all else gets in by a device only.
    pub fn needs_device(&self, scopes: &[&str]) -> bool {
        match (&self.credential, self.listener) {
            (Credential::None, Listener::OwnGateway) => false,
            (Credential::None, _) => true,
            (_, Listener::OwnGateway | Listener::OwnLink | Listener::OwnUser) => false,
            (_, Listener::Elsewhere) => !scopes.is_empty(),
        }
    }

    /// Whether something proves who is there before a secret is sent.
    pub fn is_identified(&self) -> bool {
        self.listener != Listener::Elsewhere || self.certificate != Certificate::Plain
    }
}

/// The target of `--url`; `None` when it was not given. Neither a configuration nor the environment is asked.
///
/// # Errors
/// [`Kind::Usage`]: code `url_and_port`, `url_invalid`, `gateway_credentials_required`, `tls_fingerprint_plain`;
/// [`Kind::Denied`], code `url_not_private`.
pub fn for_url(asked: &Asked, env: &Environment) -> Option<Result<Target>> {
    let url = asked.url.as_deref()?;
    let target = || {
        if asked.port.is_some() {
            return Err(Error::new(Kind::Usage, "url_and_port", "use either --url or --port, not both")
                .remedy("write the port into the URL"));
        }
        let endpoint = endpoint::from_url(url, EndpointSource::Flag)?;
        let Some(found) = asked.credential.clone() else {
            let remedy =
                "pass --token-file or --password-file with --url; without --url the profile's own is used";
            return Err(credentials_required("--url needs credentials of its own").remedy(remedy));
        };
        from_outside(endpoint, asked, None, found, env)
    };
    Some(target())
}

/// The target of `OPENCLAW_GATEWAY_URL`; `None` when it is not set, when `--port` is given, or when the environment
/// is another profile's.
///
/// # Errors
/// As [`for_url`], and [`Kind::Config`] for placeholders in the place of a secret.
pub fn for_environment_url(
    asked: &Asked,
    name: &ProfileName,
    config: &GatewayConfig,
    env: &Environment,
) -> Option<Result<Target>> {
    let url = env.get(URL).filter(|_| asked.port.is_none() && own_env(name, env))?;
    let target = || {
        let endpoint = endpoint::from_url(url, EndpointSource::Environment)?;
        let found = match asked.credential.clone() {
            Some(found) => found,
            None => for_environment(env)?.ok_or_else(|| {
                credentials_required("OPENCLAW_GATEWAY_URL needs credentials of its own").remedy(
                    "set OPENCLAW_GATEWAY_TOKEN or OPENCLAW_GATEWAY_PASSWORD beside it; those in openclaw.json are \
                     not used for it",
                )
            })?,
        };
        // A pin is no secret: it can only refuse.
        let pins = config.remote.tls_fingerprint.as_deref().filter(|_| endpoint.is_tls());
        let pins = pins.map(|text| pins_of("gateway.remote.tlsFingerprint", text)).transpose()?;
        from_outside(endpoint, asked, pins, found, env)
    };
    Some(target())
}

/// Names the endpoint.
const URL: &str = "OPENCLAW_GATEWAY_URL";

/// A sentence for each value of the environment that was set and not used.
pub fn unused(asked: &Asked, name: &ProfileName, env: &Environment) -> Option<String> {
    let foreign =
        env.get(URL).is_some() && asked.url.is_none() && asked.port.is_none() && !own_env(name, env);
    foreign.then(|| {
        format!("{URL} in the environment belongs to another profile and is not used for `{name}`; export OPENCLAW_PROFILE={name} with it if it is meant")
    })
}

/// The target of a profile: its own gateway, the near end of its tunnel, or its remote URL. `own_pins` is the pin of
/// the profile's own certificate, for a gateway on this host that speaks TLS.
///
/// # Errors
/// As [`for_local`] and [`for_remote`]; [`Kind::Usage`] for flags that do not fit the profile; [`Kind::Denied`], code
/// `url_not_private`.
pub fn for_profile(
    asked: &Asked,
    profile: &Profile,
    config: &GatewayConfig,
    env: &Environment,
    own_pins: Option<&Pins>,
    lookup: &Lookup<'_>,
) -> Result<Target> {
    let mut endpoint = endpoint::for_profile(profile);
    let own = own_env(&profile.name, env);
    let explicit = asked.credential.clone();
    let mut target = match &profile.remote {
        Some(remote) => {
            if asked.port.is_some() {
                let what = format!("--port has no meaning for `{}`, whose gateway is remote", profile.name);
                return Err(Error::new(Kind::Usage, "port_of_remote", what).profile(&profile.name));
            }
            reach::check(&endpoint, reach::names_allowed(env))?;
            let found = explicit.map_or_else(|| for_remote(remote, config, env, own, lookup), Ok)?;
            let pins = asked.pins.as_ref().or(remote.tls_fingerprint.as_ref());
            let listener = match endpoint.source {
                EndpointSource::Tunnel => Listener::OwnLink,
                _ => listener(&endpoint),
            };
            let mut target = Target::new(endpoint, listener, pins, found);
            target.beyond = remote.far_end();
            target
        }
        None => {
            if config.mode == Some(Mode::Remote) && !profile.managed {
                endpoint.source = EndpointSource::Fallback;
            }
            let found = explicit.map_or_else(|| for_local(config, env, own, lookup), Ok)?;
            Target::new(endpoint, Listener::OwnGateway, asked.pins.as_ref().or(own_pins), found)
        }
    };
    target.may_use_kept &= asked.credential.is_none();
    check_pins(asked, &target.endpoint)?;
    Ok(target)
}

/// The target behind a tunnel of this very call, whose near end is `local_port`; `found` was kept for its far end or
/// typed for it. Tokens that a gateway gave earlier are not used: whose it was is not known.
pub fn for_tunnel(remote: &Remote, local_port: u16, asked: &Asked, found: Option<Found>) -> Target {
    let pins = asked.pins.as_ref().or(remote.tls_fingerprint.as_ref());
    let url = GatewayUrl::loopback(local_port, pins.is_some());
    let none = || {
        let why = "none: what is kept for this profile is not sent to a typed target, use --token-file or \
                   --password-file";
        (Credential::None, CredentialSource::new(why))
    };
    let found = asked.credential.clone().or(found).unwrap_or_else(none);
    let endpoint = Endpoint::new(&url, EndpointSource::Tunnel);
    let mut target = Target::new(endpoint, Listener::OwnUser, pins, found);
    target.beyond = remote.target.clone();
    target.may_use_kept = false;
    target
}

/// What a URL from the flags or the environment becomes.
fn from_outside(
    endpoint: Endpoint,
    asked: &Asked,
    pins: Option<Pins>,
    found: (Credential, CredentialSource),
    env: &Environment,
) -> Result<Target> {
    check_pins(asked, &endpoint)?;
    reach::check(&endpoint, reach::names_allowed(env))?;
    let listener = listener(&endpoint);
    let mut target = Target::new(endpoint, listener, asked.pins.as_ref().or(pins.as_ref()), found);
    target.may_use_kept &= asked.credential.is_none();
    Ok(target)
}

fn listener(endpoint: &Endpoint) -> Listener {
    if reach::is_loopback(&endpoint.host) { Listener::OwnUser } else { Listener::Elsewhere }
}

fn check_pins(asked: &Asked, endpoint: &Endpoint) -> Result<()> {
    if asked.pins.is_none() || endpoint.is_tls() {
        return Ok(());
    }
    let what = format!("--tls-fingerprint needs a wss:// endpoint, and {} is none", endpoint.url);
    Err(Error::new(Kind::Usage, "tls_fingerprint_plain", what).remedy("leave it out, or use a wss:// URL"))
}

/// Reads the pins that `place` holds.
///
/// # Errors
/// [`Kind::Config`], code `tls_fingerprint_invalid`, naming `place`.
pub fn pins_of(place: &str, text: &str) -> Result<Pins> {
    text.parse().map_err(|why| {
        Error::new(Kind::Config, "tls_fingerprint_invalid", format!("{place}: {why}"))
            .remedy("openssl x509 -in cert.pem -noout -fingerprint -sha256 prints it")
    })
}

fn credentials_required(what: &str) -> Error {
    Error::new(Kind::Usage, "gateway_credentials_required", format!("{what}; nothing was sent"))
}

#[cfg(test)]
mod tests;

//! What a profile wants of Tailscale (`gateway.tailscale.*`, `gateway.auth.allowTailscale`, and the manifest's
//! `tailnet_port` and `tailnet_path`), and what contradicts it. A contradiction is told when the files are looked at,
//! before anything runs: a gateway that finds it out at boot crashes in a loop (INCIDENTS F6).

use super::Profile;
use super::config::{AuthConfig, AuthMode, Bind, GatewayConfig};
use super::resolved::{RuntimeChoice, words};
use crate::base::{Error, Kind, ProfileName};

words! {
    /// `gateway.tailscale.mode`.
    TailscaleMode {
        /// Not at all.
        Off = "off",
        /// For the members of the tailnet.
        Serve = "serve",
        /// For everybody on the internet.
        Funnel = "funnel",
    }
}

/// The https ports that are offered, and the only ones that a funnel may have.
pub const HTTPS_PORTS: [u16; 3] = [443, 8443, 10000];
/// Where in a profile's block of ports its gateway takes the tailnet's traffic; the real program leaves it alone.
pub const LISTENER_OFFSET: u16 = 3;

/// What a profile wants of Tailscale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tailnet {
    /// Whether and to whom the gateway is shown.
    pub mode: TailscaleMode,
    /// The port on the tailnet's side.
    pub https_port: u16,
    /// The path on the tailnet's side; begins with `/`.
    pub path: String,
    /// Whether the identity that Tailscale states may stand for the credential.
    pub allow_identity: bool,
}

impl Default for Tailnet {
    fn default() -> Self {
        Tailnet {
            mode: TailscaleMode::Off,
            https_port: HTTPS_PORTS[0],
            path: "/".into(),
            allow_identity: false,
        }
    }
}

impl Tailnet {
    /// What the configuration wants, at the port and the path that the manifest names.
    pub fn resolved(config: &GatewayConfig, port: Option<u16>, path: Option<String>) -> Tailnet {
        let usual = Tailnet::default();
        Tailnet {
            mode: config.tailscale.unwrap_or(usual.mode),
            https_port: port.unwrap_or(usual.https_port),
            path: path.unwrap_or(usual.path),
            allow_identity: config.auth.allow_tailscale.unwrap_or(usual.allow_identity),
        }
    }

    /// Whether anything is wanted.
    pub fn is_wanted(&self) -> bool {
        self.mode != TailscaleMode::Off
    }

    /// Where clients connect when the machine is called `host`.
    pub fn url(&self, host: &str) -> String {
        match self.https_port {
            443 => format!("https://{host}{}", self.path),
            port => format!("https://{host}:{port}{}", self.path),
        }
    }
}

/// Checks a path as it is written in a manifest.
///
/// # Errors
/// A reason in words.
pub fn check_path(path: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~');
    let dots = path.split('/').any(|part| part == "." || part == "..");
    if path.starts_with('/') && path.bytes().all(plain) && !dots && !path.contains("//") && path.len() <= 128
    {
        return Ok(());
    }
    Err("must begin with `/` and have letters, digits and `-_.~` only, for example /work".into())
}

/// Whether a gateway of this profile follows `gateway.tailscale`.
pub fn concerns(profile: &Profile) -> bool {
    profile.remote.is_none() && profile.runtime != RuntimeChoice::Command && profile.tailnet.is_wanted()
}

/// What in the profile's own files contradicts what it wants of Tailscale.
pub fn contradiction(profile: &Profile, auth: &AuthConfig) -> Option<Error> {
    if !concerns(profile) {
        return None;
    }
    let (name, mode) = (&profile.name, profile.tailnet.mode.as_str());
    let error = |code: &'static str, message: String, remedy: String| {
        Some(Error::new(Kind::Config, code, message).profile(name).remedy(remedy))
    };
    if !is_loopback(profile) {
        let bind = profile.bind.as_str();
        return error(
            "tailscale_bind_conflict",
            format!(
                "`{name}` has gateway.tailscale.mode \"{mode}\" and gateway.bind \"{bind}\": Tailscale's proxy \
                     reaches a gateway on loopback only"
            ),
            format!(
                "set gateway.bind to \"loopback\", or gateway.tailscale.mode to \"off\", in {}",
                profile.paths.config_path.display()
            ),
        );
    }
    if profile.tailnet.mode != TailscaleMode::Funnel {
        return None;
    }
    if !has_password(auth) {
        return error(
            "funnel_needs_password",
            format!(
                "`{name}` has gateway.tailscale.mode \"funnel\", which is the whole internet, without a password"
            ),
            format!(
                "set gateway.auth.mode to \"password\" and gateway.auth.password in {}, or the mode to \"serve\"",
                profile.paths.config_path.display()
            ),
        );
    }
    let port = profile.tailnet.https_port;
    if !HTTPS_PORTS.contains(&port) {
        return error(
            "funnel_port_invalid",
            format!(
                "`{name}` wants a funnel on https port {port}, and Tailscale has them on 443, 8443 and 10000 only"
            ),
            format!("set gateway.tailnet_port to one of these in {}", profile.paths.manifest.display()),
        );
    }
    None
}

fn is_loopback(profile: &Profile) -> bool {
    match profile.bind {
        Bind::Loopback | Bind::Auto => true,
        Bind::Lan | Bind::Tailnet => false,
        Bind::Custom => profile
            .custom_bind_host
            .as_deref()
            .and_then(|host| host.parse::<std::net::IpAddr>().ok())
            .is_some_and(|address| address.is_loopback()),
    }
}

fn has_password(auth: &AuthConfig) -> bool {
    auth.password.is_some()
        && match auth.mode {
            Some(mode) => mode == AuthMode::Password,
            None => auth.token.is_none(),
        }
}

/// The first of the others that wants the https port of `profile` too. A foreground session of Tailscale's has its port
/// for itself, whatever the path.
pub fn clash(profile: &Profile, others: &[(ProfileName, Tailnet)]) -> Option<Error> {
    if !concerns(profile) {
        return None;
    }
    let (name, port) = (&profile.name, profile.tailnet.https_port);
    let mut taken = others.iter().filter(|(other, wish)| other != name && wish.is_wanted());
    let (other, _) = taken.clone().find(|(_, wish)| wish.https_port == port)?;
    let free = HTTPS_PORTS
        .into_iter()
        .find(|free| *free != port && taken.all(|(_, wish)| wish.https_port != *free))
        .unwrap_or(HTTPS_PORTS[1]);
    let message = format!("`{name}` and `{other}` both want https port {port} of the tailnet");
    Some(Error::new(Kind::Config, "tailnet_port_shared", message).profile(name).remedy(format!(
        "give `{name}` another one, for example `tailnet_port = {free}` under [gateway] in {}",
        profile.paths.manifest.display()
    )))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::profile::{Environment, Flags, Manifest, resolve};

    fn resolved(name: &str, manifest: &str, config: &str) -> (Profile, AuthConfig) {
        let manifest = Manifest::parse(manifest, Path::new("m.toml")).unwrap();
        let config = GatewayConfig::parse(config, Path::new("openclaw.json")).unwrap();
        let env = Environment::from_pairs([("HOME", "/h")]);
        let name = name.parse().unwrap();
        (resolve(&name, Some(&manifest), &config, &Flags::default(), &env).unwrap(), config.auth)
    }

    fn refused(manifest: &str, config: &str) -> Option<String> {
        let (profile, auth) = resolved("work", manifest, config);
        contradiction(&profile, &auth).map(|error| error.code().to_owned())
    }

    #[test]
    fn incident_f6_pairs_that_cannot_be_are_told_from_the_files_alone() {
        let serve = "{gateway: {tailscale: {mode: 'serve'}}}";
        let funnel = |auth: &str| format!("{{gateway: {{tailscale: {{mode: 'funnel'}}, auth: {auth}}}}}");
        assert_eq!(refused("", "{}"), None);
        assert_eq!(refused("", serve), None);
        assert_eq!(refused("gateway.bind = 'auto'", serve), None);
        for bind in ["lan", "tailnet", "custom"] {
            let manifest = format!("gateway.bind = '{bind}'");
            assert_eq!(refused(&manifest, serve).as_deref(), Some("tailscale_bind_conflict"), "{bind}");
            assert_eq!(refused(&manifest, "{}"), None, "nothing is wanted of Tailscale");
        }
        let custom = "{gateway: {bind: 'custom', customBindHost: '127.0.0.1', tailscale: {mode: 'serve'}}}";
        assert_eq!(refused("", custom), None);
        let command = "runtime = {kind = 'command', command = ['/x']}\ngateway.bind = 'lan'";
        assert_eq!(refused(command, serve), None, "another program decides for itself");
        for auth in ["{}", "{token: 't'}", "{token: 't', password: 'p'}", "{mode: 'token', password: 'p'}"] {
            assert_eq!(refused("", &funnel(auth)).as_deref(), Some("funnel_needs_password"), "{auth}");
        }
        for auth in ["{password: 'p'}", "{mode: 'password', password: 'p', token: 't'}"] {
            assert_eq!(refused("", &funnel(auth)), None, "{auth}");
        }
        let odd = refused("gateway.tailnet_port = 9443", &funnel("{password: 'p'}"));
        assert_eq!(odd.as_deref(), Some("funnel_port_invalid"));
    }

    #[test]
    fn incident_f6_two_profiles_on_one_port_are_told_with_a_port_that_is_free() {
        let serve = "{gateway: {tailscale: {mode: 'serve'}}}";
        let (work, _) = resolved("work", "", serve);
        let other = |port| Tailnet { mode: TailscaleMode::Serve, https_port: port, ..Tailnet::default() };
        let others = [("a".parse().unwrap(), other(443)), ("b".parse().unwrap(), other(8443))];
        let error = clash(&work, &others).unwrap();
        assert_eq!((error.code(), error.kind().exit_code()), ("tailnet_port_shared", 78));
        assert!(error.remedy_text().unwrap().contains("tailnet_port = 10000"), "{error:?}");
        assert!(clash(&work, &others[1..]).is_none());
        let own = [("work".parse().unwrap(), other(443)), ("c".parse().unwrap(), Tailnet::default())];
        assert!(clash(&work, &own).is_none(), "itself, and one that wants nothing");
    }

    #[test]
    fn a_path_is_plain_and_an_address_is_whole() {
        for good in ["/", "/work", "/a/b-c_d.e"] {
            assert!(check_path(good).is_ok(), "{good}");
        }
        for bad in ["", "work", "/a b", "/../x", "//", "/a?b", "/é", "-x"] {
            assert!(check_path(bad).is_err(), "{bad}");
        }
        let (work, _) = resolved("work", "gateway = {tailnet_port = 8443, tailnet_path = '/w'}", "{}");
        assert_eq!(work.tailnet.url("h.t.ts.net"), "https://h.t.ts.net:8443/w");
        assert_eq!(Tailnet::default().url("h.t.ts.net"), "https://h.t.ts.net/");
    }
}

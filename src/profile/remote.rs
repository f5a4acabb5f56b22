//! How a remote profile's gateway is reached: the link as written, checked and completed.

use std::path::{Path, PathBuf};

use super::Environment;
use super::config::RemoteConfig;
use super::environment::expand_tilde;
use super::manifest::RemoteTable;
use super::resolved::{HostKeyPolicy, Transport};
use super::tunnel::SshTarget;
use super::url::GatewayUrl;
use crate::base::port::DEFAULT_PORT;
use crate::base::{Error, Kind, Pins, ProfileName, Result};

/// The link to a remote gateway, complete.
#[derive(Clone, Debug, PartialEq)]
pub struct Remote {
    /// By tunnel or directly.
    pub transport: Transport,
    /// `user@host`, `host`, or a host of the user's SSH configuration; there for transport `ssh`.
    pub target: Option<String>,
    /// The SSH server's port; left to the SSH configuration when absent.
    pub ssh_port: Option<u16>,
    /// The SSH key file.
    pub identity: Option<PathBuf>,
    /// The file of known host keys.
    pub known_hosts: Option<PathBuf>,
    /// Who decides about an unknown host key.
    pub host_key_policy: HostKeyPolicy,
    /// The gateway's port on the other machine.
    pub remote_port: u16,
    /// Further ports that go through the tunnel: near end and far end.
    pub forwards: Vec<(u16, u16)>,
    /// Where it answers; there for transport `direct`.
    pub url: Option<GatewayUrl>,
    /// What its certificate is recognised by.
    pub tls_fingerprint: Option<Pins>,
    /// A file that holds the token.
    pub token_file: Option<PathBuf>,
    /// A file that holds the password.
    pub password_file: Option<PathBuf>,
}

/// What is wrong with a link: the key, where one is to blame, and why.
pub(super) type Fault = (Option<&'static str>, String);

/// Checks that the values of a `[remote]` table fit together.
pub(super) fn check(link: &RemoteTable) -> std::result::Result<(), Fault> {
    let transport = transport_of(link.transport, link.url.as_deref());
    let own_keys: &[(&'static str, bool)] = match transport {
        Transport::Ssh => &[("url", link.url.is_some())],
        Transport::Direct => &[
            ("target", link.target.is_some()),
            ("ssh_port", link.ssh_port.is_some()),
            ("identity", link.identity.is_some()),
            ("known_hosts", link.known_hosts.is_some()),
            ("host_key_policy", link.host_key_policy.is_some()),
            ("remote_port", link.remote_port.is_some()),
            ("forwards", link.forwards.is_some()),
        ],
    };
    if let Some((key, _)) = own_keys.iter().find(|(_, given)| *given) {
        return Err((Some(key), format!("has no meaning with transport = {:?}", transport.as_str())));
    }
    match (transport, &link.target, &link.url) {
        (Transport::Ssh, None, _) => return Err((None, "needs `target`, for example ana@server".into())),
        (Transport::Ssh, Some(target), _) => {
            let target: SshTarget = target.parse().map_err(|why| (Some("target"), why))?;
            if target.port.is_some() && link.ssh_port.is_some() && target.port != link.ssh_port {
                return Err((
                    Some("ssh_port"),
                    "differs from the port in `target`; leave one of them out".into(),
                ));
            }
        }
        (Transport::Direct, _, None) => {
            return Err((None, "needs `url`, for example wss://server.example:443".into()));
        }
        (Transport::Direct, _, Some(url)) => {
            let url: GatewayUrl = url.parse().map_err(|why| (Some("url"), why))?;
            if link.tls_fingerprint.is_some() && !url.is_tls() {
                return Err((Some("tls_fingerprint"), "needs a wss:// url".into()));
            }
        }
    }
    for (key, path) in [("identity", &link.identity), ("known_hosts", &link.known_hosts)] {
        if path.as_ref().is_some_and(|path| path.contains(['"', '\n', '\r']) || path.contains("${")) {
            return Err((
                Some(key),
                "a quote, a line break or `${` in it would be read by ssh as something else".into(),
            ));
        }
    }
    forwards(link).map_err(|why| (Some("forwards"), why))?;
    if let Some(text) = &link.tls_fingerprint {
        text.parse::<Pins>().map_err(|why| (Some("tls_fingerprint"), why))?;
    }
    if link.token_file.is_some() && link.password_file.is_some() {
        return Err((Some("password_file"), "a gateway takes a token or a password, not both".into()));
    }
    Ok(())
}

impl Remote {
    /// The link of a manifest.
    ///
    /// # Errors
    /// [`Kind::Config`] when its values do not fit together.
    pub fn from_manifest(name: &ProfileName, link: &RemoteTable, home: &Path) -> Result<Remote> {
        check(link).map_err(|(key, why)| {
            let key = key.map(|key| format!(".{key}")).unwrap_or_default();
            refused(name, format!("remote{key}: {why}"))
        })?;
        let path = |text: &Option<String>| text.as_deref().and_then(|text| expand_tilde(text, home));
        let target: Option<SshTarget> = link.target.as_deref().and_then(|text| text.parse().ok());
        Ok(Remote {
            transport: transport_of(link.transport, link.url.as_deref()),
            ssh_port: link.ssh_port.or(target.as_ref().and_then(|target| target.port)),
            target: target.map(|target| target.destination),
            forwards: forwards(link).unwrap_or_default(),
            identity: path(&link.identity),
            known_hosts: path(&link.known_hosts),
            host_key_policy: link.host_key_policy.unwrap_or(HostKeyPolicy::Strict),
            remote_port: link.remote_port.unwrap_or(DEFAULT_PORT),
            url: link.url.as_deref().and_then(|url| url.parse().ok()),
            tls_fingerprint: link.tls_fingerprint.as_deref().and_then(|text| text.parse().ok()),
            token_file: path(&link.token_file),
            password_file: path(&link.password_file),
        })
    }

    /// What besides the near end decides which gateway answers through a tunnel: server, its port, and the gateway's port
    /// there. `None` for a link without SSH.
    pub fn far_end(&self) -> Option<String> {
        let port = self.ssh_port.map(|port| format!(":{port}")).unwrap_or_default();
        self.target.as_ref().map(|target| format!("{target}{port} port {}", self.remote_port))
    }

    /// The files that decide whether the link can be made, besides the profile's own.
    pub fn files(&self, env: &Environment) -> Vec<PathBuf> {
        let ssh =
            env.user_home().ok().filter(|_| self.transport == Transport::Ssh).map(|home| home.join(".ssh"));
        let usual = ["config", "known_hosts"].map(|name| ssh.as_ref().map(|ssh| ssh.join(name)));
        let named = [&self.known_hosts, &self.identity, &self.token_file, &self.password_file];
        usual.into_iter().chain(named.into_iter().cloned()).flatten().collect()
    }

    /// The link that `gateway.remote` of an `openclaw.json` in mode `remote` describes. The real CLI dials `url` whenever
    /// there is one, so it decides here too unless `transport` says ssh, or it is the near end of a tunnel.
    ///
    /// # Errors
    /// [`Kind::Config`] when it describes none.
    pub fn from_config(name: &ProfileName, config: &RemoteConfig, home: &Path) -> Result<Remote> {
        Remote::from_manifest(name, &table_of(config), home)
    }
}

/// What a manifest would say of the link that `gateway.remote` describes. The near end of a tunnel is where the real
/// CLI dials: a URL on loopback beside a target is that, and not another gateway.
pub fn table_of(config: &RemoteConfig) -> RemoteTable {
    let url = config.url.as_deref().and_then(|url| url.parse::<GatewayUrl>().ok());
    let near = url.filter(|url| ["127.0.0.1", "localhost", "::1"].contains(&url.host()));
    let has_target = config.ssh_target.is_some();
    let through = match config.transport {
        Some(Transport::Ssh) => has_target,
        Some(Transport::Direct) => false,
        None => has_target && (config.url.is_none() || near.is_some()),
    };
    if !through {
        return RemoteTable {
            transport: Some(Transport::Direct),
            url: config.url.clone(),
            tls_fingerprint: config.tls_fingerprint.clone(),
            ..RemoteTable::default()
        };
    }
    RemoteTable {
        transport: Some(Transport::Ssh),
        target: config.ssh_target.clone(),
        identity: config.ssh_identity.clone(),
        host_key_policy: config.ssh_host_key_policy,
        remote_port: config.remote_port,
        local_port: near.map(|url| url.port()),
        tls_fingerprint: config.tls_fingerprint.clone(),
        ..RemoteTable::default()
    }
}

fn refused(name: &ProfileName, what: String) -> Error {
    Error::new(Kind::Config, "remote_invalid", what)
        .profile(name)
        .remedy("mend the profile's [remote] table, or gateway.remote in its openclaw.json")
}

fn transport_of(written: Option<Transport>, url: Option<&str>) -> Transport {
    written.unwrap_or(if url.is_some() { Transport::Direct } else { Transport::Ssh })
}

/// The further ports of a link.
fn forwards(link: &RemoteTable) -> std::result::Result<Vec<(u16, u16)>, String> {
    let port = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0);
    let mut taken: Vec<u16> = link.local_port.into_iter().collect();
    link.forwards
        .iter()
        .flatten()
        .map(|text| {
            let (near, far) = text.split_once(':').unwrap_or((text, text));
            let pair = port(near).zip(port(far));
            let (near, far) =
                pair.ok_or_else(|| format!("{text:?} is not NEAR:FAR, two ports from 1 to 65535"))?;
            if taken.contains(&near) {
                return Err(format!("port {near} of this machine is named twice"));
            }
            taken.push(near);
            Ok((near, far))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::GatewayConfig;

    /// The link that `remote`, the text of a `gateway.remote`, describes, in one line.
    fn understood(remote: &str) -> std::result::Result<String, String> {
        let text = format!("{{gateway: {{mode: 'remote', remote: {{{remote}}}}}}}");
        let config = GatewayConfig::parse(&text, Path::new("openclaw.json")).unwrap().remote;
        let near = table_of(&config).local_port;
        let remote = Remote::from_config(&"home".parse().unwrap(), &config, Path::new("/h"));
        let remote = remote.map_err(|error| error.message().to_owned())?;
        Ok(match remote.transport {
            Transport::Direct => format!("direct {}", remote.url.unwrap()),
            Transport::Ssh => format!(
                "ssh {} port {:?} far {} near {near:?} key {:?} {}{}",
                remote.target.unwrap(),
                remote.ssh_port,
                remote.remote_port,
                remote.identity.unwrap_or_default(),
                remote.host_key_policy.as_str(),
                if remote.tls_fingerprint.is_some() { " pinned" } else { "" },
            ),
        })
    }

    #[test]
    fn incident_f9_a_configuration_in_remote_mode_is_understood_as_it_stands() {
        let pin = format!("tlsFingerprint: '{}'", "ab".repeat(32));
        for (remote, link) in [
            ("url: 'wss://h:7'", "direct wss://h:7"),
            ("url: 'ws://127.0.0.1:18789'", "direct ws://127.0.0.1:18789"),
            ("transport: 'ssh', url: 'wss://h'", "direct wss://h"),
            ("transport: 'direct', url: 'wss://h', sshTarget: 'ana@s'", "direct wss://h"),
            ("transport: 'direct', url: 'ws://127.0.0.1:7', sshTarget: 's'", "direct ws://127.0.0.1:7"),
            ("url: 'wss://h', sshTarget: 'ana@s'", "direct wss://h"),
            ("sshTarget: 'ana@s'", r#"ssh ana@s port None far 18789 near None key "" strict"#),
            (
                "url: 'ws://127.0.0.1:24000', sshTarget: 'ana@s:2222'",
                r#"ssh ana@s port Some(2222) far 18789 near Some(24000) key "" strict"#,
            ),
            (
                "transport: 'ssh', url: 'ws://localhost:24000', sshTarget: 's', remotePort: 29443, \
                 sshIdentity: '~/.ssh/k', sshHostKeyPolicy: 'openssh'",
                r#"ssh s port None far 29443 near Some(24000) key "/h/.ssh/k" openssh"#,
            ),
            (
                "transport: 'ssh', url: 'wss://gateway.example:443', sshTarget: 's'",
                r#"ssh s port None far 18789 near None key "" strict"#,
            ),
            (
                &format!("url: 'wss://[::1]:24000', sshTarget: 's', {pin}"),
                r#"ssh s port None far 18789 near Some(24000) key "" strict pinned"#,
            ),
        ] {
            assert_eq!(understood(remote).as_deref(), Ok(link), "{remote}");
        }
        for (remote, word) in [
            ("sshTarget: '-oProxyCommand=x'", "remote.target"),
            ("url: 'ftp://h'", "remote.url"),
            ("transport: 'ssh'", "needs `url`"),
            (&format!("url: 'ws://10.0.0.7', {pin}"), "remote.tls_fingerprint"),
        ] {
            let why = understood(remote).unwrap_err();
            assert!(why.contains(word), "{remote}: {why}");
        }
    }

    #[test]
    fn further_ports_are_pairs_and_no_near_end_comes_twice() {
        let link = |texts: &[&str]| RemoteTable {
            local_port: Some(7000),
            forwards: Some(texts.iter().map(|text| (*text).to_owned()).collect()),
            ..RemoteTable::default()
        };
        assert_eq!(forwards(&link(&["7001:18790", "7002"])), Ok(vec![(7001, 18790), (7002, 7002)]));
        for bad in [&["7000:1"][..], &["7001:1", "7001:2"], &["x"], &["1:0"], &["1:2:3"], &["-L"]] {
            assert!(forwards(&link(bad)).is_err(), "{bad:?}");
        }
    }
}

//! The texts of a new remote profile: its manifest, and an `openclaw.json` in remote mode by which the real OpenClaw
//! goes the same way.

use serde_json::{Map, Value, json};
use toml_edit::{DocumentMut, Item, TableLike, value};

use super::create::{set, template};
use super::manifest::RemoteTable;
use super::remote;
use super::resolved::Transport;
use super::tunnel::SshTarget;
use super::url::GatewayUrl;
use crate::base::{Error, Kind, Pins, ProfileName, Result};

/// Under which name the configuration speaks of the credential's file.
const PROVIDER: &str = "remote-credential";

/// The link that `text` describes: `ssh://user@host[:port]`, or the gateway's own URL.
///
/// # Errors
/// [`Kind::Usage`], code `remote_invalid`.
pub fn link(text: &str) -> Result<RemoteTable> {
    let refused = |why: String| {
        Error::new(Kind::Usage, "remote_invalid", format!("--remote: {why}"))
            .remedy("write ssh://user@host[:port], wss://host[:port], or ws://host:port on a private network")
    };
    if text.starts_with("ssh://") {
        let target: SshTarget = text.parse().map_err(refused)?;
        return Ok(RemoteTable {
            transport: Some(Transport::Ssh),
            target: Some(target.destination),
            ssh_port: target.port,
            ..RemoteTable::default()
        });
    }
    let url: GatewayUrl = text.parse().map_err(refused)?;
    Ok(RemoteTable {
        transport: Some(Transport::Direct),
        url: Some(url.to_string()),
        ..RemoteTable::default()
    })
}

/// The manifest of a remote profile with this link, the template's comments kept.
///
/// # Errors
/// [`Kind::Usage`], code `remote_invalid`, when the link's values do not fit together; [`Kind::Config`] when the
/// template is broken.
pub fn manifest_text(name: &ProfileName, link: &RemoteTable) -> Result<String> {
    remote::check(link).map_err(|(key, why)| {
        let what = key.map_or(why.clone(), |key| format!("{key}: {why}"));
        Error::new(Kind::Usage, "remote_invalid", what).profile(name).remedy("correct the options")
    })?;
    let mut document: DocumentMut = template("remote")?.parse().map_err(|error: toml_edit::TomlError| {
        Error::new(Kind::Config, "manifest_invalid", format!("the template is not TOML: {}", error.message()))
    })?;
    let target = link.target.as_deref().or(link.url.as_deref()).unwrap_or_default();
    document["description"] = value(format!("Gateway at {target}"));
    let Some(table) = document["remote"].as_table_like_mut() else { return Ok(document.to_string()) };
    let text = |text: &Option<String>| text.as_deref().map(value);
    let port = |port: Option<u16>| port.map(|port| value(i64::from(port)));
    let is_direct = link.transport == Some(Transport::Direct);
    for (key, item, of_direct) in [
        ("transport", link.transport.map(|transport| value(transport.as_str())), true),
        ("target", text(&link.target), false),
        ("ssh_port", port(link.ssh_port), false),
        ("identity", text(&link.identity), false),
        ("known_hosts", text(&link.known_hosts), false),
        ("host_key_policy", link.host_key_policy.map(|policy| value(policy.as_str())), false),
        ("remote_port", port(link.remote_port), false),
        ("local_port", port(link.local_port), true),
        ("url", text(&link.url), true),
        ("tls_fingerprint", text(&link.tls_fingerprint), true),
        ("token_file", text(&link.token_file), true),
        ("password_file", text(&link.password_file), true),
    ] {
        put(table, key, item, is_direct && !of_direct);
    }
    Ok(document.to_string())
}

/// The manifest `text` with these pins as what the gateway's certificate is known by, comments kept.
///
/// # Errors
/// [`Kind::Config`], code `manifest_invalid`, when it is not TOML.
pub fn with_pins(text: &str, pins: &Pins) -> Result<String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        Error::new(Kind::Config, "manifest_invalid", format!("the manifest is not TOML: {}", error.message()))
    })?;
    set(&mut document, "remote", "tls_fingerprint", value(pins.written()));
    Ok(document.to_string())
}

/// Sets a value, or takes one away that has no meaning here; else the template's stays.
fn put(table: &mut dyn TableLike, key: &str, item: Option<Item>, is_void: bool) {
    match item {
        Some(item) => drop(table.insert(key, item)),
        None if is_void => drop(table.remove(key)),
        None => {}
    }
}

/// The `openclaw.json` of a remote profile, whose near end is `local_port`.
pub fn config_text(link: &RemoteTable, local_port: u16) -> String {
    let mut there = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            there.insert(key.into(), value);
        }
    };
    put("transport", link.transport.map(|transport| json!(transport.as_str())));
    let near_end = GatewayUrl::loopback(local_port, link.tls_fingerprint.is_some());
    put("url", Some(json!(link.url.clone().unwrap_or_else(|| near_end.to_string()))));
    put("tlsFingerprint", link.tls_fingerprint.as_ref().map(|pin| json!(pin)));
    let written =
        |target: &String| SshTarget { destination: target.clone(), port: link.ssh_port }.to_string();
    put("sshTarget", link.target.as_ref().map(|target| json!(written(target))));
    put("sshHostKeyPolicy", link.host_key_policy.map(|policy| json!(policy.as_str())));
    put("sshIdentity", link.identity.as_ref().map(|file| json!(file)));
    put("remotePort", link.remote_port.map(|port| json!(port)));
    put("token", link.token_file.as_ref().map(|_| kept_in_file()));
    put("password", link.password_file.as_ref().map(|_| kept_in_file()));
    let mut config = json!({ "gateway": { "mode": "remote", "remote": there } });
    if let Some(file) = link.token_file.as_ref().or(link.password_file.as_ref()) {
        // The real program reads the file by itself; the secret is not written a second time.
        let provider = json!({ "source": "file", "path": file, "mode": "singleValue" });
        config["secrets"] = json!({ "providers": { PROVIDER: provider } });
    }
    format!("{config:#}\n")
}

/// A reference to the file of the user's that holds the credential (OPENCLAW.md 8.3).
fn kept_in_file() -> Value {
    json!({ "source": "file", "provider": PROVIDER, "id": "value" })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::profile::config::Mode;
    use crate::profile::{GatewayConfig, Manifest, SecretSource};

    fn made(text: &str, more: RemoteTable) -> (Manifest, GatewayConfig) {
        let link = link(text).unwrap();
        let link = RemoteTable {
            transport: link.transport,
            target: link.target,
            ssh_port: link.ssh_port,
            url: link.url,
            local_port: Some(24000),
            ..more
        };
        let text = manifest_text(&"home".parse().unwrap(), &link).unwrap();
        let config = config_text(&link, 24000);
        let manifest = Manifest::parse(&text, Path::new("m.toml")).unwrap_or_else(|e| panic!("{e}\n{text}"));
        (manifest, GatewayConfig::parse(&config, Path::new("openclaw.json")).unwrap())
    }

    #[test]
    fn what_is_written_is_what_was_asked_for() {
        let pin = Some(format!("sha256:{}", "ab".repeat(32)));
        let more =
            RemoteTable { remote_port: Some(29443), identity: Some("/k".into()), ..RemoteTable::default() };
        let (manifest, config) = made("ssh://ana@server:2222", more);
        let link = manifest.remote.unwrap();
        assert_eq!((link.target.as_deref(), link.ssh_port), (Some("ana@server"), Some(2222)));
        assert_eq!((link.remote_port, link.local_port), (Some(29443), Some(24000)));
        assert_eq!(
            (config.mode, config.remote.url.as_deref()),
            (Some(Mode::Remote), Some("ws://127.0.0.1:24000"))
        );
        assert_eq!(config.remote.ssh_target.as_deref(), Some("ana@server:2222"));
        let more = RemoteTable { tls_fingerprint: pin.clone(), ..RemoteTable::default() };
        let (manifest, config) = made("wss://server.example", more);
        let link = manifest.remote.unwrap();
        assert_eq!((link.url.as_deref(), link.tls_fingerprint), (Some("wss://server.example"), pin));
        assert_eq!((link.target, link.host_key_policy, link.remote_port), (None, None, None));
        assert_eq!(config.remote.url.as_deref(), Some("wss://server.example"));
    }

    #[test]
    fn the_real_program_is_told_where_the_credential_is_and_not_what_it_is() {
        let more = RemoteTable { token_file: Some("/k/token".into()), ..RemoteTable::default() };
        let (_, config) = made("ssh://ana@server", more);
        let Some(SecretSource::File { path, pointer: None }) = config.remote.token else {
            panic!("{:?}", config.remote.token)
        };
        assert_eq!((path.as_str(), config.remote.password.is_none()), ("/k/token", true));
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for bad in
            ["", "server", "ssh://", "ssh://-oProxyCommand=x", "ftp://h", "wss://a:b@h", "ssh://h/path"]
        {
            assert_eq!(link(bad).unwrap_err().code(), "remote_invalid", "{bad}");
        }
        let plain =
            RemoteTable { tls_fingerprint: Some("ab".repeat(32)), ..link("ws://10.0.0.7:1").unwrap() };
        let error = manifest_text(&"home".parse().unwrap(), &plain).unwrap_err();
        assert!(error.message().contains("tls_fingerprint"), "{error}");
    }
}

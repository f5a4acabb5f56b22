//! The credentials by which a profile's channels (Telegram, Discord, Slack, …) log in, and which of them two
//! profiles share (INCIDENTS B5). Two gateways with one bot take each other's messages or answer twice.
//!
//! A credential itself is never kept: what is compared are SHA-256 fingerprints under a salt that the caller makes
//! for one comparison and drops with it, so a fingerprint says nothing to anybody later. A channel or an account
//! that is disabled uses none.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::config::{SecretSource, expand, source_of};
use super::embedded::Follow;
use super::isolation::{Sharing, is_meant};
use crate::base::{ProfileName, Result, Secret};

/// Endings, in lower case, of the keys that hold a credential below `channels`.
const CREDENTIALS: [&str; 4] = ["token", "secret", "apikey", "password"];

/// Endings of the keys that name a file with a credential in it.
const FILES: [&str; 4] = ["tokenfile", "secretfile", "apikeyfile", "passwordfile"];

/// What the real program shows in place of a secret; no secret itself.
const REDACTED: &str = "__OPENCLAW_REDACTED__";

/// Stands for every channel in `allow_shared_channels`.
pub const ANY: &str = "*";

/// Settings below `channels` that are no channels.
const SETTINGS: [&str; 2] = ["defaults", "modelByChannel"];

/// Random bytes that make the fingerprints of one comparison worthless for any other.
pub struct Salt([u8; 32]);

impl Salt {
    /// A salt of `random` bytes.
    pub fn new(random: [u8; 32]) -> Self {
        Salt(random)
    }

    fn fingerprint(&self, credential: &str) -> Fingerprint {
        let digest = Sha256::new().chain_update(self.0).chain_update(credential.as_bytes()).finalize();
        Fingerprint(digest.into())
    }
}

/// A salted hash: equal within one comparison exactly when the credentials are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(***)")
    }
}

/// One credential of a channel, by its fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelCredential {
    /// The channel, for example `telegram`.
    pub channel: String,
    /// The account below `accounts`, where it stands in one.
    pub account: Option<String>,
    /// The key's path below the channel, for example `accounts.main.botToken`.
    pub key: String,
    /// What is compared.
    pub fingerprint: Fingerprint,
}

/// The channel credentials of one profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// The profile.
    pub name: ProfileName,
    /// Channels that its manifest lets other profiles share; [`ANY`] is all of them.
    pub allowed: Vec<String>,
    /// What it has.
    pub credentials: Vec<ChannelCredential>,
}

/// The way to a secret's text; `None` where there is none to be had.
pub type Resolve<'a> = &'a dyn Fn(&SecretSource) -> Option<Secret>;

/// The credentials below `channels` in the tree of an `openclaw.json`. Space around a credential does not count: it
/// is the same bot.
pub fn fingerprints(tree: &Value, salt: &Salt, resolve: Resolve<'_>) -> Vec<ChannelCredential> {
    let providers = tree.get("secrets").and_then(|secrets| secrets.get("providers"));
    let mut walk = Walk { providers, salt, resolve, found: Vec::new() };
    for (channel, settings) in channels(tree) {
        walk.object(channel, None, "", settings);
    }
    walk.found
}

/// The channels of a tree by name, disabled ones too.
pub(super) fn channels(tree: &Value) -> impl Iterator<Item = (&String, &Map<String, Value>)> {
    let all = tree.get("channels").and_then(Value::as_object).into_iter().flatten();
    all.filter(|(name, _)| is_channel(name)).filter_map(|(name, value)| Some((name, value.as_object()?)))
}

/// Whether a key below `channels` is a channel's name.
pub(super) fn is_channel(key: &str) -> bool {
    !SETTINGS.contains(&key)
}

/// Whether a key holds a credential, or names the file that does.
pub(super) fn is_credential(key: &str) -> bool {
    holds(key, &CREDENTIALS) || holds(key, &FILES)
}

/// Whether a key names a file with a credential in it.
pub(super) fn is_file(key: &str) -> bool {
    holds(key, &FILES)
}

fn holds(key: &str, endings: &[&str]) -> bool {
    let key = key.to_ascii_lowercase().replace(['_', '-'], "");
    endings.iter().any(|ending| key.ends_with(ending))
}

struct Walk<'a> {
    providers: Option<&'a Value>,
    salt: &'a Salt,
    resolve: Resolve<'a>,
    found: Vec<ChannelCredential>,
}

impl Walk<'_> {
    fn object(&mut self, channel: &str, account: Option<&str>, path: &str, settings: &Map<String, Value>) {
        if settings.get("enabled") == Some(&Value::Bool(false)) {
            return;
        }
        for (key, value) in settings {
            let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            // Whatever stands directly in `accounts` is an account.
            let account = account.or((path == "accounts").then_some(key.as_str()));
            if is_credential(key) {
                self.note(channel, account, below, self.text(key, value));
            } else {
                self.value(channel, account, &below, value);
            }
        }
    }

    fn value(&mut self, channel: &str, account: Option<&str>, path: &str, value: &Value) {
        match value {
            Value::Object(settings) => self.object(channel, account, path, settings),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.value(channel, account, &format!("{path}.{index}"), item);
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, channel: &str, account: Option<&str>, key: String, text: Option<Secret>) {
        let Some(text) = text else { return };
        let credential = text.expose().trim();
        if credential.is_empty() || credential == REDACTED {
            return;
        }
        self.found.push(ChannelCredential {
            channel: channel.to_owned(),
            account: account.map(str::to_owned),
            key,
            fingerprint: self.salt.fingerprint(credential),
        });
    }

    fn text(&self, key: &str, value: &Value) -> Option<Secret> {
        let follow = |source: &SecretSource| Ok((self.resolve)(source));
        credential(key, value, self.providers, &follow).ok().flatten()
    }
}

/// The credential that `key` with `value` stands for: a text with its variables filled in, as the gateway would, a
/// reference, or the content of the file that it names; `None` where there is none to be had.
///
/// # Errors
/// What `follow` says of a file.
pub(super) fn credential(
    key: &str,
    value: &Value,
    providers: Option<&Value>,
    follow: &Follow<'_>,
) -> Result<Option<Secret>> {
    let expanded = |text: &str| {
        let variable = |name: &str| follow(&SecretSource::Env(name.to_owned())).ok().flatten();
        expand(text, variable).map(Secret::new)
    };
    match value {
        Value::String(text) if holds(key, &FILES) => match expanded(text) {
            Some(path) => {
                let path = path.expose().trim().to_owned();
                follow(&SecretSource::File { path, pointer: None })
            }
            None => Ok(None),
        },
        Value::String(text) => Ok(expanded(text)),
        reference => source_of(reference, providers).map_or(Ok(None), |source| follow(&source)),
    }
}

/// What any two profiles share of their channels, or `of` and any other, once per pair and channel. It is allowed where the manifest of
/// either says so: sharing is a matter of both, and the one that was there first must not suffer for it.
pub fn shared(all: &[Owned], of: Option<&ProfileName>) -> Vec<Sharing> {
    let mut sorted: Vec<&Owned> = all.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut found = Vec::new();
    for (index, a) in sorted.iter().enumerate() {
        for b in &sorted[index + 1..] {
            if !is_meant(of, &a.name, &b.name) {
                continue;
            }
            let mut common: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for credential in &b.credentials {
                let has = |other: &&ChannelCredential| {
                    other.channel == credential.channel && other.fingerprint == credential.fingerprint
                };
                if let Some(other) = a.credentials.iter().find(has) {
                    common.entry(&other.channel).or_default().push(&credential.key);
                }
            }
            found.extend(common.into_iter().map(|(channel, keys)| sharing(a, b, channel, &keys)));
        }
    }
    found
}

fn sharing(a: &Owned, b: &Owned, channel: &str, keys: &[&str]) -> Sharing {
    let keys: Vec<String> = keys.iter().map(|key| format!("channels.{channel}.{key}")).collect();
    let allows = |owned: &Owned| owned.allowed.iter().any(|allowed| allowed == channel || allowed == ANY);
    let allowed = allows(a) || allows(b);
    let (first, second) = (&a.name, &b.name);
    // A name that a shell would not take as one word is left out of the command.
    let is_word = channel.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let narrow = if is_word { format!("={channel}") } else { String::new() };
    let message = if allowed {
        format!(
            "`{first}` and `{second}` share one credential of the channel {channel}, as a manifest allows"
        )
    } else {
        format!("`{first}` and `{second}` have one credential of the channel {channel} ({})", keys.join(", "))
    };
    Sharing {
        code: "credential_shared",
        a: a.name.clone(),
        b: b.name.clone(),
        what: channel.to_owned(),
        message,
        remedy: format!(
            "give `{second}` a {channel} credential of its own in its openclaw.json; only if both shall use it: \
             openclaw profile start {second} --allow-shared-channel{narrow}"
        ),
        allowed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: Salt = Salt([7; 32]);

    fn resolve(source: &SecretSource) -> Option<Secret> {
        match source {
            SecretSource::Inline(secret) => Some(secret.clone()),
            SecretSource::Env(name) if name == "BOT" => Some(Secret::new("123:abc")),
            SecretSource::Env(name) if name == "HALF" => Some(Secret::new("123")),
            SecretSource::File { path, pointer: None } if path == "/t" => Some(Secret::new("123:abc\n")),
            SecretSource::File { path, pointer: Some(at) } if path == "/s.json" && at == "/bot" => {
                Some(Secret::new(" 123:abc"))
            }
            _ => None,
        }
    }

    fn keys(text: &str) -> Vec<(String, String, bool)> {
        let tree: Value = json5::from_str(text).unwrap();
        let found = fingerprints(&tree, &SALT, &resolve);
        let same = SALT.fingerprint("123:abc");
        found.into_iter().map(|found| (found.channel, found.key, found.fingerprint == same)).collect()
    }

    #[test]
    fn every_form_of_one_secret_has_one_fingerprint() {
        for form in [
            "botToken: '123:abc'",
            "botToken: '  123:abc\\n'",
            "botToken: '${BOT}'",
            "botToken: '${HALF}:abc'",
            "tokenFile: '/t'",
            "botToken: {source: 'env', id: 'BOT'}",
            "botToken: {source: 'file', provider: 'p', id: '/bot'}",
        ] {
            let text = format!(
                "{{channels: {{telegram: {{{form}}}}}, secrets: {{providers: {{p: {{path: '/s.json'}}}}}}}}"
            );
            let found = keys(&text);
            assert_eq!(found.len(), 1, "{form}");
            assert!(found[0].2, "{form}");
        }
        for other in ["botToken: '123:abd'", "botToken: '$${BOT}'", "botToken: '${bot}'"] {
            assert!(!keys(&format!("{{channels: {{telegram: {{{other}}}}}}}"))[0].2, "{other}");
        }
    }

    #[test]
    fn credentials_are_found_wherever_they_stand_and_nothing_else_is() {
        let text = "{
            gateway: {auth: {token: 't'}},
            channels: {
                defaults: {token: 'no'},
                telegram: {accounts: {main: {botToken: 'a'}, off: {enabled: false, botToken: 'b'}}},
                discord: {token: 'c', guilds: ['x'], tokenizer: 'no', maxTokens: 5},
                slack: {botToken: 'd', appToken: 'e', signingSecret: 'f', http: [{apiKey: 'g'}]},
                whatsapp: {allowFrom: ['+1']},
                matrix: {enabled: false, password: 'h'},
                signal: {password: '${NOT_SET}', token: '', apiKey: '__OPENCLAW_REDACTED__'},
            },
        }";
        let found: Vec<String> =
            keys(text).into_iter().map(|(channel, key, _)| format!("{channel}.{key}")).collect();
        let mut found: Vec<&str> = found.iter().map(String::as_str).collect();
        found.sort_unstable();
        let expected = [
            "discord.token",
            "slack.appToken",
            "slack.botToken",
            "slack.http.0.apiKey",
            "slack.signingSecret",
            "telegram.accounts.main.botToken",
        ];
        assert_eq!(found, expected);
        let tree = json5::from_str("{channels: {t: {accounts: {main: {x: {token: 'a'}}}}}}").unwrap();
        assert_eq!(fingerprints(&tree, &SALT, &resolve)[0].account.as_deref(), Some("main"));
        assert_eq!(keys("{channels: []}"), []);
    }

    #[test]
    fn another_salt_is_another_fingerprint_and_none_is_printed() {
        let (one, two) = (SALT.fingerprint("x"), Salt([8; 32]).fingerprint("x"));
        assert_ne!(one, two);
        assert_eq!(format!("{one:?}"), "Fingerprint(***)");
    }

    fn owned(name: &str, allowed: &[&str], text: &str) -> Owned {
        let tree = json5::from_str(text).unwrap();
        Owned {
            name: name.parse().unwrap(),
            allowed: allowed.iter().map(|word| (*word).to_owned()).collect(),
            credentials: fingerprints(&tree, &SALT, &resolve),
        }
    }

    #[test]
    fn a_shared_credential_is_named_with_both_owners_and_never_itself() {
        let a = owned("a", &[], "{channels: {telegram: {botToken: 'secret-1', token: 'secret-1'}}}");
        let b = owned("b", &[], "{channels: {telegram: {accounts: {x: {botToken: ' secret-1'}}}}}");
        let c = owned("c", &[], "{channels: {discord: {token: 'secret-1'}}}");
        let found = shared(&[b.clone(), c.clone(), a.clone()], None);
        assert_eq!(found, shared(&[a, b, c], None));
        assert_eq!(found.len(), 1, "another channel is another service: {found:?}");
        let one = &found[0];
        assert_eq!((one.code, one.what.as_str(), one.allowed), ("credential_shared", "telegram", false));
        assert!(one.message.contains("`a` and `b`") && one.message.contains("accounts.x.botToken"));
        assert!(!format!("{found:?}").contains("secret-1"));
    }

    #[test]
    fn the_manifest_of_either_allows_it_and_of_a_third_does_not() {
        let text = "{channels: {telegram: {botToken: 'x'}}}";
        for (of_a, of_b, allowed) in [
            (&["telegram"][..], &[][..], true),
            (&[], &["*"], true),
            (&[], &["discord"], false),
            (&[], &[], false),
        ] {
            let found =
                shared(&[owned("a", of_a, text), owned("b", of_b, text), owned("c", &[], "{}")], None);
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].allowed, allowed, "{of_a:?} {of_b:?}");
        }
        let three = [owned("a", &[], text), owned("b", &["*"], text), owned("c", &[], text)];
        let refused: Vec<_> = shared(&three, None).into_iter().filter(|sharing| !sharing.allowed).collect();
        assert_eq!(refused.len(), 1);
        assert_eq!((refused[0].a.as_str(), refused[0].b.as_str()), ("a", "c"));
    }
}

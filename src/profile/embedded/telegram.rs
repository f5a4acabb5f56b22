//! `channels.telegram`: with which bots the gateway speaks, and who may speak to it through them. Keys and defaults are
//! the real program's; a token that cannot be had is no error of the file, it parks its account.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::Follow;
use crate::base::{Result, Secret};
use crate::profile::channels::credential;
use crate::profile::config::Node;

/// The account of a file that names none.
pub const DEFAULT_ACCOUNT: &str = "default";
/// Where Telegram's Bot API answers.
pub const API_ROOT: &str = "https://api.telegram.org";
/// The variable that holds the token of the default account where the file has none.
const TOKEN_VARIABLE: &str = "TELEGRAM_BOT_TOKEN";

/// Who may write to the bot in private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DmPolicy {
    /// Who was approved by a code, and who is listed.
    Pairing,
    /// Who is listed.
    Allowlist,
    /// Who is listed, where the list has to hold `*`.
    Open,
    /// Nobody.
    Disabled,
}

impl DmPolicy {
    const WORDS: [(&'static str, DmPolicy); 4] = [
        ("pairing", DmPolicy::Pairing),
        ("allowlist", DmPolicy::Allowlist),
        ("open", DmPolicy::Open),
        ("disabled", DmPolicy::Disabled),
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(_, policy)| *policy == self).map_or("", |(word, _)| word)
    }
}

/// Who may write to the bot in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupPolicy {
    /// Everybody in it.
    Open,
    /// Who is listed.
    Allowlist,
    /// Nobody.
    Disabled,
}

impl GroupPolicy {
    const WORDS: [(&'static str, GroupPolicy); 3] = [
        ("open", GroupPolicy::Open),
        ("allowlist", GroupPolicy::Allowlist),
        ("disabled", GroupPolicy::Disabled),
    ];
}

/// How the sessions of private chats are divided, `session.dmScope`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DmScope {
    /// One for all.
    Main,
    /// One for each person.
    PerPeer,
    /// One for each person of a channel.
    PerChannelPeer,
    /// One for each person of an account.
    PerAccountChannelPeer,
}

const DM_SCOPES: [(&str, DmScope); 4] = [
    ("main", DmScope::Main),
    ("per-peer", DmScope::PerPeer),
    ("per-channel-peer", DmScope::PerChannelPeer),
    ("per-account-channel-peer", DmScope::PerAccountChannelPeer),
];

/// A list of people by their numeric ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// Whether it holds `*`.
    pub all: bool,
    /// The ids.
    pub ids: Vec<i64>,
}

impl People {
    /// Whether `id` is on it.
    pub fn holds(&self, id: i64) -> bool {
        self.all || self.ids.contains(&id)
    }
}

/// What holds for one group, or with the key `*` for those that have no entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// False switches it off.
    pub enabled: Option<bool>,
    /// Whether the bot has to be mentioned; it has to when absent.
    pub require_mention: Option<bool>,
    /// In place of the account's.
    pub policy: Option<GroupPolicy>,
    /// In place of the account's.
    pub allow_from: Option<People>,
}

/// One bot.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name in the file.
    pub id: String,
    /// Its name for people.
    pub name: Option<String>,
    /// Whether it is used.
    pub enabled: bool,
    /// Its token; what stands in the way where there is none.
    pub token: std::result::Result<Secret, String>,
    /// Where the token comes from: `tokenFile`, `config`, `env` or `none`.
    pub token_source: &'static str,
    /// Where the Bot API answers, without a slash at its end.
    pub api_root: String,
    /// Who may write in private.
    pub dm_policy: DmPolicy,
    /// Who is listed.
    pub allow_from: People,
    /// Who may write in groups.
    pub group_policy: GroupPolicy,
    /// Who is listed for groups; where absent, who is listed.
    pub group_allow_from: Option<People>,
    /// The groups that count; all where absent and the policy is open.
    pub groups: Option<BTreeMap<String, Group>>,
    /// What is in the file and has no effect, in sentences.
    pub notes: Vec<String>,
}

/// What holds for Telegram; the default has no account.
#[derive(Clone, Debug)]
pub struct Telegram {
    /// The accounts by their names.
    pub accounts: Vec<Account>,
    /// The one that is meant where none is named.
    pub default_account: String,
    /// Who may give orders beyond talking: `commands.ownerAllowFrom`.
    pub owners: People,
    /// `session.dmScope`; where absent, owners share the main session and everybody else has one of their own.
    pub dm_scope: Option<DmScope>,
}

impl Default for Telegram {
    fn default() -> Self {
        let default_account = DEFAULT_ACCOUNT.to_owned();
        Telegram { accounts: Vec::new(), default_account, owners: People::default(), dm_scope: None }
    }
}

impl Telegram {
    /// The account of that name.
    pub fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id == id)
    }

    pub(super) fn read(root: &Value, file: &Path, follow: &Follow<'_>) -> Result<Telegram> {
        let channel = Node::root(file, "channels", root).object()?.child("telegram").object()?;
        let commands = Node::root(file, "commands", root).object()?;
        let owners = People {
            // Everybody is nobody's owner.
            all: false,
            ..people(&commands.child("ownerAllowFrom"), &mut Vec::new())?.unwrap_or_default()
        };
        let dm_scope = Node::root(file, "session", root).object()?.child("dmScope").word(&DM_SCOPES)?;
        let mut telegram = Telegram { owners, dm_scope, ..Telegram::default() };
        if channel.value().is_none() {
            return Ok(telegram);
        }
        let providers = root.get("secrets").and_then(|secrets| secrets.get("providers"));
        let reader = Reader { channel: &channel, providers, follow };
        let named = channel.child("accounts").object()?;
        let names = named.value().and_then(Value::as_object).into_iter().flat_map(Map::keys);
        for name in names {
            telegram.accounts.push(reader.account(name, named.child(name).object()?)?);
        }
        let own_token = ["botToken", "tokenFile"].iter().any(|key| channel.child(key).value().is_some());
        if (telegram.accounts.is_empty() || own_token) && telegram.account(DEFAULT_ACCOUNT).is_none() {
            telegram.accounts.push(reader.account(DEFAULT_ACCOUNT, channel.child("accounts").child(""))?);
        }
        telegram.default_account = match channel.child("defaultAccount").text()? {
            Some(name) if telegram.account(&name).is_none() => {
                return Err(channel
                    .child("defaultAccount")
                    .wrong("the name of one of channels.telegram.accounts"));
            }
            Some(name) => name,
            None if telegram.account(DEFAULT_ACCOUNT).is_some() => DEFAULT_ACCOUNT.to_owned(),
            None => telegram.accounts.first().map(|first| first.id.clone()).unwrap_or_default(),
        };
        Ok(telegram)
    }
}

struct Reader<'a> {
    channel: &'a Node<'a>,
    providers: Option<&'a Value>,
    follow: &'a Follow<'a>,
}

impl Reader<'_> {
    fn account(&self, id: &str, own: Node<'_>) -> Result<Account> {
        let channel = self.channel;
        let mut notes = Vec::new();
        let dm_policy = own.child("dmPolicy").word(&DmPolicy::WORDS)?;
        let dm_policy =
            dm_policy.or(channel.child("dmPolicy").word(&DmPolicy::WORDS)?).unwrap_or(DmPolicy::Pairing);
        let group_policy = own.child("groupPolicy").word(&GroupPolicy::WORDS)?;
        let group_policy = group_policy.or(channel.child("groupPolicy").word(&GroupPolicy::WORDS)?);
        let root = people(&channel.child("allowFrom"), &mut notes)?;
        let mut allow_from = people(&own.child("allowFrom"), &mut notes)?;
        // A list of the whole channel that is no `*` is a border that an account cannot open.
        if let (Some(root), Some(own)) = (&root, &mut allow_from) {
            own.all &= root.all;
        }
        let allow_from = allow_from.or(root).unwrap_or_default();
        if dm_policy == DmPolicy::Allowlist && allow_from == People::default() {
            let key = if own.child("allowFrom").value().is_some() { &own } else { channel };
            return Err(key
                .child("allowFrom")
                .wrong("a list with at least one numeric user id, as dmPolicy is allowlist"));
        }
        if dm_policy == DmPolicy::Open && !allow_from.all {
            notes.push("dmPolicy is open, and allowFrom has no \"*\": only who is listed may write".into());
        }
        let group_allow_from = people(&own.child("groupAllowFrom"), &mut notes)?;
        let group_allow_from = group_allow_from.or(people(&channel.child("groupAllowFrom"), &mut notes)?);
        let groups = groups(&own.child("groups"), &mut notes)?;
        let (token, token_source) = self.token(id, &own);
        let api_root = own.child("apiRoot").text()?.or(channel.child("apiRoot").text()?);
        let api_root =
            api_root.map_or_else(|| API_ROOT.to_owned(), |root| root.trim_end_matches('/').to_owned());
        if !api_root.starts_with("https://") && !api_root.starts_with("http://") {
            let key = if own.child("apiRoot").value().is_some() {
                own.child("apiRoot")
            } else {
                channel.child("apiRoot")
            };
            return Err(key.wrong("a URL that begins with https:// or http://"));
        }
        Ok(Account {
            id: id.to_owned(),
            name: own.child("name").text()?.or(channel.child("name").text()?),
            enabled: own.child("enabled").boolean()?.unwrap_or(true)
                && channel.child("enabled").boolean()?.unwrap_or(true),
            token,
            token_source,
            api_root,
            dm_policy,
            allow_from,
            group_policy: group_policy.unwrap_or(GroupPolicy::Allowlist),
            group_allow_from,
            groups: if groups.is_some() {
                groups
            } else {
                self::groups(&channel.child("groups"), &mut notes)?
            },
            notes,
        })
    }

    /// The account's token, by the file before the text before the variable, and which of them it was.
    fn token(&self, id: &str, own: &Node<'_>) -> (std::result::Result<Secret, String>, &'static str) {
        let is_default = id == DEFAULT_ACCOUNT;
        let shared = own.value().is_none() || is_default;
        for (key, source) in [("tokenFile", "tokenFile"), ("botToken", "config")] {
            let mut node = own.child(key);
            if node.value().is_none() && shared {
                node = self.channel.child(key);
            }
            let Some(value) = node.value() else { continue };
            let wrong = |why: &dyn std::fmt::Display| format!("`{}`: {why}", node.path);
            let token = match credential(key, value, self.providers, self.follow) {
                Ok(Some(token)) => usable(&token).ok_or_else(|| wrong(&"it is no bot token")),
                Ok(None) => Err(wrong(&"the variable is not set, or the file does not exist")),
                Err(error) => Err(wrong(&error)),
            };
            return (token, source);
        }
        let variable = crate::profile::SecretSource::Env(TOKEN_VARIABLE.into());
        match is_default.then(|| (self.follow)(&variable).ok().flatten()).flatten() {
            Some(token) => {
                (usable(&token).ok_or_else(|| format!("{TOKEN_VARIABLE} holds no bot token")), "env")
            }
            None => {
                let node = if own.value().is_some() { own } else { self.channel };
                (Err(format!("`{}` is not set", node.child("botToken").path)), "none")
            }
        }
    }
}

/// The token without space around it; `None` where it cannot be one: it becomes a part of a URL.
fn usable(token: &Secret) -> Option<Secret> {
    let text = token.expose().trim();
    let (bot, key) = text.split_once(':')?;
    let is_key = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let fits = !bot.is_empty() && bot.bytes().all(|byte| byte.is_ascii_digit());
    (fits && !key.is_empty() && key.bytes().all(is_key)).then(|| Secret::new(text))
}

/// Numeric ids and `*`, as numbers or texts, with `telegram:` or `tg:` before them; what else is there is noted.
fn people(node: &Node<'_>, notes: &mut Vec<String>) -> Result<Option<People>> {
    let Some(value) = node.value() else { return Ok(None) };
    let items = value.as_array().ok_or_else(|| node.wrong("a list of numeric user ids"))?;
    let mut people = People::default();
    for item in items {
        let text = match item {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.trim().to_owned(),
            _ => return Err(node.wrong("a list of numeric user ids")),
        };
        let bare = ["telegram:", "tg:"].iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(&text);
        match (bare, bare.parse()) {
            ("*", _) => people.all = true,
            (_, Ok(id)) => people.ids.push(id),
            _ => notes
                .push(format!("`{}` has an entry that is no numeric user id; it lets nobody in", node.path)),
        }
    }
    Ok(Some(people))
}

fn groups(node: &Node<'_>, notes: &mut Vec<String>) -> Result<Option<BTreeMap<String, Group>>> {
    let Some(value) = node.value() else { return Ok(None) };
    let all = value.as_object().ok_or_else(|| node.wrong("an object in braces"))?;
    let mut groups = BTreeMap::new();
    for id in all.keys() {
        let own = node.child(id).object()?;
        let group = Group {
            enabled: own.child("enabled").boolean()?,
            require_mention: own.child("requireMention").boolean()?,
            policy: own.child("groupPolicy").word(&GroupPolicy::WORDS)?,
            allow_from: people(&own.child("allowFrom"), notes)?,
        };
        groups.insert(id.clone(), group);
    }
    Ok(Some(groups))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Error, Kind};
    use crate::profile::SecretSource;

    fn follow(source: &SecretSource) -> Result<Option<Secret>> {
        match source {
            SecretSource::Inline(secret) => Ok(Some(secret.clone())),
            SecretSource::Env(name) if name == "BOT" => Ok(Some(Secret::new("7:env"))),
            SecretSource::Env(name) if name == TOKEN_VARIABLE => Ok(Some(Secret::new("9:fallback"))),
            SecretSource::File { path, pointer: None } if path == "/t" => Ok(Some(Secret::new("8:file\n"))),
            SecretSource::File { path, .. } if path == "/bad" => {
                Err(Error::new(Kind::Config, "credential_missing", "/bad: it is no JSON"))
            }
            _ => Ok(None),
        }
    }

    fn read(telegram: &str) -> Result<Telegram> {
        let tree = json5::from_str(&format!("{{channels: {{telegram: {telegram}}}}}")).unwrap();
        Telegram::read(&tree, Path::new("openclaw.json"), &follow)
    }

    #[test]
    fn a_token_comes_from_file_text_reference_or_variable_in_that_order() {
        for (form, token, source) in [
            ("{botToken: ' 1:a '}", Some("1:a"), "config"),
            ("{botToken: '${BOT}'}", Some("7:env"), "config"),
            ("{botToken: {source: 'env', provider: 'default', id: 'BOT'}}", Some("7:env"), "config"),
            ("{botToken: '1:a', tokenFile: '/t'}", Some("8:file"), "tokenFile"),
            ("{}", Some("9:fallback"), "env"),
            ("{botToken: '${NONE}'}", None, "config"),
            ("{tokenFile: '/bad'}", None, "tokenFile"),
            ("{botToken: '1:a/../x'}", None, "config"),
            ("{accounts: {work: {}}}", None, "none"),
        ] {
            let telegram = read(form).unwrap();
            let account = &telegram.accounts[0];
            let found = account.token.as_ref().map(Secret::expose);
            assert_eq!((found.ok(), account.token_source), (token, source), "{form}");
        }
        assert!(
            read("{botToken: '${NONE}'}").unwrap().accounts[0]
                .token
                .as_ref()
                .unwrap_err()
                .contains("botToken")
        );
        assert!(Telegram::read(&Value::Null, Path::new("x"), &follow).unwrap().accounts.is_empty());
    }

    #[test]
    fn an_account_has_what_the_channel_says_where_it_says_nothing_itself() {
        let telegram = read(
            "{botToken: '1:a', allowFrom: ['tg:5', 6], groupPolicy: 'open', groups: {'-9': {requireMention: false}},
              accounts: {b: {botToken: '2:b', dmPolicy: 'open', allowFrom: ['*'], groups: {}, apiRoot: 'http://127.0.0.1:1/'},
                         off: {botToken: '3:c', enabled: false}}}",
        )
        .unwrap();
        let [b, off, own] = telegram.accounts.as_slice() else { panic!("{telegram:?}") };
        assert_eq!((own.id.as_str(), telegram.default_account.as_str()), ("default", "default"));
        assert_eq!((own.dm_policy, own.allow_from.ids.as_slice()), (DmPolicy::Pairing, &[5, 6][..]));
        assert_eq!((own.group_policy, own.api_root.as_str()), (GroupPolicy::Open, API_ROOT));
        assert_eq!(own.groups.as_ref().unwrap()["-9"].require_mention, Some(false));
        // The channel's list is a border.
        assert_eq!((b.allow_from.all, b.notes.len()), (false, 1));
        assert_eq!((b.groups.as_ref().unwrap().len(), b.api_root.as_str()), (0, "http://127.0.0.1:1"));
        assert!(!off.enabled && off.allow_from.holds(6));
    }

    #[test]
    fn what_is_wrong_is_named_by_its_key() {
        for (form, key) in [
            ("{dmPolicy: 'all'}", "channels.telegram.dmPolicy"),
            ("{dmPolicy: 'allowlist'}", "channels.telegram.allowFrom"),
            ("{allowFrom: '*'}", "channels.telegram.allowFrom"),
            ("{apiRoot: 'ftp://x'}", "channels.telegram.apiRoot"),
            ("{accounts: {b: {groups: []}}}", "channels.telegram.accounts.b.groups"),
            ("{defaultAccount: 'x'}", "channels.telegram.defaultAccount"),
        ] {
            let error = read(form).unwrap_err();
            assert!(error.message().contains(&format!("`{key}`")), "{form}: {error}");
        }
        assert_eq!(read("{allowFrom: ['@ana']}").unwrap().accounts[0].notes.len(), 1);
    }

    #[test]
    fn owners_are_people_by_their_ids_and_never_everybody() {
        let tree =
            json5::from_str("{commands: {ownerAllowFrom: ['telegram:5', '*']}, session: {dmScope: 'main'}}");
        let telegram = Telegram::read(&tree.unwrap(), Path::new("x"), &follow).unwrap();
        assert!(telegram.owners.holds(5) && !telegram.owners.holds(6));
        assert_eq!(telegram.dm_scope, Some(DmScope::Main));
    }
}

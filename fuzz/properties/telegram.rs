//! An update of the Bot API, and a text on its way out. A stranger never becomes somebody who may speak, let alone an
//! owner; sessions of two chats are never one; and whatever is said fits into messages that Telegram takes. The first
//! byte says which rules there are.

use std::path::Path;
use std::sync::LazyLock;

use openclaw_supervisor::gateway::channel::telegram::chunk::{self, UNITS_MAX};
use openclaw_supervisor::gateway::channel::telegram::gate::{self, Known, Verdict};
use openclaw_supervisor::gateway::channel::telegram::inbound::{Inbound, Me};
use openclaw_supervisor::gateway::channel::telegram::markup;
use openclaw_supervisor::gateway::channel::telegram::pace::{Pace, Trouble};
use openclaw_supervisor::gateway::sessions::key;
use openclaw_supervisor::profile::Embedded;
use openclaw_supervisor::profile::embedded::telegram::{DmPolicy, DmScope, GroupPolicy, Telegram};
use serde_json::{Value, json};

/// Who is listed, and who is an owner, in all of the rules; the seeds have both.
const LISTED: i64 = 5;
const OWNER: i64 = 1;
/// Longest name of a sender, in characters: first, last and user name.
const LABEL_MAX: usize = 200;

static RULES: LazyLock<Vec<Telegram>> = LazyLock::new(|| {
    let accounts = [
        json!({}),
        json!({"allowFrom": [LISTED]}),
        json!({"dmPolicy": "allowlist", "allowFrom": [LISTED], "groups": {"-9": {}}}),
        json!({"dmPolicy": "open", "allowFrom": ["*"], "groupPolicy": "open"}),
        json!({"dmPolicy": "disabled", "groupPolicy": "disabled"}),
        json!({"allowFrom": [LISTED], "groups": {"*": {"requireMention": false}}}),
        json!({"groupPolicy": "open", "groups": {"-9": {"allowFrom": [LISTED]}, "-8": {"enabled": false}}}),
        json!({"groupAllowFrom": [LISTED], "groups": {"-9": {"groupPolicy": "disabled"}, "*": {}}}),
    ];
    let scopes = [None, Some("main"), Some("per-peer"), Some("per-account-channel-peer")];
    let all = scopes.iter().flat_map(|scope| accounts.iter().map(move |account| rules(account, *scope)));
    all.collect()
});

fn rules(account: &Value, scope: Option<&str>) -> Telegram {
    let mut tree = json!({
        "channels": {"telegram": account},
        "commands": {"ownerAllowFrom": [format!("telegram:{OWNER}")]},
        "session": {},
    });
    if let Some(scope) = scope {
        tree["session"]["dmScope"] = json!(scope);
    }
    Embedded::read(&tree, Path::new("openclaw.json"), &|_| Ok(None)).expect("the rules are right").telegram
}

/// Holds it.
pub fn hold(data: &[u8]) {
    let Some((byte, rest)) = data.split_first() else { return };
    let rules = &RULES[usize::from(*byte) % RULES.len()];
    let known = Known { approved: byte & 64 != 0, owner: byte & 128 != 0 };
    if let Ok(update) = serde_json::from_slice::<Value>(rest) {
        inbound(rules, known, &update);
        trouble(&update);
    }
    if let Ok(text) = std::str::from_utf8(rest) {
        outbound(text, 32 + usize::from(*byte));
        outbound(text, UNITS_MAX);
    }
}

fn me() -> Me {
    Me::of(&json!({"id": 7, "username": "gate_bot"}))
}

fn inbound(rules: &Telegram, known: Known, update: &Value) {
    let Some(inbound) = Inbound::read(update, &me()) else { return };
    let message = &update["message"];
    assert!(message["from"]["is_bot"] != true, "a bot speaks to a bot");
    assert_eq!(
        (json!(inbound.chat), json!(inbound.sender)),
        (message["chat"]["id"].clone(), message["from"]["id"].clone())
    );
    assert!(inbound.addressed || !inbound.private, "who writes in private means the bot");
    for name in [&inbound.label, &inbound.username] {
        assert!(!name.chars().any(char::is_control) && name.chars().count() <= LABEL_MAX, "{name:?}");
    }
    assert!(!inbound.label.is_empty(), "a sender without a name");
    assert!(!inbound.is_command() || inbound.text.as_deref().is_some_and(|text| text.starts_with('/')));
    let mut more = update.clone();
    more["message"]["a_field_to_come"] = json!([1]);
    assert_eq!(Inbound::read(&more, &me()).as_ref(), Some(&inbound), "a field of tomorrow changes it");
    may_speak(rules, known, &inbound);
    sessions(rules, &inbound);
}

/// Who speaks was let in by one of the ways that there are.
fn may_speak(rules: &Telegram, known: Known, inbound: &Inbound) {
    let account = &rules.accounts[0];
    let verdict = gate::judge(rules, account, known, inbound);
    let listed = account.allow_from.holds(inbound.sender);
    match verdict {
        Verdict::Speak { owner } => {
            assert_eq!(owner, known.owner || inbound.sender == OWNER, "{inbound:?}");
            if inbound.private {
                assert!(account.dm_policy != DmPolicy::Disabled, "{inbound:?}");
                assert!(listed || known.approved && account.dm_policy == DmPolicy::Pairing, "{inbound:?}");
            } else {
                assert!(account.group_policy != GroupPolicy::Disabled, "{inbound:?}");
                let open = account.group_policy == GroupPolicy::Open;
                assert!(open || account.groups.is_some(), "no group is listed: {inbound:?}");
            }
        }
        Verdict::Pair => {
            assert!(inbound.private && account.dm_policy == DmPolicy::Pairing && !listed && !known.approved)
        }
        Verdict::Ignore(why) => assert!(!why.is_empty()),
    }
    if !inbound.private && known.approved {
        let stranger = gate::judge(rules, account, Known { approved: false, ..known }, inbound);
        assert_eq!(stranger, verdict, "a code of a private chat counts in a group");
    }
}

/// Two chats never share a session, but those that the rules put into one; nobody but an owner reads an owner's.
fn sessions(rules: &Telegram, inbound: &Inbound) {
    let of = |owner, inbound: &Inbound| gate::session_key(rules, "default", owner, inbound);
    let (own, other) = (
        of(false, inbound),
        Inbound { chat: inbound.chat ^ 1, sender: inbound.sender ^ 1, ..inbound.clone() },
    );
    assert_eq!(key::full(&own).as_deref(), Ok(own.as_str()), "it is no key of a session");
    let shared = rules.dm_scope == Some(DmScope::Main) && inbound.private;
    assert_eq!(own == of(false, &other), shared, "{own}");
    assert_eq!(own == key::MAIN, shared, "{own}");
    let topic = Inbound { topic: Some(inbound.topic.map_or(1, |topic| topic ^ 1)), ..inbound.clone() };
    assert_eq!(own == of(false, &topic), inbound.private, "{own}");
}

/// An answer of the Bot API that is trouble has a sentence, and a rest that is neither none nor for ever.
fn trouble(body: &Value) {
    for status in [200, 401, 409, 429, 500] {
        let Some(trouble) = Trouble::of(status, body) else {
            assert!(status == 200 && body["ok"] == true);
            continue;
        };
        assert!(!trouble.sentence("default").chars().any(char::is_control) && !trouble.health().is_empty());
        let mut pace = Pace::default();
        for _ in 0..8 {
            let rest = pace.rest(&trouble);
            assert!(
                rest.is_none_or(|rest| (1..=3600).contains(&rest.as_secs())),
                "{rest:?} after {trouble:?}"
            );
        }
    }
}

/// Every part of a text fits, and is well-formed as the HTML that Telegram reads.
fn outbound(text: &str, max: usize) {
    let parts = chunk::chunks(text, max);
    for part in &parts {
        assert!(part.encode_utf16().count() <= max && !part.trim().is_empty(), "{part:?}");
        let html = markup::html(part);
        assert!(is_balanced(&html), "{part:?} became {html:?}");
    }
    let letters = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
    // What is fenced may name its language again.
    assert!(text.contains("```") || letters(&parts.concat()) == letters(text), "letters were lost");
}

fn is_balanced(html: &str) -> bool {
    let mut open = Vec::new();
    for tag in html.split('<').skip(1) {
        let Some((tag, _)) = tag.split_once('>') else { return false };
        match tag.strip_prefix('/') {
            Some(name) if open.pop() != Some(name) => return false,
            Some(_) => {}
            None => open.push(tag.split(' ').next().unwrap_or_default()),
        }
    }
    open.is_empty()
}

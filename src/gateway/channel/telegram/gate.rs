//! Who may speak to the agent through a bot, and where that is written down: pure.

use super::inbound::Inbound;
use crate::profile::embedded::telegram::{Account, DmPolicy, DmScope, Group, GroupPolicy, Telegram};

/// Stands for every group that has no entry of its own.
const ANY: &str = "*";

/// What the gateway itself has noted of a sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// An approved code let the sender in.
    pub approved: bool,
    /// The approval made the sender an owner as well.
    pub owner: bool,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes to the agent; `owner` may give orders beyond talking.
    Speak {
        /// Whether the sender is an owner.
        owner: bool,
    },
    /// The sender is given a code.
    Pair,
    /// Nothing, for that reason.
    Ignore(&'static str),
}

/// The verdict about `inbound`.
pub fn judge(rules: &Telegram, account: &Account, known: Known, inbound: &Inbound) -> Verdict {
    let owner = rules.owners.holds(inbound.sender) || known.owner;
    let verdict = if inbound.private { private(account, known, inbound) } else { group(account, inbound) };
    match verdict {
        Some(Verdict::Speak { .. }) | None => Verdict::Speak { owner },
        Some(other) => other,
    }
}

fn private(account: &Account, known: Known, inbound: &Inbound) -> Option<Verdict> {
    let listed = account.allow_from.holds(inbound.sender);
    match account.dm_policy {
        DmPolicy::Disabled => Some(Verdict::Ignore("private chats are disabled")),
        DmPolicy::Open | DmPolicy::Allowlist => {
            (!listed).then_some(Verdict::Ignore("the sender is not listed"))
        }
        DmPolicy::Pairing => (!listed && !known.approved).then_some(Verdict::Pair),
    }
}

fn group(account: &Account, inbound: &Inbound) -> Option<Verdict> {
    if account.group_policy == GroupPolicy::Disabled {
        return Some(Verdict::Ignore("groups are disabled"));
    }
    let nothing = Group::default();
    let rules = match &account.groups {
        Some(groups) => match groups.get(&inbound.chat.to_string()).or_else(|| groups.get(ANY)) {
            Some(group) => group,
            None => return Some(Verdict::Ignore("the group is not listed")),
        },
        None if account.group_policy == GroupPolicy::Open => &nothing,
        None => return Some(Verdict::Ignore("no group is listed")),
    };
    if rules.enabled == Some(false) {
        return Some(Verdict::Ignore("the group is disabled"));
    }
    // Approved codes let in to private chats alone.
    let people =
        rules.allow_from.as_ref().or(account.group_allow_from.as_ref()).unwrap_or(&account.allow_from);
    match rules.policy.unwrap_or(account.group_policy) {
        GroupPolicy::Disabled => return Some(Verdict::Ignore("the group is disabled")),
        GroupPolicy::Allowlist if !people.holds(inbound.sender) => {
            return Some(Verdict::Ignore("the sender is not listed for groups"));
        }
        GroupPolicy::Open
            if rules.allow_from.as_ref().is_some_and(|people| !people.holds(inbound.sender)) =>
        {
            return Some(Verdict::Ignore("the sender is not listed for the group"));
        }
        GroupPolicy::Allowlist | GroupPolicy::Open => {}
    }
    let silent = rules.require_mention != Some(false) && !inbound.addressed;
    silent.then_some(Verdict::Ignore("the bot is not mentioned"))
}

/// The session of `inbound`, as the real program names it.
pub fn session_key(rules: &Telegram, account: &str, owner: bool, inbound: &Inbound) -> String {
    let sender = inbound.sender;
    if !inbound.private {
        let topic = inbound.topic.map(|topic| format!(":topic:{topic}")).unwrap_or_default();
        return format!("agent:main:telegram:group:{}{topic}", inbound.chat);
    }
    // Where nothing is said, a stranger who was let in does not read on in the owner's own session.
    let scope = rules.dm_scope.unwrap_or(if owner { DmScope::Main } else { DmScope::PerChannelPeer });
    match scope {
        DmScope::Main => "agent:main:main".to_owned(),
        DmScope::PerPeer => format!("agent:main:direct:{sender}"),
        DmScope::PerChannelPeer => format!("agent:main:telegram:direct:{sender}"),
        DmScope::PerAccountChannelPeer => format!("agent:main:telegram:{account}:direct:{sender}"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::gateway::channel::telegram::inbound::Me;
    use crate::profile::Embedded;
    use serde_json::json;

    fn rules(telegram: &str) -> Telegram {
        let text =
            format!("{{channels: {{telegram: {telegram}}}, commands: {{ownerAllowFrom: ['telegram:1']}}}}");
        let tree = json5::from_str(&text).unwrap();
        Embedded::read(&tree, Path::new("x"), &|_| Ok(None)).unwrap().telegram
    }

    fn from(sender: i64, chat: i64, text: &str) -> Inbound {
        let kind = if chat < 0 { "supergroup" } else { "private" };
        let update = json!({"message": {"message_id": 1, "text": text, "chat": {"id": chat, "type": kind},
            "from": {"id": sender}}});
        Inbound::read(&update, &Me { id: 7, username: "gate_bot".into() }).unwrap()
    }

    fn verdict(telegram: &str, known: Known, inbound: &Inbound) -> &'static str {
        let rules = rules(telegram);
        match judge(&rules, &rules.accounts[0], known, inbound) {
            Verdict::Speak { owner: true } => "owner",
            Verdict::Speak { owner: false } => "speak",
            Verdict::Pair => "pair",
            Verdict::Ignore(_) => "ignore",
        }
    }

    #[test]
    fn private_chats_are_for_whom_the_policy_lets_in() {
        let (none, approved) = (Known::default(), Known { approved: true, owner: false });
        for (telegram, sender, known, expected) in [
            ("{}", 5, none, "pair"),
            ("{}", 5, approved, "speak"),
            ("{}", 5, Known { approved: true, owner: true }, "owner"),
            ("{allowFrom: [5]}", 5, none, "speak"),
            ("{allowFrom: [1]}", 1, none, "owner"),
            // To be an owner lets nobody in.
            ("{}", 1, none, "pair"),
            ("{dmPolicy: 'allowlist', allowFrom: [5]}", 5, none, "speak"),
            ("{dmPolicy: 'allowlist', allowFrom: [5]}", 6, approved, "ignore"),
            ("{dmPolicy: 'open', allowFrom: ['*']}", 6, none, "speak"),
            ("{dmPolicy: 'open', allowFrom: [5]}", 6, approved, "ignore"),
            ("{dmPolicy: 'disabled', allowFrom: ['*']}", 1, approved, "ignore"),
        ] {
            assert_eq!(
                verdict(telegram, known, &from(sender, sender, "hi")),
                expected,
                "{telegram} {sender}"
            );
        }
    }

    #[test]
    fn groups_are_closed_until_they_are_listed() {
        let approved = Known { approved: true, owner: false };
        for (telegram, text, expected) in [
            ("{}", "/status", "ignore"),
            ("{allowFrom: [5]}", "/status", "ignore"),
            ("{allowFrom: [5], groups: {'-9': {}}}", "/status", "speak"),
            ("{allowFrom: [5], groups: {'-9': {}}}", "hello", "ignore"),
            ("{allowFrom: [5], groups: {'*': {requireMention: false}}}", "hello", "speak"),
            ("{allowFrom: [5], groups: {'-8': {}}}", "/status", "ignore"),
            ("{groups: {'-9': {}}}", "/status", "ignore"),
            ("{groups: {'-9': {allowFrom: [5]}}}", "/status", "speak"),
            ("{groups: {'-9': {groupPolicy: 'open'}}}", "/status", "speak"),
            ("{groups: {'-9': {groupPolicy: 'open', allowFrom: [6]}}}", "/status", "ignore"),
            ("{groups: {'-9': {enabled: false, groupPolicy: 'open'}}}", "/status", "ignore"),
            ("{groupPolicy: 'open'}", "@gate_bot hi", "speak"),
            ("{groupPolicy: 'disabled', groups: {'-9': {groupPolicy: 'open'}}}", "/status", "ignore"),
            ("{allowFrom: [5], groupAllowFrom: [6], groups: {'*': {}}}", "/status", "ignore"),
        ] {
            assert_eq!(verdict(telegram, approved, &from(5, -9, text)), expected, "{telegram} {text}");
        }
    }

    #[test]
    fn a_session_belongs_to_a_person_unless_the_file_says_otherwise() {
        let mut rules = rules("{}");
        let dm = from(5, 5, "hi");
        assert_eq!(session_key(&rules, "a", true, &dm), "agent:main:main");
        assert_eq!(session_key(&rules, "a", false, &dm), "agent:main:telegram:direct:5");
        assert_eq!(session_key(&rules, "a", true, &from(5, -9, "hi")), "agent:main:telegram:group:-9");
        for (scope, key) in [
            (DmScope::Main, "agent:main:main"),
            (DmScope::PerPeer, "agent:main:direct:5"),
            (DmScope::PerAccountChannelPeer, "agent:main:telegram:a:direct:5"),
        ] {
            rules.dm_scope = Some(scope);
            assert_eq!(session_key(&rules, "a", false, &dm), key);
        }
    }
}

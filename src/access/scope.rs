//! The least scopes that a call needs (OPENCLAW.md 4.10): what a connection asks for, and no more. Read is what most
//! methods need and what one that nobody here knows is asked with; the gateway says what it lacks.

use serde_json::Value;

use crate::profile::rescue::May;

/// The right to see.
const READ_SCOPE: &[&str] = &["operator.read"];
/// The right to send, run and change conversations.
const WRITE_SCOPE: &[&str] = &["operator.write"];
/// What a request for pairing may name.
const GRANTED: [&str; 8] = [
    "operator.admin",
    "operator.approvals",
    "operator.pairing",
    "operator.questions",
    "operator.read",
    "operator.talk",
    "operator.talk.secrets",
    "operator.write",
];
/// Every right.
const ADMIN_SCOPE: &[&str] = &["operator.admin"];

/// The least scopes for `method` with `params`.
pub fn least(method: &str, params: &Value) -> &'static [&'static str] {
    match method {
        // Whoever is connected may ask; a connection without rights is enough.
        "health" => &[],
        "talk.config" if is_true(params, "includeSecrets") => &["operator.read", "operator.talk.secrets"],
        "environments.list" if params["runtimeId"].as_str().is_some_and(|id| !id.is_empty()) => WRITE_SCOPE,
        "channels.pairing.approve" if is_true(params, "bootstrapCommandOwner") => {
            &["operator.pairing", "operator.admin"]
        }
        "channels.pairing.approve" => &["operator.pairing"],
        _ if needs_admin(method, params) => ADMIN_SCOPE,
        _ => listed(method),
    }
}

/// The union of what several calls on one connection need, each scope once.
pub fn union<'a>(needs: impl IntoIterator<Item = &'a [&'static str]>) -> Vec<&'static str> {
    let mut all: Vec<&'static str> = needs.into_iter().flatten().copied().collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The scopes that a request for pairing names, of those that there are: whoever approves it must hold them too.
pub fn named(scopes: &Value) -> Vec<&'static str> {
    let has = |scope: &&&str| scopes.as_array().into_iter().flatten().any(|named| named == **scope);
    GRANTED.iter().filter(has).copied().collect()
}

/// Whether the parameters lift a call that otherwise only writes.
fn needs_admin(method: &str, params: &Value) -> bool {
    let has = |key: &str| params.get(key).is_some();
    match method {
        "agent" => params["message"].as_str().is_some_and(is_order),
        "node.invoke" => {
            let command = params["command"].as_str().unwrap_or_default();
            ["browser.proxy", "browser.proxy.upload.v1", "fs.listDir", "terminal.upload"].contains(&command)
        }
        "fs.listDir" => has("nodeId"),
        "sessions.create" => {
            is_true(params, "incognito")
                || has("execNode")
                || has("toolOverrides")
                || params["permissionMode"] == "full"
        }
        "sessions.patch" => is_deep_change(params, &ENVELOPE),
        "sessions.patchMany" => is_deep_change(&params["patch"], &[]),
        "sessions.delete" => {
            let plain = ["key", "agentId", "deleteTranscript", "expectedSessionId", "archivedOnly"];
            !is_true(params, "archivedOnly") || keys(params).any(|key| !plain.contains(&key))
        }
        "sessions.dispatch" => !has("deviceId") && !is_true(params, "autoDevice"),
        "sessions.move" => params["target"]["kind"] == "profile",
        _ => false,
    }
}

/// Settings of a session that whoever may write may change.
const SETTINGS: [&str; 15] = [
    "label",
    "autoLabel",
    "icon",
    "color",
    "category",
    "boardFace",
    "boardPresentation",
    "pinned",
    "archived",
    "unread",
    "model",
    "agentRuntime",
    "thinkingLevel",
    "fastMode",
    "permissionMode",
];
/// What says which session is meant.
const ENVELOPE: [&str; 6] = [
    "key",
    "agentId",
    "expectedSessionId",
    "expectedLifecycleRevision",
    "expectedPermissionMode",
    "expectedMarkedUnreadAt",
];

fn is_deep_change(patch: &Value, besides: &[&str]) -> bool {
    patch["permissionMode"] == "full"
        || keys(patch).any(|key| !SETTINGS.contains(&key) && !besides.contains(&key))
}

/// Whether a message is a slash command that takes every right: `/new` and `/reset` begin a session anew, and what a
/// rescue gateway does to the profiles is ordered like that. All other words are only said.
fn is_order(message: &str) -> bool {
    let Some(line) = message.trim_start().strip_prefix('/') else { return false };
    // A name may have the one of a bot behind it.
    let name = line.split(|c: char| c.is_whitespace() || c == '@').next().unwrap_or_default();
    let is = |word: &str| name.eq_ignore_ascii_case(word);
    ["new", "reset"].into_iter().any(is) || May::WORDS.iter().any(|(word, may)| !may.is_look() && is(word))
}

fn is_true(params: &Value, key: &str) -> bool {
    params[key] == true
}

fn keys(object: &Value) -> impl Iterator<Item = &str> {
    object.as_object().into_iter().flatten().map(|(key, _)| key.as_str())
}

fn listed(method: &str) -> &'static [&'static str] {
    let lists: [(&str, &[&str]); 6] = [
        (WRITE, WRITE_SCOPE),
        (ADMIN, ADMIN_SCOPE),
        (PAIRING, &["operator.pairing"]),
        (APPROVALS, &["operator.approvals"]),
        (QUESTIONS, &["operator.questions"]),
        (TALK, &["operator.talk"]),
    ];
    let found = lists.into_iter().find(|(names, _)| names.split(' ').any(|name| name == method));
    found.map_or(READ_SCOPE, |(_, scopes)| scopes)
}

/// Methods that need `operator.write`.
const WRITE: &str = "\
    agent node.invoke plugins.sessionAction fs.listDir sessions.create sessions.patch sessions.patchMany \
    sessions.dispatch sessions.move sessions.delete sessions.github.publish \
    agent.wait board.action board.event board.update board.widget.put chat.abort chat.send chat.toolTitles \
    computer.invoke doctor.memory.backfillDreamDiary doctor.memory.dedupeDreamDiary \
    doctor.memory.repairDreamingArtifacts doctor.memory.resetDreamDiary doctor.memory.resetGroundedShortTerm \
    mcp.app.callTool mcp.app.updateModelContext message.action node.pending.enqueue poll portal.close \
    portal.open progressCard.put progressCard.refresh projects.add push.test push.web.preferences.set \
    push.web.subscribe push.web.test push.web.unsubscribe push.web.vapidPublicKey send session.discussion.open \
    session.members.add session.members.remove session.publicShare.set session.suggestions.add \
    session.suggestions.resolve session.typing session.visibility.set sessions.abort \
    sessions.activitySummary.ensure sessions.assignOwner sessions.catalog.archive sessions.catalog.continue \
    sessions.companion.reset sessions.fork sessions.github.confirm sessions.goal.clear sessions.goal.update \
    sessions.groups.defaults sessions.groups.delete sessions.groups.put sessions.groups.rename \
    sessions.groups.update sessions.providerReview.continue sessions.reclaim sessions.recover sessions.send \
    sessions.steer sessions.title.prepare skills.library.activate skills.library.import skills.library.mutate \
    skills.library.save skills.library.upload taskSuggestions.create taskSuggestions.dismiss tasks.cancel \
    tasks.dismiss tasks.retry themes.import themes.set tools.invoke transcripts.summarize tts.convert \
    tts.disable tts.enable tts.setPersona tts.setProvider tts.speak ui.command users.authConnect.answer \
    users.authConnect.cancel users.authConnect.catalog users.authConnect.start users.authConnect.status \
    users.prefs.set users.selectModelAccount users.setAvatar users.setDisplayName users.unlinkAuthProfile \
    voicewake.set wake worktrees.branches worktrees.create";

/// Methods that need `operator.admin`.
const ADMIN: &str = "\
    agents.create agents.delete agents.files.set agents.update attach.grant attach.revoke channels.logout \
    channels.start channels.stop chat.inject claws.monitors claws.packages.remove config.apply config.openFile \
    config.patch config.set conversations.list conversations.send conversations.turn conversations.turn.cancel \
    cron.add cron.remove cron.run cron.scratch.get cron.scratch.set cron.update desktop.launch desktop.observe \
    desktop.release device.pair.setupCode device.pair.setupStatus diagnostics.cpuProfile diagnostics.heapProfile \
    environments.create environments.destroy environments.prepare environments.session.create \
    environments.session.destroy environments.session.exec exec.approvals.get exec.approvals.node.get \
    exec.approvals.node.set exec.approvals.set \
    fleet.restart fleet.rollback fleet.start fleet.stop gateway.restart.request gateway.suspend.handoff \
    gateway.suspend.prepare gateway.suspend.resume mcp.authLogin migrations.memory.apply migrations.memory.plan \
    models.authLogin models.authLogout models.authOrderSet models.authRefresh models.authSetApiKey models.probe \
    nativeHook.invoke openclaw.changes.list openclaw.chat openclaw.chat.history openclaw.setup.activate \
    openclaw.setup.activate.start openclaw.setup.auth.start openclaw.setup.detect openclaw.setup.prepare.start \
    openclaw.setup.verify plugins.controlUi.reload plugins.controlUi.status plugins.credentials.inspect \
    plugins.install plugins.refresh plugins.reload plugins.setEnabled plugins.uninstall projects.register \
    projects.remove secrets.reload secrets.resolve secrets.store.delete secrets.store.list secrets.store.set \
    sessions.branches.switch sessions.catalog.startTerminal sessions.cleanup sessions.compact \
    sessions.files.reveal sessions.files.set sessions.pluginPatch sessions.reset sessions.rewind \
    sessions.storage.run sessions.storage.status set-heartbeats skills.curator.pin skills.curator.restore \
    skills.curator.unpin skills.install skills.proposals.apply skills.proposals.create skills.proposals.evaluate \
    skills.proposals.historyScan skills.proposals.quarantine skills.proposals.reject \
    skills.proposals.requestRevision skills.proposals.revise skills.proposals.update skills.update \
    skills.upload.begin skills.upload.chunk skills.upload.commit system-event taskSuggestions.accept \
    terminal.attach terminal.close terminal.input terminal.list terminal.open terminal.resize terminal.upload \
    tools.github.authorize.cancel tools.github.authorize.poll tools.github.authorize.start \
    tools.github.configure update.hold update.report update.run update.runs.get update.runs.list update.status \
    users.linkAuthProfile users.linkChannelIdentity users.linkEmail users.listChannelIdentities users.setRole \
    users.unlinkChannelIdentity web.login.start web.login.wait webSearch.test wizard.cancel wizard.next \
    wizard.start wizard.status worker.desktop.launch worker.desktop.observe worktrees.gc worktrees.remove \
    worktrees.restore";

/// Methods that need `operator.pairing`.
const PAIRING: &str = "\
    channels.pairing.dismiss channels.pairing.list device.pair.approve device.pair.list device.pair.reject \
    device.pair.remove device.pair.rename device.token.revoke device.token.rotate node.pair.approve \
    node.pair.list node.pair.reject node.pair.remove node.rename";

/// Methods that need `operator.approvals`.
const APPROVALS: &str = "\
    approval.get approval.history approval.resolve board.widget.grant exec.approval.get \
    exec.approval.grants.list exec.approval.grants.revoke exec.approval.list exec.approval.request \
    exec.approval.resolve exec.approval.waitDecision openclaw.approval.list plugin.approval.list \
    plugin.approval.request plugin.approval.resolve plugin.approval.waitDecision";

/// Methods that need `operator.questions`.
const QUESTIONS: &str = "\
    question.get question.list question.request question.resolve question.waitAnswer";

/// Methods that need `operator.talk`.
const TALK: &str = "\
    talk.client.close talk.client.create talk.client.steer talk.client.toolCall talk.client.transcript talk.mode \
    talk.session.acknowledgeMark talk.session.appendAudio talk.session.cancelOutput talk.session.close \
    talk.session.create talk.session.steer talk.session.submitToolResult talk.speak talk.voice.complete \
    talk.voice.get talk.voice.set";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_verb_asks_for_the_least() {
        for (method, params, scopes) in [
            ("health", json!({}), ""),
            ("status", json!({}), "operator.read"),
            ("sessions.list", json!({"limit": 5}), "operator.read"),
            ("chat.history", json!({}), "operator.read"),
            ("logs.tail", json!({}), "operator.read"),
            ("config.get", json!({}), "operator.read"),
            ("channels.status", json!({}), "operator.read"),
            ("models.list", json!({}), "operator.read"),
            ("cron.list", json!({}), "operator.read"),
            ("cron.run", json!({}), "operator.admin"),
            ("usage.cost", json!({}), "operator.read"),
            ("diagnostics.stability", json!({}), "operator.read"),
            ("node.list", json!({}), "operator.read"),
            ("node.pair.list", json!({}), "operator.pairing"),
            ("node.pair.approve", json!({}), "operator.pairing"),
            ("node.rename", json!({}), "operator.pairing"),
            ("device.pair.list", json!({}), "operator.pairing"),
            ("send", json!({}), "operator.write"),
            ("message.action", json!({}), "operator.write"),
            ("chat.send", json!({}), "operator.write"),
            ("sessions.send", json!({}), "operator.write"),
            ("agent", json!({"message": "hello /new"}), "operator.write"),
            ("agent", json!({"message": "/newer"}), "operator.write"),
            ("agent", json!({"message": "/NEW and go on"}), "operator.admin"),
            ("agent", json!({"message": "please /restart main"}), "operator.write"),
            ("agent", json!({"message": "/status main"}), "operator.write"),
            ("agent", json!({"message": "/logs main"}), "operator.write"),
            ("agent", json!({"message": "/restarted main"}), "operator.write"),
            ("agent", json!({"message": " /Restart@rescue_bot main"}), "operator.admin"),
            ("agent", json!({"message": "/start main"}), "operator.admin"),
            ("agent", json!({"message": "/stop"}), "operator.admin"),
            ("agent", json!({"message": "/rollback main"}), "operator.admin"),
            ("chat.send", json!({"message": "/stop main"}), "operator.write"),
            ("node.invoke", json!({"command": "canvas.snapshot"}), "operator.write"),
            ("node.invoke", json!({"command": "browser.proxy"}), "operator.admin"),
            ("sessions.delete", json!({"key": "k"}), "operator.admin"),
            ("sessions.delete", json!({"key": "k", "archivedOnly": true}), "operator.write"),
            ("sessions.patch", json!({"key": "k", "label": "l"}), "operator.write"),
            ("sessions.patch", json!({"key": "k", "sandboxMode": "off"}), "operator.admin"),
            ("sessions.create", json!({"incognito": true}), "operator.admin"),
            ("talk.config", json!({}), "operator.read"),
            ("talk.config", json!({"includeSecrets": true}), "operator.read operator.talk.secrets"),
            ("channels.pairing.approve", json!({}), "operator.pairing"),
            ("exec.approval.resolve", json!({}), "operator.approvals"),
            ("question.list", json!({}), "operator.questions"),
            ("system-event", json!({}), "operator.admin"),
            ("gateway.restart.request", json!({}), "operator.admin"),
            ("gateway.restart.preflight", json!({}), "operator.read"),
            ("no.such.method", json!({}), "operator.read"),
            ("", json!({}), "operator.read"),
        ] {
            assert_eq!(least(method, &params).join(" "), scopes, "{method} {params}");
        }
    }

    #[test]
    fn whoever_approves_asks_for_what_the_request_names_and_for_nothing_made_up() {
        assert_eq!(
            named(&json!(["operator.write", "root", 7, "operator.admin"])),
            ["operator.admin", "operator.write"]
        );
        assert!(named(&json!(null)).is_empty());
    }

    #[test]
    fn no_method_stands_in_two_lists() {
        let lists = [WRITE, ADMIN, PAIRING, APPROVALS, QUESTIONS, TALK];
        let mut names: Vec<&str> = lists.iter().flat_map(|list| list.split(' ')).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(names.iter().all(|name| !name.is_empty()));
    }

    #[test]
    fn one_connection_for_several_calls_asks_for_each_scope_once() {
        assert_eq!(
            union([READ_SCOPE, &["operator.pairing"], READ_SCOPE]),
            ["operator.pairing", "operator.read"]
        );
    }
}

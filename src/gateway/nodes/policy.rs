//! Which commands a node may offer, which of them may be called, and who may let them in (OPENCLAW.md 6.3): pure. What a
//! node says of itself opens nothing: a platform that its device family contradicts counts as an unknown one.

use serde_json::json;

use crate::gateway::scope;
use crate::profile::embedded::NodeRules;
use crate::wire::Fault;

/// Commands that run, read or show something of a desktop: none is callable unless it was approved by name.
const DESKTOP_HOST: &[&str] = &[
    "system.run.prepare",
    "system.run",
    "system.which",
    "system.execApprovals.get",
    "system.execApprovals.set",
    "fs.listDir",
    "terminal.upload",
    "browser.proxy",
    "browser.proxy.upload.v1",
    "mcp.tools.call.v1",
    "agent.cli.claude.run.v1",
    "screen.snapshot",
    "desktop.stream",
];
/// What every desktop may offer beside those.
const DESKTOP: &[&str] = &["system.notify", "computer.act"];
const MOBILE: &[&str] = &["device.info", "device.status"];
const PLACE: &[&str] = &["camera.list", "location.get"];
const PERSONAL: &[&str] = &[
    "contacts.search",
    "calendar.events",
    "reminders.list",
    "photos.latest",
    "motion.activity",
    "motion.pedometer",
];
const IOS: &[&str] = &["system.notify"];
const IPHONE: &[&str] = &["watch.status", "watch.notify"];
const ANDROID: &[&str] = &[
    "notifications.list",
    "notifications.actions",
    "system.notify",
    "device.permissions",
    "device.health",
    "device.apps",
    "callLog.search",
    "mobile.ui.observe",
    "mobile.ui.act",
];
const MAC: &[&str] = &["camera.ptz.status", "device.apps"];
const UNKNOWN: &[&str] = &["camera.list", "location.get", "system.notify"];
const TALK: &[&str] = &["talk.ptt.start", "talk.ptt.stop", "talk.ptt.cancel", "talk.ptt.once"];
/// Commands that `gateway.nodes.commands.allow` alone opens.
const DANGEROUS: &[&str] = &[
    "camera.snap",
    "camera.clip",
    "camera.ptz.control",
    "screen.record",
    "contacts.add",
    "calendar.add",
    "reminders.add",
    "sms.send",
    "sms.search",
    "health.summary",
];
/// Commands whose call needs an admin.
const ADMIN_CALLS: &[&str] = &["browser.proxy", "browser.proxy.upload.v1", "fs.listDir", "terminal.upload"];
/// Commands whose approval needs an admin, beside those.
const ADMIN_APPROVES: &[&str] = &[
    "system.run.prepare",
    "system.run",
    "system.which",
    "system.execApprovals.get",
    "system.execApprovals.set",
];
/// What the real gateway says to its own workers; no operator ever does.
const PRIVATE: &str = "worker.";
/// Capabilities that mean nothing without one of their commands.
const FAMILIES: &[(&str, &[&str])] = &[
    ("camera", &["camera.list", "camera.ptz.status", "camera.snap", "camera.clip", "camera.ptz.control"]),
    ("computer", &["computer.act"]),
    ("location", &["location.get"]),
    ("screen", &["screen.snapshot", "desktop.stream", "screen.record"]),
];

/// What a node says of the machine that it runs on, as far as the policy asks.
#[derive(Clone, Copy, Debug)]
pub struct Machine<'a> {
    /// `client.platform`.
    pub platform: &'a str,
    /// `client.deviceFamily`; empty where it says none.
    pub family: &'a str,
    /// Whether it has the capability to talk.
    pub talks: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Platform {
    Ios,
    WatchOs,
    Android,
    MacOs,
    Windows,
    Linux,
    Unknown,
}

/// Whether a node on this machine may offer the command at its pairing.
pub fn may_offer(machine: Machine<'_>, rules: &NodeRules, command: &str) -> bool {
    is_allowed(machine, rules, command, None)
}

/// Whether a command may be called on a node whose approved and offered commands are `live`.
///
/// # Errors
/// `INVALID_REQUEST` that says what stands in the way.
pub fn judge(machine: Machine<'_>, rules: &NodeRules, live: &[String], command: &str) -> Result<(), Fault> {
    let platform = machine.platform;
    let (reason, hint) = if !is_allowed(machine, rules, command, Some(live)) {
        let hint = if command.starts_with("talk.") {
            format!("\"{command}\" requires a trusted Talk-capable node")
        } else if listed(&rules.deny, command) {
            format!("\"{command}\" is blocked by gateway.nodes.commands.deny")
        } else if DANGEROUS.contains(&command) {
            format!("\"{command}\" requires explicit gateway.nodes.commands.allow opt-in")
        } else {
            format!("\"{command}\" is not in the allowlist for platform \"{platform}\"")
        };
        ("command not allowlisted", hint)
    } else if live.is_empty() {
        ("node did not declare commands", "the node did not declare any supported commands".to_owned())
    } else if !listed(live, command) {
        let hint = format!("the node (platform: {platform}) does not support \"{command}\"");
        ("command not declared by node", hint)
    } else {
        return Ok(());
    };
    let details = json!({ "reason": reason, "command": command });
    Err(Fault::invalid(format!("node command not allowed: {hint}")).details(details))
}

/// Whether the command goes another way than `node.invoke`, or nowhere.
///
/// # Errors
/// `INVALID_REQUEST` that says so.
pub fn is_callable(command: &str) -> Result<(), Fault> {
    let why = if command.starts_with(PRIVATE) {
        "node.invoke does not allow private node controls"
    } else if command.starts_with("system.execApprovals.") {
        "node.invoke does not allow system.execApprovals.*; use exec.approvals.node.*"
    } else if command == "agent.cli.claude.run.v1" {
        "node.invoke does not allow Claude agent runs; use sessions.catalog.continue"
    } else {
        return Ok(());
    };
    Err(Fault::invalid(why).details(json!({ "command": command })))
}

/// The scope that a call of the command needs.
pub fn scope_of(command: &str) -> &'static str {
    if ADMIN_CALLS.contains(&command) { scope::ADMIN } else { scope::WRITE }
}

/// The scopes that letting these commands in needs.
pub fn approve_scopes(commands: &[String]) -> Vec<&'static str> {
    let admin = |command: &String| {
        ADMIN_APPROVES.contains(&command.as_str()) || ADMIN_CALLS.contains(&command.as_str())
    };
    match commands {
        [] => vec![scope::PAIRING],
        some if some.iter().any(admin) => vec![scope::PAIRING, scope::ADMIN],
        _ => vec![scope::PAIRING, scope::WRITE],
    }
}

/// Whether the capability still stands for something once commands were withheld.
pub fn is_fulfilled(capability: &str, admitted: &[String], withheld: &[String]) -> bool {
    let Some((_, family)) = FAMILIES.iter().find(|(name, _)| *name == capability) else { return true };
    let some_of = |commands: &[String]| commands.iter().any(|command| family.contains(&command.as_str()));
    !some_of(withheld) || some_of(admitted)
}

fn is_allowed(machine: Machine<'_>, rules: &NodeRules, command: &str, live: Option<&[String]>) -> bool {
    if command.starts_with(PRIVATE) || listed(&rules.deny, command) {
        return false;
    }
    if listed(&rules.allow, command) {
        return true;
    }
    let platform = platform_of(machine.platform, machine.family);
    let iphone = platform == Platform::Ios && normal(machine.family) == "iphone";
    if (machine.talks && TALK.contains(&command)) || (iphone && IPHONE.contains(&command)) {
        return true;
    }
    if DESKTOP_HOST.contains(&command) {
        let desktop = matches!(platform, Platform::MacOs | Platform::Windows | Platform::Linux);
        return desktop && live.is_none_or(|live| listed(live, command));
    }
    let groups: &[&[&str]] = match platform {
        Platform::Ios => &[PLACE, MOBILE, PERSONAL, IOS],
        Platform::WatchOs => &[MOBILE, IOS],
        Platform::Android => &[PLACE, MOBILE, PERSONAL, ANDROID],
        Platform::MacOs => &[PLACE, MOBILE, PERSONAL, MAC, DESKTOP],
        Platform::Windows => &[PLACE, MOBILE, DESKTOP],
        Platform::Linux => &[DESKTOP],
        Platform::Unknown => &[UNKNOWN],
    };
    groups.iter().any(|group| group.contains(&command))
}

fn listed(list: &[String], command: &str) -> bool {
    list.iter().any(|entry| entry.trim() == command)
}

/// The platform, where the device family does not contradict it.
fn platform_of(platform: &str, family: &str) -> Platform {
    let (platform, family) = (normal(platform), normal(family));
    let fits = |families: &[&str], found: Platform| {
        if families.contains(&family.as_str()) { found } else { Platform::Unknown }
    };
    // A system's own label carries its version: `macos 26.1`, `android 16 (sdk 36)`. It needs the family beside it.
    let (name, labelled) = match platform.split_once(' ') {
        Some((name, version)) if version.starts_with(|first: char| first.is_ascii_digit()) => (name, true),
        Some(_) => return Platform::Unknown,
        None => (platform.as_str(), false),
    };
    match name {
        "ios" | "ipados" if labelled => fits(&["iphone", "ipad", "ios"], Platform::Ios),
        "ios" => fits(&["", "iphone", "ipad", "ios"], Platform::Ios),
        "watchos" => fits(&["apple watch", "watchos"], Platform::WatchOs),
        "android" if labelled => fits(&["android"], Platform::Android),
        "android" => fits(&["", "android"], Platform::Android),
        "macos" => fits(&["mac"], Platform::MacOs),
        "windows" if !labelled => fits(&["windows"], Platform::Windows),
        "linux" if !labelled => fits(&["linux"], Platform::Linux),
        _ => Platform::Unknown,
    }
}

fn normal(text: &str) -> String {
    text.trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINUX: Machine<'_> = Machine { platform: "linux", family: "Linux", talks: false };

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn rules(allow: &str, deny: &str) -> NodeRules {
        NodeRules { allow: words(allow), deny: words(deny), ..NodeRules::default() }
    }

    #[test]
    fn a_platform_counts_only_with_its_device_family() {
        use Platform::{Android, Ios, Linux, MacOs, Unknown, WatchOs, Windows};
        for (platform, family, found) in [
            ("linux", "Linux", Linux),
            (" LINUX ", " linux", Linux),
            ("linux", "", Unknown),
            ("linux", "iPhone", Unknown),
            ("linux 6.18", "Linux", Unknown),
            ("darwin", "Mac", Unknown),
            ("macos", "Mac", MacOs),
            ("macOS 26.1", "Mac", MacOs),
            ("macos", "Linux", Unknown),
            ("windows", "Windows", Windows),
            ("ios", "", Ios),
            ("iPadOS 26.0.1", "iPad", Ios),
            ("ios 26", "", Unknown),
            ("watchos", "Apple Watch", WatchOs),
            ("watchos", "", Unknown),
            ("android", "", Android),
            ("android 16 (sdk 36)", "Android", Android),
            ("", "Linux", Unknown),
            ("plan9", "Plan9", Unknown),
        ] {
            assert_eq!(platform_of(platform, family), found, "{platform} {family}");
        }
    }

    #[test]
    fn only_the_platforms_own_commands_and_the_allowed_ones_are_offered_and_deny_beats_both() {
        let none = rules("", "");
        for command in ["system.run", "system.which", "system.notify", "fs.listDir", "screen.snapshot"] {
            assert!(may_offer(LINUX, &none, command), "{command}");
        }
        for command in ["demo.echo", "camera.list", "camera.snap", "worker.launch.v1", "talk.ptt.start", ""] {
            assert!(!may_offer(LINUX, &none, command), "{command}");
        }
        assert!(may_offer(LINUX, &rules("demo.echo camera.snap", ""), "camera.snap"));
        assert!(!may_offer(LINUX, &rules("demo.echo", "demo.echo system.run"), "demo.echo"));
        assert!(!may_offer(LINUX, &rules("worker.launch.v1", ""), "worker.launch.v1"));
        assert!(!may_offer(LINUX, &rules("", "system.run"), "system.run"));
        let odd = Machine { family: "iPhone", ..LINUX };
        assert!(!may_offer(odd, &none, "system.run") && may_offer(odd, &none, "system.notify"));
        assert!(may_offer(Machine { talks: true, ..LINUX }, &none, "talk.ptt.start"));
    }

    #[test]
    fn a_call_is_judged_by_policy_first_and_by_what_was_approved_then() {
        let said =
            |rules: &NodeRules, live: &str, command: &str| match judge(LINUX, rules, &words(live), command) {
                Ok(()) => "ok".into(),
                Err(fault) => fault.message.replace("node command not allowed: ", ""),
            };
        let none = rules("", "");
        for (rules, live, command, expected) in [
            (&none, "system.run", "system.run", "ok"),
            (&none, "system.run", "demo.echo", r#""demo.echo" is not in the allowlist for platform "linux""#),
            (
                &none,
                "system.run",
                "browser.proxy",
                r#""browser.proxy" is not in the allowlist for platform "linux""#,
            ),
            (
                &none,
                "system.run",
                "system.notify",
                r#"the node (platform: linux) does not support "system.notify""#,
            ),
            (&none, "", "system.notify", "the node did not declare any supported commands"),
            (
                &none,
                "camera.snap",
                "camera.snap",
                r#""camera.snap" requires explicit gateway.nodes.commands.allow opt-in"#,
            ),
            (&rules("camera.snap", ""), "camera.snap", "camera.snap", "ok"),
            (
                &rules("", "system.run"),
                "system.run",
                "system.run",
                r#""system.run" is blocked by gateway.nodes.commands.deny"#,
            ),
            (
                &none,
                "system.run",
                "talk.ptt.start",
                r#""talk.ptt.start" requires a trusted Talk-capable node"#,
            ),
        ] {
            assert_eq!(said(rules, live, command), expected);
        }
        assert!(is_callable("system.run").is_ok() && is_callable("system.execApprovals.set").is_err());
        assert!(is_callable("worker.launch.v1").is_err());
    }

    #[test]
    fn what_is_let_in_decides_who_may_let_it_in() {
        assert_eq!(approve_scopes(&[]), [scope::PAIRING]);
        assert_eq!(approve_scopes(&words("camera.list")), [scope::PAIRING, scope::WRITE]);
        assert_eq!(approve_scopes(&words("camera.list system.which")), [scope::PAIRING, scope::ADMIN]);
        assert_eq!(approve_scopes(&words("fs.listDir")), [scope::PAIRING, scope::ADMIN]);
        assert_eq!((scope_of("system.run"), scope_of("fs.listDir")), (scope::WRITE, scope::ADMIN));
        assert!(is_fulfilled("system", &[], &words("system.run")));
        assert!(!is_fulfilled("camera", &words("system.run"), &words("camera.snap")));
        assert!(is_fulfilled("camera", &words("camera.list"), &words("camera.snap")));
    }
}

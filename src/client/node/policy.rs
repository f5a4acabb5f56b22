//! What this machine runs for its gateway: decided by a file that its owner writes, and by nobody who asks. Pure.
//!
//! ```json
//! {"security": "allowlist", "allow": [["/usr/bin/uptime"], ["/usr/bin/journalctl", "-n", "*"]]}
//! ```
//!
//! An entry is a whole command line with the program's absolute path; `"*"` at its end stands for any further arguments.
//! What is not listed is refused, unless `ask` says that somebody at the gateway may be asked about it; what they allow
//! for good is written into the list only where `allowAlways` says so.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The variables that a caller may set for a program; each other one can change what the program is.
const VARIABLES: &[&str] = &["LANG", "LANGUAGE", "TZ", "TERM", "NO_COLOR", "COLUMNS", "LINES"];
/// Command lines that a list may grow to by what others allow.
const KEPT_MAX: usize = 1000;
/// What stands for any further arguments.
const ANY: &str = "*";

/// What may be run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// Nothing.
    Deny,
    /// What is listed.
    #[default]
    Allowlist,
    /// Everything that this user may run.
    Full,
}

impl Security {
    /// The real program's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Security::Deny => "deny",
            Security::Allowlist => "allowlist",
            Security::Full => "full",
        }
    }
}

/// Whether somebody at the gateway may be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Never: the list alone counts.
    #[default]
    Off,
    /// About what is not listed.
    OnMiss,
    /// About everything.
    Always,
}

impl Ask {
    /// The real program's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Ask::Off => "off",
            Ask::OnMiss => "on-miss",
            Ask::Always => "always",
        }
    }
}

/// What becomes of a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is run.
    Run,
    /// It is run because somebody approved it.
    Approved,
    /// Somebody has to approve it.
    Ask,
    /// It is not listed, and nobody may be asked.
    Miss,
    /// Nothing is run here.
    Disabled,
}

/// The file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rules {
    /// What may be run.
    #[serde(default)]
    pub security: Security,
    /// The command lines.
    #[serde(default)]
    pub allow: Vec<Vec<String>>,
    /// Whether somebody at the gateway may be asked.
    #[serde(default)]
    pub ask: Ask,
    /// Whether what they allow for good is written into the list.
    #[serde(default)]
    pub allow_always: bool,
}

impl Rules {
    /// What becomes of a command line whose program is an absolute path already; `approved` where the gateway says that
    /// somebody there approved it.
    pub fn judge(&self, argv: &[String], approved: bool) -> Verdict {
        let listed = match self.security {
            Security::Deny => return Verdict::Disabled,
            Security::Full => true,
            Security::Allowlist => self.allow.iter().any(|entry| fits(entry, argv)),
        };
        match self.ask {
            Ask::Off | Ask::OnMiss if listed => Verdict::Run,
            Ask::Off => Verdict::Miss,
            Ask::OnMiss | Ask::Always if approved => Verdict::Approved,
            Ask::OnMiss | Ask::Always => Verdict::Ask,
        }
    }

    /// Whether the command line is written into the list once it is allowed for good. One whose last word stands for any
    /// other in a list is not: that would allow more than was asked about.
    pub fn grows_by(&self, argv: &[String]) -> bool {
        let plain = argv.last().is_some_and(|last| last != ANY);
        let listed = self.ask == Ask::OnMiss && self.security == Security::Allowlist;
        plain && listed && self.allow_always && self.allow.len() < KEPT_MAX
    }
}

fn fits(entry: &[String], argv: &[String]) -> bool {
    match entry.split_last() {
        Some((last, head)) if last == ANY && !head.is_empty() => argv.starts_with(head),
        Some(_) => entry == argv,
        None => false,
    }
}

/// The variables that a caller may not set, of those that it wants to.
pub fn refused(wanted: &BTreeMap<String, String>) -> Vec<&str> {
    let free = |name: &str| VARIABLES.contains(&name) || name.starts_with("LC_");
    wanted.keys().map(String::as_str).filter(|name| !free(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn only_listed_command_lines_are_run_and_nothing_without_a_list() {
        let rules: Rules = serde_json::from_str(
            r#"{"allow": [["/usr/bin/uptime"], ["/usr/bin/journalctl", "-n", "*"], ["*"], []]}"#,
        )
        .unwrap();
        for (line, runs) in [
            ("/usr/bin/uptime", true),
            ("/usr/bin/uptime -p", false),
            ("/usr/bin/journalctl -n", true),
            ("/usr/bin/journalctl -n 5", true),
            ("/usr/bin/journalctl -f", false),
            ("/bin/sh -c uptime", false),
        ] {
            let verdict = if runs { Verdict::Run } else { Verdict::Miss };
            for approved in [false, true] {
                assert_eq!(rules.judge(&argv(line), approved), verdict, "nobody may be asked: {line}");
            }
        }
        assert_eq!(Rules::default().judge(&argv("/usr/bin/uptime"), true), Verdict::Miss);
        let said =
            |text| serde_json::from_str::<Rules>(text).map(|rules| rules.judge(&argv("/bin/ls"), false));
        assert_eq!(said(r#"{"security": "full"}"#).unwrap(), Verdict::Run);
        assert_eq!(said(r#"{"security": "deny", "allow": [["/bin/ls"]]}"#).unwrap(), Verdict::Disabled);
        assert!(said(r#"{"security": "all"}"#).is_err() && said(r#"{"alow": []}"#).is_err());
    }

    #[test]
    fn who_may_be_asked_is_the_owners_to_say() {
        let rules = |text: &str| serde_json::from_str::<Rules>(text).unwrap();
        let judged =
            |text: &str, line: &str| [false, true].map(|approved| rules(text).judge(&argv(line), approved));
        let listed = |ask: &str| format!(r#"{{"ask": "{ask}", "allow": [["/bin/ls"]]}}"#);
        assert_eq!(judged(&listed("on-miss"), "/bin/ls"), [Verdict::Run, Verdict::Run]);
        assert_eq!(judged(&listed("on-miss"), "/bin/id"), [Verdict::Ask, Verdict::Approved]);
        assert_eq!(judged(&listed("always"), "/bin/ls"), [Verdict::Ask, Verdict::Approved]);
        assert_eq!(judged(&listed("off"), "/bin/id"), [Verdict::Miss, Verdict::Miss]);
        let closed = r#"{"ask": "on-miss", "security": "deny"}"#;
        assert_eq!(judged(closed, "/bin/id"), [Verdict::Disabled, Verdict::Disabled]);
        let grows = |text: &str, line: &str| rules(text).grows_by(&argv(line));
        let open = r#"{"ask": "on-miss", "allowAlways": true}"#;
        assert!(grows(open, "/bin/rm x") && !grows(open, "/bin/rm *"));
        for text in
            [r#"{"ask": "on-miss"}"#, r#"{"allowAlways": true}"#, r#"{"ask": "always", "allowAlways": true}"#]
        {
            assert!(!grows(text, "/bin/ls"), "{text}");
        }
    }

    #[test]
    fn what_changes_a_program_is_no_variable_for_callers() {
        let names = ["LANG", "LC_ALL", "LD_PRELOAD", "PATH", "NODE_OPTIONS", "BASH_ENV"];
        let wanted = names.map(|name| (name.to_owned(), String::new())).into();
        assert_eq!(refused(&wanted), ["BASH_ENV", "LD_PRELOAD", "NODE_OPTIONS", "PATH"]);
    }
}

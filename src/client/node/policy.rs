//! What this machine runs for its gateway: decided by a file that its owner writes, and by nobody who asks. Pure.
//!
//! ```json
//! {"security": "allowlist", "allow": [["/usr/bin/uptime"], ["/usr/bin/journalctl", "-n", "*"]]}
//! ```
//!
//! An entry is a whole command line with the program's absolute path; `"*"` at its end stands for any further arguments.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The variables that a caller may set for a program; each other one can change what the program is.
const VARIABLES: &[&str] = &["LANG", "LANGUAGE", "TZ", "TERM", "NO_COLOR", "COLUMNS", "LINES"];
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
}

impl Rules {
    /// Whether the command line may be run; its program is an absolute path already.
    pub fn permit(&self, argv: &[String]) -> bool {
        match self.security {
            Security::Deny => false,
            Security::Full => true,
            Security::Allowlist => self.allow.iter().any(|entry| fits(entry, argv)),
        }
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
            assert_eq!(rules.permit(&argv(line)), runs, "{line}");
        }
        assert!(!Rules::default().permit(&argv("/usr/bin/uptime")));
        let said = |text| serde_json::from_str::<Rules>(text).map(|rules| rules.permit(&argv("/bin/ls")));
        assert!(
            said(r#"{"security": "full"}"#).unwrap()
                && !said(r#"{"security": "deny", "allow": [["/bin/ls"]]}"#).unwrap()
        );
        assert!(said(r#"{"security": "all"}"#).is_err() && said(r#"{"alow": []}"#).is_err());
    }

    #[test]
    fn what_changes_a_program_is_no_variable_for_callers() {
        let names = ["LANG", "LC_ALL", "LD_PRELOAD", "PATH", "NODE_OPTIONS", "BASH_ENV"];
        let wanted = names.map(|name| (name.to_owned(), String::new())).into();
        assert_eq!(refused(&wanted), ["BASH_ENV", "LD_PRELOAD", "NODE_OPTIONS", "PATH"]);
    }
}

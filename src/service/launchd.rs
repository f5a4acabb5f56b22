//! A launchd property list, read back: what the agent or daemon runs and whether launchd keeps it running.

use std::io::Cursor;

use plist::{Dictionary, Value};

use crate::base::{Error, Kind, Result};
use crate::profile::Environment;

/// Largest property list that is read, in bytes.
const SIZE_MAX: usize = 1024 * 1024;

/// What a launchd agent or daemon runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agent {
    /// Its label.
    pub label: String,
    /// Program and arguments; empty when it runs nothing.
    pub program: Vec<String>,
    /// Its variables.
    pub environment: Environment,
    /// Whether the file itself switches it off; launchd's own overrides are not in it.
    pub disabled: bool,
    /// Whether launchd starts it again when it ends, under any condition.
    pub keep_alive: bool,
    /// Whether it starts when it is loaded.
    pub run_at_load: bool,
    /// The user it runs as, for a daemon.
    pub user: Option<String>,
    /// Its working directory.
    pub directory: Option<String>,
}

/// Whether launchd would load a file of this name; a backup it would not.
pub fn is_agent_file(name: &str) -> bool {
    name.strip_suffix(".plist").is_some_and(|stem| !stem.is_empty() && !stem.starts_with('.'))
}

impl Agent {
    /// Reads a property list, in XML or binary form.
    ///
    /// # Errors
    /// [`Kind::Failed`], code `plist_invalid`, when it is none, or is larger than 1 MiB.
    pub fn read(bytes: &[u8]) -> Result<Agent> {
        let invalid = |cause: String| {
            Error::new(Kind::Failed, "plist_invalid", "the property list cannot be read")
                .caused_by(cause)
                .remedy("check the file with plutil -lint")
        };
        if bytes.len() > SIZE_MAX {
            return Err(invalid(format!("it has {} bytes, {SIZE_MAX} are the most", bytes.len())));
        }
        let value = Value::from_reader(Cursor::new(bytes)).map_err(|error| invalid(error.to_string()))?;
        let body = value.into_dictionary().ok_or_else(|| invalid("it is no dictionary".into()))?;
        let text = |key: &str| body.get(key).and_then(Value::as_string).map(ToOwned::to_owned);
        let flag = |key: &str| body.get(key).and_then(Value::as_boolean).unwrap_or(false);
        Ok(Agent {
            label: text("Label").unwrap_or_default(),
            program: program(&body),
            environment: environment(&body),
            disabled: flag("Disabled"),
            // A dictionary names the conditions under which it is kept alive.
            keep_alive: flag("KeepAlive")
                || body.get("KeepAlive").is_some_and(|keep| keep.as_dictionary().is_some()),
            run_at_load: flag("RunAtLoad"),
            user: text("UserName"),
            directory: text("WorkingDirectory"),
        })
    }
}

/// `Program` is what runs; `ProgramArguments` then begins with a name that only looks like it.
fn program(body: &Dictionary) -> Vec<String> {
    let words = body.get("ProgramArguments").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut words: Vec<String> = words.iter().filter_map(Value::as_string).map(ToOwned::to_owned).collect();
    if let Some(program) = body.get("Program").and_then(Value::as_string) {
        words.splice(..words.len().min(1), [program.to_owned()]);
    }
    words
}

fn environment(body: &Dictionary) -> Environment {
    let variables = body.get("EnvironmentVariables").and_then(Value::as_dictionary);
    let pairs = variables.into_iter().flatten();
    Environment::from_pairs(
        pairs.filter_map(|(name, value)| Some((name.clone(), value.as_string()?.to_owned()))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plist(body: &str) -> String {
        format!("<?xml version=\"1.0\"?><plist version=\"1.0\"><dict>{body}</dict></plist>")
    }

    #[test]
    fn what_it_runs_and_how_it_is_kept_is_read() {
        let agent = Agent::read(
            plist(
                "<key>Label</key><string>ai.openclaw.work</string><key>ProgramArguments</key><array>\
                 <string>openclaw</string><string>gateway</string></array><key>Program</key>\
                 <string>/opt/bin/openclaw</string><key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>\
                 <key>Disabled</key><true/><key>EnvironmentVariables</key><dict><key>A</key><string>1</string></dict>",
            )
            .as_bytes(),
        )
        .unwrap();
        assert_eq!(
            (agent.label.as_str(), agent.disabled, agent.keep_alive),
            ("ai.openclaw.work", true, true)
        );
        assert_eq!(agent.program, ["/opt/bin/openclaw", "gateway"]);
        assert_eq!(agent.environment.get("A"), Some("1"));
    }

    #[test]
    fn what_is_no_property_list_is_an_error_with_a_next_step() {
        for text in ["", "[Service]", "<plist><array/></plist>"] {
            let error = Agent::read(text.as_bytes()).unwrap_err();
            assert_eq!(error.code(), "plist_invalid", "{text}");
            assert!(error.remedy_text().is_some());
        }
    }

    #[test]
    fn a_backup_is_no_agent() {
        assert!(is_agent_file("ai.openclaw.work.plist"));
        assert!(!is_agent_file("ai.openclaw.work.plist.bak") && !is_agent_file(".plist"));
    }
}

//! Which versions are at work: what runs, what is installed in its place by now, and this command. Where they differ,
//! people are told what to do about it.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::Context;
use crate::base::record::SupervisorStatus;
use crate::client::control::Supervisor;
use crate::host::{files, process};
use crate::profile::SupervisorPaths;
use crate::wire::control::SUPERVISOR_STATUS;

/// How long the installed program may take to say its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the supervisor may take to say its own.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// The versions beside a supervisor's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Versions {
    /// Of the file that the supervisor was started from, as it is now; `None` when that is not known.
    pub installed: Option<String>,
    /// Of this program.
    pub cli: &'static str,
    /// Whether any two of the three differ.
    pub skew: bool,
}

impl Versions {
    /// Looks what is installed now where `supervisor` came from.
    pub fn beside(supervisor: &SupervisorStatus) -> Versions {
        Versions::of(&supervisor.version, installed(Path::new(&supervisor.program)))
    }

    fn of(running: &str, installed: Option<String>) -> Versions {
        let cli = env!("CARGO_PKG_VERSION");
        let skew = running != cli || installed.as_deref().is_some_and(|installed| installed != running);
        Versions { installed, cli, skew }
    }

    /// Where they differ: which is which, and what to do.
    pub fn warning(&self, running: &str) -> Option<String> {
        let installed = self.installed.as_deref().unwrap_or("not known");
        self.skew.then(|| {
            format!(
                "the supervisor runs version {running}, installed in its place is {installed}, this command is {}; \
                 to go over to this one: openclaw supervisor reload",
                self.cli
            )
        })
    }
}

/// The version of the program at `path`, which is asked where it is not this very one.
fn installed(path: &Path) -> Option<String> {
    if !path.is_absolute() || !files::is_executable(path) {
        return None;
    }
    if files::identity(path) == files::identity(&process::own_program()) {
        return Some(env!("CARGO_PKG_VERSION").to_owned());
    }
    let said = process::output_of(&[path.into(), "--version".into()], None, None, VERSION_TIMEOUT).ok()?;
    said.trim().strip_prefix("openclaw ").map(str::to_owned)
}

/// The versions around this user's supervisor as JSON has them; `null` when none runs.
pub async fn around_supervisor(context: &Context) -> Value {
    let Ok(paths) = SupervisorPaths::derive(&context.environment) else { return Value::Null };
    let asked = async {
        let mut supervisor = Supervisor::connect(&paths).await.ok()??;
        supervisor.order::<SupervisorStatus>(SUPERVISOR_STATUS, json!({}), |_| {}).await.ok()
    };
    let Ok(Some(status)) = timeout(ANSWER_TIMEOUT, asked).await else { return Value::Null };
    let Versions { installed, cli, skew } = Versions::beside(&status);
    json!({ "running": status.version, "installed": installed, "cli": cli, "skew": skew })
}

/// Puts those `around` the supervisor beside a gateway's `versions`; skew among them is skew of all.
pub fn add(versions: &mut Value, around: Value) {
    if around["skew"] == true {
        versions["skew"] = json!(true);
    }
    versions["supervisor"] = around;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_difference_is_skew_and_says_what_to_do() {
        let cli = env!("CARGO_PKG_VERSION");
        assert!(!Versions::of(cli, Some(cli.into())).skew && !Versions::of(cli, None).skew);
        for (running, installed) in [(cli, Some("9.9.9")), ("9.9.9", Some(cli)), ("9.9.9", None)] {
            let versions = Versions::of(running, installed.map(str::to_owned));
            assert!(versions.skew, "{running} {installed:?}");
            assert!(versions.warning(running).unwrap().contains("supervisor reload"));
        }
        assert_eq!(installed(Path::new("")), None);
        assert_eq!(installed(&process::own_program()).as_deref(), Some(cli));
    }
}

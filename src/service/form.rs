//! Everything that a service file of ours says, decided: the texts for systemd and for launchd are made from this and
//! from nothing else.

use std::time::Duration;

use super::Subject;

/// The supervisor keeps a twentieth of its manager's patience for itself; this much more than the longest drain leaves
/// every gateway all that it asks for.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest drain where no manifest says another: the gateways' usual `stop_timeout`.
pub const USUAL_STOP: Duration = Duration::from_secs(330);
/// How long a start may take beyond the longest `start_timeout`.
const START_MARGIN: Duration = Duration::from_secs(60);
/// The longest start where no manifest says another: the gateways' usual `start_timeout`.
pub const USUAL_START: Duration = Duration::from_secs(300);

/// Folders in which programs are looked for: the system's, then the user's own, where npm and people put things.
const SYSTEM_PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";
const HOME_PATH: [&str; 3] = [".local/bin", ".npm-global/bin", "bin"];
/// The same on macOS, whose package manager has a folder of its own.
const MAC_PATH: &str = "/opt/homebrew/bin:/opt/homebrew/sbin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/// The user as whom the system's manager runs a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user's name.
    pub name: String,
    /// The home directory.
    pub home: String,
}

impl Account {
    /// Whether the service keeps all the rights there are.
    pub fn is_root(&self) -> bool {
        self.name == "root"
    }
}

/// One service file, decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// What it runs.
    pub subject: Subject,
    /// The program's absolute path.
    pub program: String,
    /// As whom, for a service of the system's manager; `None` for one of the user's own.
    pub account: Option<Account>,
    /// The home of whom it runs for; `None` where the file is for everybody.
    pub home: Option<String>,
    /// Variables that were set on purpose and move the service's files; no secret is ever among them.
    pub variables: Vec<(String, String)>,
    /// The longest drain of what it runs.
    pub drain: Duration,
    /// The longest start of what it runs.
    pub start: Duration,
    /// Where standard output goes under launchd; systemd has its journal.
    pub log: String,
}

impl Form {
    /// How long a stop may take before the manager kills.
    pub fn stop_timeout(&self) -> Duration {
        // A twentieth is the supervisor's own margin.
        self.drain + self.drain / 20 + PATIENCE
    }

    /// How long a start may take before the manager gives it up.
    pub fn start_timeout(&self) -> Duration {
        self.start + START_MARGIN
    }

    /// `PATH` under systemd, which replaces `%h`; a service of the system's manager names the home itself.
    pub fn systemd_path(&self) -> String {
        let home = self.account.as_ref().map_or("%h", |account| account.home.as_str());
        joined(SYSTEM_PATH, home)
    }

    /// `PATH` under launchd.
    pub fn launchd_path(&self) -> String {
        self.home.as_ref().map_or_else(|| MAC_PATH.to_owned(), |home| joined(MAC_PATH, home))
    }
}

/// The user's own folders come last, so that nothing in them stands in for a program of the system.
fn joined(system: &str, home: &str) -> String {
    let own = HOME_PATH.map(|folder| format!("{home}/{folder}"));
    std::iter::once(system.to_owned()).chain(own).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_covers_the_longest_drain_and_the_supervisors_own_margin() {
        let form = |drain| Form {
            subject: Subject::Supervisor,
            program: "/usr/bin/openclaw".into(),
            account: None,
            home: None,
            variables: Vec::new(),
            drain: Duration::from_secs(drain),
            start: USUAL_START,
            log: String::new(),
        };
        for drain in [1, 60, 330, 3600] {
            let outer = form(drain).stop_timeout();
            assert!(outer - outer / 20 >= Duration::from_secs(drain), "{drain}: {outer:?}");
        }
    }
}

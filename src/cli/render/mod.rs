//! The only place that prints. Results go to standard output, everything else to standard error; with
//! `--json` standard output carries exactly one document.

pub mod cell;
mod listing;
mod narrow;
mod progress;
mod question;
mod table;

use std::io::{IsTerminal, Write};

use serde::Serialize;
use serde_json::{Value, json};

use crate::base::Error;
use crate::base::record::{ProfileStatus, SupervisorStatus};
use crate::cli::skew::Versions;
use crate::conflict::host::{FoundGateway, HostReport};
use crate::profile::Environment;

pub use listing::Listing;
pub use progress::Progress;
pub use table::{age, size};

/// A number of profiles in words.
pub fn profiles_counted(count: usize) -> String {
    if count == 1 { "1 profile".into() } else { format!("{count} profiles") }
}

/// How to print.
#[derive(Clone, Copy, Debug)]
pub struct Render {
    json: bool,
    colour: bool,
    columns: Option<u16>,
    dumb: bool,
}

impl Render {
    /// Prints JSON when asked to, and colours only on a terminal that wants them.
    pub fn new(json: bool, no_color: bool, environment: &Environment) -> Self {
        let dumb = environment.get("TERM") == Some("dumb");
        let wanted = !no_color && environment.get("NO_COLOR").is_none() && !dumb;
        let terminal = std::io::stdout().is_terminal();
        // A terminal is asked for its width; elsewhere somebody may say which one is wanted.
        let columns = environment.get("COLUMNS").filter(|_| !terminal).and_then(|text| text.parse().ok());
        Render { json, colour: wanted && terminal, columns, dumb }
    }

    /// Whether standard output is a terminal.
    pub fn is_terminal(self) -> bool {
        std::io::stdout().is_terminal()
    }

    /// Whether one JSON document is wanted.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Prints text as it is; `false` when nobody reads any more. A reader that has seen enough (head, less)
    /// closes the pipe; that is no failure of ours.
    pub fn text(self, text: &str) -> bool {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok()
    }

    /// Prints `value` as the one JSON document.
    pub fn document(self, value: &impl Serialize) {
        self.text(&(serde_json::to_string_pretty(value).unwrap_or_default() + "\n"));
    }

    /// Prints what a command did: the document, or the sentence.
    pub fn done(self, document: Value, sentence: &str) {
        if self.json {
            self.document(&document);
        } else {
            self.text(&format!("{sentence}\n"));
        }
    }

    /// Prints a line for people on standard error.
    pub fn notice(self, line: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }

    /// Prints one line on standard output for the process that waits for it.
    pub fn report(self, line: &str) {
        self.text(&format!("{line}\n"));
    }

    /// Prints an error, once: the document on standard output, or sentences on standard error.
    pub fn error(self, error: &Error) {
        if self.json {
            return self.document(&error.to_json());
        }
        self.notice(&format!("error: {error}"));
        if let Some(holder) = error.holder_record() {
            self.notice(&format!("  held by: {}", table::holder(holder)));
        }
        if let Some(remedy) = error.remedy_text() {
            self.notice(&format!("  try: {remedy}"));
        }
    }

    /// Prints profiles: `{"profiles":[…],"selected":…}` or a table that marks the selected one and tells the
    /// `reason`.
    pub fn profiles(self, profiles: &[ProfileStatus], selected: &Value, reason: &str) {
        let is_selected = |profile: &ProfileStatus| selected["name"] == profile.name.as_str();
        if self.json {
            let row = |profile: &ProfileStatus| {
                let mut row = json!(profile);
                row["selected"] = if is_selected(profile) { selected["by"].clone() } else { Value::Null };
                row
            };
            let rows: Vec<Value> = profiles.iter().map(row).collect();
            return self.document(&json!({ "profiles": rows, "selected": selected }));
        }
        if profiles.is_empty() {
            self.text("no profiles yet; begin with: openclaw profile start work\n");
            return;
        }
        self.text(&table::profiles(profiles, selected["name"].as_str(), self.colour, self.columns));
        if let Some(name) = selected["name"].as_str() {
            // The default profile of a user who has none is nothing to speak of.
            match profiles.iter().any(is_selected) {
                true => drop(self.text(&format!("* selected {reason}\n"))),
                false if selected["by"] == "default" => {}
                false => self.notice(&format!("warning: `{name}`, selected {reason}, does not exist")),
            }
        }
        self.warnings(profiles);
    }

    /// Prints one profile: the object itself, or its facts line by line.
    pub fn profile(self, profile: &ProfileStatus) {
        if self.json {
            return self.document(profile);
        }
        self.text(&table::facts(profile));
        self.warnings(std::slice::from_ref(profile));
    }

    /// Prints profiles that have just come up, and how to go on.
    pub fn started(self, profiles: &[ProfileStatus]) {
        match profiles {
            [one] if self.json => return self.document(one),
            _ if self.json => return self.document(&json!({ "profiles": profiles })),
            _ => {}
        }
        self.text(&table::profiles(profiles, None, self.colour, self.columns));
        self.warnings(profiles);
        let name = match profiles {
            [one] => one.name.as_str(),
            _ => "NAME",
        };
        self.text(&format!(
            "\ntalk to it: openclaw --profile {name} health\nits output: openclaw profile logs {name} -f\n\
             stop it:    openclaw profile stop {name}\n"
        ));
    }

    /// Makes room for a picture that others replace: a clean screen on a terminal; elsewhere a blank line, save before
    /// the first.
    pub fn again(self, is_first: bool) {
        match self.json {
            true => {}
            false if self.is_terminal() && !self.dumb => drop(self.text("\u{1b}[H\u{1b}[J")),
            false if is_first => {}
            false => drop(self.text("\n")),
        }
    }

    /// Whether a line on standard error can be drawn again and again.
    pub fn is_lively(self) -> bool {
        !self.dumb && std::io::stderr().is_terminal()
    }

    /// Prints what a gateway answered: `document` itself, or its table; `false` when nobody reads any more.
    pub fn answer(self, document: &Value, listing: impl FnOnce(&Value) -> Listing) -> bool {
        match self.json {
            true => self.text(&(serde_json::to_string_pretty(document).unwrap_or_default() + "\n")),
            false => self.text(&listing(document).text(self.columns)),
        }
    }

    /// Prints gateways as a table.
    pub fn gateways(self, gateways: &[FoundGateway]) {
        if gateways.is_empty() {
            self.text("no gateway runs on this host\n");
            return;
        }
        self.text(&table::gateways(gateways, self.columns));
    }

    /// Prints what the host has and what is wrong with it.
    pub fn host_report(self, report: &HostReport) {
        self.gateways(&report.gateways);
        for conflict in &report.conflicts {
            self.text(&table::conflict(conflict));
        }
        for reason in &report.explain {
            self.text(&format!("{reason}\n"));
        }
        if report.conflicts.is_empty() {
            self.text("no conflicts\n");
        }
    }

    /// Prints the supervisor's status.
    pub fn supervisor(self, status: &SupervisorStatus, versions: &Versions) {
        if self.json {
            let mut document = serde_json::to_value(status).unwrap_or_default();
            if let (Value::Object(all), Ok(Value::Object(more))) =
                (&mut document, serde_json::to_value(versions))
            {
                all.extend(more);
            }
            return self.document(&document);
        }
        self.text(&format!(
            "supervisor {}: pid {}, {}, {}, socket {}\n",
            status.version,
            status.pid,
            profiles_counted(status.profiles),
            table::size(status.memory_bytes),
            status.socket
        ));
        for warning in versions.warning(&status.version).iter().chain(&status.warnings) {
            self.notice(&format!("warning: {warning}"));
        }
    }

    fn warnings(self, profiles: &[ProfileStatus]) {
        for profile in profiles {
            for warning in &profile.warnings {
                self.notice(&format!("warning: {}: {warning}", profile.name));
            }
        }
    }
}

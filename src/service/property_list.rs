//! The text of our launchd agents and daemons. launchd tells an end with 0 from all others, and no more: what somebody
//! asked to end stays ended, a supervisor parks what fails for good and goes on running, and a gateway without one is begun
//! again no oftener than every ten seconds.

use plist::{Dictionary, Value};

use super::{Form, Subject, mark};
use crate::base::{Error, Kind, Result};

/// How a service file tells the supervisor what launchd cannot be asked for.
const EXIT_TIMEOUT: &str = "OPENCLAW_SUPERVISOR_EXIT_TIMEOUT";
/// The least time between two starts, in seconds.
const THROTTLE: u64 = 10;
/// 0077: files are for their owner.
const UMASK: u64 = 63;

/// A property list as it is installed, with the line that says whose it is.
///
/// # Errors
/// As [`text`].
pub fn installed(form: &Form) -> Result<String> {
    Ok(mark::plist(&text(form)?))
}

/// An agent, or with an account a daemon.
///
/// # Errors
/// [`Kind::Failed`], code `plist_unwritable`, where it cannot be put into words.
pub fn text(form: &Form) -> Result<String> {
    let mut body = Dictionary::new();
    let mut put = |key: &str, value: Value| drop(body.insert(key.to_owned(), value));
    put("Label", form.subject.label().into());
    put("Comment", form.subject.description().into());
    if let Some(account) = &form.account {
        put("UserName", account.name.clone().into());
    }
    let words = std::iter::once(form.program.clone()).chain(form.subject.words());
    put("ProgramArguments", Value::Array(words.map(Value::from).collect()));
    put("EnvironmentVariables", Value::Dictionary(environment(form)));
    put("RunAtLoad", true.into());
    // `true` would bring back what ended because somebody asked.
    let kept = [("SuccessfulExit".to_owned(), Value::from(false))];
    put("KeepAlive", Value::Dictionary(kept.into_iter().collect()));
    put("ThrottleInterval", THROTTLE.into());
    put("ExitTimeOut", form.stop_timeout().as_secs().into());
    put("ProcessType", "Interactive".into());
    put("Umask", UMASK.into());
    put("WorkingDirectory", "/".into());
    put("StandardInPath", "/dev/null".into());
    put("StandardOutPath", form.log.clone().into());
    put("StandardErrorPath", form.log.clone().into());
    let mut bytes = Vec::new();
    let written = Value::Dictionary(body).to_writer_xml(&mut bytes);
    let text = written.map(|()| String::from_utf8_lossy(&bytes).into_owned());
    text.map(|text| text.trim_end().to_owned() + "\n").map_err(|error| {
        Error::new(Kind::Failed, "plist_unwritable", "the property list cannot be written").caused_by(error)
    })
}

fn environment(form: &Form) -> Dictionary {
    let exit = format!("{}s", form.stop_timeout().as_secs());
    let mut variables = Dictionary::new();
    variables.insert("PATH".into(), form.launchd_path().into());
    if let Some(account) = &form.account {
        variables.insert("HOME".into(), account.home.clone().into());
    }
    if form.subject == Subject::Supervisor {
        variables.insert(EXIT_TIMEOUT.into(), exit.into());
    }
    for (name, value) in &form.variables {
        variables.insert(name.clone(), value.clone().into());
    }
    variables
}

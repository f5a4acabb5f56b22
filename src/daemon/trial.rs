//! The trial of a program that is to become the supervisor: it is one for a moment, in a home of its own without a profile,
//! where it has to come up, hear an order and end. What dies at once, or never gets so far, is found out while nothing
//! depends on it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::Setup;
use super::setup::BACKGROUND;
use crate::base::Error;
use crate::host::signal::Name;
use crate::host::{files, lock, process};
use crate::link::unix;

/// How long it may take to come up.
const UP_LIMIT: Duration = Duration::from_secs(5);
/// How long it may take to end.
const END_LIMIT: Duration = Duration::from_secs(3);

/// Lets `program` be a supervisor; what it does wrong, in words, where it would not do. Blocks, at most for eleven seconds.
pub fn stand(setup: &Setup, program: &Path) -> Result<(), String> {
    let place = format!("trial-{:.8}", lock::new_nonce());
    let home = setup.run_dir().join(place);
    // Where there is no room for the name of a socket, nothing can be tried.
    if home.join("openclaw/supervisor.sock").as_os_str().len() > unix::SOCKET_PATH_MAX {
        return Ok(());
    }
    files::private_dir(&home).map_err(|error| error.to_string())?;
    let outcome = stand_in(&home, setup, program);
    files::remove_all(&home);
    outcome
}

fn stand_in(home: &Path, setup: &Setup, program: &Path) -> Result<(), String> {
    let home_text = home.display().to_string();
    let mut environment: BTreeMap<String, String> =
        ["HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME"]
            .map(|name| (name.to_owned(), home_text.clone()))
            .into();
    environment.insert("OPENCLAW_HOST_LOCK".into(), home.join("host-slot").display().to_string());
    environment.extend(setup.environment.path().map(|path| ("PATH".to_owned(), path.to_owned())));
    let run = |words: &[&str], limit| {
        let argv: Vec<OsString> =
            [program.into()].into_iter().chain(words.iter().map(OsString::from)).collect();
        process::spoken_by(&argv, Some(&environment), None, limit)
    };
    let (trial, up) = run(&["supervisor", "run", BACKGROUND], UP_LIMIT).map_err(|error| error.to_string())?;
    match serde_json::from_str::<Result<(), Error>>(up.trim()) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(format!("it does not come up: {error}")),
        Err(_) => return Err("it does not come up as a supervisor".into()),
    }
    // What it says of the order does not matter, only whether it goes.
    let _ = run(&["supervisor", "stop", "--json"], END_LIMIT);
    if trial.wait(END_LIMIT) {
        return Ok(());
    }
    let _ = trial.signal(Name::SIGKILL);
    Err("it comes up and hears no order".into())
}

//! Starting the supervisor on demand: a detached process that says on a pipe when it listens.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe;
use tokio::time::{sleep, timeout};

use super::control::Supervisor;
use crate::base::{Error, Kind, Result};
use crate::host::{files, process};
use crate::profile::SupervisorPaths;

/// How long a new supervisor may take until it listens.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// First distance of two attempts while another supervisor begins or ends; it doubles up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_millis(5);
/// Longest distance of two such attempts.
const RETRY_MAX: Duration = Duration::from_millis(100);
/// Longest report that is read, in bytes.
const REPORT_MAX: u64 = 64 * 1024;

/// Connects to the supervisor, starting one when there is none.
///
/// # Errors
/// What the new supervisor reports, or [`Kind::Deadline`] when it says nothing.
pub async fn connect_or_start(paths: &SupervisorPaths) -> Result<Supervisor> {
    if let Some(supervisor) = Supervisor::connect(paths).await? {
        return Ok(supervisor);
    }
    timeout(START_TIMEOUT, start_and_connect(paths)).await.unwrap_or_else(|_| Err(silent(paths)))
}

async fn start_and_connect(paths: &SupervisorPaths) -> Result<Supervisor> {
    let mut wait = RETRY_MIN;
    loop {
        match start(paths).await {
            Ok(()) => {}
            // Another terminal was faster, and its supervisor is ours; or one is just ending.
            Err(error) if error.code() == "supervisor_running" => {}
            Err(error) => return Err(error),
        }
        if let Some(supervisor) = Supervisor::connect(paths).await? {
            return Ok(supervisor);
        }
        sleep(wait).await;
        wait = (wait * 2).min(RETRY_MAX);
    }
}

fn silent(paths: &SupervisorPaths) -> Error {
    Error::new(Kind::Deadline, "supervisor_silent", "the supervisor did not begin to listen in time")
        .remedy(format!("read {}", paths.log_dir.join("supervisor.log").display()))
}

/// Starts a supervisor and waits for its report.
async fn start(paths: &SupervisorPaths) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::new(Kind::Failed, "supervisor_unstartable", "the supervisor cannot be started")
            .caused_by(error)
    };
    files::private_dir(&paths.log_dir)?;
    let log = files::open_append(&paths.log_dir.join("supervisor.err"))?;
    let (sender, receiver) = pipe::pipe().map_err(failed)?;
    let sender: OwnedFd = sender.into_blocking_fd().map_err(failed)?;
    let argv: Vec<OsString> =
        vec![process::own_program().into(), "supervisor".into(), "run".into(), "--background".into()];
    process::spawn_detached(&argv, sender, log).map_err(failed)?;
    let mut report = String::new();
    let mut reader = BufReader::new(tokio::io::AsyncReadExt::take(receiver, REPORT_MAX));
    reader.read_line(&mut report).await.map_err(failed)?;
    match serde_json::from_str::<std::result::Result<(), Error>>(&report) {
        Ok(outcome) => outcome,
        Err(_) => Err(Error::new(Kind::Failed, "supervisor_unstartable", "the supervisor ended at once")
            .remedy(format!("read {}", paths.log_dir.join("supervisor.err").display()))),
    }
}

/// What a new supervisor says on its pipe, as one line.
pub fn report(outcome: &Result<()>) -> String {
    serde_json::to_string(outcome).unwrap_or_default()
}

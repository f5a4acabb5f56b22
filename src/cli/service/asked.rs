//! What the service manager and logind say, and what they are told. A manager that cannot be reached is no failure: what
//! is written counts from its next start on.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{sleep, timeout};

use super::Scene;
use crate::base::{Error, Kind, Result};
use crate::host::attended::{self, Ended};
use crate::host::files;
use crate::service::durability::{self, Linger};

/// How long a question may take.
const LIMIT: Duration = Duration::from_secs(5);
/// How much longer than the unit's own times a start or stop may take.
const GRACE: Duration = Duration::from_secs(15);
/// What launchd says of an end besides 0: there is nothing to end, or it takes its time, which launchd does not wait for.
const GOES: [i32; 2] = [3, 36];
/// Distance of two looks at a service that ends.
const LOOK: Duration = Duration::from_millis(200);
/// There where systemd booted the machine.
const BOOTED: &str = "/run/systemd/system";
/// Where logind keeps who lingers.
const LINGERS: &str = "/var/lib/systemd/linger";

/// A service as its manager knows it.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// Whether the manager answered.
    pub reached: bool,
    /// Whether it knows the service.
    pub loaded: bool,
    /// The manager's word, for example `active`.
    pub active: Option<String>,
    /// What the service says of itself.
    pub text: Option<String>,
    /// The main process.
    pub pid: Option<u32>,
    /// How often it was started again by itself.
    pub restarts: Option<u64>,
    /// How its last run ended, in the manager's word.
    pub result: Option<String>,
}

impl Seen {
    /// Whether it runs, or is just starting.
    pub fn runs(&self) -> bool {
        matches!(self.active.as_deref(), Some("active" | "activating" | "reloading"))
    }
}

/// Asks about the service.
pub async fn seen(scene: &Scene<'_>) -> Seen {
    if scene.launchd {
        let Some(target) = domain_target(scene) else { return Seen::default() };
        let Ok(told) = run(&["launchctl", "print", &target], LIMIT).await else { return Seen::default() };
        let value = |key: &str| {
            told.output
                .lines()
                .find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(" = ").map(str::to_owned))
        };
        let running =
            value("state").map(|state| if state == "running" { "active" } else { "inactive" }.to_owned());
        return Seen {
            reached: true,
            loaded: told.code == Some(0),
            active: running,
            pid: value("pid").and_then(|pid| pid.parse().ok()),
            restarts: value("runs").and_then(|runs| runs.parse().ok()),
            ..Seen::default()
        };
    }
    let properties = ["LoadState", "ActiveState", "StatusText", "MainPID", "NRestarts", "Result"];
    let options = properties.iter().flat_map(|name| ["-p", name]);
    let name = scene.name();
    let words: Vec<&str> =
        systemctl(scene).into_iter().chain(["show"]).chain(options).chain(["--", &name]).collect();
    let Some(told) = run(&words, LIMIT).await.ok().filter(|told| told.code == Some(0)) else {
        return Seen::default();
    };
    let value = |key: &str| {
        let found = told.output.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        found.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    Seen {
        reached: true,
        loaded: value("LoadState").as_deref() == Some("loaded"),
        active: value("ActiveState"),
        text: value("StatusText"),
        pid: value("MainPID").and_then(|pid| pid.parse().ok()).filter(|pid| *pid != 0),
        restarts: value("NRestarts").and_then(|count| count.parse().ok()),
        result: value("Result"),
    }
}

/// The words of systemctl for the manager of `scene`.
pub fn systemctl(scene: &Scene<'_>) -> Vec<&'static str> {
    if scene.is_system() { vec!["systemctl"] } else { vec!["systemctl", "--user"] }
}

/// launchd's name for the service.
pub fn domain_target(scene: &Scene<'_>) -> Option<String> {
    Some(format!("{}/{}", domain(scene)?, scene.name()))
}

fn domain(scene: &Scene<'_>) -> Option<String> {
    scene.launchd.then(|| match scene.is_system() {
        true => "system".into(),
        false => format!("gui/{}", scene.account.uid),
    })
}

/// Makes the manager read its files again; false where it cannot be reached.
pub async fn reread(scene: &Scene<'_>) -> bool {
    if scene.launchd {
        return true;
    }
    let words = [systemctl(scene), vec!["daemon-reload"]].concat();
    run(&words, LIMIT).await.is_ok_and(|told| told.code == Some(0))
}

/// Starts the service and waits until it is up; the manager's complaint where it is not.
///
/// # Errors
/// [`Kind::Failed`], code `service_start_failed`.
pub async fn start(scene: &Scene<'_>, patience: Duration) -> Result<()> {
    let (name, file) = (scene.name(), scene.file()?.display().to_string());
    let (domain, target) = (domain(scene), domain_target(scene));
    let words = match (&domain, &target) {
        (Some(domain), Some(target)) => {
            // launchd keeps in a list of its own what is switched off, and refuses to load that.
            let _ = run(&["launchctl", "enable", target], LIMIT).await;
            match seen(scene).await.loaded {
                // What is loaded cannot be loaded again; it is begun by its name.
                true => vec!["launchctl", "kickstart", target],
                false => vec!["launchctl", "bootstrap", domain, &file],
            }
        }
        _ => [systemctl(scene), vec!["start", "--", &name]].concat(),
    };
    carried(&words, patience + GRACE, &[], "service_start_failed", &format!("{name} did not start")).await
}

/// Ends the service and waits until it has ended; the manager's complaint where it has not.
///
/// # Errors
/// [`Kind::Failed`], code `service_stop_failed`.
pub async fn stop(scene: &Scene<'_>, patience: Duration) -> Result<()> {
    let (name, what) = (scene.name(), format!("{} was not stopped", scene.name()));
    let Some(target) = domain_target(scene) else {
        let words = [systemctl(scene), vec!["stop", "--", &name]].concat();
        return carried(&words, patience + GRACE, &[], "service_stop_failed", &what).await;
    };
    let words = ["launchctl", "bootout", &target];
    carried(&words, patience + GRACE, &GOES, "service_stop_failed", &what).await?;
    let gone = async {
        while seen(scene).await.loaded {
            sleep(LOOK).await;
        }
    };
    timeout(patience + GRACE, gone).await.map_err(|_| {
        Error::new(Kind::Failed, "service_stop_failed", what)
            .caused_by("launchd has it still")
            .remedy(format!("see for yourself: launchctl print {target}"))
    })
}

/// Runs `words`; an exit code of `also` is as good as 0.
async fn carried(
    words: &[&str],
    limit: Duration,
    also: &[i32],
    code: &'static str,
    what: &str,
) -> Result<()> {
    let failed = |cause: String| {
        let words = words.join(" ");
        Error::new(Kind::Failed, code, what)
            .caused_by(cause.trim())
            .remedy(format!("see for yourself: {words}"))
    };
    match run(words, limit).await {
        Ok(Ended { code: Some(ended), .. }) if ended == 0 || also.contains(&ended) => Ok(()),
        Ok(ended) => Err(failed(ended.errors)),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Whether systemd booted this machine.
pub fn is_booted() -> bool {
    files::is_dir(Path::new(BOOTED))
}

/// Whether logind keeps the user's manager without a login.
pub async fn lingers(scene: &Scene<'_>) -> Linger {
    if scene.launchd {
        return Linger::Unknown;
    }
    let user = scene.account.name.as_str();
    match run(&["loginctl", "show-user", user, "--property=Linger"], LIMIT).await {
        Ok(told) => durability::linger(&told.output, &told.errors),
        Err(_) => lingers_on_disk(user),
    }
}

/// The same by what logind leaves on disk, without asking it.
pub fn lingers_on_disk(user: &str) -> Linger {
    if files::is_there(&Path::new(LINGERS).join(user)) { Linger::Yes } else { Linger::Unknown }
}

/// Makes logind keep the user's manager.
///
/// # Errors
/// [`Kind::Denied`], code `linger_denied`, where it refuses; [`Kind::Unavailable`], code `linger_unavailable`, where
/// there is no logind to ask.
pub async fn enable_linger(scene: &Scene<'_>) -> Result<()> {
    let user = scene.account.name.as_str();
    let denied = |kind, code, cause: &str| {
        Error::new(kind, code, format!("lingering of {user} cannot be switched on"))
            .caused_by(cause.trim())
            .remedy(format!(
                "sudo loginctl enable-linger {user}, or for a service that needs none: \
                 sudo openclaw service install --system --user-account {user}"
            ))
    };
    match run(&["loginctl", "enable-linger", user], LIMIT).await {
        Ok(Ended { code: Some(0), .. }) => Ok(()),
        Ok(told) => Err(denied(Kind::Denied, "linger_denied", &told.errors)),
        Err(error) => Err(denied(Kind::Unavailable, "linger_unavailable", &format!("loginctl: {error}"))),
    }
}

/// Runs a command within `limit`.
///
/// # Errors
/// As [`attended::run`].
pub async fn run(words: &[&str], limit: Duration) -> io::Result<Ended> {
    let argv: Vec<OsString> = words.iter().map(OsString::from).collect();
    attended::run(&argv, limit).await
}

//! What starts gateways and is no service manager: cron at boot, the desktop's autostart, container engines.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::Scene;
use crate::conflict::host::{FoundUnit, Origin, Registration, Scope};
use crate::daemon::registered::judged;
use crate::host::account::{self, Account};
use crate::host::{attended, files};
use crate::profile::Environment;
use crate::service::crontab::{self, Job};
use crate::service::verdict::{Role, Verdict};
use crate::service::{autostart, engine};

/// Where crontabs of users are.
const CRONTABS: [&str; 3] = ["/var/spool/cron/crontabs", "/var/spool/cron", "/var/at/tabs"];
/// The system's crontab, and the folder of its parts.
const SYSTEM_CRONTAB: &str = "/etc/crontab";
const CRON_PARTS: &str = "/etc/cron.d";
/// Where the desktop's entries of all users are.
const AUTOSTART: &str = "/etc/xdg/autostart";
/// Where docker keeps what it knows of its containers.
const DOCKER: &str = "/var/lib/docker/containers";
/// How long a program may take to tell what it has.
const LIMIT: Duration = Duration::from_secs(3);

/// All of them that would run a gateway or a supervisor.
pub async fn all(scene: &Scene<'_>) -> Vec<Registration> {
    let mut found = crontabs(scene).await;
    found.extend(desktop(scene));
    found.extend(containers().await);
    found
}

fn registration(
    origin: Origin,
    name: String,
    path: &Path,
    user: Option<String>,
    verdict: Verdict,
) -> Option<Registration> {
    let concerns = matches!(verdict.role, Role::Gateway | Role::Supervisor);
    let scope = if user.is_some() { Scope::User } else { Scope::System };
    let unit = FoundUnit {
        name,
        scope,
        launchd: false,
        path: path.to_path_buf(),
        user,
        enabled: true,
        masked: false,
        verdict,
    };
    concerns.then_some(Registration { origin, unit })
}

async fn crontabs(scene: &Scene<'_>) -> Vec<Registration> {
    let mut found = Vec::new();
    let mut told = false;
    for folder in CRONTABS.map(PathBuf::from) {
        for user in files::entries(&folder).unwrap_or_else(|_| vec![scene.account.name.clone()]) {
            let path = folder.join(&user);
            let text =
                Some(&path).filter(|path| files::is_file(path)).and_then(|path| files::read(path).ok()?);
            if let Some(text) = text {
                told |= user == scene.account.name;
                found.extend(jobs(&path, &crontab::at_boot(&text, false), Some(&user), scene));
            }
        }
    }
    if !told && scene.account.uid == super::me().uid {
        // The table itself is for the program's eyes only; what it prints is the same.
        let text = output(&["crontab", "-l"]).await;
        let path = Path::new("crontab -l");
        let user = scene.account.name.as_str();
        found.extend(jobs(path, &crontab::at_boot(&text.unwrap_or_default(), false), Some(user), scene));
    }
    let parts = files::entries(Path::new(CRON_PARTS)).unwrap_or_default();
    let parts = parts.iter().map(|name| Path::new(CRON_PARTS).join(name));
    for path in parts.chain([PathBuf::from(SYSTEM_CRONTAB)]) {
        let text = files::read(&path).ok().flatten().unwrap_or_default();
        found.extend(jobs(&path, &crontab::at_boot(&text, true), None, scene));
    }
    found
}

fn jobs(path: &Path, jobs: &[Job], owner: Option<&str>, scene: &Scene<'_>) -> Vec<Registration> {
    let one = |job: &Job| {
        let user = job.user.as_deref().or(owner).unwrap_or("root").to_owned();
        let home = home_of(&user, scene);
        let verdict = job.commands.iter().map(|command| {
            let variables = Environment::from_pairs(command.assigned.clone());
            judged(&command.words, &variables, None, home.as_deref())
        });
        let verdict = verdict.max_by_key(|verdict| verdict.role != Role::Other)?;
        registration(Origin::Cron, format!("line {}", job.line), path, Some(user), verdict)
    };
    jobs.iter().filter_map(one).collect()
}

/// The home of a user; of whom the service is for, the one that was told.
fn home_of(user: &str, scene: &Scene<'_>) -> Option<String> {
    let home = match user == scene.account.name {
        true => scene.home().ok(),
        false => account::named(user).map(|Account { home, .. }| home),
    };
    home.and_then(|home| home.to_str().map(str::to_owned))
}

fn desktop(scene: &Scene<'_>) -> Vec<Registration> {
    let own = scene.environment.config_home().map(|dir| dir.join("autostart")).unwrap_or_default();
    let names = files::entries(&own).unwrap_or_default();
    let mut found = Vec::new();
    let shared = files::entries(Path::new(AUTOSTART)).unwrap_or_default();
    let mine = names.iter().map(|name| own.join(name));
    // An entry of the user's hides one of the same name that is for all.
    let shared = shared.iter().filter(|name| !names.contains(name)).map(|n| Path::new(AUTOSTART).join(n));
    for path in mine.chain(shared).filter(|path| path.extension().is_some_and(|end| end == "desktop")) {
        let text = files::read(&path).ok().flatten().unwrap_or_default();
        let Some(words) = autostart::command(&text) else { continue };
        let (user, home) = (scene.account.name.clone(), home_of(&scene.account.name, scene));
        let verdict = judged(&words, &Environment::default(), None, home.as_deref());
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        found.extend(registration(Origin::Autostart, name, &path, Some(user), verdict));
    }
    found
}

async fn containers() -> Vec<Registration> {
    let mut found = Vec::new();
    let folder = Path::new(DOCKER);
    let (ids, known) = match files::entries(folder) {
        Ok(ids) => (ids, files::is_dir(folder)),
        Err(_) => (Vec::new(), false),
    };
    for id in ids {
        let read = |name: &str| {
            let text = files::read(&folder.join(&id).join(name)).ok().flatten()?;
            serde_json::from_str::<Value>(&text).ok()
        };
        let (Some(mut told), Some(host)) = (read("config.v2.json"), read("hostconfig.json")) else {
            continue;
        };
        told["HostConfig"] = host;
        found.extend(container("docker", &told, &folder.join(&id)));
    }
    for name in ["docker", "podman"] {
        if name == "docker" && known {
            continue;
        }
        let ids = output(&[name, "ps", "--all", "--quiet", "--no-trunc"]).await.unwrap_or_default();
        let ids: Vec<&str> = ids.split_whitespace().collect();
        if ids.is_empty() {
            continue;
        }
        let told = output(&[&[name, "inspect"][..], &ids].concat()).await.unwrap_or_default();
        let told: Value = serde_json::from_str(&told).unwrap_or(json!([]));
        for one in told.as_array().into_iter().flatten() {
            found.extend(container(name, one, Path::new(name)));
        }
    }
    found
}

fn container(name: &str, told: &Value, path: &Path) -> Option<Registration> {
    let container = engine::container(name, told)?;
    let verdict = judged(&container.argv, &Environment::default(), None, None);
    registration(Origin::Container, container.name, path, None, verdict)
}

/// What a program prints; `None` where there is none, or it fails.
async fn output(words: &[&str]) -> Option<String> {
    let argv: Vec<OsString> = words.iter().map(OsString::from).collect();
    attended::run(&argv, LIMIT).await.ok().filter(|ended| ended.code == Some(0)).map(|ended| ended.output)
}

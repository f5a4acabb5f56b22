//! Carrying out a plan, and the consent that some of it needs.

use std::path::PathBuf;
use std::time::Duration;

use super::{Scene, asked};
use crate::base::{Error, Kind, Result};
use crate::conflict::host::{Rival, Scope};
use crate::host::{account, files, process, units};
use crate::service::plan::Step;

/// How long switching off another service may take: it may drain.
const END_LIMIT: Duration = Duration::from_secs(400);

/// Refuses, before anything is written, what one user would do to the files of another: a service that root installs in
/// somebody's home is owned by root, and the state that it leaves there too (INCIDENTS H1, CVE list).
///
/// # Errors
/// [`Kind::Denied`], code `foreign_owner`, or code `needs_root` for a service of the system's manager.
pub fn refuse_foreign_owner(scene: &Scene<'_>) -> Result<()> {
    let own = process::own_user();
    if scene.is_system() {
        if own == 0 {
            return Ok(());
        }
        let what = "a service of the system's manager is written by root";
        return Err(Error::new(Kind::Denied, "needs_root", what).remedy(format!(
            "sudo openclaw service install --system --user-account {}",
            scene.account.name
        )));
    }
    let home = scene.home()?;
    let refuse = |owner: u32| {
        let name = process::user_name(owner).unwrap_or_else(|| owner.to_string());
        let (me, verb) = (&scene.account.name, scene.subject.to_string());
        let what = format!("{} belongs to {name}, and this is {me}: nothing was written", home.display());
        Err(Error::new(Kind::Denied, "foreign_owner", what).remedy(format!(
            "as {name}, without sudo: openclaw service install; or for {verb} at boot: \
             sudo openclaw service install --system --user-account {name}"
        )))
    };
    let folders = [Ok(home.clone()), scene.environment.config_home(), scene.environment.state_home()];
    let mut paths: Vec<PathBuf> = folders.into_iter().collect::<Result<_>>()?;
    paths.extend(scene.claims().unwrap_or_default().into_iter().map(|claim| claim.state_dir));
    if let Some(owner) = paths.iter().find_map(|path| account::owner_of(path).filter(|owner| *owner != own)) {
        return refuse(owner);
    }
    // `sudo` may leave another home in place than that of whom it became.
    let asker = scene.context.environment.get("SUDO_UID").and_then(|uid| uid.parse().ok());
    let own_home = account::of(own).map(|account| files::real_path(&account.home));
    match asker.filter(|asker| *asker != own) {
        Some(asker) if own_home != Some(files::real_path(&home)) => refuse(asker),
        _ => Ok(()),
    }
}

/// The steps that switch `rivals` off: the links that start them go, and what runs is ended by its manager.
pub fn switching_off(rivals: &[Rival]) -> Vec<Step> {
    let mut steps = Vec::new();
    for rival in rivals {
        let scope: &[&str] =
            if rival.scope == Scope::User { &["systemctl", "--user"] } else { &["systemctl"] };
        let words = [scope, &["disable", "--now", "--", &rival.name]].concat();
        let links = links_to(rival).into_iter().map(|path| Step::Remove { path });
        steps.extend(links);
        steps.push(Step::Tell { command: words.into_iter().map(str::to_owned).collect() });
    }
    steps
}

/// The links in the folder of the rival's file that start it; those elsewhere are its manager's to find.
fn links_to(rival: &Rival) -> Vec<PathBuf> {
    let Some(folder) = rival.path.parent() else { return Vec::new() };
    let names = files::entries(folder).unwrap_or_default();
    let wishes = names.iter().filter(|name| name.ends_with(".wants") || name.ends_with(".requires"));
    let links = wishes.map(|name| folder.join(name).join(&rival.name));
    links.filter(|link| files::link_target(link).is_some()).collect()
}

/// Carries out `steps` in their order. What a manager does not do by command, its files say already.
///
/// # Errors
/// When a file cannot be written or removed; what came before it stays done, and a second call goes on from there.
pub async fn carry_out(steps: &[Step]) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    for step in steps {
        match step {
            Step::SetAside { path, aside } => units::set_aside(path, aside)?,
            Step::Write { path, text } => files::write_shared(path, text)?,
            Step::Link { path, target } => units::link(path, target)?,
            Step::Remove { path } => files::unlink(path)?,
            Step::Tell { command } => {
                let words: Vec<&str> = command.iter().map(String::as_str).collect();
                let told = asked::run(&words, END_LIMIT).await;
                if !told.as_ref().is_ok_and(|ended| ended.code == Some(0)) {
                    let why = told.map_or_else(|error| error.to_string(), |ended| ended.errors);
                    warnings.push(format!("`{}` did not work: {}", command.join(" "), why.trim()));
                }
            }
        }
    }
    Ok(warnings)
}

//! Which path of this program stands in a service file: one that stays when the program is replaced by a newer one, and
//! that nobody else can replace.

use std::path::{Path, PathBuf};

use super::Scene;
use crate::base::{Error, Kind, Result};
use crate::host::{account, files, process};
use crate::service::program::{Part, doubts};

/// Where packages and people put programs, the steadiest first.
const STEADY: [&str; 4] =
    ["/usr/local/bin", "/usr/bin", "/opt/homebrew/bin", "/home/linuxbrew/.linuxbrew/bin"];
/// The same below the home.
const STEADY_AT_HOME: [&str; 2] = [".local/bin", ".cargo/bin"];

/// The program's path, and what is to be said of it.
///
/// # Errors
/// [`Kind::Config`], code `program_unsafe`, where others could replace what the service runs.
pub fn verified(scene: &Scene<'_>) -> Result<(String, Vec<String>)> {
    let own = process::own_program();
    let program = steady(scene, &own)?.unwrap_or(own);
    let path = program.display().to_string();
    let parts: Vec<Part> = account::standings(&program)
        .into_iter()
        .map(|part| Part {
            path: part.path.display().to_string(),
            uid: part.uid,
            gid: part.gid,
            mode: part.mode,
        })
        .collect();
    let found = doubts(&path, &parts, (scene.account.uid, scene.account.gid), scene.is_system());
    match found.iter().find(|doubt| doubt.grave) {
        Some(grave) => {
            let what = format!("{path} must not be run by a service: {}", grave.message);
            Err(Error::new(Kind::Config, "program_unsafe", what).remedy(
                "install the program into a folder that only its owner may write, for example /usr/local/bin",
            ))
        }
        None => Ok((path, found.into_iter().map(|doubt| doubt.message).collect())),
    }
}

/// A name of this very program in a folder that outlives its versions: a link there is kept as a link.
fn steady(scene: &Scene<'_>, own: &Path) -> Result<Option<PathBuf>> {
    let (home, identity) = (scene.home()?, files::identity(own));
    let path = scene.context.environment.path().unwrap_or_default().split(':').map(PathBuf::from);
    let at_home = STEADY_AT_HOME.iter().map(|folder| home.join(folder));
    let mut folders = STEADY.iter().map(PathBuf::from).chain(at_home).chain(path);
    Ok(folders.find_map(|folder| {
        let candidate = folder.join("openclaw");
        let same = folder.is_absolute() && identity.is_some() && files::identity(&candidate) == identity;
        same.then_some(candidate)
    }))
}

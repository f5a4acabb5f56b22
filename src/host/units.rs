//! Service files of all managers and scopes, as they lie on the disk, with what the disk alone says of them:
//! drop-ins, masks, whether something starts them; and the links by which they are switched on.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{files, system};
use crate::base::{Error, Kind, Result};

/// A systemd service file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitFile {
    /// The unit's full name.
    pub name: String,
    /// Where it was read.
    pub path: PathBuf,
    /// Its text and those of its drop-ins, in the order in which they count.
    pub texts: Vec<String>,
    /// Whether it is a link to `/dev/null`.
    pub masked: bool,
    /// Whether a target of its scope wants or requires it.
    pub enabled: bool,
}

/// Folders of the system's manager, the ones that win first.
pub const SYSTEM_FOLDERS: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// Folders of every user's manager, behind the user's own.
pub const SHARED_USER_FOLDERS: [&str; 4] =
    ["/etc/systemd/user", "/run/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user"];

/// Whether services of this system are launchd's.
pub fn has_launchd() -> bool {
    system::HAS_LAUNCHD
}

/// The services in `folders`, the ones that win first, as far as `matters` says so; a name counts once. What does not
/// matter is forgotten at once, and not looked for among the wishes.
pub fn services(folders: &[PathBuf], matters: impl Fn(&UnitFile) -> bool) -> Vec<UnitFile> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let mut places = BTreeSet::new();
    // On most systems `/lib` is `/usr/lib`; what was read under one name is not read again under the other.
    let distinct =
        folders.iter().filter(|folder| files::identity(folder).is_some_and(|place| places.insert(place)));
    let listings: Vec<(&PathBuf, Vec<String>)> =
        distinct.map(|folder| (folder, files::entries(folder).unwrap_or_default())).collect();
    for (folder, names) in &listings {
        for name in names.iter().filter(|name| name.ends_with(".service")) {
            if seen.insert(name.clone()) {
                let file = read(&folder.join(name), name, &listings);
                found.extend(Some(file).filter(&matters));
            }
        }
    }
    for file in &mut found {
        file.enabled = is_wanted(&file.name, &listings);
    }
    let instances = wished(&listings).into_iter().filter(|name| !seen.contains(name));
    found.extend(instances.filter_map(|name| instance(&name, &listings)).filter(&matters));
    found
}

/// The instances of templates that some target wants; they have no file of their own.
fn wished(listings: &[(&PathBuf, Vec<String>)]) -> BTreeSet<String> {
    let is_instance = |name: &String| {
        let parts = name.strip_suffix(".service").and_then(|stem| stem.split_once('@'));
        parts.is_some_and(|(_, instance)| !instance.is_empty())
    };
    wishes(listings)
        .flat_map(|folder| files::entries(&folder).unwrap_or_default())
        .filter(is_instance)
        .collect()
}

/// The service `name` as its template says it.
fn instance(name: &str, listings: &[(&PathBuf, Vec<String>)]) -> Option<UnitFile> {
    let template = format!("{}@.service", name.split_once('@')?.0);
    let (folder, _) = listings.iter().find(|(_, names)| names.binary_search(&template).is_ok())?;
    let path = folder.join(&template);
    let mut file = read(&path, &template, listings);
    // What is dropped in for the one instance comes behind what is for all.
    let own = read(&path, name, listings).texts;
    file.texts.extend(own.into_iter().skip(1));
    Some(UnitFile { name: name.to_owned(), enabled: true, ..file })
}

/// The folders of wishes.
fn wishes<'a>(listings: &'a [(&PathBuf, Vec<String>)]) -> impl Iterator<Item = PathBuf> + 'a {
    let is_folder = |entry: &&String| entry.ends_with(".wants") || entry.ends_with(".requires");
    listings.iter().flat_map(move |(folder, names)| names.iter().filter(is_folder).map(|n| folder.join(n)))
}

/// Whether some target's folder of wishes holds `name`.
fn is_wanted(name: &str, listings: &[(&PathBuf, Vec<String>)]) -> bool {
    wishes(listings).any(|folder| fs::symlink_metadata(folder.join(name)).is_ok())
}

fn read(path: &Path, name: &str, listings: &[(&PathBuf, Vec<String>)]) -> UnitFile {
    let mut texts: Vec<String> = files::read(path).ok().flatten().into_iter().collect();
    // Only what is empty can be a link to `/dev/null`.
    let masked = texts.first().is_none_or(String::is_empty)
        && fs::read_link(path).is_ok_and(|target| target == Path::new("/dev/null"));
    if masked {
        texts.clear();
    } else {
        let drop_ins = format!("{name}.d");
        let having = listings.iter().rev().filter(|(_, names)| names.binary_search(&drop_ins).is_ok());
        for folder in having.map(|(folder, _)| folder.join(&drop_ins)) {
            let names = files::entries(&folder).unwrap_or_default();
            let parts = names.iter().filter(|part| part.ends_with(".conf"));
            texts.extend(parts.filter_map(|part| files::read(&folder.join(part)).ok().flatten()));
        }
    }
    UnitFile { name: name.to_owned(), path: path.to_path_buf(), texts, masked, enabled: false }
}

/// The property lists in `folder`, with their bytes.
pub fn plists(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let names = files::entries(folder).unwrap_or_default();
    let paths = names.iter().filter(|name| name.ends_with(".plist")).map(|name| folder.join(name));
    paths.filter_map(|path| fs::read(&path).ok().map(|bytes| (path, bytes))).collect()
}

/// Makes a link at `path` that leads to `target`, in place of a link that is there; nothing else is replaced.
///
/// # Errors
/// [`Kind::Config`] `file_exists` where something else is there; [`Kind::Failed`] `file_unwritable`.
pub fn link(path: &Path, target: &Path) -> Result<()> {
    path.parent().map_or(Ok(()), files::shared_dir)?;
    match fs::symlink_metadata(path) {
        Ok(meta) if !meta.is_symlink() => {
            let what = format!("{} exists already and is no link", path.display());
            return Err(Error::new(Kind::Config, "file_exists", what).remedy("move it away"));
        }
        Ok(_) => files::unlink(path)?,
        Err(_) => {}
    }
    std::os::unix::fs::symlink(target, path).map_err(|error| files::unwritable(path, error))
}

/// Gives `path` the name `aside`, beside it; nothing is replaced.
///
/// # Errors
/// [`Kind::Config`] `file_exists`; [`Kind::Failed`] `file_unwritable`.
pub fn set_aside(path: &Path, aside: &Path) -> Result<()> {
    if files::is_there(aside) {
        let what = format!("{} exists already", aside.display());
        return Err(Error::new(Kind::Config, "file_exists", what).remedy("move it away"));
    }
    fs::rename(path, aside).map_err(|error| files::unwritable(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drop_ins_masks_and_wishes_are_seen_and_the_first_folder_wins() {
        let dir = tempfile::tempdir().unwrap();
        let [own, shared] = ["own", "shared"].map(|name| dir.path().join(name));
        for folder in [&own, &shared] {
            fs::create_dir_all(folder.join("a.service.d")).unwrap();
            fs::create_dir_all(folder.join("default.target.wants")).unwrap();
        }
        fs::write(own.join("a.service"), "own").unwrap();
        fs::write(shared.join("a.service"), "shared").unwrap();
        fs::write(shared.join("a.service.d/10.conf"), "ten").unwrap();
        fs::write(own.join("a.service.d/20.conf"), "twenty").unwrap();
        fs::write(own.join("a.service.d/note.txt"), "no").unwrap();
        std::os::unix::fs::symlink("/dev/null", own.join("b.service")).unwrap();
        std::os::unix::fs::symlink("../a.service", own.join("default.target.wants/a.service")).unwrap();
        let [all, some] = [true, false].map(|all| {
            services(&[own.clone(), shared.clone()], |file| {
                all || file.texts.iter().any(|text| text == "own")
            })
        });
        assert_eq!(some, all[..1]);
        let found = all;
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].texts.join(" ").as_str(), found[0].enabled), ("own ten twenty", true));
        assert_eq!((found[1].name.as_str(), found[1].masked, found[1].enabled), ("b.service", true, false));
    }

    #[test]
    fn an_instance_that_a_target_wants_has_its_templates_text() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join("own");
        for folder in ["default.target.wants", "t@.service.d", "t@x.service.d"] {
            fs::create_dir_all(own.join(folder)).unwrap();
        }
        fs::write(own.join("t@.service"), "all").unwrap();
        fs::write(own.join("t@.service.d/1.conf"), "more").unwrap();
        fs::write(own.join("t@x.service.d/1.conf"), "only").unwrap();
        std::os::unix::fs::symlink("../t@.service", own.join("default.target.wants/t@x.service")).unwrap();
        let found = services(&[own], |_| true);
        let instance = found.iter().find(|file| file.name == "t@x.service").unwrap();
        assert_eq!((instance.texts.join(" ").as_str(), instance.enabled), ("all more only", true));
    }
}

//! `[supervise] after` as the manifests have it: read before a launch is ordered, and refused where it makes no sense.

use super::{DISK, Setup};
use crate::base::{Error, Kind, ProfileName, Result};
use crate::profile::Registry;
use crate::supervise::order::{self, Trouble, Wishes};

/// The wishes of all profiles. A manifest that cannot be read has none: its own start will say so.
///
/// # Errors
/// When the directories cannot be listed.
pub fn wishes(registry: &Registry<'_>) -> Result<Wishes> {
    let names = registry.names()?.into_iter();
    Ok(names.map(|name| (name.clone(), own(registry, &name))).collect())
}

fn own(registry: &Registry<'_>, name: &ProfileName) -> Vec<ProfileName> {
    let manifest = registry.manifest(name).ok().flatten();
    manifest.and_then(|manifest| manifest.supervise.after).unwrap_or_default()
}

/// Those that `name` comes after.
pub fn of(setup: &Setup, name: &ProfileName) -> Vec<ProfileName> {
    Registry::new(DISK, &setup.environment).map(|registry| own(&registry, name)).unwrap_or_default()
}

/// What is wrong with the wishes of `name`, as the refusal of its start.
///
/// # Errors
/// When the directories cannot be listed.
pub fn refusal(registry: &Registry<'_>, name: &ProfileName) -> Result<Option<Error>> {
    if own(registry, name).is_empty() {
        return Ok(None);
    }
    let trouble = order::trouble(name, &wishes(registry)?);
    Ok(trouble.map(|trouble| told(registry, name, &trouble)))
}

fn told(registry: &Registry<'_>, name: &ProfileName, trouble: &Trouble) -> Error {
    let file = registry.paths().manifest(name);
    let (code, message) = match trouble {
        Trouble::Unknown(other) => (
            "after_unknown",
            format!("`{name}` is to come after `{other}`, and there is no profile of that name"),
        ),
        Trouble::Cycle(way) => {
            let way = way.iter().map(|other| format!("`{other}`, which comes after ")).collect::<String>();
            ("after_cycle", format!("`{name}` is to come after {way}`{name}` itself"))
        }
    };
    Error::new(Kind::Config, code, message)
        .profile(name)
        .remedy(format!("correct `after` under [supervise] in {}", file.display()))
}

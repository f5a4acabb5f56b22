//! What a gateway that is about to be launched is confined to: the plan of `profile::confine` over all profiles as
//! they are now, and what becomes of it on this kernel.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::base::confine::Rules;
use crate::base::record::Runtime;
use crate::base::{Confinement, Error, Kind, Result};
use crate::host::confine::Ruleset;
use crate::host::{confine as kernel, files, process};
use crate::profile::confine::{self, Own};
use crate::profile::resolved::ConfineLevel;
use crate::profile::{Paths, Profile, Registry};

/// Where temporary files go when nobody says otherwise.
const TEMPORARY: &str = "/tmp";

/// What a gateway is confined to.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// As it is told to people.
    pub confinement: Confinement,
    /// What is to be said when the kernel can do less than was asked for.
    pub warning: Option<String>,
    rules: Option<Rules>,
}

impl Held {
    /// The rules as the kernel takes them; `None` for none.
    ///
    /// # Errors
    /// [`Kind::Config`] `confinement_unavailable` when it does not take them.
    pub fn ruleset(&self) -> Result<Option<Ruleset>> {
        self.rules.as_ref().map(Ruleset::new).transpose().map_err(|error| {
            Error::new(
                Kind::Config,
                "confinement_unavailable",
                "the kernel does not take the rules of [confine]",
            )
            .caused_by(error)
            .remedy("set [confine] level = \"off\" in the manifest, or fallback = true")
        })
    }
}

/// What a run of `profile` on this kernel would be held to.
///
/// # Errors
/// [`Kind::Config`] `confinement_unavailable` when that is less than the manifest asks for and allows.
pub fn foreseen(profile: &Profile) -> Result<(ConfineLevel, Confinement)> {
    let abi = if profile.confine == ConfineLevel::Off { 0 } else { kernel::abi() };
    let level = confine::possible(profile.confine, abi);
    let told = Confinement {
        level: profile.confine.as_str().into(),
        in_force: Some(level.as_str().into()),
        abi: (level != ConfineLevel::Off).then_some(abi),
    };
    if level == profile.confine || profile.confine_fallback {
        return Ok((level, told));
    }
    let (name, wanted) = (&profile.name, profile.confine.as_str());
    let message =
        format!("`{name}` is to be confined to `{wanted}`, and the kernel cannot: {}", lacking(profile, abi));
    let manifest = profile.paths.manifest.display();
    Err(Error::new(Kind::Config, "confinement_unavailable", message).profile(name).remedy(format!(
        "set [confine] level = \"{}\" in {manifest}, or fallback = true to run with what the kernel can",
        level.as_str()
    )))
}

/// What a run of `profile` with this command line is held to. Where the usual folder of temporary files or of caches
/// is out of its reach, `environment` names one in its state directory.
///
/// # Errors
/// As [`foreseen`]; when a folder cannot be made.
pub fn held(
    registry: &Registry<'_>,
    profile: &Profile,
    runtime: Runtime,
    argv: &[OsString],
    environment: &mut BTreeMap<String, String>,
) -> Result<Held> {
    let (level, confinement) = foreseen(profile)?;
    let mut held = Held { confinement, ..Held::default() };
    if level != profile.confine {
        held.warning =
            Some(format!("confined to `{}` only: {}", level.as_str(), lacking(profile, kernel::abi())));
    }
    if level == ConfineLevel::Off {
        return Ok(held);
    }
    let others = others(registry, profile)?;
    let disk = registry.disk();
    let forbidden = confine::forbidden(&others, registry.paths(), disk.real);
    // What does not exist when the rules are made cannot be made later, unless it lies in the state directory.
    files::private_dir(&profile.paths.workspace)?;
    let (program, home) = (program_of(argv, disk.is_dir, disk.real), registry.environment().home()?);
    let shared = shared_by(runtime, &registry.environment().user_home()?);
    shared.iter().try_for_each(|path| files::private_dir(path))?;
    let own =
        Own { paths: &profile.paths, block: profile.block, home: &home, program: &program, shared: &shared };
    held.rules = confine::rules(level, own, &forbidden, disk);
    let cache = registry.environment().user_home()?.join(".cache").display().to_string();
    for (variable, usual, folder) in [("TMPDIR", TEMPORARY, "tmp"), ("XDG_CACHE_HOME", &cache, "cache")] {
        let place = environment.get(variable).map_or(usual, String::as_str);
        let place = (disk.real)(Path::new(place));
        if held.rules.as_ref().is_some_and(|rules| !confine::may_write(rules, &place)) {
            let own = profile.paths.state_dir.join(folder);
            files::private_dir(&own)?;
            environment.insert(variable.into(), own.display().to_string());
        }
    }
    Ok(held)
}

/// Folders of the whole machine that a runtime insists on, whatever `TMPDIR` says: the real program's log files,
/// the locks by which its own processes agree on a state directory (OPENCLAW.md 2.1), and where it puts its temporary
/// files when it trusts no other place.
fn shared_by(runtime: Runtime, home: &Path) -> Vec<PathBuf> {
    match runtime {
        Runtime::Openclaw => {
            let (temporary, user) = (Path::new(TEMPORARY), process::own_user());
            vec![
                temporary.join("openclaw"),
                temporary.join(format!("openclaw-state-locks-{user}")),
                home.join(".cache").join(format!("openclaw-{user}")),
            ]
        }
        Runtime::Embedded | Runtime::Command | Runtime::Link => Vec::new(),
    }
}

/// The paths of every other profile, also of one whose files are broken.
fn others(registry: &Registry<'_>, profile: &Profile) -> Result<Vec<Paths>> {
    let all = registry.all()?.into_iter().filter(|(name, _)| *name != profile.name);
    all.flat_map(|(name, loaded)| {
        let derived = registry.derived_paths(&name);
        let told = loaded.or_else(|_| registry.outline(&name)).map(|profile| profile.paths);
        // What its name leads to is its own too, wherever it keeps its things now.
        [Some(derived), told.ok().map(Ok)].into_iter().flatten()
    })
    .collect()
}

/// What the program in `argv` is made of: its file, files that are named behind it, and for what Node runs the
/// folders of packages.
fn program_of(argv: &[OsString], is_dir: fn(&Path) -> bool, real: fn(&Path) -> PathBuf) -> Vec<PathBuf> {
    let named = argv.iter().map(Path::new).filter(|path| path.is_absolute() && !is_dir(path));
    named.flat_map(|path| [path.to_path_buf(), packages_of(&real(path))]).map(|path| real(&path)).collect()
}

/// The outermost folder of packages that `file` lies in; else the file itself.
fn packages_of(file: &Path) -> PathBuf {
    let packages =
        file.ancestors().filter(|folder| folder.file_name().is_some_and(|name| name == "node_modules"));
    packages.last().unwrap_or(file).to_path_buf()
}

/// What the kernel has and what is needed.
fn lacking(profile: &Profile, abi: u32) -> String {
    let needed = confine::needed(profile.confine).unwrap_or_default();
    match abi {
        0 => format!(
            "it has no Landlock, or has it switched off; `{}` needs ABI {needed}",
            profile.confine.as_str()
        ),
        abi => format!("it has Landlock ABI {abi}, and `{}` needs ABI {needed}", profile.confine.as_str()),
    }
}

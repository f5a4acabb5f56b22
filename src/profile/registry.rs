//! All profiles of a user: those with a manifest and those whose state directory exists (DESIGN section 1).
//! Reading is handed in, so what a profile resolves to depends on texts and names alone.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::config::{GatewayConfig, PARTS};
use super::environment::Environment;
use super::include;
use super::manifest::Manifest;
use super::part;
use super::paths::{Paths, SupervisorPaths, profile_of_dir};
use super::resolve::{Flags, locate, resolve};
use super::resolved::Profile;
use crate::base::{Error, Kind, ProfileName, Result};

/// The ways to look at the disk.
#[derive(Clone, Copy)]
pub struct Disk {
    /// The text of a file; `None` when there is none.
    pub read: fn(&Path) -> Result<Option<String>>,
    /// The names in a directory, sorted; empty when there is none.
    pub list: fn(&Path) -> Result<Vec<String>>,
    /// Whether there is such a directory.
    pub is_dir: fn(&Path) -> bool,
    /// A path with its links resolved.
    pub real: fn(&Path) -> PathBuf,
}

/// The profiles of one environment.
pub struct Registry<'a> {
    disk: Disk,
    environment: &'a Environment,
    paths: SupervisorPaths,
}

impl<'a> Registry<'a> {
    /// The registry of `environment`, read through `disk`.
    ///
    /// # Errors
    /// When the environment names no home.
    pub fn new(disk: Disk, environment: &'a Environment) -> Result<Registry<'a>> {
        Ok(Registry { disk, environment, paths: SupervisorPaths::derive(environment)? })
    }

    /// The environment that profiles are resolved with.
    pub fn environment(&self) -> &Environment {
        self.environment
    }

    /// The ways it looks at the disk.
    pub fn disk(&self) -> Disk {
        self.disk
    }

    /// Where manifests, records and logs are.
    pub fn paths(&self) -> &SupervisorPaths {
        &self.paths
    }

    /// Every profile's name, in order: managed ones and those that a state directory shows.
    ///
    /// # Errors
    /// When a directory cannot be listed.
    pub fn names(&self) -> Result<Vec<ProfileName>> {
        let manifests = (self.disk.list)(&self.paths.config_dir)?;
        let managed = manifests.iter().filter_map(|file| file.strip_suffix(".toml")?.parse().ok());
        let home = self.environment.home()?;
        let entries = (self.disk.list)(&home)?;
        let discovered = entries
            .iter()
            .filter_map(|entry| profile_of_dir(entry).filter(|_| (self.disk.is_dir)(&home.join(entry))));
        let mut names: Vec<ProfileName> = managed.chain(discovered).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// The manifest of a profile; `None` when it has none.
    ///
    /// # Errors
    /// When it cannot be read or is invalid.
    pub fn manifest(&self, name: &ProfileName) -> Result<Option<Manifest>> {
        let file = self.paths.manifest(name);
        (self.disk.read)(&file)?.map(|text| Manifest::parse(&text, &file)).transpose()
    }

    /// The configuration at `file` with its includes; the empty one when there is no file.
    ///
    /// # Errors
    /// When it or an include cannot be read or is invalid.
    pub fn config(&self, file: &Path) -> Result<GatewayConfig> {
        let Some(text) = (self.disk.read)(file)? else { return Ok(GatewayConfig::default()) };
        if let Some(part) = part::read(&text, &PARTS) {
            return GatewayConfig::from_value(&part, file);
        }
        GatewayConfig::from_value(&self.included(include::read(&text, file)?, file)?, file)
    }

    /// The whole tree of the configuration at `file` with its includes; `None` when there is no file.
    ///
    /// # Errors
    /// When it or an include cannot be read.
    pub fn tree(&self, file: &Path) -> Result<Option<Value>> {
        let Some(text) = (self.disk.read)(file)? else { return Ok(None) };
        self.included(include::read(&text, file)?, file).map(Some)
    }

    /// The text of a file that a configuration names; `None` when there is none.
    ///
    /// # Errors
    /// When it exists and cannot be read.
    pub fn text(&self, file: &Path) -> Result<Option<String>> {
        (self.disk.read)(file)
    }

    /// The tree with every `$include` replaced. The real path of an included file lies in the folder of
    /// `openclaw.json` or below (OPENCLAW.md 8.3).
    fn included(&self, tree: Value, file: &Path) -> Result<Value> {
        let root = file.parent().map(self.disk.real).unwrap_or_default();
        include::expand(tree, file, &mut |folder, named| {
            let roots = std::slice::from_ref(&root);
            let spelled = include::include_path(&(self.disk.real)(folder), named, roots)?;
            let path =
                include::include_path(Path::new("/"), &(self.disk.real)(&spelled).to_string_lossy(), roots)?;
            let text = (self.disk.read)(&path)?.ok_or_else(|| {
                Error::new(
                    Kind::Config,
                    "config_invalid",
                    format!("{}: $include {named:?} does not exist", file.display()),
                )
                .remedy("correct the path in $include")
            })?;
            Ok((include::read(&text, &path)?, path))
        })
    }

    /// A profile that exists, resolved without flags.
    ///
    /// # Errors
    /// [`Kind::NotRunning`] `profile_unknown` when there is none; what is wrong with its files otherwise.
    pub fn load(&self, name: &ProfileName) -> Result<Profile> {
        self.load_with(name, &Flags::default())
    }

    /// A profile that exists, resolved with `flags`.
    ///
    /// # Errors
    /// As [`Registry::load`].
    pub fn load_with(&self, name: &ProfileName, flags: &Flags) -> Result<Profile> {
        self.load_configured(name, flags).map(|(profile, _)| profile)
    }

    /// The same with the configuration that it was resolved from.
    ///
    /// # Errors
    /// As [`Registry::load`].
    pub fn load_configured(&self, name: &ProfileName, flags: &Flags) -> Result<(Profile, GatewayConfig)> {
        let manifest = self.manifest(name)?;
        let paths = locate(name, manifest.as_ref(), self.environment)?.paths;
        if manifest.is_none() && !(self.disk.is_dir)(&paths.state_dir) {
            return Err(Error::new(
                Kind::NotRunning,
                "profile_unknown",
                format!("there is no profile `{name}`"),
            )
            .profile(name)
            .remedy(format!("create and start it: openclaw profile start {name}")));
        }
        let config = self.config(&paths.config_path)?;
        let profile = resolve(name, manifest.as_ref(), &config, flags, self.environment)?;
        Ok((profile, config))
    }

    /// What the name and the manifest alone say of a profile, for one whose configuration is broken.
    ///
    /// # Errors
    /// When the manifest is the broken one.
    pub fn outline(&self, name: &ProfileName) -> Result<Profile> {
        let manifest = self.manifest(name)?;
        resolve(name, manifest.as_ref(), &GatewayConfig::default(), &Flags::default(), self.environment)
    }

    /// Every profile; one whose files are broken carries its error instead.
    ///
    /// # Errors
    /// When the directories cannot be listed.
    pub fn all(&self) -> Result<Vec<(ProfileName, Result<Profile>)>> {
        Ok(self.names()?.into_iter().map(|name| (name.clone(), self.load(&name))).collect())
    }

    /// The paths that a profile of this name would have.
    ///
    /// # Errors
    /// When the environment names no home.
    pub fn derived_paths(&self, name: &ProfileName) -> Result<Paths> {
        Paths::derive(name, self.environment)
    }
}

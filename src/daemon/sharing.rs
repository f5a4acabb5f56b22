//! What the profiles of a user share that only one may have (invariant I2): every path is looked up on the disk,
//! every channel credential followed to its text and forgotten as a salted fingerprint.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::access::lookup;
use crate::base::record::Place;
use crate::base::{Error, Kind, ProfileName, Result, Secret};
use crate::conflict::verdict::{Code, Conflict, Severity};
use crate::host::files;
use crate::host::mounts::Mounts;
use crate::profile::channels::{self, Owned, Salt};
use crate::profile::environment::expand_tilde;
use crate::profile::isolation::{Part, Real, Sharing, Spot, prove};
use crate::profile::{Environment, GatewayConfig, Profile, Registry, SecretSource, dotenv};

/// The variable that moves the directory of channel credentials.
const CREDENTIALS_VARIABLE: &str = "OPENCLAW_OAUTH_DIR";

/// What all profiles share that only one may have, or `of` and any other.
///
/// # Errors
/// When the profiles cannot be listed. One whose files are broken is left out: it cannot start either.
pub fn sharings(registry: &Registry<'_>, of: Option<&ProfileName>) -> Result<Vec<Sharing>> {
    let known = several(registry)?;
    let (read, mounts) = (read(registry, &known), Mounts::now());
    let real: Vec<Real> = read.iter().map(|profile| profile.real(&mounts)).collect();
    let mut found = prove(&real, of);
    found.extend(channels_among(&read, of)?);
    Ok(found)
}

/// The same for channel credentials alone.
///
/// # Errors
/// As [`sharings`].
pub fn shared_channels(registry: &Registry<'_>, of: Option<&ProfileName>) -> Result<Vec<Sharing>> {
    channels_among(&read(registry, &several(registry)?), of)
}

/// What `known` share because a manifest of theirs allows it: channel credentials, and nothing else can be.
///
/// # Errors
/// When the system gives no randomness.
pub fn allowed(
    registry: &Registry<'_>,
    known: &[(ProfileName, Result<Profile>)],
    of: Option<&ProfileName>,
) -> Result<Vec<Sharing>> {
    let allows = |profile: &Profile| !profile.allow_shared_channels.is_empty();
    if !known.iter().filter_map(|(_, profile)| profile.as_ref().ok()).any(allows) {
        return Ok(Vec::new());
    }
    let mut found = channels_among(&read(registry, known), of)?;
    found.retain(|sharing| sharing.allowed);
    Ok(found)
}

/// Every profile. Sharing takes two; the one that many a host has is not read for nothing before each start.
fn several(registry: &Registry<'_>) -> Result<Vec<(ProfileName, Result<Profile>)>> {
    if registry.names()?.len() < 2 { Ok(Vec::new()) } else { registry.all() }
}

fn read<'a>(registry: &Registry<'_>, known: &'a [(ProfileName, Result<Profile>)]) -> Vec<Read<'a>> {
    let loaded = known.iter().filter_map(|(_, profile)| profile.as_ref().ok());
    loaded.filter_map(|profile| Read::of(registry, profile)).collect()
}

fn channels_among(read: &[Read<'_>], of: Option<&ProfileName>) -> Result<Vec<Sharing>> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| {
        Error::new(Kind::Failed, "randomness_unavailable", "credentials cannot be compared").caused_by(error)
    })?;
    let salt = Salt::new(random);
    let local = read.iter().filter(|profile| profile.profile.place == Place::Local);
    Ok(channels::shared(&local.map(|profile| profile.owned(&salt)).collect::<Vec<_>>(), of))
}

/// What is shared, in the form of conflicts; what a manifest allows is only good to know.
pub fn as_conflicts(shared: &[Sharing]) -> Vec<Conflict> {
    let conflict = |sharing: &Sharing| {
        Some(Conflict {
            code: Code::named(sharing.code)?,
            severity: if sharing.allowed { Severity::Info } else { Severity::Error },
            profile: Some(sharing.a.clone()),
            port: None,
            holder: None,
            message: sharing.message.clone(),
            remedy: sharing.remedy.clone(),
            explain: vec![format!(
                "the files of `{}` and of `{}` both lead to {}",
                sharing.a, sharing.b, sharing.what
            )],
        })
    };
    shared.iter().filter_map(conflict).collect()
}

/// A profile with its configuration, and the variables as its gateway sees them.
struct Read<'a> {
    profile: &'a Profile,
    tree: Value,
    config: GatewayConfig,
    environment: Environment,
}

impl<'a> Read<'a> {
    fn of(registry: &Registry<'_>, profile: &'a Profile) -> Option<Read<'a>> {
        let file = &profile.paths.config_path;
        let tree = registry.tree(file).ok()?.unwrap_or_default();
        let config = GatewayConfig::from_value(&tree, file).ok()?;
        let environment = seen_by(registry, profile, &config);
        Some(Read { profile, tree, config, environment })
    }

    fn owned(&self, salt: &Salt) -> Owned {
        let resolve = |source: &SecretSource| -> Option<Secret> {
            // A reference that leads nowhere is no credential; the gateway itself will say so.
            lookup::look_up(source, &self.config, &self.environment, files::read).ok().flatten()
        };
        Owned {
            name: self.profile.name.clone(),
            allowed: self.profile.allow_shared_channels.clone(),
            credentials: channels::fingerprints(&self.tree, salt, &resolve),
        }
    }

    fn real(&self, mounts: &Mounts) -> Real {
        let paths = &self.profile.paths;
        let below = |name: &str| paths.state_dir.join(name);
        let mut parts = vec![
            (Part::Logs, below("logs")),
            (Part::Credentials, self.credentials_dir().unwrap_or_else(|| below("credentials"))),
            (Part::Temporary, below("tmp")),
        ];
        parts.extend(self.log_file().map(|file| (Part::LogFile, file)));
        Real {
            name: self.profile.name.clone(),
            state_dir: spot(&paths.state_dir, mounts),
            config_path: spot(&paths.config_path, mounts),
            workspace: spot(&paths.workspace, mounts),
            parts: parts.into_iter().map(|(part, path)| (part, spot(&path, mounts))).collect(),
            ports: self.profile.ports(),
        }
    }

    fn credentials_dir(&self) -> Option<PathBuf> {
        let named = self.config.variable(CREDENTIALS_VARIABLE, &self.environment)?;
        expand_tilde(named.expose(), &self.environment.home().ok()?)
    }

    fn log_file(&self) -> Option<PathBuf> {
        let text = self.tree.get("logging")?.get("file")?.as_str()?;
        expand_tilde(&self.config.expand(text, &self.environment), &self.environment.home().ok()?)
    }
}

/// The variables as the profile's gateway sees them. What the profile defines itself counts before what a shell
/// happened to export, unless its manifest passes that on.
fn seen_by(registry: &Registry<'_>, profile: &Profile, config: &GatewayConfig) -> Environment {
    let mut own: Vec<(String, Secret)> = Vec::new();
    let folders = [Some(profile.paths.state_dir.as_path()), profile.paths.config_path.parent()];
    for folder in folders.into_iter().flatten() {
        let text = registry.text(&folder.join(".env")).ok().flatten().unwrap_or_default();
        own.extend(dotenv::variables(&text));
    }
    let defined = |name: &str| own.iter().any(|(known, _)| known == name) || config.env.contains_key(name);
    let passed = |name: &str| profile.pass_env.iter().any(|passed| passed == name);
    // The directory of credentials is never inherited: children get no OPENCLAW_* of the shell's.
    let foreign = |name: &str| !passed(name) && (defined(name) || name == CREDENTIALS_VARIABLE);
    let inherited = registry.environment().iter().filter(|(name, _)| !foreign(name));
    let inherited: Vec<(&str, &str)> = inherited.collect();
    // Of two files, the one in the state directory counts; neither overrides what is there.
    let own = own.iter().rev().map(|(name, value)| (name.as_str(), value.expose()));
    let own = own.filter(|(name, _)| !passed(name) || registry.environment().get(name).is_none());
    Environment::from_pairs(inherited.iter().copied().chain(own))
}

fn spot(path: &Path, mounts: &Mounts) -> Spot {
    let real = files::real_path(path);
    Spot { id: files::identity(path), origin: mounts.origin(&real), path: real }
}

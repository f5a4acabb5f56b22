//! Who may come into the embedded gateway, by the profile's own configuration alone: at its start, and again whenever
//! the file changes while it runs (INCIDENTS H2, section 3). A change to what would be unsafe is refused as at a start.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::access::bind::{self, Guard};
use crate::access::{Credential, credential, lookup};
use crate::base::record::Runtime;
use crate::base::{Error, Kind, Result};
use crate::daemon::{self, DISK, binding};
use crate::gateway::{Access, Auth, Settings};
use crate::host::files::{self, Stamp};
use crate::profile::config::{AuthMode, Bind, GatewayConfig};
use crate::profile::environment::expand_tilde;
use crate::profile::resolve::Flags;
use crate::profile::{Embedded, Environment, Profile, Registry, SecretSource, include, mentions, tailscale};

/// How deep files may include each other.
const INCLUDES_DEEP: usize = 10;

/// What the embedded gateway takes over from the files of `profile`, as they are now.
///
/// # Errors
/// As [`of`], and what is wrong with the rest of the file.
pub fn settings(registry: &Registry<'_>, profile: &Profile) -> Result<Settings> {
    let (access, file) = (of(registry, profile)?, &profile.paths.config_path);
    let config = registry.config(file)?;
    let follow = |source: &SecretSource| lookup::look_up(source, &config, registry.environment(), DISK.read);
    let tree = registry.tree(file)?.unwrap_or_default();
    Ok(Settings { access, embedded: Embedded::read(&tree, file, &follow)?, waiting: Vec::new() })
}

/// Who may come in, as the files of `profile` say it now.
///
/// # Errors
/// [`Kind::Config`]: `auth_missing`, `trusted_proxy_missing`, or what is wrong with the credential or the file.
pub fn of(registry: &Registry<'_>, profile: &Profile) -> Result<Access> {
    let config = registry.config(&profile.paths.config_path)?;
    let auth = auth_of(registry, profile, &config)?;
    Ok(Access { auth, fence: config.fence })
}

fn auth_of(registry: &Registry<'_>, profile: &Profile, config: &GatewayConfig) -> Result<Auth> {
    let environment = registry.environment();
    let follow = |source: &SecretSource| lookup::look_up(source, config, environment, DISK.read);
    let (credential, _) = credential::for_local(config, environment, false, &follow)?;
    let file = profile.paths.config_path.display();
    let refused = |code, what: String, remedy: &str| {
        Err(Error::new(Kind::Config, code, what).profile(&profile.name).remedy(remedy.to_owned()))
    };
    match (credential, config.auth.mode) {
        (Credential::Token(token), _) => Ok(Auth::Token(token)),
        (Credential::Password(password), _) => Ok(Auth::Password(password)),
        (Credential::None, Some(AuthMode::None)) => Ok(Auth::None),
        (Credential::None, Some(AuthMode::TrustedProxy)) => {
            if let Guard::Nothing(why) = binding::guard(registry, config) {
                let remedy = "name the proxy's address in gateway.trustedProxies";
                return refused("trusted_proxy_missing", format!("{file}: {why}"), remedy);
            }
            if config.fence.proxy_auth.user_header.is_empty() {
                let what = format!("{file} sets no gateway.auth.trustedProxy.userHeader");
                return refused(
                    "trusted_proxy_missing",
                    what,
                    "name the header in which the proxy tells the user",
                );
            }
            Ok(Auth::TrustedProxy)
        }
        (Credential::None, _) => refused(
            "auth_missing",
            format!("{file} sets no gateway.auth.token or gateway.auth.password"),
            "set gateway.auth.mode to \"token\" and gateway.auth.token to a long random text",
        ),
    }
}

/// The files of a gateway that runs, and what it began with that no change of them can change.
pub struct Watched {
    environment: Environment,
    profile: Profile,
    flags: Flags,
    addresses: Vec<IpAddr>,
    stamps: Vec<Option<Stamp>>,
    secrets: Vec<PathBuf>,
}

impl Watched {
    /// Watches from now on.
    pub fn new(environment: &Environment, profile: &Profile, flags: &Flags, addresses: &[IpAddr]) -> Watched {
        let mut watched = Watched {
            environment: environment.clone(),
            profile: profile.clone(),
            flags: flags.clone(),
            addresses: addresses.to_vec(),
            stamps: Vec::new(),
            secrets: Vec::new(),
        };
        watched.secrets = watched.secret_files();
        watched.stamps = watched.stamps();
        watched
    }

    /// A look at the files: nothing while they are as they were.
    pub fn looks(mut self) -> impl FnMut() -> Option<Result<Settings>> {
        move || self.look()
    }

    fn look(&mut self) -> Option<Result<Settings>> {
        let now = self.stamps();
        if now == self.stamps {
            return None;
        }
        let found = self.found();
        // A secret that has moved to another file is watched there from now on.
        self.secrets = self.secret_files();
        self.stamps = if self.secrets.len() + 1 == now.len() { now } else { self.stamps() };
        Some(found)
    }

    fn found(&self) -> Result<Settings> {
        let registry = Registry::new(DISK, &self.environment)?;
        let (profile, config) = registry.load_configured(&self.profile.name, &self.flags)?;
        if files::stamp(&profile.paths.config_path).is_none() {
            let what = format!("{} is gone", profile.paths.config_path.display());
            return Err(Error::new(Kind::Config, "config_missing", what));
        }
        let wanted = binding::addresses(&registry, &profile, Runtime::Embedded)?;
        // What is asked of clients has to guard the addresses that it has, not only those that it is to have.
        bind::check(self.profile.bind, &self.addresses, &binding::guard(&registry, &config), false)?;
        // So has it to suit the tailnet that the gateway is shown to, and the one that it is to be shown to.
        let shown = tailscale::contradiction(&self.profile, &config.auth);
        if let Some(refusal) = shown.or(daemon::exposure_refusal(&registry, &profile)?) {
            return Err(refusal);
        }
        let mut settings = settings(&registry, &profile)?;
        let changed = [
            ("gateway.bind", wanted != self.addresses),
            ("gateway.port", profile.port != self.profile.port),
            ("gateway.tls", profile.tls != self.profile.tls),
            ("gateway.tailscale", profile.tailnet != self.profile.tailnet),
        ];
        for (key, _) in changed.iter().filter(|(_, changed)| *changed) {
            tracing::warn!(target: "gateway", key, "a change of it counts from the next start on");
            settings.waiting.push(key);
        }
        Ok(settings)
    }

    fn stamps(&self) -> Vec<Option<Stamp>> {
        let config = &self.profile.paths.config_path;
        std::iter::once(config).chain(&self.secrets).map(|path| files::stamp(path)).collect()
    }

    /// The files that the configuration is made of beside its own, and those that it keeps secrets in.
    fn secret_files(&self) -> Vec<PathBuf> {
        let file = &self.profile.paths.config_path;
        let Ok(registry) = Registry::new(DISK, &self.environment) else { return self.secrets.clone() };
        let (Ok(Some(tree)), Ok(home)) = (registry.tree(file), self.environment.user_home()) else {
            return self.secrets.clone();
        };
        let secrets = mentions::secret_files(&tree);
        let secrets = secrets.iter().filter_map(|path| expand_tilde(path, &home));
        secrets.chain(included(&registry, file, INCLUDES_DEEP)).collect()
    }
}

/// The files that `file` includes, and those that they do, as deep as that may go.
fn included(registry: &Registry<'_>, file: &Path, deep: usize) -> Vec<PathBuf> {
    let text = registry.text(file).ok().flatten();
    let tree = text.and_then(|text| include::read(&text, file).ok());
    let (Some(tree), true) = (tree, deep > 0) else { return Vec::new() };
    let folder = file.parent().unwrap_or(Path::new("/"));
    let mut found = Vec::new();
    for named in include::includes(&tree) {
        let path = folder.join(named);
        found.extend(included(registry, &path, deep - 1));
        found.push(path);
    }
    found
}

/// What the gateway of `profile` would refuse to take over now, and so keeps as it was, in a sentence.
pub fn refusal(registry: &Registry<'_>, profile: &Profile) -> Option<String> {
    let runtime = binding::likely_runtime(registry, profile);
    let error = match (runtime, profile.bind) {
        (Runtime::Embedded, _) => binding::addresses(registry, profile, runtime)
            .map(drop)
            .and_then(|()| of(registry, profile).map(drop)),
        // What the real program asks of clients is its own affair where nobody else reaches it.
        (Runtime::Openclaw, bind) if bind != Bind::Loopback => {
            binding::addresses(registry, profile, runtime).map(drop)
        }
        _ => Ok(()),
    };
    let error = error.err()?;
    Some(format!("{}: a start is refused, and a gateway that runs keeps what it had", error.message()))
}

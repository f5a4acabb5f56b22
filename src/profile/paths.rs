//! Where a profile's things are, derived from its name as the real OpenClaw derives them (OPENCLAW.md 1.2, 1.3),
//! and where the supervisor keeps its own (DESIGN 3.5).

use std::path::{Path, PathBuf};

use super::Environment;
use crate::base::{ProfileName, Result};

/// The configuration file's name inside the state directory.
pub const CONFIG_FILE: &str = "openclaw.json";

/// The workspace's name inside the state directory.
pub const WORKSPACE_DIR: &str = "workspace";

/// The state directory's name in the home; a named profile adds its suffix.
const STATE_DIR: &str = ".openclaw";

/// The paths that one profile owns, all absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The state directory.
    pub state_dir: PathBuf,
    /// `openclaw.json`, wherever it is.
    pub config_path: PathBuf,
    /// The agents' workspace.
    pub workspace: PathBuf,
    /// The manifest that puts the profile under our supervision; it need not exist.
    pub manifest: PathBuf,
}

impl Paths {
    /// The paths that follow from the name alone.
    ///
    /// # Errors
    /// When the environment knows no home.
    pub fn derive(name: &ProfileName, env: &Environment) -> Result<Paths> {
        let state_dir = env.home()?.join(format!("{STATE_DIR}{}", name.suffix()));
        Ok(Paths {
            config_path: state_dir.join(CONFIG_FILE),
            workspace: state_dir.join(WORKSPACE_DIR),
            manifest: SupervisorPaths::derive(env)?.manifest(name),
            state_dir,
        })
    }
}

/// Which other profile a path belongs to by name: it is, or lies in, the state directory that OpenClaw derives
/// for that profile.
pub fn projected_from(path: &Path, home: &Path, name: &ProfileName) -> Option<ProfileName> {
    let first = path.strip_prefix(home).ok()?.components().next()?.as_os_str().to_str()?;
    let owner = profile_of_dir(first)?;
    (owner != *name).then_some(owner)
}

/// The profile whose state directory has this name by default: `.openclaw` or `.openclaw-NAME`.
pub fn profile_of_dir(dir: &str) -> Option<ProfileName> {
    match dir.strip_prefix(STATE_DIR)? {
        "" => Some(ProfileName::default_profile()),
        // `.openclaw-default` is nobody's: the default profile has no suffix.
        rest => rest.strip_prefix('-')?.parse().ok().filter(|name: &ProfileName| !name.is_default()),
    }
}

/// Where the supervisor keeps manifests, records, logs and its socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupervisorPaths {
    /// The manifests: `…/openclaw/profiles`.
    pub config_dir: PathBuf,
    /// Everything that outlives the supervisor: `…/openclaw`.
    pub state_dir: PathBuf,
    /// Captured output of the children.
    pub log_dir: PathBuf,
    /// One record per profile.
    pub records_dir: PathBuf,
    /// What was seen of gateways that hung.
    pub evidence_dir: PathBuf,
    /// Held for life by the one supervisor of a user; not in the runtime folder, which a login without a
    /// session does not have.
    pub lock: PathBuf,
    /// Where the control socket may be, most wanted first: a client tries all of them, the supervisor listens
    /// on the first one that it can create.
    pub sockets: Vec<PathBuf>,
}

impl SupervisorPaths {
    /// The supervisor's paths for the user of this environment.
    ///
    /// # Errors
    /// When the environment knows no home.
    pub fn derive(env: &Environment) -> Result<SupervisorPaths> {
        let state_dir = env.state_home()?.join("openclaw");
        let runtime = env.runtime_dir().map(|dir| dir.join("openclaw"));
        let sockets = runtime.into_iter().chain([state_dir.join("run")]);
        Ok(SupervisorPaths {
            config_dir: env.config_home()?.join("openclaw").join("profiles"),
            log_dir: state_dir.join("logs"),
            records_dir: state_dir.join("records"),
            evidence_dir: state_dir.join("evidence"),
            lock: state_dir.join("supervisor.lock"),
            sockets: sockets.map(|dir| dir.join("supervisor.sock")).collect(),
            state_dir,
        })
    }

    /// The record of what was created with a profile; no profile's name has a dot, so it is nobody's intent.
    pub fn creation(&self, name: &ProfileName) -> PathBuf {
        self.records_dir.join(format!("{name}.created"))
    }

    /// The certificate that a gateway elsewhere showed when it was last trusted.
    pub fn trusted(&self, name: &ProfileName) -> PathBuf {
        self.records_dir.join(format!("{name}.trusted.pem"))
    }

    /// Where `profile use` keeps the name of the profile that is meant when nobody says which.
    pub fn used(&self) -> PathBuf {
        self.config_dir.with_file_name("used-profile")
    }

    /// The manifest of a profile.
    pub fn manifest(&self, name: &ProfileName) -> PathBuf {
        self.config_dir.join(format!("{name}.toml"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env() -> Environment {
        Environment::from_pairs([("HOME", "/home/ana")])
    }

    #[test]
    fn paths_follow_the_name_as_in_the_real_program() {
        for (name, dir) in [("default", ".openclaw"), ("Work", ".openclaw-Work"), ("dev", ".openclaw-dev")] {
            let paths = Paths::derive(&name.parse().unwrap(), &env()).unwrap();
            let state_dir = Path::new("/home/ana").join(dir);
            assert_eq!(paths.config_path, state_dir.join("openclaw.json"));
            assert_eq!(paths.workspace, state_dir.join("workspace"));
            assert_eq!(paths.state_dir, state_dir);
        }
    }

    #[test]
    fn openclaw_home_moves_the_state_but_not_the_manifests() {
        let env = Environment::from_pairs([("HOME", "/h"), ("OPENCLAW_HOME", "/o")]);
        let paths = Paths::derive(&"work".parse().unwrap(), &env).unwrap();
        assert_eq!(paths.state_dir, Path::new("/o/.openclaw-work"));
        assert_eq!(paths.manifest, Path::new("/h/.config/openclaw/profiles/work.toml"));
    }

    #[test]
    fn a_path_in_another_profiles_derived_directory_names_that_profile() {
        let home = Path::new("/h");
        let work = "work".parse::<ProfileName>().unwrap();
        for (path, owner) in [
            ("/h/.openclaw", Some("default")),
            ("/h/.openclaw/openclaw.json", Some("default")),
            ("/h/.openclaw-home/x/y", Some("home")),
            ("/h/.openclaw-work", None),
            ("/h/.openclaw-work/openclaw.json", None),
            ("/h/.openclawish", None),
            ("/h/.openclaw-default", None),
            ("/srv/.openclaw-home", None),
            ("/h", None),
        ] {
            let found = projected_from(Path::new(path), home, &work);
            assert_eq!(found.as_ref().map(ProfileName::as_str), owner, "{path}");
        }
    }

    #[test]
    fn the_socket_is_looked_for_where_it_may_be() {
        let paths = SupervisorPaths::derive(&env()).unwrap();
        assert_eq!(paths.sockets, [Path::new("/home/ana/.local/state/openclaw/run/supervisor.sock")]);
        let env = Environment::from_pairs([("HOME", "/h"), ("XDG_RUNTIME_DIR", "/run/user/7")]);
        let paths = SupervisorPaths::derive(&env).unwrap();
        assert_eq!(paths.sockets[0], Path::new("/run/user/7/openclaw/supervisor.sock"));
        assert_eq!(paths.sockets[1], Path::new("/h/.local/state/openclaw/run/supervisor.sock"));
    }
}

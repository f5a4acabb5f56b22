//! What a confined gateway may reach, decided from all profiles' paths and from what stands in the directories
//! around them (`[confine]`, INCIDENTS B7).
//!
//! The kernel knows permissions only, no prohibitions, and a permission for a directory holds for all below it. So
//! "everything but these" is made of the entries beside the way that leads to a forbidden directory. The directories
//! on that way (`/`, `/home`, the home itself, …) get no permission: they can be passed through, but neither listed
//! nor added to. What is created in them later is out of reach, and so is the next profile's state directory.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::registry::Disk;
use super::resolved::ConfineLevel;
use super::{Paths, SupervisorPaths};
use crate::base::PortBlock;
use crate::base::confine::{Grant, Reach, Rules};

/// The least Landlock ABI that can hold a gateway to `peers`: below it a forbidden file can still be emptied.
pub const PEERS_ABI: u32 = 3;
/// The least Landlock ABI that can hold a gateway to `strict`: below it every port can be bound.
pub const STRICT_ABI: u32 = 4;

/// What every program of a system reads.
const SYSTEM: [&str; 13] = [
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/bin",
    "/sbin",
    "/etc",
    "/opt",
    "/proc",
    "/sys",
    "/nix/store",
    // Name resolution: often a link that leads to where a daemon keeps it.
    "/etc/resolv.conf",
];
/// The devices that every program may use.
const DEVICES: [&str; 8] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
];

/// The gateway's own things.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    /// Its profile's paths.
    pub paths: &'a Paths,
    /// Its ports.
    pub block: PortBlock,
    /// The home that state directories stand in.
    pub home: &'a Path,
    /// Files and directories that its program is made of.
    pub program: &'a [PathBuf],
    /// Folders outside the profile that its program cannot do without.
    pub shared: &'a [PathBuf],
}

/// What the level in force needs of the kernel, as a Landlock ABI; `None` for nothing.
pub const fn needed(level: ConfineLevel) -> Option<u32> {
    match level {
        ConfineLevel::Off => None,
        ConfineLevel::Peers => Some(PEERS_ABI),
        ConfineLevel::Strict => Some(STRICT_ABI),
    }
}

/// The furthest level up to `level` that a kernel of this Landlock ABI (0 for none) can do.
pub fn possible(level: ConfineLevel, abi: u32) -> ConfineLevel {
    let done = |level: &ConfineLevel| needed(*level).is_none_or(|least| abi >= least);
    let lower = match level {
        ConfineLevel::Strict => ConfineLevel::Peers,
        ConfineLevel::Peers | ConfineLevel::Off => ConfineLevel::Off,
    };
    [level, lower].into_iter().find(done).unwrap_or(ConfineLevel::Off)
}

/// What belongs to others: the state, configuration and workspace of every other profile, and what the supervisor
/// keeps, manifests included, since whoever writes a manifest decides what runs unconfined tomorrow.
pub fn forbidden<'a>(
    others: impl IntoIterator<Item = &'a Paths>,
    supervisor: &SupervisorPaths,
    real: fn(&Path) -> PathBuf,
) -> BTreeSet<PathBuf> {
    let others =
        others.into_iter().flat_map(|paths| [&paths.state_dir, &paths.config_path, &paths.workspace]);
    let sockets = supervisor.sockets.iter().filter_map(|socket| socket.parent());
    let kept = [supervisor.state_dir.as_path(), &supervisor.config_dir];
    others.map(PathBuf::as_path).chain(sockets).chain(kept).map(real).collect()
}

/// The rules that hold a gateway to `level`; `None` for a level that has none. A directory that cannot be listed
/// gives what is known below it, and no more.
pub fn rules(level: ConfineLevel, own: Own<'_>, forbidden: &BTreeSet<PathBuf>, disk: Disk) -> Option<Rules> {
    let mut plan = Plan::new(own, forbidden, disk);
    match level {
        ConfineLevel::Off => return None,
        ConfineLevel::Peers => plan.cover(Path::new("/"), Reach::Full),
        ConfineLevel::Strict => {
            for path in SYSTEM.iter().map(Path::new).chain(own.program.iter().map(PathBuf::as_path)) {
                plan.cover(&(disk.real)(path), Reach::Read);
            }
            for path in DEVICES {
                plan.grant((disk.real)(Path::new(path)), Reach::Use);
            }
        }
    }
    let strict = level == ConfineLevel::Strict;
    plan.grant((disk.real)(&own.paths.manifest), Reach::Read);
    for path in plan.own.clone() {
        plan.grant(path, Reach::Full);
    }
    for path in own.shared {
        plan.cover(&(disk.real)(path), Reach::Full);
    }
    plan.grants.sort();
    plan.grants.dedup();
    Some(Rules {
        grants: plan.grants,
        bind: strict.then(|| (own.block.base(), own.block.last())),
        scoped: strict,
    })
}

/// Whether `rules` allow to make files in the directory `path`.
pub fn may_write(rules: &Rules, path: &Path) -> bool {
    rules.grants.iter().any(|grant| grant.reach == Reach::Full && path.starts_with(&grant.path))
}

/// Permissions while they are gathered.
struct Plan<'a> {
    own: Vec<PathBuf>,
    forbidden: &'a BTreeSet<PathBuf>,
    /// Directories that are not granted as a whole although nothing forbidden may stand in them yet.
    open: PathBuf,
    disk: Disk,
    grants: Vec<Grant>,
}

impl<'a> Plan<'a> {
    fn new(own: Own<'_>, forbidden: &'a BTreeSet<PathBuf>, disk: Disk) -> Self {
        let paths = [&own.paths.state_dir, &own.paths.config_path, &own.paths.workspace];
        Plan {
            own: paths.map(|path| (disk.real)(path)).to_vec(),
            forbidden,
            open: (disk.real)(own.home),
            disk,
            grants: Vec::new(),
        }
    }

    fn grant(&mut self, path: PathBuf, reach: Reach) {
        self.grants.push(Grant { path, reach });
    }

    /// Grants `path` with all below it but what is forbidden there.
    fn cover(&mut self, path: &Path, reach: Reach) {
        if self.own.iter().any(|own| path.starts_with(own)) {
            return self.grant(path.to_path_buf(), Reach::Full);
        }
        if self.forbidden.iter().any(|forbidden| path.starts_with(forbidden)) {
            return;
        }
        let below: Vec<&Path> = self.forbidden.iter().chain([&self.open]).map(PathBuf::as_path).collect();
        if !below.iter().any(|wanted| wanted.starts_with(path)) {
            return self.grant(path.to_path_buf(), reach);
        }
        // What is known to stand on the way is tried also where the directory does not let itself be listed.
        let mut names: BTreeSet<String> = below
            .iter()
            .filter_map(|wanted| match wanted.strip_prefix(path).ok()?.components().next()? {
                Component::Normal(name) => name.to_str().map(str::to_owned),
                _ => None,
            })
            .collect();
        names.extend((self.disk.list)(path).unwrap_or_default());
        for name in names {
            let entry = path.join(name);
            // A link is no way around: where it leads is judged by its own place.
            if (self.disk.real)(&entry) == entry {
                self.cover(&entry, reach);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Result;
    use crate::profile::Environment;

    const DIRS: [(&str, &[&str]); 11] = [
        ("/", &["bin", "etc", "home", "run", "usr"]),
        ("/home", &["ana", "eve"]),
        ("/home/ana", &[".bashrc", ".config", ".local", ".openclaw", ".openclaw-work", "link", "src"]),
        ("/home/ana/.config", &["openclaw", "vim"]),
        ("/home/ana/.config/openclaw", &["profiles", "x"]),
        ("/home/ana/.local", &["share", "state"]),
        ("/home/ana/.local/state", &["app", "openclaw"]),
        ("/run", &["lock", "user"]),
        ("/run/user", &["7"]),
        ("/run/user/7", &["bus", "openclaw"]),
        ("/etc", &["claw.json", "passwd"]),
    ];

    fn list(path: &Path) -> Result<Vec<String>> {
        let found = DIRS.iter().find(|(dir, _)| Path::new(dir) == path);
        Ok(found.map(|(_, names)| names.iter().map(|name| (*name).to_owned()).collect()).unwrap_or_default())
    }

    fn blind(_: &Path) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn real(path: &Path) -> PathBuf {
        match path.to_str() {
            Some("/bin") => "/usr/bin".into(),
            Some("/home/ana/link") => "/home/ana/.openclaw".into(),
            _ => path.to_path_buf(),
        }
    }

    const DISK: Disk = Disk { read: |_| Ok(None), list, is_dir: |_| true, real };

    fn plan(level: ConfineLevel, disk: Disk) -> Rules {
        let env = Environment::from_pairs([("HOME", "/home/ana"), ("XDG_RUNTIME_DIR", "/run/user/7")]);
        let paths = |name: &str| Paths::derive(&name.parse().unwrap(), &env).unwrap();
        let (work, main) = (paths("work"), paths("default"));
        let main = Paths { config_path: "/etc/claw.json".into(), ..main };
        let supervisor = SupervisorPaths::derive(&env).unwrap();
        let forbidden = forbidden([&main], &supervisor, real);
        let program = ["/home/eve/node".into()];
        let block = PortBlock::at(20_000);
        let own = Own { paths: &work, block, home: Path::new("/home/ana"), program: &program, shared: &[] };
        rules(level, own, &forbidden, disk).unwrap()
    }

    fn granted(rules: &Rules, reach: Reach) -> Vec<&str> {
        let of = rules.grants.iter().filter(|grant| grant.reach == reach);
        of.map(|grant| grant.path.to_str().unwrap()).collect()
    }

    #[test]
    fn peers_is_everything_beside_the_ways_to_what_others_own() {
        let rules = plan(ConfineLevel::Peers, DISK);
        assert_eq!(
            granted(&rules, Reach::Full),
            [
                "/etc/passwd",
                "/home/ana/.bashrc",
                "/home/ana/.config/openclaw/x",
                "/home/ana/.config/vim",
                "/home/ana/.local/share",
                "/home/ana/.local/state/app",
                "/home/ana/.openclaw-work",
                "/home/ana/.openclaw-work/openclaw.json",
                "/home/ana/.openclaw-work/workspace",
                "/home/ana/src",
                "/home/eve",
                "/run/lock",
                "/run/user/7/bus",
                "/usr",
            ]
        );
        assert_eq!(granted(&rules, Reach::Read), ["/home/ana/.config/openclaw/profiles/work.toml"]);
        assert_eq!((rules.bind, rules.scoped), (None, false));
    }

    #[test]
    fn strict_is_a_short_list_and_what_others_own_is_not_on_it_wherever_it_is() {
        let rules = plan(ConfineLevel::Strict, DISK);
        let read = granted(&rules, Reach::Read);
        for path in ["/usr", "/usr/bin", "/etc/passwd", "/home/eve/node", "/proc"] {
            assert!(read.contains(&path), "{path}: {read:?}");
        }
        assert!(!read.contains(&"/etc") && !read.contains(&"/etc/claw.json"), "{read:?}");
        assert!(!rules.grants.iter().any(|grant| grant.path.ends_with("src")), "{rules:?}");
        assert!(granted(&rules, Reach::Full).iter().all(|path| path.starts_with("/home/ana/.openclaw-work")));
        assert_eq!((rules.bind, rules.scoped), (Some((20_000, 20_110)), true));
    }

    #[test]
    fn a_directory_that_cannot_be_listed_gives_no_more_than_is_known_below_it() {
        let rules = plan(ConfineLevel::Peers, Disk { list: blind, ..DISK });
        let full = granted(&rules, Reach::Full);
        assert!(full.iter().all(|path| path.starts_with("/home/ana/.openclaw-work")), "{full:?}");
    }

    #[test]
    fn nothing_forbidden_is_at_or_below_a_permission() {
        for level in [ConfineLevel::Peers, ConfineLevel::Strict] {
            let rules = plan(level, DISK);
            for foreign in
                ["/home/ana/.openclaw", "/etc/claw.json", "/home/ana/.local/state/openclaw/records"]
            {
                let open = rules.grants.iter().find(|grant| Path::new(foreign).starts_with(&grant.path));
                assert_eq!(open, None, "{foreign}");
            }
        }
    }

    #[test]
    fn a_kernel_does_the_furthest_level_that_it_can() {
        use ConfineLevel::{Off, Peers, Strict};
        for (level, abi, done) in [
            (Strict, 7, Strict),
            (Strict, 3, Peers),
            (Strict, 2, Off),
            (Peers, 3, Peers),
            (Peers, 0, Off),
            (Off, 0, Off),
        ] {
            assert_eq!(possible(level, abi), done, "{level:?} on {abi}");
        }
    }
}

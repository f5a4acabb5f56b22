//! Landlock: rules for files, for binding TCP ports, and for whom a process may signal.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, NetPort, PathBeneath, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, Scope,
};
use nix::libc;

use crate::base::confine::{Grant, Reach, Rules};

/// The rights that rules speak of: all that this program was written against. An older kernel is given those that
/// it knows; whether that is enough was decided before.
const KNOWN: ABI = ABI::V7;

/// Asks `landlock_create_ruleset` for its version instead of a ruleset.
const ASK_VERSION: libc::c_uint = 1;

/// A ruleset in the kernel, to which rules can be added.
pub struct Ruleset(RulesetCreated);

/// A ruleset that is ready to be taken on.
pub(super) struct Closed(OwnedFd);

/// The kernel's Landlock ABI; 0 when it has none, or has it switched off.
pub fn abi() -> u32 {
    let nothing = std::ptr::null::<libc::c_void>();
    // SAFETY: with this flag the call reads no memory and makes nothing.
    #[allow(unsafe_code)]
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0_usize, ASK_VERSION) };
    u32::try_from(version).unwrap_or(0)
}

impl Ruleset {
    /// Gives the kernel `rules`. A path that does not exist, or is a link by now, is passed over.
    ///
    /// # Errors
    /// When the kernel has no Landlock or refuses.
    pub fn new(rules: &Rules) -> io::Result<Ruleset> {
        let mut wanted =
            landlock::Ruleset::default().handle_access(AccessFs::from_all(KNOWN)).map_err(refused)?;
        if rules.bind.is_some() {
            wanted = wanted.handle_access(AccessNet::BindTcp).map_err(refused)?;
        }
        if rules.scoped {
            wanted = wanted.scope(Scope::from_all(KNOWN)).map_err(refused)?;
        }
        let mut made = wanted.create().map_err(refused)?;
        for grant in &rules.grants {
            let Some((target, directory)) = open(grant) else { continue };
            made =
                made.add_rule(PathBeneath::new(target, rights(grant.reach, directory))).map_err(refused)?;
        }
        for port in rules.bind.into_iter().flat_map(|(first, last)| first..=last) {
            made = made.add_rule(NetPort::new(port, AccessNet::BindTcp)).map_err(refused)?;
        }
        Ok(Ruleset(made))
    }

    /// The same, and `file`, which the process inherits, may be opened anew by its name (`/dev/stdout`).
    ///
    /// # Errors
    /// What the kernel says.
    pub fn with_open(self, file: &std::fs::File) -> io::Result<Ruleset> {
        let rule = PathBeneath::new(file.as_fd(), rights(Reach::Use, false));
        self.0.add_rule(rule).map(Ruleset).map_err(refused)
    }

    /// No more rules are added.
    pub(super) fn closed(self) -> io::Result<Closed> {
        Option::<OwnedFd>::from(self.0).map(Closed).ok_or_else(|| io::ErrorKind::Unsupported.into())
    }
}

impl Closed {
    /// Takes it on, for this thread and all that it starts. Safe between fork and exec.
    pub(super) fn take_on(&self) -> io::Result<()> {
        nix::sys::prctl::set_no_new_privs()?;
        // SAFETY: the descriptor is ours and open; the call touches no memory.
        #[allow(unsafe_code)]
        let done = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, self.0.as_raw_fd(), 0) };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

/// The place that a grant speaks of, and whether it is a directory.
fn open(grant: &Grant) -> Option<(OwnedFd, bool)> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_PATH | libc::O_NOFOLLOW);
    let place = options.open(&grant.path).ok()?;
    let kind = place.metadata().ok()?.mode() & libc::S_IFMT;
    (kind != libc::S_IFLNK).then(|| (place.into(), kind == libc::S_IFDIR))
}

fn rights(reach: Reach, directory: bool) -> BitFlags<AccessFs> {
    let rights = match reach {
        Reach::Read => AccessFs::from_read(KNOWN),
        Reach::Use => {
            AccessFs::ReadFile
                | AccessFs::ReadDir
                | AccessFs::WriteFile
                | AccessFs::Truncate
                | AccessFs::IoctlDev
        }
        Reach::Full => AccessFs::from_all(KNOWN),
    };
    if directory { rights } else { rights & AccessFs::from_file(KNOWN) }
}

fn refused(error: landlock::RulesetError) -> io::Error {
    io::Error::other(error)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;
    use crate::host::confine::confine;

    /// Runs a script of `sh` under `rules` that lets the system be read, and says whether it succeeded.
    fn succeeds(script: &str, grants: &[(&std::path::Path, Reach)]) -> bool {
        let system = ["/usr", "/bin", "/lib", "/lib64", "/etc", "/dev/null"];
        let system = system.map(|path| Grant { path: path.into(), reach: Reach::Read });
        let own = grants.iter().map(|(path, reach)| Grant { path: path.to_path_buf(), reach: *reach });
        let rules = Rules { grants: system.into_iter().chain(own).collect(), ..Rules::default() };
        let ruleset = Ruleset::new(&rules).unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).stdout(Stdio::null()).stderr(Stdio::null());
        confine(&mut command, ruleset).unwrap();
        command.status().unwrap().success()
    }

    #[test]
    fn what_is_not_granted_is_refused_to_the_child_and_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let (own, other) = (dir.path().join("own"), dir.path().join("other"));
        for folder in [&own, &other] {
            std::fs::create_dir(folder).unwrap();
            std::fs::write(folder.join("a"), "a").unwrap();
        }
        let grants = [(own.as_path(), Reach::Full)];
        let (mine, theirs) = (own.display(), other.display());
        assert!(succeeds(&format!("cat {mine}/a && echo b > {mine}/b && mkdir {mine}/c"), &grants));
        for script in ["cat {}/a", "echo b > {}/a", ": >> {}/b", "ls {}", "rm {}/a", "mv {}/a {}/b"] {
            let script = script.replace("{}", &theirs.to_string());
            assert!(!succeeds(&script, &grants), "{script}");
            assert!(!succeeds(&format!("setsid sh -c '{script}'"), &grants), "{script}");
        }
        assert_eq!(std::fs::read_to_string(other.join("a")).unwrap(), "a");
        assert!(!succeeds(&format!("echo c > {mine}/a"), &[(own.as_path(), Reach::Read)]));
        assert!(
            succeeds("true", &[(std::path::Path::new("/no/such/thing"), Reach::Full)]),
            "it is passed over"
        );
    }
}

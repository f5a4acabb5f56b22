//! Whether a program may stand in a service file: one that others can replace runs with this user's rights at each
//! boot, and one in a build or temporary folder is gone some day.

/// A part of the program's path: the file itself, then each directory above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The part.
    pub path: String,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its mode.
    pub mode: u32,
}

/// What is wrong with a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Whether it must not be written into a service file.
    pub grave: bool,
    /// What is wrong, in words.
    pub message: String,
}

/// Folders whose content does not last.
const FLEETING: [&str; 4] = ["/tmp/", "/var/tmp/", "/dev/shm/", "/run/"];
/// Folders in which programs are built.
const BUILT: [&str; 2] = ["/target/debug/", "/target/release/"];

/// What is to be said against `program`, which is to run as user `uid` with group `gid`; for the system's manager where
/// `system` says so.
pub fn doubts(program: &str, parts: &[Part], (uid, gid): (u32, u32), system: bool) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    let mut add = |grave: bool, message: String| doubts.push(Doubt { grave, message });
    for (above, part) in parts.iter().enumerate() {
        let path = &part.path;
        let sticky = part.mode & 0o1000 != 0;
        if part.mode & 0o002 != 0 && !sticky {
            // Through a directory further up the next one down can be replaced, which its owner would notice.
            add(above < 2 || system, format!("{path} may be written by everybody"));
        } else if part.mode & 0o020 != 0 && !sticky && part.gid != 0 && part.gid != gid {
            add(false, format!("{path} may be written by group {}", part.gid));
        }
        if part.uid != 0 && part.uid != uid {
            add(system, format!("{path} belongs to user {}, who can replace the program", part.uid));
        }
    }
    if BUILT.iter().any(|folder| program.contains(folder)) {
        add(false, format!("{program} is in a build folder; the next build replaces it"));
    } else if FLEETING.iter().any(|folder| program.starts_with(folder)) {
        add(false, format!("{program} is in a folder for temporary files; it may be gone after a reboot"));
    }
    doubts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(file: u32, directory: u32, owner: u32) -> Vec<Part> {
        [("/opt/x/openclaw", file), ("/opt/x", directory), ("/opt", 0o755), ("/", 0o755)]
            .map(|(path, mode)| Part { path: path.into(), uid: owner, gid: owner, mode })
            .into()
    }

    #[test]
    fn what_others_can_replace_is_refused_and_what_may_vanish_is_told() {
        let judged = |parts: &[Part], system| {
            let doubts = doubts("/opt/x/openclaw", parts, (1000, 1000), system);
            (doubts.iter().any(|doubt| doubt.grave), doubts.len())
        };
        assert_eq!(judged(&parts(0o755, 0o755, 0), true), (false, 0));
        assert_eq!(judged(&parts(0o775, 0o775, 1000), true), (false, 0), "a group of one's own");
        assert_eq!(judged(&parts(0o757, 0o755, 0), false), (true, 1));
        assert_eq!(judged(&parts(0o755, 0o777, 0), false), (true, 1));
        assert_eq!(judged(&parts(0o755, 0o1777, 0), false), (false, 0));
        assert_eq!(judged(&parts(0o755, 0o755, 7), false), (false, 4));
        assert_eq!(judged(&parts(0o755, 0o755, 7), true), (true, 4));
        for path in ["/tmp/openclaw", "/home/ana/src/target/debug/openclaw"] {
            assert_eq!(doubts(path, &[], (0, 0), false).len(), 1, "{path}");
        }
    }
}

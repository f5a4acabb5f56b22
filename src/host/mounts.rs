//! Where a path is within its file system, so that one directory behind two mounts is seen as one, and a directory
//! inside it as nested, though neither their paths nor their inodes say so.

use std::path::{Path, PathBuf};

use super::system;

/// The mounts that this process sees; empty where the system does not tell.
#[derive(Clone, Debug, Default)]
pub struct Mounts(Vec<Mount>);

#[derive(Clone, Debug)]
struct Mount {
    device: u64,
    /// What is mounted: a path within the file system.
    root: PathBuf,
    /// Where.
    point: PathBuf,
}

impl Mounts {
    /// The mounts as they are now.
    pub fn now() -> Mounts {
        system::mount_table().map_or_else(Mounts::default, |text| Mounts::parse(&text))
    }

    /// Reads lines as in `/proc/self/mountinfo`; one that is none is passed over.
    fn parse(text: &str) -> Mounts {
        Mounts(text.lines().filter_map(mount).collect())
    }

    /// The device and the path within its file system of `real`, a path without links; it need not exist.
    pub fn origin(&self, real: &Path) -> Option<(u64, PathBuf)> {
        // A later mount at the same place covers the earlier one.
        let covering = self.0.iter().filter(|mount| real.starts_with(&mount.point));
        let mount = covering.max_by_key(|mount| mount.point.components().count())?;
        let below = real.strip_prefix(&mount.point).ok()?;
        Some((mount.device, mount.root.join(below)))
    }
}

/// What of its file system a line as in `/proc/self/mountinfo` mounts, and where.
pub fn place_of(line: &str) -> Option<(PathBuf, PathBuf)> {
    mount(line).map(|mount| (mount.root, mount.point))
}

fn mount(line: &str) -> Option<Mount> {
    let mut fields = line.split(' ').skip(2);
    let (major, minor) = fields.next()?.split_once(':')?;
    let device = (major.parse::<u64>().ok()? << 32) | minor.parse::<u64>().ok()?;
    Some(Mount { device, root: unescaped(fields.next()?)?, point: unescaped(fields.next()?)? })
}

/// Blanks and the like are written as a backslash and three octal digits.
fn unescaped(field: &str) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let code = (*first == b'\\').then(|| behind.get(..3)).flatten();
        let code = code.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &behind[3..] } else { behind };
    }
    Some(PathBuf::from(std::ffi::OsString::from_vec(bytes))).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
21 1 8:1 / / rw - ext4 /dev/a rw
22 21 0:5 / /proc rw - proc proc rw
30 21 8:1 /home/ana/state /srv/st\\040ate rw - ext4 /dev/a rw
31 21 8:2 / /data rw - ext4 /dev/b rw
32 21 8:1 /x /data rw - ext4 /dev/a rw
garbage
";

    #[test]
    fn a_bind_mount_is_seen_through() {
        let mounts = Mounts::parse(TABLE);
        let origin = |path: &str| mounts.origin(Path::new(path)).unwrap();
        assert_eq!(origin("/home/ana/state/in"), origin("/srv/st ate/in"));
        assert_eq!(origin("/data/y").1, Path::new("/x/y"), "the last mount covers the one before");
        assert_ne!(origin("/proc/1"), origin("/1"));
        assert_eq!(Mounts::default().origin(Path::new("/x")), None);
    }
}

//! What the manager of a group says about it.

use std::path::Path;

use rustix::fs::{Access, access, getxattr};

/// How systemd says that it leaves a group to the processes in it; the second one is for those who are not root.
const DELEGATED: [&str; 2] = ["trusted.delegate", "user.delegate"];

/// Whether the manager of the group `dir` gave it away, and this process may make groups in it.
pub fn is_delegated(dir: &Path) -> bool {
    let mut value = [0; 2];
    let says =
        |length: rustix::io::Result<usize>, value: &[u8]| length == Ok(1) && value.first() == Some(&b'1');
    let mut given = DELEGATED.iter().map(|name| {
        let length = getxattr(dir, *name, &mut value);
        says(length, &value)
    });
    given.any(|given| given) && access(dir, Access::WRITE_OK).is_ok()
}

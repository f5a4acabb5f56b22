//! The claim across `exec`: a supervised gateway is told by one variable which descriptor is its claim, and
//! believes it only when that descriptor is its own state directory.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::files;

/// The variable that carries the descriptor's number.
pub const CLAIM_VARIABLE: &str = "OPENCLAW_CLAIM_FD";

/// The variable for a child that inherits `claim`.
pub fn variable(claim: impl AsFd) -> (String, String) {
    (CLAIM_VARIABLE.to_owned(), claim.as_fd().as_raw_fd().to_string())
}

/// Whether `value`, from [`CLAIM_VARIABLE`], names a descriptor of this process that is `state_dir` itself.
pub fn is_claim_on(value: &str, state_dir: &Path) -> bool {
    let Some(wanted) = files::identity(state_dir) else { return false };
    let Some(descriptor) = value.parse::<RawFd>().ok().filter(|number| *number > 2) else { return false };
    // SAFETY: the descriptor is only looked at, never closed; a wrong number makes fstat fail.
    #[allow(unsafe_code)]
    let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    let Ok(owned) = borrowed.try_clone_to_owned() else { return false };
    std::fs::File::from(owned).metadata().is_ok_and(|meta| (meta.dev(), meta.ino()) == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_descriptor_of_the_directory_itself_counts() {
        let (mine, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = std::fs::File::open(mine.path()).unwrap();
        let (_, number) = variable(&file);
        assert!(is_claim_on(&number, mine.path()));
        assert!(!is_claim_on(&number, other.path()));
        for nonsense in ["", "x", "-1", "0", "99999"] {
            assert!(!is_claim_on(nonsense, mine.path()), "{nonsense}");
        }
    }
}

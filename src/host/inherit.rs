//! What crosses `exec`: a supervised gateway is told by one variable which descriptor is its claim, a supervisor
//! that became another program its claim and its socket. Each is believed only when the descriptor is the thing
//! itself.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

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
    let Ok(owned) = borrowed(descriptor).try_clone_to_owned() else { return false };
    std::fs::File::from(owned).metadata().is_ok_and(|meta| (meta.dev(), meta.ino()) == wanted)
}

fn borrowed(descriptor: RawFd) -> BorrowedFd<'static> {
    // SAFETY: the descriptor is only looked at, never closed; a wrong number makes the call that looks fail.
    #[allow(unsafe_code)]
    unsafe {
        BorrowedFd::borrow_raw(descriptor)
    }
}

/// The variable that carries the number of a supervisor's listening socket.
pub const LISTENER_VARIABLE: &str = "OPENCLAW_LISTENER_FD";

/// The variable that tells a supervisor how far the program before it had come: words of the two below.
pub const STANDING_VARIABLE: &str = "OPENCLAW_SUPERVISOR_STANDING";
/// The service manager has been told that the supervisor serves.
pub const SERVING: &str = "serving";
/// The socket was opened by the service manager, and stays when the supervisor ends.
pub const LENT: &str = "lent";

/// The claim on `state_dir` that `value` names, taken over; `None` when it names anything else.
pub fn take_claim(value: &str, state_dir: &Path) -> Option<File> {
    is_claim_on(value, state_dir).then(|| take(value)).flatten().map(File::from)
}

/// The socket listening at `path` that `value` names, taken over; `None` when it names anything else.
pub fn take_listener(value: &str, path: &Path) -> Option<UnixListener> {
    let listener = UnixListener::from(take(value)?);
    let there = listener.local_addr().ok().and_then(|address| address.as_pathname().map(Path::to_path_buf));
    // Anything else stays open: it was never ours to close.
    if there.as_deref() == Some(path) {
        Some(listener)
    } else {
        std::mem::forget(listener);
        None
    }
}

/// Where the socket listens that `value` is the number of; `None` when it is none with a file.
pub fn listening_at(value: &str) -> Option<PathBuf> {
    let number = value.parse::<RawFd>().ok().filter(|number| *number > 2)?;
    let socket = UnixListener::from(borrowed(number).try_clone_to_owned().ok()?);
    socket.local_addr().ok()?.as_pathname().map(Path::to_path_buf)
}

fn take(value: &str) -> Option<OwnedFd> {
    let number = value.parse::<RawFd>().ok().filter(|number| *number > 2)?;
    nix::fcntl::fcntl(borrowed(number), nix::fcntl::FcntlArg::F_GETFD).ok()?;
    // SAFETY: the descriptor is open, and the program that this process was told us that it is handed over.
    #[allow(unsafe_code)]
    Some(unsafe { OwnedFd::from_raw_fd(number) })
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

//! What a process that lives long does to itself before it works, and between.

use std::fs::File;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::system;

/// Makes this process safe to live long in the background: what it creates is private, and what it inherited
/// by accident is not passed on.
pub fn settle() {
    system::keep_one_heap();
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    system::close_on_exec_from(3);
}

/// Lets this process hold as many files as it may: a thousand clients are a thousand sockets, and the usual limit is
/// kept low for programs of another time.
pub fn raise_file_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Where it cannot be raised, the old one holds.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// Gives memory back to the system that a burst of work needed and nobody uses now.
pub fn give_back_memory() {
    system::give_back_memory();
}

/// Lets go of the terminal or pipe on standard output.
pub fn leave_terminal() {
    if let Ok(null) = File::options().write(true).open("/dev/null") {
        let _ = nix::unistd::dup2_stdout(null);
    }
}

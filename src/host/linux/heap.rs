//! The heap of a process that lives for weeks and works in short bursts.

/// Has all threads share one heap: a supervisor works in turns, and a heap for each thread that ever looked at a
/// profile would stay for days.
pub fn keep_one_heap() {
    // SAFETY: mallopt(3) takes two integers; it is called before any other thread exists.
    #[cfg(target_env = "gnu")]
    #[allow(unsafe_code)]
    unsafe {
        nix::libc::mallopt(nix::libc::M_ARENA_MAX, 1);
    }
}

/// Gives free memory of the heap back.
pub fn give_back_memory() {
    // SAFETY: malloc_trim(3) touches nothing that is in use.
    #[cfg(target_env = "gnu")]
    #[allow(unsafe_code)]
    unsafe {
        nix::libc::malloc_trim(0);
    }
}

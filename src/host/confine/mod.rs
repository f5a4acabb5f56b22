//! Confinement by the kernel, without root: rules become a ruleset, and a process that took it on keeps it, as does
//! everything that it starts. What the rules are is decided in `profile::confine`.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as kernel;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
use macos as kernel;

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

pub use kernel::Ruleset;

/// The kernel's Landlock ABI; 0 when it has none, or has it switched off.
pub fn abi() -> u32 {
    kernel::abi().min(pretended())
}

/// In a build for tests, the most that the kernel is to be taken for: what an older one does is shown so on any.
#[cfg(debug_assertions)]
fn pretended() -> u32 {
    let told = std::env::var_os("OPENCLAW_LANDLOCK_ABI");
    told.and_then(|told| told.to_str()?.parse().ok()).unwrap_or(u32::MAX)
}

/// Nothing is pretended, in a build for release.
#[cfg(not(debug_assertions))]
const fn pretended() -> u32 {
    u32::MAX
}

/// Takes `ruleset` on, for this thread and all that it starts from now on; there is no way back.
///
/// # Errors
/// What the kernel says.
pub fn take_on(ruleset: Ruleset) -> io::Result<()> {
    ruleset.closed()?.take_on()
}

/// Lets the process that `command` will make take `ruleset` on between its fork and its exec.
///
/// # Errors
/// When the kernel has no Landlock.
pub fn confine(command: &mut Command, ruleset: Ruleset) -> io::Result<()> {
    let ruleset = ruleset.closed()?;
    // SAFETY: `take_on` makes two system calls and touches no memory.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(move || ruleset.take_on());
    }
    Ok(())
}

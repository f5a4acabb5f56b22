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
    kernel::abi()
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::base::confine::{Grant, Reach, Rules};
    use std::process::Stdio;

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

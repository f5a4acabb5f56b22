//! `make install`, `make uninstall`, `make deb`: what they bring and take away, and that the program needs nothing that
//! a plain system does not have.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::look;
use super::world::{OPENCLAW, Said, World, said_within};

/// Longest time that one of these may take on a busy machine.
pub const LONG: Duration = Duration::from_secs(120);

/// Libraries that every Linux with glibc has.
const PLAIN: [&str; 4] = ["libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux"];

/// Runs `make` with `words`, on the binary that is tested, for a package with no more in it than that needs.
pub fn make(world: &World, words: &[&str]) -> Said {
    // What is laid out for a package stands in one place for all.
    let lock = Path::new(env!("CARGO_TARGET_TMPDIR")).join("package.lock");
    let mut command = Command::new("flock");
    command.arg(lock).arg("make").current_dir(env!("CARGO_MANIFEST_DIR")).args(words);
    // Its own environment: what is built is not the world's.
    command.arg(format!("BINARY={}", lean(world).display())).env_remove("MAKEFLAGS");
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    said_within(command.spawn().unwrap(), LONG)
}

/// The binary without what a debugger wants of it, which is most of one that was built for tests.
fn lean(world: &World) -> PathBuf {
    let copy = world.path("openclaw");
    if !copy.exists() {
        let stripped = Command::new("strip").arg("-o").arg(&copy).arg(OPENCLAW).status();
        if !stripped.is_ok_and(|status| status.success()) {
            fs::copy(OPENCLAW, &copy).unwrap();
        }
    }
    copy
}

fn files(root: &Path) -> BTreeSet<String> {
    look::tree(root).into_keys().collect()
}

#[test]
fn make_install_brings_everything_and_uninstall_takes_no_more_away() {
    let world = World::new();
    let root = world.path("root");
    let destination = format!("DESTDIR={}", root.display());
    for theirs in
        ["usr/local/bin/theirs", "usr/local/share/man/man1/theirs.1", "root/.openclaw/openclaw.json"]
    {
        fs::create_dir_all(root.join(theirs).parent().unwrap()).unwrap();
        fs::write(root.join(theirs), "{}").unwrap();
    }
    let before = files(&root);
    make(&world, &["install", &destination]).ok();
    let after = files(&root);
    for brought in [
        "bin/openclaw",
        "share/man/man1/openclaw.1",
        "share/man/man1/openclaw-profile.1",
        "share/bash-completion/completions/openclaw",
        "share/zsh/site-functions/_openclaw",
        "share/fish/vendor_completions.d/openclaw.fish",
        "share/openclaw/profiles/work.toml",
        "share/openclaw/docs/remote.md",
    ] {
        let path = format!("usr/local/{brought}");
        assert!(after.iter().any(|file| file.ends_with(&path)), "{brought} is missing: {after:?}");
    }
    let program = root.join("usr/local/bin/openclaw");
    let mut version = Command::new(&program);
    said_within(world.surround(version.arg("--version")).spawn().unwrap(), LONG).ok();
    for unit in fs::read_dir(root.join("usr/local/lib/systemd/user")).unwrap().flatten() {
        let text = fs::read_to_string(unit.path()).unwrap();
        assert!(!text.contains("/usr/bin/openclaw"), "{unit:?} runs what was not installed: {text}");
    }
    // A second time, over what is there and may run.
    make(&world, &["install", &destination]).ok();
    assert_eq!(files(&root), after);
    make(&world, &["uninstall", &destination]).ok();
    let left: BTreeSet<String> =
        files(&root).into_iter().filter(|path| root.join(path.trim_start_matches('/')).is_file()).collect();
    let theirs: BTreeSet<String> =
        before.into_iter().filter(|path| root.join(path.trim_start_matches('/')).is_file()).collect();
    assert_eq!(left, theirs);
}

#[test]
fn the_program_needs_no_library_that_a_plain_system_lacks() {
    let mut command = Command::new("readelf");
    let Ok(output) = command.args(["-d", OPENCLAW]).output() else {
        return eprintln!("skipped: no readelf here");
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let needed = text.lines().filter(|line| line.contains("(NEEDED)"));
    let names: Vec<&str> = needed.filter_map(|line| line.split(['[', ']']).nth(1)).collect();
    assert!(names.contains(&"libc.so.6"), "{text}");
    let strange: Vec<&&str> =
        names.iter().filter(|name| !PLAIN.iter().any(|plain| name.starts_with(plain))).collect();
    assert!(strange.is_empty(), "{strange:?}");
}

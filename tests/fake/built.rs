//! Where the test programs are; built once where a run of one test alone did not.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The test program `example`, which stands beside the binary under test.
pub fn built(example: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_openclaw")).parent().unwrap();
    let fake = folder.join("examples").join(example);
    if !fake.exists() {
        let profile = match folder.file_name().and_then(|name| name.to_str()).unwrap() {
            "debug" => "dev",
            other => other,
        };
        let built = Command::new(env!("CARGO"))
            .args(["build", "--example", example, "--profile", profile, "--target-dir"])
            .arg(folder.parent().unwrap())
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.unwrap().success(), "{example} cannot be built");
    }
    fake
}

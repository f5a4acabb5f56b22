//! A real browser at the gateway's page: Chromium, driven by a script of `tests/real`. Pictures of what it saw are left
//! below `target/page-screenshots`.

use std::io::{BufRead as _, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use super::npm;

/// Longest that a script may say nothing, on a machine that does a lot beside.
const LIMIT: Duration = Duration::from_secs(150);

/// A script with the browser that it started; both end with it.
struct Script(Child);

impl Drop for Script {
    fn drop(&mut self) {
        // The browser hangs on a pipe of the script, so it ends when that one does.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a script of `tests/real` against gateways on these ports, which this secret opens; `hear` is told each line that
/// it prints.
pub fn walk(script: &str, ports: &[u16], secret: &str, mut hear: impl FnMut(&str)) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let home = tempfile::tempdir().unwrap();
    let told = home.path().join("err");
    let child = Command::new(npm::node())
        .arg(root.join("tests/real").join(script))
        .args(ports.iter().map(u16::to_string))
        .env("OPENCLAW_TEST_NPM", npm::folder())
        .env("OPENCLAW_TEST_PICTURES", target.join("page-screenshots"))
        .env("HOME", home.path())
        .env("TMPDIR", home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(&told).unwrap())
        .spawn()
        .unwrap();
    let mut script = Script(child);
    script.0.stdin.take().unwrap().write_all(secret.as_bytes()).unwrap();
    let (say, lines) = mpsc::channel();
    let output = BufReader::new(script.0.stdout.take().unwrap());
    std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
    loop {
        match lines.recv_timeout(LIMIT) {
            Ok(line) => hear(&line),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => panic!("too slow:\n{}", read(&told)),
        }
    }
    let status = script.0.wait().unwrap();
    assert!(status.success(), "{}", read(&told));
    assert!(!has_browser(home.path()), "a browser was left behind");
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Whether a process still has its files below `home`.
fn has_browser(home: &Path) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let name = home.to_string_lossy();
    let mut lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.any(|line| String::from_utf8_lossy(&line).contains(&*name))
}

//! The page in a real browser: Chromium, driven by the script `tests/real/page.mjs`, walks through all of it. Pictures
//! of what it saw are left below `target/page-screenshots`.

use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::harness::{Gateway, TOKEN};
use super::npm;

/// Longest that a script may take, on a machine that does a lot beside.
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

/// Runs a script of `tests/real` against the gateway, and gives what it printed.
fn walk(script: &str, gateway: &Gateway) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let home = tempfile::tempdir().unwrap();
    let told = home.path().join("err");
    let child = Command::new(npm::node())
        .arg(root.join("tests/real").join(script))
        .arg(gateway.port.to_string())
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
    script.0.stdin.take().unwrap().write_all(TOKEN.as_bytes()).unwrap();
    let (done, printed) = mpsc::channel();
    let mut output = script.0.stdout.take().unwrap();
    std::thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).unwrap();
        done.send(text)
    });
    let output = printed.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("too slow:\n{}", read(&told)));
    let status = script.0.wait().unwrap();
    assert!(status.success(), "{output}\n{}", read(&told));
    assert!(!has_browser(home.path()), "a browser was left behind");
    output
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

#[tokio::test]
async fn the_page_in_a_real_browser() {
    let gateway = Gateway::start().await;
    let steps = walk("page.mjs", &gateway);
    assert_eq!(steps.lines().collect::<Vec<_>>(), ["alone", "everything", "byKeyboard", "onPhone"]);
    assert!(!gateway.log().contains(TOKEN), "the log keeps no secret");
}

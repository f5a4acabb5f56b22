//! The page in a real browser: Chromium, driven by the script `tests/real/page.mjs`, walks through all of it. Pictures
//! of what it saw are left below `target/page-screenshots`.

use std::io::{BufRead as _, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use super::harness::{Gateway, TOKEN};
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

/// Runs a script of `tests/real` against gateways on these ports; `hear` is told each line that it prints.
fn walk(script: &str, ports: &[u16], mut hear: impl FnMut(&str)) {
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
    script.0.stdin.take().unwrap().write_all(TOKEN.as_bytes()).unwrap();
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

#[tokio::test]
async fn the_page_in_a_real_browser() {
    let (gateway, strict) = (Gateway::start().await, strict().await);
    let mut steps = Vec::new();
    walk("page.mjs", &[gateway.port, strict.port], |line| steps.push(line.to_owned()));
    assert_eq!(steps, ["alone", "approved", "everything", "byKeyboard", "onPhone"]);
    for gateway in [gateway, strict] {
        assert!(!gateway.log().contains(TOKEN), "the log keeps no secret");
    }
}

#[tokio::test]
async fn the_official_client_in_a_real_browser() {
    let mut gateway = strict().await;
    let mut said = Vec::new();
    walk("browser-client.mjs", &[gateway.port], |line| {
        said.push(line.to_owned());
        if line == "stop" {
            gateway.ask_to_stop();
        }
    });
    assert_eq!(said, ["stop", "lived"]);
    gateway.join().unwrap();
}

/// A gateway that asks about every device, those of this machine included.
async fn strict() -> Gateway {
    Gateway::with(|options| options.embedded.nodes.auto_approve_local = false).await
}

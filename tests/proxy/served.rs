//! The gateway with scripted faults, run by the test itself: nobody else connects to it, so the order of what it
//! refuses is the test's own.

use std::fs;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::fake::FAKE;
use super::world::{World, wait_for};

/// The secret that is shown to it; it lets everybody in.
pub const SECRET: &str = "the-shared-secret-of-this-test";

/// A running one; it ends with this value.
pub struct Served {
    child: Child,
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    frames: std::path::PathBuf,
}

impl World {
    /// Runs one with `knobs` and waits until it listens.
    pub fn served(&self, knobs: &[&str]) -> Served {
        let port = self.block();
        let frames = self.path(&format!("{port}.frames"));
        let mut command = Command::new(&*FAKE);
        self.surround(&mut command).args(["--port", &port.to_string(), "--record"]).arg(&frames).args(knobs);
        let child = command.stdout(Stdio::null()).spawn().unwrap();
        wait_for("the fake gateway", || TcpStream::connect(("127.0.0.1", port)).ok());
        Served { child, port, frames }
    }

    /// A file with the shared secret.
    pub fn secret(&self) -> String {
        let file = self.path("secret");
        fs::write(&file, SECRET).unwrap();
        file.display().to_string()
    }
}

impl Served {
    /// Its URL.
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// The parameters of every request `method` that came.
    pub fn heard(&self, method: &str) -> Vec<Value> {
        let text = fs::read_to_string(&self.frames).unwrap_or_default();
        let frames = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        frames.filter(|frame| frame["method"] == method).map(|mut frame| frame["params"].take()).collect()
    }

    /// Every byte that came in frames.
    pub fn text(&self) -> String {
        fs::read_to_string(&self.frames).unwrap_or_default()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

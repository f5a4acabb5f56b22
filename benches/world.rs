//! The world that the benches measure in: a home of its own, with the program's folders, its host slot and a row
//! of ports; it takes every process along when it goes.

use std::fs::{create_dir_all, set_permissions, write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::process::{timed, wait_until};
use crate::table::Outcome;

/// The first port. A hundred gateways from here on end below the ports that the kernel gives to callers.
const FIRST_PORT: u16 = 19_000;
/// Distance of two ports: a gateway's block, and some.
const PORT_STEP: u16 = 120;

/// A temporary home, and the programs that are measured.
pub struct World {
    folder: TempDir,
    bin: PathBuf,
    next_port: std::cell::Cell<u16>,
}

impl World {
    /// A new, empty home.
    pub fn new() -> Outcome<World> {
        let folder = tempfile::Builder::new().prefix("openclaw-bench-").tempdir();
        let folder = folder.map_err(|error| error.to_string())?;
        for part in ["config/openclaw/profiles", "state", "run"] {
            let path = folder.path().join(part);
            create_dir_all(&path).map_err(|error| error.to_string())?;
            set_permissions(&path, PermissionsExt::from_mode(0o700)).map_err(|error| error.to_string())?;
        }
        let bin = std::env::var_os("OPENCLAW_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_openclaw").into());
        Ok(World { folder, bin: bin.into(), next_port: std::cell::Cell::new(FIRST_PORT) })
    }

    /// The home.
    pub fn home(&self) -> &Path {
        self.folder.path()
    }

    /// Where a measured command's complaints go.
    pub fn errors(&self) -> PathBuf {
        self.home().join("stderr")
    }

    /// An example program built beside the binary.
    pub fn example(&self, name: &str) -> PathBuf {
        self.bin.with_file_name("examples").join(name)
    }

    /// The next port whose gateway would not meet another one's.
    pub fn port(&self) -> Outcome<u16> {
        loop {
            let port = self.next_port.get();
            self.next_port.set(port.checked_add(PORT_STEP).ok_or("no free port")?);
            if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(port);
            }
        }
    }

    /// Any command in this home's environment.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let home = self.home();
        let mut command = Command::new(program);
        command.env_clear().current_dir(home);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", home).env("NO_COLOR", "1").env("OPENCLAW_HOST_LOCK", home.join("host.lock"));
        let folders =
            [("XDG_CONFIG_HOME", "config"), ("XDG_STATE_HOME", "state"), ("XDG_RUNTIME_DIR", "run")];
        command.envs(folders.map(|(key, part)| (key, home.join(part))));
        command
    }

    /// The program with these words.
    pub fn openclaw(&self, words: &[&str]) -> Command {
        let mut command = self.command(&self.bin);
        command.args(words);
        command
    }

    /// Runs the program; a failure is an error.
    pub fn run(&self, words: &[&str]) -> Outcome<()> {
        timed(self.openclaw(words), &self.errors())
            .map(|_| ())
            .map_err(|why| format!("{}: {why}", words.join(" ")))
    }

    /// Runs the program with `--json` and gives the document.
    pub fn ask(&self, words: &[&str]) -> Outcome<Value> {
        let output = self.openclaw(words).arg("--json").stdin(Stdio::null()).output();
        let output = output.map_err(|error| error.to_string())?;
        serde_json::from_slice(&output.stdout).map_err(|error| format!("{} --json: {error}", words.join(" ")))
    }

    /// The pid in the document that the program gives.
    pub fn pid(&self, words: &[&str]) -> Outcome<u64> {
        self.ask(words)?["pid"].as_u64().ok_or_else(|| format!("{}: no pid", words.join(" ")))
    }

    /// Creates a profile on the embedded gateway; gives its port.
    pub fn create_embedded(&self, name: &str) -> Outcome<u16> {
        let port = self.port()?;
        self.run(&["profile", "create", name, "--runtime", "embedded", "--port", &port.to_string()])?;
        Ok(port)
    }

    /// Starts a profile and looks whether it is what the exit code says: a number for a start that did not happen
    /// would be worse than none.
    pub fn start_ready(&self, name: &str) -> Outcome<()> {
        self.run(&["profile", "start", name])?;
        let state = self.ask(&["profile", "show", name])?["state"].take();
        if state == "ready" { Ok(()) } else { Err(format!("profile start {name}: the state is {state}")) }
    }

    /// Writes the manifest of a profile whose gateway is the tiny child; gives its port.
    pub fn create_tiny(&self, name: &str) -> Outcome<u16> {
        let port = self.port()?;
        let child = self.example("tiny-child").to_string_lossy().into_owned();
        self.write_manifest(name, port, &[child, "--port".to_owned(), "{port}".to_owned()], "")?;
        Ok(port)
    }

    /// Writes the manifest of a profile whose gateway is any command; `policy` is its part about supervision.
    pub fn write_manifest(&self, name: &str, port: u16, argv: &[String], policy: &str) -> Outcome<()> {
        let text = format!(
            "isolation = \"isolated\"\n\n[runtime]\nkind = \"command\"\ncommand = {argv:?}\nready = \"tcp\"\n\n\
             [gateway]\nport = {port}\n\n[supervise]\n{policy}"
        );
        let path = self.home().join(format!("config/openclaw/profiles/{name}.toml"));
        write(path, text).map_err(|error| error.to_string())
    }

    /// The token in a profile's configuration, where the real program looks for it too.
    pub fn token(&self, name: &str) -> Outcome<String> {
        let path = self.home().join(format!(".openclaw-{name}/openclaw.json"));
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let config: Value = json5::from_str(&text).map_err(|error| error.to_string())?;
        config["gateway"]["auth"]["token"].as_str().map(str::to_owned).ok_or_else(|| "no token".to_owned())
    }

    /// Ends the supervisor and waits until none runs.
    pub fn stop_supervisor(&self) -> Outcome<()> {
        self.run(&["supervisor", "stop"])?;
        let gone = || {
            self.openclaw(&["supervisor", "status"]).output().is_ok_and(|out| out.status.code() == Some(3))
        };
        wait_until(gone).map_err(|()| "the supervisor still runs".to_owned())
    }

    /// A name for a control group of this home's own.
    pub fn group(&self) -> String {
        self.home().file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Ends every inhabitant that has this word in its environment or command line, whatever it starts meanwhile.
    pub fn end(&self, marker: &str) {
        let has = |pid: i32, part: &str| {
            let text = std::fs::read(format!("/proc/{pid}/{part}")).unwrap_or_default();
            String::from_utf8_lossy(&text).contains(marker)
        };
        let _ = wait_until(|| {
            let mut left = self.inhabitants();
            left.retain(|pid| has(*pid, "environ") || has(*pid, "cmdline"));
            for pid in &left {
                let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
            }
            left.is_empty()
        });
    }

    /// Every process with this home in its environment.
    pub fn inhabitants(&self) -> Vec<i32> {
        let home = self.home().to_string_lossy().into_owned();
        let lives_here = |pid: &i32| {
            let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            String::from_utf8_lossy(&environ).contains(&home)
        };
        let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
        processes
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(lives_here)
            .collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Where nothing could be started there is nothing to stop; what is left says so below.
        let _ = self.run(&["supervisor", "stop"]);
        let left = self.inhabitants();
        if left.is_empty() {
            return;
        }
        eprintln!("bench: processes left behind, ended now: {left:?}");
        for pid in left {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _ = wait_until(|| self.inhabitants().is_empty());
    }
}

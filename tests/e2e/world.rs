//! A world of a test's own: a temporary home, its own runtime directory and host slot, the real binary, and a
//! promise that nothing it started is left behind.
//!
//! Everything a world starts carries its home in the environment, so the sweep at the end finds it by that tag
//! and by nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::look;
use super::ports::Claimed;

/// The binary under test.
pub const OPENCLAW: &str = env!("CARGO_BIN_EXE_openclaw");

/// Longest time that anything awaited here may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Distance of two looks at something awaited.
const LOOK: Duration = Duration::from_millis(3);

/// A temporary home with everything below it.
pub struct World {
    dir: TempDir,
    ports: Mutex<Claimed>,
    orphans: AtomicBool,
    /// The binary that the world runs; a test may put a copy in its place.
    pub program: PathBuf,
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Said {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// Standard output as the one JSON document that it must be.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    /// Asserts that it succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// Asserts the exit code and the error code of its JSON, and returns the `error` object.
    #[track_caller]
    pub fn refused(&self, code: i32, error: &str) -> Value {
        assert_eq!(self.code, Some(code), "{self:?}");
        let document = self.json();
        assert_eq!(document["ok"], false, "{document}");
        assert_eq!(document["error"]["code"], error, "{document}");
        document["error"].clone()
    }

    /// Asserts the exit code and that every word stands on standard error.
    #[track_caller]
    pub fn complains(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "{word:?} is missing: {self:?}");
        }
    }
}

impl World {
    /// A new empty home.
    pub fn new() -> World {
        let dir = tempfile::Builder::new().prefix("oc").tempdir().unwrap();
        let world =
            World { dir, ports: Mutex::default(), orphans: AtomicBool::new(false), program: OPENCLAW.into() };
        for folder in ["home", "run", "bin"] {
            world.private(&world.path(folder));
        }
        world
    }

    /// Makes a directory of mode 0700.
    pub fn private(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    }

    /// A path below the home.
    pub fn home(&self, below: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join("home").join(below)
    }

    /// A path beside the home, for a test's own files.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The derived state directory of a profile.
    pub fn state(&self, name: &str) -> PathBuf {
        self.home(format!(".openclaw-{name}"))
    }

    /// A path in the supervisor's own state directory.
    pub fn kept(&self, below: &str) -> PathBuf {
        self.home(".local/state/openclaw").join(below)
    }

    /// The base of a block of ports that no other test uses.
    pub fn block(&self) -> u16 {
        self.ports.lock().unwrap().block()
    }

    /// The bases of `count` blocks of ports that no other test uses.
    pub fn many_blocks(&self, count: usize) -> Vec<u16> {
        self.ports.lock().unwrap().many(count)
    }

    /// A profile's name that begins with `stem`, whose derived ports no other test uses.
    pub fn name(&self, stem: &str) -> String {
        self.ports.lock().unwrap().name(stem)
    }

    /// The gateways of this world may outlive its supervisor: the test ends that one by force.
    pub fn may_leave_gateways(&self) {
        self.orphans.store(true, Ordering::Relaxed);
    }

    /// Puts this world's environment, and nothing else, around any command.
    pub fn surround<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env_clear()
            .env("HOME", self.home(""))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            // Nothing is found by name: a real OpenClaw of the machine would change what `auto` means.
            .env("PATH", self.path("bin"))
            .env("OPENCLAW_HOST_LOCK", self.path("host-slot"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
    }

    /// A command of the binary in this world's environment, not yet run.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        self.surround(&mut command).args(args);
        command
    }

    /// Begins to run the binary.
    pub fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).spawn().unwrap()
    }

    /// Runs the binary to its end.
    pub fn run(&self, args: &[&str]) -> Said {
        said(self.spawn(args))
    }

    /// Runs a script of `sh` in this world, with the usual programs and the binary as `$OC`.
    pub fn script(&self, wrapper: &[&str], script: &str) -> Said {
        let words: Vec<&str> = wrapper.iter().copied().chain(["/bin/sh", "-c", script]).collect();
        let mut command = Command::new(words[0]);
        self.surround(&mut command).args(&words[1..]).env("OC", &self.program).env("WORLD", self.dir.path());
        said(command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").spawn().unwrap())
    }

    /// Writes a manifest.
    pub fn manifest(&self, name: &str, text: &str) -> PathBuf {
        let folder = self.home(".config/openclaw/profiles");
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{name}.toml"));
        fs::write(&file, text).unwrap();
        file
    }

    /// Starts a profile with the binary's own gateway and returns its status.
    #[track_caller]
    pub fn start(&self, name: &str) -> Value {
        self.run(&["profile", "start", name, "--json"]).ok().json()
    }

    /// `profile show NAME --json`.
    pub fn show(&self, name: &str) -> Value {
        self.run(&["profile", "show", name, "--json"]).ok().json()
    }

    /// Waits until the profile's status satisfies `wanted`, and returns it.
    pub fn until(&self, name: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let deadline = Instant::now() + PATIENCE;
        wait_for(&format!("{name} to be {what}"), || {
            last = self.show(name);
            assert!(Instant::now() < deadline, "{name} is not {what}: {last}");
            wanted(&last).then(|| last.clone())
        })
    }

    /// Waits until the profile is in a state.
    pub fn until_state(&self, name: &str, state: &str) -> Value {
        self.until(name, state, |status| status["state"] == state)
    }

    /// The pid of the running supervisor.
    pub fn supervisor(&self) -> u32 {
        pid(&self.run(&["supervisor", "status", "--json"]).ok().json())
    }

    /// The supervisor's log; empty while there is none.
    pub fn journal(&self) -> String {
        fs::read_to_string(self.kept("logs/supervisor.log")).unwrap_or_default()
    }

    /// Pids of all living processes that this world started.
    pub fn processes(&self) -> Vec<u32> {
        let tag = format!("HOME={}", self.home("").display());
        let entries = fs::read_dir("/proc").unwrap().flatten();
        entries
            .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
            .filter(|pid| {
                fs::read(format!("/proc/{pid}/environ"))
                    .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|var| var == tag.as_bytes()))
            })
            .collect()
    }

    /// Those of them whose command line contains `words`.
    pub fn running(&self, words: &str) -> Vec<u32> {
        self.processes().into_iter().filter(|pid| look::command_line(*pid).contains(words)).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Politely first: that the supervisor's end leaves nothing behind is part of what is tested.
        let _ = self.command(&["supervisor", "stop", "--timeout", "20s"]).output();
        let deadline = Instant::now() + Duration::from_secs(2);
        let mut left = self.processes();
        while !left.is_empty() && !self.orphans.load(Ordering::Relaxed) && Instant::now() < deadline {
            std::thread::park_timeout(LOOK);
            left = self.processes();
        }
        let names: Vec<String> = left.iter().map(|pid| look::command_line(*pid)).collect();
        while !left.is_empty() {
            for pid in left {
                let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), Signal::SIGKILL);
            }
            std::thread::park_timeout(LOOK);
            left = self.processes();
        }
        let excused = self.orphans.load(Ordering::Relaxed) || std::thread::panicking();
        assert!(names.is_empty() || excused, "the world left behind: {names:?}");
    }
}

/// The pid in a status.
#[track_caller]
pub fn pid(status: &Value) -> u32 {
    status["pid"].as_u64().unwrap_or_else(|| panic!("no pid: {status}")) as u32
}

/// Waits for the end of a command and returns what it said.
pub fn said(child: Child) -> Said {
    said_within(child, PATIENCE)
}

/// The same for a command that may take longer than others, since what it waits for does.
pub fn said_within(child: Child, patience: Duration) -> Said {
    use std::os::unix::process::ExitStatusExt;
    let (number, (done, ended)) = (child.id(), channel());
    std::thread::spawn(move || done.send(child.wait_with_output()));
    let Ok(output) = ended.recv_timeout(patience) else {
        let what = look::command_line(number);
        look::signal(number, Signal::SIGKILL);
        panic!("this does not end: {what}");
    };
    let output = output.unwrap();
    Said {
        code: output.status.code(),
        signal: output.status.signal(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Looks again and again until `look` finds something; panics when it takes longer than [`PATIENCE`].
#[track_caller]
pub fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait_within(PATIENCE, what, look)
}

/// The same for what may take longer than others.
pub fn wait_within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::park_timeout(LOOK);
    }
}

/// The guard of all these tests, tested: what a world leaves behind is ended, and the test fails for it.
#[test]
fn a_world_that_leaves_a_process_behind_fails_its_test_and_ends_the_process() {
    let world = World::new();
    let mut command = Command::new("/bin/sleep");
    let mut left = world.surround(&mut command).arg("600").spawn().unwrap();
    wait_for("the process", || world.processes().contains(&left.id()).then_some(()));
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(world)));
    assert!(outcome.is_err(), "the guard sees it");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&left.wait().unwrap()), Some(9));
}

#[test]
fn a_world_whose_gateways_run_ends_them_all() {
    let world = World::new();
    let (one, two) = (world.name("one"), world.name("two"));
    let pids = [pid(&world.start(&one)), pid(&world.start(&two)), world.supervisor()];
    assert!(pids.iter().all(|pid| world.processes().contains(pid)), "{pids:?}");
    drop(world);
    assert!(!pids.iter().any(|pid| look::is_alive(*pid)), "{pids:?}");
}

//! E1, every verb that asks a gateway, watched call by call beside a living one: nothing below a state directory is
//! opened to be written, no process is made, and no file is read but the few whose reasons stand here. And with the
//! gateway's database held all the while, none of them waits for it or harms it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::e1_quiet_clients::{is_call, spawns};
use super::look;
use super::verbs::{ALL, at_once, each, words};
use super::world::{World, said};

/// The calls that are watched: what opens, changes what is there, or makes a process.
const CALLS: &str = "openat,openat2,open,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,\
                     mknod,mknodat,link,linkat,symlink,symlinkat,truncate,ftruncate,chmod,fchmod,fchmodat,chown,\
                     fchownat,utimensat,setxattr,fork,vfork,clone,clone3,execve,execveat";

/// The end of every verb, whatever is held.
const TIME_MAX: Duration = Duration::from_secs(10);

/// How many commands run at once beside the held database.
const CROWD: usize = 20;

/// The interpreter that holds a database.
const PYTHON: &str = "/usr/bin/python3";

/// What the gateways answer.
const ANSWERS: &str = include_str!("../proxy/samples/answers.json");

/// What `status --deep` may open besides, since it shows the whole host.
fn allowed_deep(world: &World) -> Vec<(String, &'static str)> {
    let home = world.home("").display().to_string();
    [
        (home.trim_end_matches('/').into(), "the names in it: which profiles there are"),
        (format!("{home}.config/systemd/"), "the user's units: which service starts a gateway"),
        (format!("{home}.local/share/systemd/"), "the same"),
        (format!("{home}Library/"), "launchd's agents, likewise"),
        ("/Library/".into(), "launchd's agents and daemons"),
        ("/etc/systemd/".into(), "the system's units"),
        ("/run/systemd/".into(), "units that were made at run time"),
        ("/usr/local/lib/systemd/".into(), "the administrator's units"),
        (
            "/etc/default/".into(),
            "the environment files that units name: a gateway's profile may stand there",
        ),
        ("/etc/sysconfig/".into(), "the same"),
        (
            "/bin/".into(),
            "the first bytes of what a unit runs: a script is read for the gateway that it starts",
        ),
        ("/sbin/".into(), "the same"),
        ("/usr/".into(), "the same"),
        ("/opt/".into(), "the same"),
        ("/var/lib/systemd/linger".into(), "whether the user's manager outlives a logout"),
    ]
    .into()
}

/// What may be opened, and why: a folder ends with a slash, the beginning of a name with a star.
fn allowed(world: &World) -> Vec<(String, &'static str)> {
    let state = world.state("work").display().to_string();
    let home = world.home("").display().to_string();
    [
        (format!("{state}/openclaw.json"), "the profile's configuration: port and credential"),
        (format!("{state}/.env"), "what the configuration's variables stand for"),
        (format!("{state}/gateway.lock"), "the claim's record: whose process it is"),
        (state.clone(), "the directory itself, whose lock says whether the record is true"),
        (format!("{home}.config/openclaw/"), "manifests, and which profile is used"),
        (
            format!("{home}.local/state/openclaw/"),
            "this program's own state: what was said of a start, devices",
        ),
        (format!("{home}.cache/openclaw/"), "this program's own cache"),
        (world.path("run/").display().to_string(), "the supervisor's socket"),
        (world.path("host-slot").display().to_string(), "the lock folder"),
        ("/proc/".into(), "who listens, and whose process that is"),
        ("/sys/".into(), "what the kernel offers"),
        ("/dev/null".into(), "standard streams that are closed"),
        ("/etc/ld.so*".into(), "the loader"),
        ("/lib/".into(), "shared libraries"),
        ("/lib64/".into(), "shared libraries"),
        ("/usr/lib/".into(), "shared libraries"),
        ("/etc/passwd".into(), "names of users"),
        ("/etc/nsswitch.conf".into(), "names of users"),
        ("/etc/localtime".into(), "times for people"),
        ("/etc/ssl/".into(), "authorities for TLS"),
    ]
    .into()
}

/// A gateway that lives, with everything in its state directory that a real one keeps there.
fn living() -> (World, PathBuf) {
    let world = World::new();
    std::fs::write(world.path("answers.json"), ANSWERS).unwrap();
    let folder = world.state("work");
    world.private(&folder);
    for below in ["state", "agents/main/sessions", "workspace", "extensions/plugin", "logs", "credentials"] {
        std::fs::create_dir_all(folder.join(below)).unwrap();
    }
    for (file, text) in [
        ("openclaw.json", "{gateway: {auth: {token: 'a-token-of-this-test-0123456789'}}}"),
        (".env", "SOME=thing\n"),
        ("state/openclaw.sqlite", ""),
        ("agents/main/sessions/sessions.json", "{}"),
        ("extensions/plugin/openclaw.plugin.json", "{}"),
        ("credentials/telegram.json", "{}"),
        ("logs/gateway.log", "a line\n"),
    ] {
        std::fs::write(folder.join(file), text).unwrap();
    }
    world.fake("work", "", "", &["--answers", "@answers.json", "--record", "@frames"]);
    world.run(&["profile", "start", "work"]).ok();
    (world, folder)
}

/// What was opened, as the kernel took it.
fn opened(line: &str) -> Option<String> {
    let (call, outcome) = line.rsplit_once(" = ")?;
    // What is there is told behind the descriptor; what is not, only in the call.
    if let Some((_, path)) = outcome.split_once('<') {
        return Some(path.trim_end().trim_end_matches('>').to_owned());
    }
    let path = call.split('"').nth(1)?;
    path.starts_with('/').then(|| path.to_owned())
}

/// What is wrong with one line of a trace.
fn fault(line: &str, state: &str, allowed: &[(String, &str)]) -> Option<&'static str> {
    if is_call(line, "execve") || is_call(line, "clone") || is_call(line, "fork") || is_call(line, "vfork") {
        return spawns(line).then_some("makes a process");
    }
    if !is_call(line, "open") {
        return line.contains(state).then_some("changes the state directory");
    }
    let to_write = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"].iter().any(|flag| line.contains(flag));
    let path = opened(line)?;
    if to_write && path.starts_with(state) {
        return Some("writes into the state directory");
    }
    let may = allowed.iter().any(|(allowed, _)| {
        let begins = allowed.ends_with(['/', '*']) && path.starts_with(allowed.trim_end_matches('*'));
        path == allowed.trim_end_matches('/') || begins
    });
    (!may).then_some("opens what it has no business with")
}

/// The lines with a call that another thread's cut in two put together again.
fn whole(lines: Vec<String>) -> Vec<String> {
    let mut begun: HashMap<String, String> = HashMap::new();
    let mut whole = Vec::new();
    for line in lines {
        let thread = line.split(' ').next().unwrap_or_default().to_owned();
        if let Some(begin) = line.strip_suffix("<unfinished ...>") {
            begun.insert(thread, begin.trim_end().to_owned());
        } else if let Some((_, end)) = line.split_once(" resumed>").filter(|_| line.contains("<... ")) {
            whole.push(begun.remove(&thread).unwrap_or_default() + end);
        } else {
            whole.push(line);
        }
    }
    // What never came back was called all the same.
    whole.extend(begun.into_values());
    whole
}

/// The calls of one verb.
fn trace(world: &World, number: usize, verb: &[String]) -> Vec<String> {
    let file = format!("trace-{number}");
    let mut command = Command::new("strace");
    world.surround(&mut command).args([
        "-f",
        "-qq",
        "-y",
        "-e",
        &format!("trace={CALLS}"),
        "-e",
        "signal=none",
    ]);
    command.arg("-o").arg(world.path(&file)).arg(&world.program);
    command.args(words(&["--profile", "work"], verb, &["--json", "--timeout", "20s"]));
    let said = said(command.env("PATH", "/usr/bin:/bin").spawn().unwrap());
    assert!(!matches!(said.code, None | Some(2 | 3 | 5 | 69 | 77 | 78)), "{verb:?}: {said:?}");
    let trace = whole(world.lines(&file));
    assert_eq!(trace.iter().filter(|line| line.contains("execve(")).count(), 1, "{verb:?}: {trace:?}");
    trace
}

#[test]
fn incident_e1_every_verb_is_a_pure_client_of_a_living_gateway() {
    if !Path::new("/usr/bin/strace").exists() {
        eprintln!("skipped: there is no strace on this machine");
        return;
    }
    let (world, folder) = living();
    let state = folder.display().to_string();
    let usual = allowed(&world);
    let deep = [usual.clone(), allowed_deep(&world)].concat();
    let before = look::tree(&folder);
    let numbered: Vec<(usize, &Vec<String>)> = ALL.iter().enumerate().collect();
    each(&numbered, |(number, verb)| {
        let trace = trace(&world, *number, verb);
        let is_config = |line: &String| opened(line).is_some_and(|path| path == usual[0].0);
        assert!(trace.iter().any(is_config), "what is looked for is seen: {verb:?}: {trace:?}");
        let allowed = if verb[..] == ["status", "--deep"] { &deep } else { &usual };
        let wrong = trace.iter().filter_map(|line| Some((fault(line, &state, allowed)?, line)));
        let wrong: Vec<_> = wrong.collect();
        assert!(wrong.is_empty(), "{verb:?}: {wrong:#?}");
    });
    assert_eq!(look::tree(&folder), before);
}

/// A program that has the database at `path` open and locked, in the midst of a write.
struct Holder(Child);

impl Holder {
    fn new(world: &World, path: &Path) -> Holder {
        let script = "import sqlite3, sys\n\
             db = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
             db.execute('pragma journal_mode=wal'); db.execute('create table t(x)')\n\
             db.executemany('insert into t values(?)', [(n,) for n in range(1000)])\n\
             db.execute('begin exclusive'); db.execute('update t set x = x + 1')\n\
             print('held', flush=True); sys.stdin.readline(); db.execute('commit')\n\
             print(db.execute('pragma integrity_check').fetchone()[0], flush=True)\n\
             print(db.execute('select sum(x) from t').fetchone()[0], flush=True)\n";
        let mut command = Command::new(PYTHON);
        world.surround(&mut command).args(["-c", script]).arg(path).stdin(Stdio::piped());
        let mut holder = Holder(command.spawn().unwrap());
        assert_eq!(holder.line(), "held");
        holder
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        // One byte at a time: what follows is left for the next call.
        BufReader::with_capacity(1, self.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn incident_e1_no_verb_waits_for_the_gateways_database_or_harms_it() {
    if !Path::new(PYTHON).exists() {
        eprintln!("skipped: there is no Python on this machine");
        return;
    }
    let (world, folder) = living();
    let mut holder = Holder::new(&world, &folder.join("state/openclaw.sqlite"));
    let before = look::tree(&folder);
    assert!(before.keys().any(|path| path.ends_with("openclaw.sqlite-wal")), "{:?}", before.keys());
    // Each of them several times, as jobs call them.
    let many: Vec<&Vec<String>> = ALL.iter().cycle().take(4 * ALL.len()).collect();
    at_once(CROWD, &many, |verb| {
        let began = Instant::now();
        let said = world.run(&words(&["--profile", "work"], verb, &["--json", "--timeout", "9s"]));
        assert!(!matches!(said.code, None | Some(3 | 5 | 69 | 77 | 78)), "{verb:?}: {said:?}");
        assert!(began.elapsed() < TIME_MAX, "{verb:?}: {:?}", began.elapsed());
    });
    assert_eq!(look::tree(&folder), before);
    holder.0.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    assert_eq!((holder.line(), holder.line()), ("ok".into(), "500500".into()));
}

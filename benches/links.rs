//! A supervised tunnel beside a bare `ssh -N -L` to the same server: how fast bytes come through, how long a small
//! question takes, and how soon it stands again after its client was killed. Both go through an sshd of this bench's
//! own, with keys of its own, to an echo on loopback.

use std::fs::{File, read_to_string, set_permissions, write};
use std::io::{Read, Write, copy};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, getuid};

use crate::process::{PATIENCE, Running, wait_until};
use crate::sample::{Contestant, median, race};
use crate::table::{Bound, Outcome, Row, Unit};
use crate::world::World;

/// Bytes of one transfer, there and back.
const BULK: usize = 32 << 20;
/// Transfers that count.
const TRANSFERS: usize = 9;
/// Questions in one round, and rounds that count.
const QUESTIONS: usize = 200;
const ROUNDS: usize = 15;
/// Kills that are measured.
const KILLS: usize = 5;

/// All lines.
pub fn rows() -> Outcome<Vec<Row>> {
    crate::say("a supervised tunnel and a bare one");
    let scene = Scene::new()?;
    let (ours, bare) = (scene.ours, scene.bare);
    let lanes = |run: fn(u16) -> Outcome<Duration>| -> Vec<Outcome<Contestant<'static>>> {
        [ours, bare].map(|port| Ok(Box::new(move || run(port)) as Contestant<'static>)).into()
    };
    let mut rows = Vec::new();
    let mut row = |what, bound, how: String, numbers: Vec<Outcome<f64>>| {
        let [ours, theirs] =
            <[Outcome<f64>; 2]>::try_from(numbers).unwrap_or_else(|_| [nothing(), nothing()]);
        let against = "bare ssh -N -L";
        rows.push(Row { what, unit: Unit::Ms, ours, against, theirs: Some(theirs), bound, how });
    };
    let how = format!("{} MB through the tunnel and back, {TRANSFERS} times in turns", BULK >> 20);
    row("bytes through a tunnel", Bound::Times(1.15), how, race(TRANSFERS, lanes(bulk)));
    let how = format!("{QUESTIONS} bytes one by one, each echoed, {ROUNDS} times in turns");
    row("questions through a tunnel", Bound::Times(1.15), how, race(ROUNDS, lanes(questions)));
    rows.push(Row {
        what: "a killed tunnel stands again",
        unit: Unit::Ms,
        ours: scene.recovery(),
        against: "",
        theirs: None,
        bound: Bound::AtMost(5000.0),
        how: format!("from SIGKILL of the client until a byte is echoed, {KILLS} times, usual settings"),
    });
    Ok(rows)
}

fn nothing() -> Outcome<f64> {
    Err("not measured".into())
}

/// Server, gateway and both tunnels; they end with this value.
struct Scene {
    ours: u16,
    bare: u16,
    _processes: [Running; 2],
    world: World,
}

impl Scene {
    fn new() -> Outcome<Scene> {
        let world = World::new()?;
        let text = |path: PathBuf| path.display().to_string();
        let file = |name: &str| text(world.home().join(name));
        for key in ["host", "user"] {
            let mut keygen = world.command("ssh-keygen");
            finish(keygen.args(["-q", "-t", "ed25519", "-N", "", "-f", &file(key)]))?;
        }
        let (gateway, server, bare, ours, further) =
            (world.create_embedded("far")?, world.port()?, world.port()?, world.port()?, echo()?);
        world.start_ready("far")?;
        let public = |name: &str| read_to_string(file(name)).map_err(|error| format!("{name}: {error}"));
        put(&file("known"), &format!("[127.0.0.1]:{server} {}", public("host.pub")?))?;
        put(&file("authorized"), &public("user.pub")?)?;
        put(
            &file("sshd_config"),
            &format!(
                "Port {server}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
                 StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n",
                file("host"),
                file("authorized")
            ),
        )?;
        let sshd = started(world.command("/usr/sbin/sshd").args(["-D", "-f", &file("sshd_config")]))?;
        until_open(server)?;
        let user = User::from_uid(getuid()).ok().flatten().ok_or("no user name")?.name;
        let known = format!("UserKnownHostsFile={}", file("known"));
        let forward = format!("127.0.0.1:{bare}:127.0.0.1:{further}");
        let mut ssh = world.command("ssh");
        ssh.args(["-F", "none", "-N", "-o", "BatchMode=yes", "-o", &known, "-i", &file("user")]);
        let ssh =
            started(ssh.args(["-L", &forward, "-p", &server.to_string(), &format!("{user}@127.0.0.1")]))?;
        until_open(bare)?;
        let token = world.ask(&["profile", "show", "far"])?["configPath"].take();
        let config = read_to_string(token.as_str().unwrap_or_default()).map_err(|error| error.to_string())?;
        let config: serde_json::Value = serde_json::from_str(&config).map_err(|error| error.to_string())?;
        put(&file("token"), config["gateway"]["auth"]["token"].as_str().unwrap_or_default())?;
        put(
            &file("config/openclaw/profiles/home.toml"),
            &format!(
                "kind = 'remote'\n[remote]\ntarget = '{user}@127.0.0.1'\nssh_port = {server}\nidentity = '{}'\n\
                 known_hosts = '{}'\ntoken_file = '{}'\nremote_port = {gateway}\nlocal_port = {ours}\n\
                 forwards = ['{}:{further}']\n",
                file("user"),
                file("known"),
                file("token"),
                ours + 1
            ),
        )?;
        world.start_ready("home")?;
        Ok(Scene { ours: ours + 1, bare, _processes: [ssh, sshd], world })
    }

    /// The median time in milliseconds until bytes come through again.
    fn recovery(&self) -> Outcome<f64> {
        let mut times = Vec::new();
        for _ in 0..KILLS {
            let link = self.world.ask(&["profile", "show", "home"])?["link"].take();
            let pid = link["pid"].as_u64().ok_or("the link has no process")?;
            let began = Instant::now();
            kill(Pid::from_raw(pid as i32), Signal::SIGKILL).map_err(|error| error.to_string())?;
            wait_until(|| echoes(self.ours)).map_err(|_| "it does not come back")?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            wait_until(|| {
                let link = self.world.ask(&["profile", "show", "home"]).map(|mut shown| shown["link"].take());
                link.is_ok_and(|link| link["up"] == true && link["pid"].as_u64() != Some(pid))
            })
            .map_err(|_| "it is not up again")?;
        }
        Ok(median(times))
    }
}

/// Whether a byte comes back through `port`.
fn echoes(port: u16) -> bool {
    let asked = || -> std::io::Result<()> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"?")?;
        stream.read_exact(&mut [0])
    };
    asked().is_ok()
}

/// One transfer there and back.
fn bulk(port: u16) -> Outcome<Duration> {
    let run = || -> std::io::Result<Duration> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        let mut sending = stream.try_clone()?;
        let began = Instant::now();
        let sender = std::thread::spawn(move || sending.write_all(&vec![7; BULK]));
        let mut back = vec![0; BULK];
        stream.read_exact(&mut back)?;
        sender.join().map_err(|_| std::io::Error::other("the sender failed"))??;
        Ok(began.elapsed())
    };
    run().map_err(|error| error.to_string())
}

/// A row of questions, each answered before the next.
fn questions(port: u16) -> Outcome<Duration> {
    let run = || -> std::io::Result<Duration> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        let began = Instant::now();
        for _ in 0..QUESTIONS {
            stream.write_all(b"?")?;
            stream.read_exact(&mut [0])?;
        }
        Ok(began.elapsed())
    };
    run().map_err(|error| error.to_string())
}

/// An echo on a port of its own, for as long as the bench runs.
fn echo() -> Outcome<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = stream.set_nodelay(true);
            std::thread::spawn(move || copy(&mut &stream, &mut &stream));
        }
    });
    Ok(port)
}

fn put(path: &str, text: &str) -> Outcome<()> {
    write(path, text).map_err(|error| format!("{path}: {error}"))?;
    set_permissions(path, PermissionsExt::from_mode(0o600)).map_err(|error| format!("{path}: {error}"))
}

fn finish(command: &mut Command) -> Outcome<()> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    let status = status.map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}")) }
}

fn started(command: &mut Command) -> Outcome<Running> {
    let nowhere = || File::options().write(true).open("/dev/null").map(Stdio::from);
    let nowhere = nowhere().map_err(|error| error.to_string())?;
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(nowhere).spawn();
    child.map(Running).map_err(|error| format!("{command:?}: {error}"))
}

fn until_open(port: u16) -> Outcome<()> {
    wait_until(|| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())
        .map_err(|_| format!("nobody listens on port {port}"))
}

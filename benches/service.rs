//! Supervisors side by side: each is asked, by its own command, to start and stop the same tiny child.

use std::fs::{create_dir_all, set_permissions, write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::process::{Running, finish, timed, until_port, until_refused, wait_until};
use crate::table::Outcome;
use crate::world::World;

/// The tiny child under one supervisor: the command that starts it, the one that stops it, and where it answers.
pub struct Service<'a> {
    world: &'a World,
    start: Vec<String>,
    stop: Vec<String>,
    port: u16,
    daemon: Option<Running>,
}

/// What one start took.
pub struct Start {
    /// From the command's exec to the child's port answering.
    pub answered: Duration,
    /// From the command's exec to its return.
    pub returned: Duration,
}

impl<'a> Service<'a> {
    /// Under the program that is measured; its supervisor is started on demand and stays.
    pub fn ours(world: &'a World) -> Outcome<Service<'a>> {
        let port = world.create_tiny("tiny")?;
        let words = |verb| {
            let program = world.openclaw(&[]).get_program().to_string_lossy().into_owned();
            [program, "profile".into(), String::from(verb), "tiny".into()].to_vec()
        };
        Ok(Service { world, start: words("start"), stop: words("stop"), port, daemon: None })
    }

    /// Under dinit.
    pub fn dinit(world: &'a World) -> Outcome<Service<'a>> {
        let (folder, port) = place(world, "dinit")?;
        let child = world.example("tiny-child");
        let text = format!("type = process\ncommand = {} --port {port}\nrestart = false\n", child.display());
        save(&folder.join("tiny"), &text)?;
        save(&folder.join("boot"), "type = internal\n")?;
        let socket = folder.join("control");
        let mut daemon = world.command("dinit");
        daemon.args(["--user", "--quiet", "--services-dir"]).arg(&folder).arg("--socket-path").arg(&socket);
        let daemon = launch(daemon, &socket)?;
        let words = |verb| words(&["dinitctl", "--quiet", "--socket-path", &text_of(&socket), verb, "tiny"]);
        Ok(Service { world, start: words("start"), stop: words("stop"), port, daemon: Some(daemon) })
    }

    /// Under supervisord.
    pub fn supervisord(world: &'a World) -> Outcome<Service<'a>> {
        let (folder, port) = place(world, "supervisord")?;
        let (socket, config) = (folder.join("control"), folder.join("supervisord.conf"));
        let text = format!(
            "[supervisord]\nlogfile={0}/log\npidfile={0}/pid\nchildlogdir={0}\n[unix_http_server]\nfile={1}\n\
             [rpcinterface:supervisor]\n\
             supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\
             [supervisorctl]\nserverurl=unix://{1}\n\
             [program:tiny]\ncommand={2} --port {port}\nautostart=false\nstartsecs=0\n",
            folder.display(),
            socket.display(),
            world.example("tiny-child").display(),
        );
        save(&config, &text)?;
        let mut daemon = world.command("supervisord");
        daemon.args(["--nodaemon", "--configuration"]).arg(&config);
        let daemon = launch(daemon, &socket)?;
        let words = |verb| words(&["supervisorctl", "--configuration", &text_of(&config), verb, "tiny"]);
        Ok(Service { world, start: words("start"), stop: words("stop"), port, daemon: Some(daemon) })
    }

    /// Under runit.
    pub fn runit(world: &'a World) -> Outcome<Service<'a>> {
        let (folder, port) = place(world, "runit")?;
        let child = world.example("tiny-child");
        save(&folder.join("run"), &format!("#!/bin/sh\nexec {} --port {port}\n", child.display()))?;
        set_permissions(folder.join("run"), PermissionsExt::from_mode(0o755))
            .map_err(|error| error.to_string())?;
        save(&folder.join("down"), "")?;
        let mut daemon = world.command("runsv");
        daemon.arg(&folder);
        let daemon = launch(daemon, &folder.join("supervise/ok"))?;
        let words = |verb| words(&["sv", verb, &text_of(&folder)]);
        Ok(Service { world, start: words("start"), stop: words("stop"), port, daemon: Some(daemon) })
    }

    /// Starts the child, waits until its port answers and the command has returned.
    pub fn start(&self) -> Outcome<Start> {
        let errors = self.world.errors();
        let began = Instant::now();
        let (answered, command) = until_port(&mut self.command(&self.start), self.port, &errors)?;
        finish(command, &errors)?;
        Ok(Start { answered, returned: began.elapsed() })
    }

    /// Stops the child and waits until its port is free.
    pub fn stop(&self) -> Outcome<()> {
        timed(self.command(&self.stop), &self.world.errors())?;
        until_refused(self.port)
    }

    /// One start and one stop.
    pub fn round(&self) -> Outcome<Start> {
        let start = self.start()?;
        self.stop()?;
        Ok(start)
    }

    /// The supervisor's pid, where it is a child of this process.
    pub fn pid(&self) -> Option<u64> {
        self.daemon.as_ref().map(|running| u64::from(running.0.id()))
    }

    /// A command in the world's environment.
    fn command(&self, words: &[String]) -> std::process::Command {
        let mut command = self.world.command(&words[0]);
        command.args(&words[1..]);
        command
    }
}

/// The tiny child without any supervisor: what starting cannot be cheaper than.
pub fn bare(world: &World) -> Outcome<impl FnMut() -> Outcome<Duration> + '_> {
    let (port, errors) = (world.port()?, world.errors());
    Ok(move || {
        let mut command = world.command(world.example("tiny-child"));
        let (answered, child) = until_port(command.args(["--port", &port.to_string()]), port, &errors)?;
        drop(Running(child));
        until_refused(port)?;
        Ok(answered)
    })
}

/// A folder and a port for a supervisor.
fn place(world: &World, name: &str) -> Outcome<(PathBuf, u16)> {
    let folder = world.home().join(name);
    create_dir_all(&folder).map_err(|error| error.to_string())?;
    Ok((folder, world.port()?))
}

/// Starts a supervisor and waits for the file that shows that it listens.
pub fn launch(mut daemon: std::process::Command, sign: &Path) -> Outcome<Running> {
    let program = text_of(Path::new(daemon.get_program()));
    let quiet = std::process::Stdio::null;
    let child = daemon.stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn();
    let mut running = Running(child.map_err(|_| format!("no {program} on PATH"))?);
    let up = || listens(sign) || matches!(running.0.try_wait(), Ok(Some(_)));
    wait_until(up).map_err(|()| format!("{program} never listened"))?;
    if listens(sign) { Ok(running) } else { Err(format!("{program} ended at once")) }
}

/// Whether a file is there; a socket is it once somebody listens at it.
fn listens(sign: &Path) -> bool {
    let socket = sign.metadata().is_ok_and(|file| file.file_type().is_socket());
    if socket { UnixStream::connect(sign).is_ok() } else { sign.exists() }
}

/// Writes a file.
fn save(path: &Path, text: &str) -> Outcome<()> {
    write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Owned words.
fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A path as text; the world's paths are plain.
fn text_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

//! One supervisor with any number of tiny children, each restarted at once and without limit: what it costs, how
//! fast it restarts and what it does after a kill is asked of all of them in the same words.

use std::fs::{create_dir_all, metadata, write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::process::{LOOK, PATIENCE, Running, output, timed, wait_until};
use crate::service::launch;
use crate::table::Outcome;
use crate::world::World;

/// One tiny child, as its supervisor knows it.
pub struct Child {
    /// Its name.
    pub name: String,
    /// Where it answers.
    pub port: u16,
    /// A file with one byte for each time that it was started.
    starts: PathBuf,
}

impl Child {
    /// What is run.
    pub fn argv(&self, world: &World) -> Vec<String> {
        let program = world.example("tiny-child").to_string_lossy().into_owned();
        let starts = self.starts.to_string_lossy().into_owned();
        vec![program, "--port".to_owned(), self.port.to_string(), "--starts".to_owned(), starts]
    }

    /// How often it was started.
    pub fn starts(&self) -> u64 {
        metadata(&self.starts).map_or(0, |file| file.len())
    }

    /// Whether it answers.
    pub fn answers(&self) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
    }
}

/// What differs from one supervisor to the other.
pub trait Manner {
    /// Its name in the table.
    fn name(&self) -> &'static str;
    /// Writes down whatever it has to know before it runs.
    fn prepare(&self, _: &Site<'_>) -> Outcome<()> {
        Ok(())
    }
    /// Its background process, and the file that shows that it listens; `None` where its first command starts it.
    fn daemon(&self, _: &Site<'_>) -> Option<(Command, PathBuf)> {
        None
    }
    /// Writes down the children, of which those from `new` on are not known yet.
    fn describe(&self, site: &Site<'_>, children: &[Child], new: usize) -> Outcome<()>;
    /// The commands that start these children; the last one starts, what is before it makes them known.
    fn start(&self, site: &Site<'_>, children: &[Child]) -> Vec<Command>;
    /// The command that shows one child, with its pid.
    fn show(&self, site: &Site<'_>, child: &Child) -> Command;
    /// Its pid, where the background process is not started here.
    fn pid(&self, _: &Site<'_>) -> Outcome<u64> {
        Err("not running".to_owned())
    }
    /// The port of the child of this number, counted from 0.
    fn port(&self, site: &Site<'_>, number: u16) -> Outcome<u16> {
        Ok(site.port + number)
    }
    /// Tidies up after the background process has ended, before the children are.
    fn finish(&self, _: &Site<'_>) {}
}

/// Where one supervisor has everything that it writes.
pub struct Site<'a> {
    /// The home around it.
    pub world: &'a World,
    /// Its folder.
    pub folder: PathBuf,
    /// The first of its ports.
    port: u16,
}

/// A supervisor that runs; it goes with all that it has started when this value goes.
pub struct Peer<'a> {
    manner: Box<dyn Manner + 'a>,
    site: Site<'a>,
    running: Option<Running>,
    children: Vec<Child>,
}

impl<'a> Peer<'a> {
    /// Starts a supervisor without children.
    pub fn launch(world: &'a World, manner: Box<dyn Manner + 'a>) -> Outcome<Peer<'a>> {
        let folder = world.home().join(manner.name().replace(' ', "-"));
        create_dir_all(&folder).map_err(|error| error.to_string())?;
        let site = Site { world, folder, port: world.port()? };
        manner.prepare(&site)?;
        let mut peer = Peer { manner, site, running: None, children: Vec::new() };
        peer.run()?;
        Ok(peer)
    }

    /// Starts its background process, where that is not what its first command does.
    fn run(&mut self) -> Outcome<()> {
        if let Some((command, sign)) = self.manner.daemon(&self.site) {
            // What an earlier one has left would show what is not so.
            let _ = std::fs::remove_file(&sign);
            self.running = Some(launch(command, &sign)?);
        }
        Ok(())
    }

    /// Its pid.
    pub fn pid(&self) -> Outcome<u64> {
        let started_here = self.running.as_ref().map(|running| u64::from(running.0.id()));
        started_here.map_or_else(|| self.manner.pid(&self.site), Ok)
    }

    /// Gives it more children, until it has `count`, and waits until all of them answer.
    pub fn grow(&mut self, count: u16) -> Outcome<()> {
        let known = self.add(count)?;
        for command in self.manner.start(&self.site, &self.children[known..]) {
            timed(command, &self.site.world.errors())?;
        }
        wait_until(|| self.children.iter().all(Child::answers))
            .map_err(|()| format!("{count} children never answered"))
    }

    /// Tells it of more children, until it knows `count`; gives how many it knew before.
    fn add(&mut self, count: u16) -> Outcome<usize> {
        let known = self.children.len();
        for number in u16::try_from(known).unwrap_or(u16::MAX)..count {
            let starts = self.site.folder.join(format!("starts-{number}"));
            let port = self.manner.port(&self.site, number)?;
            self.children.push(Child { name: format!("tiny-{number}"), port, starts });
        }
        self.manner.describe(&self.site, &self.children, known)?;
        Ok(known)
    }

    /// Makes a first child known without starting it; gives `count` commands that each start it.
    pub fn ask_for_one(&mut self, count: usize) -> Outcome<Vec<Command>> {
        self.add(1)?;
        let mut known = self.manner.start(&self.site, &self.children);
        known.pop();
        for command in known {
            timed(command, &self.site.world.errors())?;
        }
        Ok((0..count).filter_map(|_| self.manner.start(&self.site, &self.children).pop()).collect())
    }

    /// How many processes there are in its home that are not children.
    pub fn supervisors(&self) -> usize {
        let child = self.site.world.example("tiny-child").to_string_lossy().into_owned();
        let world = self.site.world;
        world.inhabitants().into_iter().filter(|pid| !runs(*pid, &child)).count()
    }

    /// Its first child.
    pub fn first(&self) -> Outcome<&Child> {
        self.children.first().ok_or_else(|| "no child".to_owned())
    }

    /// The pid of its first child, as the kernel shows it.
    pub fn first_pid(&self) -> Outcome<i32> {
        let marker = self.first()?.starts.to_string_lossy().into_owned();
        let mut found = None;
        wait_until(|| {
            found = self.site.world.inhabitants().into_iter().find(|pid| runs(*pid, &marker));
            found.is_some()
        })
        .map_err(|()| "its child does not run".to_owned())?;
        found.ok_or_else(|| "its child does not run".to_owned())
    }

    /// Kills its first child; gives how long it took until another one answers on the port.
    pub fn crash(&self) -> Outcome<Duration> {
        let child = self.first()?;
        let pid = self.first_pid()?;
        let before = child.starts();
        let began = Instant::now();
        kill(Pid::from_raw(pid), Signal::SIGKILL).map_err(|error| error.to_string())?;
        // The one that was killed may answer for a moment more.
        while child.starts() == before || !child.answers() {
            if began.elapsed() > PATIENCE {
                return Err("its child never came back".to_owned());
            }
            std::thread::sleep(LOOK);
        }
        Ok(began.elapsed())
    }

    /// Kills the supervisor, and nothing else.
    pub fn kill(&mut self) -> Outcome<()> {
        let pid = self.pid()?;
        let number = Pid::from_raw(i32::try_from(pid).map_err(|error| error.to_string())?);
        kill(number, Signal::SIGKILL).map_err(|error| error.to_string())?;
        // Waits for it, where it is a child of this process.
        drop(self.running.take());
        let stat = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        wait_until(|| stat().is_empty() || stat().contains(") Z "))
            .map_err(|()| "it outlived a kill".to_owned())
    }

    /// Starts it again, as its user would: the background process, then the children.
    pub fn revive(&mut self) -> Outcome<Vec<Running>> {
        self.run()?;
        let commands = self.manner.start(&self.site, &self.children);
        let spawn = |mut command: Command| {
            let quiet = std::process::Stdio::null;
            command.stdin(quiet()).stdout(quiet()).stderr(quiet());
            command.spawn().map(Running).map_err(|error| error.to_string())
        };
        commands.into_iter().map(spawn).collect()
    }

    /// Whether it says of its first child that it runs with this pid.
    pub fn manages(&self, pid: i32) -> bool {
        let Ok(child) = self.first() else { return false };
        let said = output(self.manner.show(&self.site, child), Duration::from_secs(5)).unwrap_or_default();
        said.split(|letter: char| !letter.is_ascii_digit()).any(|number| number == pid.to_string())
    }

    /// The command that shows its first child.
    pub fn show(&self) -> Outcome<Command> {
        Ok(self.manner.show(&self.site, self.first()?))
    }
}

impl Drop for Peer<'_> {
    fn drop(&mut self) {
        drop(self.running.take());
        self.manner.finish(&self.site);
        self.site.world.end(&self.site.folder.to_string_lossy());
        // What only goes once nothing runs any more.
        self.manner.finish(&self.site);
    }
}

/// Whether a process has this word in its command line.
fn runs(pid: i32, word: &str) -> bool {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).any(|part| part == word.as_bytes())
}

impl Site<'_> {
    /// A file in the folder, with its folders.
    pub fn save(&self, path: impl AsRef<Path>, text: &str) -> Outcome<()> {
        let path = self.folder.join(path);
        let folder = path.parent().unwrap_or(&self.folder);
        create_dir_all(folder)
            .and_then(|()| write(&path, text))
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    /// A path in the folder, as text.
    pub fn path(&self, part: &str) -> String {
        self.folder.join(part).to_string_lossy().into_owned()
    }

    /// A command in the world's environment.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = self.world.command(words[0]);
        command.args(&words[1..]);
        command
    }
}

//! The other machine: a real sshd with keys of its own, in front of an embedded gateway that another home supervises.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Mutex;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::look;
use super::net::{self, Net, Side};
use super::world::{Said, World, wait_for};

/// Where Debian keeps it.
const SSHD: &str = "/usr/sbin/sshd";
/// The user's own client.
const SSH: &str = "/usr/bin/ssh";

/// This machine and the other one.
pub struct Pair {
    /// The world with the links.
    pub near: World,
    /// The world with the gateway.
    pub far: World,
    /// The gateway's profile there.
    pub gateway: String,
    /// Its port there.
    pub gateway_port: u16,
    /// The server's address and port.
    pub host: &'static str,
    pub port: u16,
    /// The cable between the two, where they are apart.
    pub net: Option<Net>,
    sshd: Mutex<Option<Child>>,
}

impl Pair {
    /// Starts gateway and server; the near side knows the server's key and has one of its own.
    pub fn new() -> Pair {
        Pair::joined(None)
    }

    /// The same on two machines with a cable that can be cut; `None` where that cannot be had.
    pub fn apart() -> Option<Pair> {
        Net::new().map(|net| Pair::joined(Some(net)))
    }

    fn joined(net: Option<Net>) -> Pair {
        let (mut near, mut far) = (World::new(), World::new());
        if let Some(net) = &net {
            for (world, side) in [(&mut near, Side::Near), (&mut far, Side::Far)] {
                let wrapper = world.path("openclaw-there");
                fs::write(&wrapper, net.wrapper(side, &world.program)).unwrap();
                fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
                world.program = wrapper;
            }
        }
        let host = if net.is_some() { net::FAR } else { "127.0.0.1" };
        let port = near.block();
        let gateway = far.name("far");
        let gateway_port = far.start(&gateway)["port"].as_u64().unwrap() as u16;
        let pair = Pair { near, far, gateway, gateway_port, host, port, net, sshd: Mutex::new(None) };
        for name in ["host", "user"] {
            pair.new_key(name);
        }
        fs::copy(pair.file("user.pub"), pair.file("authorized")).unwrap();
        pair.know_host();
        fs::copy(pair.far.state(&pair.gateway).join("openclaw.json"), pair.file("far.json")).unwrap();
        let config: Value =
            serde_json::from_str(&fs::read_to_string(pair.file("far.json")).unwrap()).unwrap();
        fs::write(pair.file("token"), config["gateway"]["auth"]["token"].as_str().unwrap()).unwrap();
        pair.configure_client("");
        pair.serve("");
        pair
    }

    /// A file of the pair's own.
    pub fn file(&self, name: &str) -> PathBuf {
        self.near.path(name)
    }

    /// The same, as text.
    pub fn text(&self, name: &str) -> String {
        self.file(name).display().to_string()
    }

    /// A new key pair `name` and `name.pub`.
    pub fn new_key(&self, name: &str) {
        let _ = fs::remove_file(self.file(name));
        let mut keygen = Command::new("/usr/bin/ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(self.file(name));
        assert!(keygen.status().unwrap().success());
    }

    /// Writes the server's present key into the file of known hosts.
    pub fn know_host(&self) {
        let key = fs::read_to_string(self.file("host.pub")).unwrap();
        fs::write(self.file("known"), format!("[{}]:{} {key}", self.host, self.port)).unwrap();
    }

    /// The fingerprint of key `name`, as OpenSSH's own tool prints it.
    pub fn fingerprint(&self, name: &str) -> String {
        let out = Command::new("/usr/bin/ssh-keygen").arg("-lf").arg(self.file(name)).output().unwrap();
        String::from_utf8(out.stdout).unwrap().split_whitespace().nth(1).unwrap().to_owned()
    }

    /// Makes `text` the user's SSH configuration. The client finds that by the password file, not by `HOME`, so the
    /// one on this world's PATH is told.
    pub fn configure_client(&self, text: &str) {
        let config = self.file("ssh_config");
        fs::write(&config, format!("{text}\nHost *\n  UserKnownHostsFile {}\n", self.text("known"))).unwrap();
        let client = self.near.path("bin").join("ssh");
        fs::write(&client, format!("#!/bin/sh\nexec {SSH} -F {} \"$@\"\n", config.display())).unwrap();
        fs::set_permissions(&client, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs the server, with `more` in its configuration, until [`Pair::end_server`].
    pub fn serve(&self, more: &str) {
        let text = format!(
            "{more}\nPort {}\nListenAddress {}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n",
            self.port,
            self.host,
            self.text("host"),
            self.text("authorized"),
        );
        fs::write(self.file("sshd_config"), text).unwrap();
        // Where its unprivileged part is locked up; the system's own service makes it too.
        let _ = fs::create_dir_all("/run/sshd");
        let mut command = match &self.net {
            Some(net) => net.command(Side::Far, SSHD),
            None => Command::new(SSHD),
        };
        self.near.surround(&mut command).args(["-D", "-e", "-f"]).arg(self.file("sshd_config"));
        let log = fs::File::create(self.file("sshd.log")).unwrap();
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        *self.sshd.lock().unwrap() = Some(child);
        wait_for("the sshd", || {
            let said = fs::read_to_string(self.file("sshd.log")).unwrap();
            said.contains("Server listening on").then_some(())
        });
    }

    /// Ends the server, and the sessions that it has.
    pub fn end_server(&self) {
        if let Some(mut sshd) = self.sshd.lock().unwrap().take() {
            // They hide their environment, so they are found as its descendants.
            let sessions = descendants(sshd.id());
            let _ = sshd.kill();
            let _ = sshd.wait();
            for pid in sessions {
                let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), Signal::SIGKILL);
            }
        }
    }

    /// The server and the sessions that it has.
    pub fn servers(&self) -> Vec<u32> {
        let server = self.sshd.lock().unwrap().as_ref().unwrap().id();
        [server].into_iter().chain(descendants(server)).collect()
    }

    /// Gives a profile a pace of its own: lines of its manifest's table `[supervise]`.
    pub fn pace(&self, name: &str, lines: &str) {
        self.rewrite(name, "[supervise]", &format!("[supervise]\n{lines}"));
    }

    /// Replaces a text in a profile's manifest.
    pub fn rewrite(&self, name: &str, old: &str, new: &str) {
        let manifest = self.near.home(format!(".config/openclaw/profiles/{name}.toml"));
        let text = fs::read_to_string(&manifest).unwrap();
        assert!(text.contains(old), "{text}");
        fs::write(&manifest, text.replace(old, new)).unwrap();
    }

    /// `user@host:port` of the server.
    pub fn target(&self) -> String {
        let user = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name;
        format!("ssh://{user}@{}:{}", self.host, self.port)
    }

    /// Creates a profile whose gateway is the far one, by a tunnel.
    pub fn create(&self, name: &str, more: &[&str]) -> Said {
        let (target, port) = (self.target(), self.gateway_port.to_string());
        let (identity, token) = (self.text("user"), self.text("token"));
        let usual = ["profile", "create", name, "--remote", &target, "--remote-port", &port];
        let files = ["--identity", &identity, "--token-file", &token];
        self.near.run(&[&usual[..], &files, more].concat())
    }

    /// Makes the supervisor look at a link more often than anybody needs, so that a test does not wait.
    pub fn hasten(&self, name: &str) {
        let manifest = self.near.home(format!(".config/openclaw/profiles/{name}.toml"));
        let text = fs::read_to_string(&manifest).unwrap();
        let text =
            text.replace("[supervise]", "[supervise]\nprobe_interval = \"400ms\"\nhang_timeout = \"1s\"");
        fs::write(manifest, text).unwrap();
    }

    /// A name that no other test uses.
    pub fn name(&self, stem: &str) -> String {
        self.near.name(stem)
    }

    /// The SSH clients of this world's links that run.
    pub fn clients(&self) -> Vec<u32> {
        self.near.running("ExitOnForwardFailure=yes").into_iter().filter(|pid| look::is_alive(*pid)).collect()
    }

    /// Waits until the link is up by another process than `old`; its status.
    pub fn until_up(&self, name: &str, old: Option<u64>) -> Value {
        self.near.until(name, "up", |status| {
            status["link"]["up"] == true
                && status["link"]["pid"].as_u64() != old
                && status["state"] == "ready"
        })
    }

    /// Asks the far gateway through the link how it is.
    pub fn health(&self, name: &str) -> Said {
        self.near.run(&["--profile", name, "health", "--json"])
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let _ = self.near.command(&["supervisor", "stop", "--timeout", "20s"]).output();
        self.end_server();
    }
}

/// The processes that `pid` made, and that those made.
fn descendants(pid: u32) -> Vec<u32> {
    let all =
        fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parents: Vec<(u32, u32)> = all.filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
        next += 1;
    }
    found.split_off(1)
}

/// The process that made `pid`.
fn parent(pid: u32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

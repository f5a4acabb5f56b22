//! Two machines with a cable between them: network namespaces of the test's own, joined by a veth pair. Each lives as
//! long as the process that holds it, so nothing is left of them behind a test, however it ends.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::world::wait_for;

/// The near machine's address.
const NEAR: &str = "10.77.0.1";
/// The far machine's address.
pub const FAR: &str = "10.77.0.2";
/// Longest life of a namespace that nobody ends.
const LIFE_SECONDS: &str = "600";

/// Which machine.
#[derive(Clone, Copy)]
pub enum Side {
    /// The one with the links.
    Near,
    /// The one with the server.
    Far,
}

/// What is wrong with the cable.
#[derive(Clone, Copy)]
pub enum Cut {
    /// Nothing comes through.
    Drop,
    /// What the far machine says is lost; it hears everything.
    Deaf,
    /// The far machine resets every connection.
    Refuse,
    /// It is pulled out of the near machine.
    Unplugged,
}

/// The two namespaces.
pub struct Net {
    near: Child,
    far: Child,
}

impl Net {
    /// Makes them; `None` where that is not permitted or a tool is missing, said on standard error.
    pub fn new() -> Option<Net> {
        let tools = ["/usr/bin/unshare", "/usr/bin/nsenter", "/usr/sbin/ip", "/usr/sbin/nft"];
        if let Some(missing) = tools.iter().find(|tool| !Path::new(tool).exists()) {
            eprintln!("no links are cut here: {missing} is missing");
            return None;
        }
        let net = Net { near: namespace()?, far: namespace()? };
        let far = net.far.id().to_string();
        net.ip(Side::Near, &["link", "add", "near0", "type", "veth", "peer", "name", "far0", "netns", &far]);
        for (side, device, address) in [(Side::Near, "near0", NEAR), (Side::Far, "far0", FAR)] {
            net.ip(side, &["address", "add", &format!("{address}/24"), "dev", device]);
            net.ip(side, &["link", "set", "lo", "up"]);
            net.ip(side, &["link", "set", device, "up"]);
        }
        Some(net)
    }

    /// A command that runs on one of the machines.
    pub fn command(&self, side: Side, program: &str) -> Command {
        let mut command = Command::new("/usr/bin/nsenter");
        command.args(["-t", &self.pid(side), "-n", "--", program]);
        command
    }

    /// A program that is `program`, run on one of the machines.
    pub fn wrapper(&self, side: Side, program: &Path) -> String {
        let pid = self.pid(side);
        format!("#!/bin/sh\nexec /usr/bin/nsenter -t {pid} -n -- '{}' \"$@\"\n", program.display())
    }

    /// Does this to the cable.
    pub fn cut(&self, cut: Cut) {
        match cut {
            Cut::Drop => {
                self.lose(Side::Near, "near0");
                self.lose(Side::Far, "far0");
            }
            Cut::Deaf => self.lose(Side::Near, "near0"),
            Cut::Refuse => self.rule(Side::Far, "input", "ip protocol tcp reject with tcp reset"),
            Cut::Unplugged => self.ip(Side::Near, &["link", "set", "near0", "down"]),
        }
    }

    /// Makes the cable whole.
    pub fn mend(&self) {
        for side in [Side::Near, Side::Far] {
            // Where there is none, there is nothing to take away.
            let _ = self.quietly(side, "/usr/sbin/nft", &["delete", "table", "ip", "cut"]);
        }
        self.ip(Side::Near, &["link", "set", "near0", "up"]);
    }

    fn lose(&self, side: Side, device: &str) {
        self.rule(side, "prerouting", &format!("iifname {device} drop"));
    }

    fn rule(&self, side: Side, hook: &str, rule: &str) {
        let text = format!(
            "add table ip cut; add chain ip cut wire {{ type filter hook {hook} priority -300; }}; add rule ip cut wire {rule}"
        );
        assert!(self.quietly(side, "/usr/sbin/nft", &[&text]), "nft: {text}");
    }

    fn ip(&self, side: Side, words: &[&str]) {
        assert!(self.quietly(side, "/usr/sbin/ip", words), "ip {words:?}");
    }

    fn quietly(&self, side: Side, program: &str, words: &[&str]) -> bool {
        self.command(side, program).args(words).stderr(Stdio::null()).status().unwrap().success()
    }

    fn pid(&self, side: Side) -> String {
        match side {
            Side::Near => self.near.id().to_string(),
            Side::Far => self.far.id().to_string(),
        }
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for holder in [&mut self.near, &mut self.far] {
            let _ = holder.kill();
            let _ = holder.wait();
        }
    }
}

/// A process in a network namespace of its own, which lives as long as it does.
fn namespace() -> Option<Child> {
    let own = fs::read_link("/proc/self/ns/net").unwrap();
    let mut holder = Command::new("/usr/bin/unshare")
        .args(["--net", "/bin/sleep", LIFE_SECONDS])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let made = wait_for("the namespace", || {
        if holder.try_wait().unwrap().is_some() {
            return Some(false);
        }
        let theirs = fs::read_link(format!("/proc/{}/ns/net", holder.id())).ok()?;
        (theirs != own).then_some(true)
    });
    if !made {
        eprintln!("no links are cut here: network namespaces are not permitted");
    }
    made.then_some(holder)
}

//! Gateways in the foreground, where no supervisor can lend a hand.

use std::net::TcpStream;
use std::process::{Child, Command};

use serde_json::Value;

use super::look;
use super::world::{World, said, wait_for};

impl World {
    /// A profile of the embedded gateway on a port of its own, which is returned; not started.
    pub fn embedded(&self, name: &str) -> u16 {
        let port = self.block();
        self.run(&["profile", "create", name, "--port", &port.to_string(), "--runtime", "embedded"]).ok();
        port
    }

    /// Runs a profile's gateway in the foreground and waits until it listens on `port`.
    #[track_caller]
    pub fn serve(&self, name: &str, port: u16) -> Child {
        let args = ["--profile", name, "gateway", "run", "--json"];
        listening(self.command(&args).spawn().unwrap(), port)
    }

    /// Refuses a second run in the foreground; returns the error.
    #[track_caller]
    pub fn refused_in_front(&self, name: &str, code: &str) -> Value {
        self.run(&["--profile", name, "gateway", "run", "--json"]).refused(78, code)
    }
}

/// Waits until a gateway listens; panics with what it said when it ends instead.
#[track_caller]
pub fn listening(mut child: Child, port: u16) -> Child {
    let ended = wait_for("a gateway that listens", || {
        if child.try_wait().unwrap().is_some() {
            return Some(true);
        }
        TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(false)
    });
    if ended {
        panic!("it ended: {:?}", said(child));
    }
    child
}

/// Ends a process at once and reaps it.
pub fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A program of no concern to anybody.
pub fn bystander(world: &World) -> Child {
    world.surround(Command::new("/bin/sleep").arg("600")).spawn().unwrap()
}

/// Whether the child still runs.
pub fn lives(child: &Child) -> bool {
    look::is_alive(child.id())
}

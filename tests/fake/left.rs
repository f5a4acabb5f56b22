//! The children that a gateway leaves behind: in another session, forked twice, without an environment, with its
//! listening socket, or coming back when they are asked to end.

use std::io::{self, Read};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::channel;

use nix::sys::signal::SigSet;

use crate::knobs::{Knobs, Shape};

/// Starts the children that the knobs ask for, and waits until each has written its pid.
pub fn leave(knobs: &Knobs, listener: &TcpListener) -> io::Result<()> {
    for shape in &knobs.leave {
        let stdin = match shape {
            Shape::Listener => Stdio::from(OwnedFd::from(listener.try_clone()?)),
            _ => Stdio::null(),
        };
        let mut child = command(*shape, knobs)?.stdin(stdin).stdout(Stdio::piped()).spawn()?;
        if child.stdout.take().map_or(Ok(0), |mut out| out.read(&mut [0]))? == 0 {
            return Err(io::Error::other(format!("the child {shape:?} ended at once")));
        }
    }
    Ok(())
}

fn command(shape: Shape, knobs: &Knobs) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    let word = format!("{shape:?}").to_lowercase();
    let life = knobs.child_life.as_millis().to_string();
    command.args(["--port", "0", "--be", &word, "--child-life", &life, "--left"]).arg(left(knobs));
    Ok(command)
}

fn left(knobs: &Knobs) -> &Path {
    knobs.left.as_deref().unwrap_or(Path::new("left"))
}

/// The life of such a child.
pub fn be(shape: Shape, knobs: &Knobs, signals: &SigSet) -> io::Result<ExitCode> {
    if shape != Shape::Group {
        nix::unistd::setsid()?;
    }
    let twice = match shape {
        Shape::Daemon => Some(command(Shape::Session, knobs)?),
        Shape::Bare => {
            let mut bare = command(Shape::Session, knobs)?;
            bare.env_clear();
            Some(bare)
        }
        Shape::Group | Shape::Session | Shape::Listener | Shape::Phoenix => None,
    };
    if let Some(mut command) = twice {
        command.spawn()?;
        return Ok(ExitCode::SUCCESS);
    }
    crate::append(left(knobs), &std::process::id().to_string())?;
    println!("left");
    if shape == Shape::Phoenix {
        signals.wait()?;
        command(shape, knobs)?.spawn()?;
        return Ok(ExitCode::SUCCESS);
    }
    let (_never, stop) = channel::<()>();
    let _ = stop.recv_timeout(knobs.child_life);
    Ok(ExitCode::SUCCESS)
}

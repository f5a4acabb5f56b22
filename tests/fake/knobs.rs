//! The knobs of the fake gateway, as clap types; what each one makes it do stands beside it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// A gateway with scripted faults, for what a real one cannot be made to do.
#[derive(Debug, Parser)]
#[command(name = "fake-gateway")]
pub struct Knobs {
    /// Port on 127.0.0.1.
    #[arg(long)]
    pub port: u16,
    /// What answers there.
    #[arg(long, value_enum, default_value = "ws")]
    pub mode: Mode,
    /// Milliseconds from start until it listens.
    #[arg(long, value_name = "MS", value_parser = millis, default_value = "0")]
    pub boot_delay: Duration,
    /// Never listens, but runs.
    #[arg(long)]
    pub never_listen: bool,
    /// Accepts but no longer answers, this many milliseconds after it began to listen.
    #[arg(long, value_name = "MS", value_parser = millis)]
    pub hang_after: Option<Duration>,
    /// Answers its health path and is silent on every WebSocket, this many milliseconds after it began to listen.
    #[arg(long, value_name = "MS", value_parser = millis)]
    pub stuck_after: Option<Duration>,
    /// Closes its listener this many milliseconds after it began to listen, and lives on.
    #[arg(long, value_name = "MS", value_parser = millis)]
    pub close_after: Option<Duration>,
    /// Thinks for this many milliseconds before it answers anything, once it has said `hello-ok` for the first time.
    #[arg(long, value_name = "MS", value_parser = millis)]
    pub slow: Option<Duration>,
    /// Answers every other connection only, once it has said `hello-ok` for the first time.
    #[arg(long)]
    pub flap: bool,
    /// Ends by itself this many milliseconds after its start.
    #[arg(long, value_name = "MS", value_parser = millis)]
    pub exit_after: Option<Duration>,
    /// The code of `--exit-after`.
    #[arg(long, value_name = "N", default_value = "0")]
    pub exit_code: u8,
    /// Ends by this signal instead of by a code.
    #[arg(long, value_name = "N")]
    pub exit_signal: Option<i32>,
    /// `--exit-after` holds for the first N starts only; needs `--starts`.
    #[arg(long, value_name = "N", requires = "starts")]
    pub exit_runs: Option<usize>,
    /// Appends a line with its pid to this file at each start.
    #[arg(long, value_name = "FILE")]
    pub starts: Option<PathBuf>,
    /// Takes TERM and INT without ending.
    #[arg(long)]
    pub ignore_term: bool,
    /// Milliseconds from TERM to its end.
    #[arg(long, value_name = "MS", value_parser = millis, default_value = "0")]
    pub term_delay: Duration,
    /// Appends a line with its pid when it ends in good order.
    #[arg(long, value_name = "FILE")]
    pub clean: Option<PathBuf>,
    /// Leaves a child in its process group that is deaf to TERM and INT; its pid stands in PID-FILE.child.
    #[arg(long)]
    pub leave_child: bool,
    /// Leaves children outside its process group, or with what it had open, which do not end with it.
    #[arg(long, value_name = "SHAPE", value_enum, value_delimiter = ',', requires = "left")]
    pub leave: Vec<Shape>,
    /// Where each of them appends a line with its pid.
    #[arg(long, value_name = "FILE")]
    pub left: Option<PathBuf>,
    /// How long such a child lives.
    #[arg(long, value_name = "MS", value_parser = millis, default_value = "60000")]
    pub child_life: Duration,
    /// Prints this line on standard output at its start, and with `--log-rate` again and again.
    #[arg(long, value_name = "TEXT")]
    pub log_line: Option<String>,
    /// Lines a second, each with its number.
    #[arg(long, value_name = "LINES", default_value = "0")]
    pub log_rate: u32,
    /// Prints so many lines at its start, as fast as they are taken, then appends their number to `--logged`.
    #[arg(long, value_name = "LINES", default_value = "0", requires = "logged")]
    pub log_burst: u64,
    /// See `--log-burst`.
    #[arg(long, value_name = "FILE")]
    pub logged: Option<PathBuf>,
    /// Takes so many MiB of memory while this file is there.
    #[arg(long, value_name = "MIB", requires = "grow_when")]
    pub grow: Option<usize>,
    /// See `--grow`.
    #[arg(long, value_name = "FILE")]
    pub grow_when: Option<PathBuf>,
    /// Replaces itself this many milliseconds after its start, for as long as `--starts` counts fewer than three.
    #[arg(long, value_name = "MS", value_parser = millis, requires = "starts")]
    pub renew_after: Option<Duration>,
    /// How it replaces itself.
    #[arg(long, value_enum, default_value = "fork")]
    pub renew_by: Renewal,
    /// Refuses its first connects with these detail codes, one each; `startup-sidecars` asks to come
    /// again, `-` lets in.
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    pub faults: Vec<String>,
    /// The protocol version that it speaks, and the only one.
    #[arg(long, value_name = "N", default_value = "4")]
    pub protocol: u64,
    /// Milliseconds between ticks, as it promises; it sends none.
    #[arg(long, value_name = "MS", default_value = "30000")]
    pub tick: u64,
    /// Never answers this method.
    #[arg(long, value_name = "METHOD")]
    pub mute: Option<String>,
    /// Gives this token to every device that it lets in.
    #[arg(long, value_name = "TOKEN")]
    pub device_token: Option<String>,
    /// Answers every upgrade by a redirect to this URL.
    #[arg(long, value_name = "URL")]
    pub redirect: Option<String>,
    /// Speaks TLS alone, with a certificate for no host that it makes for itself and writes to this file.
    #[arg(long, value_name = "FILE")]
    pub tls: Option<PathBuf>,
    /// That certificate has expired.
    #[arg(long, requires = "tls")]
    pub tls_expired: bool,
    /// Appends every frame that a client sends, one a line.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Answers the methods of this JSON object with its values, and no other; a value `{"error": …}` is a failure. A
    /// token that begins with `wrong` is refused.
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,
    /// Says in `hello-ok` that it is this process.
    #[arg(long, value_name = "ID")]
    pub boot_id: Option<String>,
    /// Writes its argv and environment as one JSON object.
    #[arg(long, value_name = "FILE")]
    pub dump_env: Option<PathBuf>,
    /// Writes its pid.
    #[arg(long, value_name = "FILE")]
    pub pid_file: Option<PathBuf>,
    /// Appends a line when another instance with the same file, or a child that one left, is still alive.
    #[arg(long, value_name = "FILE")]
    pub alarm: Option<PathBuf>,
    /// It is the child that `--leave-child` leaves.
    #[arg(long, hide = true)]
    pub be_left: bool,
    /// It is such a child.
    #[arg(long, hide = true, value_enum)]
    pub be: Option<Shape>,
}

/// A child that does not end with its gateway; all but the phoenix are deaf to TERM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// In the gateway's process group.
    Group,
    /// With a session of its own.
    Session,
    /// Forked twice, so that its parent is gone.
    Daemon,
    /// As a daemon, and without any environment.
    Bare,
    /// With the listening socket open.
    Listener,
    /// Makes another of its kind when it is asked to end, and ends.
    Phoenix,
}

/// How a gateway replaces itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Renewal {
    /// Starts its successor in the same group, and ends.
    Fork,
    /// Starts its successor in a session of its own, and ends.
    Session,
    /// Executes itself, and so keeps its pid.
    Exec,
}

/// What answers on the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Accepts and says nothing.
    Tcp,
    /// `/healthz` answers 200, everything else 404.
    Http,
    /// As `http`, and an upgrade leads to the Gateway protocol.
    Ws,
}

/// Reads a count of milliseconds.
fn millis(text: &str) -> Result<Duration, std::num::ParseIntError> {
    text.parse().map(Duration::from_millis)
}

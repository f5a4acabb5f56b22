//! What service managers are told to run, as text: systemd units and launchd plists read back, and the verdict
//! whether a command line is a gateway. A verdict comes from the words that would be executed, never from a
//! substring (INCIDENTS D2).

mod container;
mod entry;
pub mod launchd;
pub mod notice;
mod prefix;
mod quoting;
mod runner;
mod shell;
pub mod systemd;
pub mod verdict;

pub use launchd::Agent;
pub use systemd::Unit;
pub use verdict::{Command, Role, Verdict, judge};

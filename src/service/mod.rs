//! What service managers are told to run, as text: our own units and property lists, others' read back, and the verdict
//! whether a command line is a gateway. A verdict comes from the words that would be executed, never from a
//! substring (INCIDENTS D2).

pub mod autostart;
mod container;
pub mod crontab;
pub mod durability;
pub mod engine;
mod entry;
pub mod form;
pub mod launchd;
pub mod mark;
pub mod notice;
pub mod plan;
mod prefix;
pub mod program;
pub mod property_list;
mod quoting;
mod runner;
mod shell;
mod subject;
pub mod systemd;
pub mod unit_text;
pub mod verdict;

pub use form::{Account, Form};
pub use launchd::Agent;
pub use subject::Subject;
pub use systemd::Unit;
pub use verdict::{Command, Role, Verdict, judge};

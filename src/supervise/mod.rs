//! The life of supervised children as pure decisions: `instance` is one child (state × event), `policy` how
//! long to wait and when to give up, `echo` whether it always dies of the same, `sweep` the end of a run, `watch`
//! whether one that was ready still does anything, `memory` whether it uses too much, `budget` the end within a service
//! manager's patience, `probation` what becomes of files that keep it from booting, `fleet` all of them with their
//! orders, `admission` who may be launched now, `alarm` what people are told of, `order` who comes after whom, `outlook`
//! what a service manager is to know of the whole.
//! Nothing here knows a clock, a process or a generator of random numbers: moments and jitter are handed in,
//! and what shall be done comes back as data for the driver.

pub mod admission;
pub mod alarm;
pub mod budget;
pub mod echo;
pub mod fleet;
pub mod instance;
pub mod memory;
pub mod order;
pub mod outlook;
pub mod policy;
pub mod probation;
pub mod record;
pub mod sweep;
mod turn;
pub mod watch;

pub use fleet::{Fleet, Tagged};
pub use instance::{Condition, Instance};
pub use policy::{Policy, Restart};
pub use record::{Action, Event, Exit, GiveUp, Reason, Report, Run, Signal, Timer};
pub use sweep::{Sweep, SweepEvent, SweepStep};

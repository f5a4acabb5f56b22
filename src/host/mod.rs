//! The only effects on the machine: locks, processes, listeners and who owns them, atomic files, signals.
//! Nothing here decides anything. What differs between systems stands in `linux.rs` and `macos.rs` behind
//! the same signatures; nothing above asks which system it is.

pub mod account;
pub mod attended;
mod bound;
pub mod census;
pub mod cgroup;
pub mod clock;
pub mod companion;
pub mod confine;
pub mod crash;
pub mod dossier;
pub mod errand;
pub mod files;
pub mod folder;
pub mod foreign;
pub mod handle;
pub mod inherit;
pub mod interface;
pub mod job;
pub mod lineage;
pub mod lock;
pub mod mounts;
pub mod notify;
pub mod orphan;
pub mod output;
pub mod process;
pub mod reap;
pub mod replace;
pub mod rotate;
pub mod settle;
pub mod signal;
pub mod slot;
pub mod socket;
pub mod tail;
pub mod trace;
pub mod tree;
pub mod turnover;
pub mod units;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as system;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
use macos as system;

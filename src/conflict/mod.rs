//! What a profile claims + what the host shows -> a verdict with holder and remedy. Pure, and one function
//! for the command line's early refusal and for the daemon's, under the locks, that counts.

pub mod cgroup;
pub mod facts;
pub mod host;
pub mod judge;
pub mod process;
pub mod verdict;

pub use cgroup::{Manager, ManagerKind};
pub use facts::{Claim, Facts, Listener};
pub use host::{HostFacts, HostReport, primary_refusal, survey};
pub use judge::judge;
pub use process::{Process, judge_process};
pub use verdict::{Code, Conflict, Severity, first_refusal};

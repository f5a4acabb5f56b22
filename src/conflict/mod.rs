//! What a profile claims + what the host shows -> a verdict with holder and remedy. Pure, and one function
//! for the command line's early refusal and for the daemon's, under the locks, that counts.

pub mod facts;
pub mod judge;
pub mod verdict;

pub use facts::{Claim, Facts, Listener};
pub use judge::judge;
pub use verdict::{Code, Conflict, Severity, first_refusal};

//! Sessions: which there are, what was said in them, what was asked of the agent and what came of it. All of it is in
//! the store; here are the questions to it, and who hears of its changes.

pub mod key;
pub mod message;
pub mod row;
pub mod run;
pub mod show;
pub mod told;

pub use told::Sessions;

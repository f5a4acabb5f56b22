//! The hands: files, locks, processes and whatever differs between systems. Everything above asks here.

pub mod rotate;

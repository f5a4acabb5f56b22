//! Asking: the supervisor over its control socket, a gateway over the Gateway protocol.

mod absent;
mod answerer;
pub mod control;
mod explain;
pub mod gateway;
mod identity;
pub mod keep;
pub mod launch;
pub mod session;

//! Asking: the supervisor over its control socket, a gateway over the Gateway protocol.

mod answerer;
pub mod control;
mod explain;
pub mod gateway;
pub mod launch;
pub mod session;

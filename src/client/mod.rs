//! Asking: the supervisor over its control socket, a gateway over the Gateway protocol.

mod absent;
mod answerer;
mod behind;
pub mod control;
pub mod explain;
pub mod gateway;
mod identity;
pub mod keep;
pub mod launch;
pub mod node;
pub mod relief;
pub mod session;

//! Asking: the supervisor over its control socket, a gateway over the Gateway protocol.

mod answerer;
pub mod control;
pub mod gateway;
pub mod launch;

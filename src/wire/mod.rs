//! The Gateway protocol as data: frames, handshake, errors, device signatures and the control orders that
//! ride on the same frames. Any byte stream can carry them; the sizes that a reader must hold to stand
//! beside the types. Facts from OPENCLAW.md section 4 and the published `protocol.schema.json`.

pub mod command_line;
pub mod connect;
pub mod control;
pub mod device;
pub mod fault;
pub mod frame;
pub mod handshake;
pub mod limits;

pub use connect::{Client, ConnectAuth, ConnectParams, HelloOk};
pub use fault::Fault;
pub use frame::{Event, Frame, Request, Response};

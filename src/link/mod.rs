//! Streams that carry frames: the control socket's lines, WebSocket, plain HTTP for the health paths.

pub mod address;
pub mod gateway;
pub mod http;
pub mod identity;
pub mod unix;
pub mod ws;

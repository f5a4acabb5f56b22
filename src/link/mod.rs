//! Streams that carry frames: the control socket's lines, WebSocket with and without TLS, plain HTTP for the health
//! paths, and questions to servers of the web.

pub mod address;
pub mod forward;
pub mod gateway;
pub mod http;
pub mod identity;
pub mod stream;
pub mod tailnet;
pub mod tls;
pub mod unix;
pub mod web;
pub mod ws;

//! `openclaw`: a profile-isolated multi-gateway supervisor.
//!
//! A map of the house, roof to ground; imports go down only (docs/architecture.md):
//!
//! | floor | folders |
//! | --- | --- |
//! | the face | [`cli`] |
//! | services | [`daemon`], [`gateway`], [`client`] |
//! | hands | [`host`], [`link`] |
//! | decisions | [`profile`], [`conflict`], [`supervise`], [`wire`], [`access`], [`service`] |
//! | words | [`base`] |

pub mod access;
pub mod base;
pub mod cli;
pub mod client;
pub mod conflict;
pub mod daemon;
pub mod gateway;
pub mod host;
pub mod link;
pub mod profile;
pub mod service;
pub mod supervise;
pub mod wire;

//! `openclaw`: a profile-isolated multi-gateway supervisor.
//!
//! A map of the house, roof to ground; imports go down only (docs/architecture.md):
//!
//! | floor | folders |
//! | --- | --- |
//! | decisions | [`conflict`], [`supervise`], [`wire`] |
//! | words | [`base`] |

pub mod base;
pub mod conflict;
pub mod supervise;
pub mod wire;

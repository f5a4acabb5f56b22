//! `openclaw`: a profile-isolated multi-gateway supervisor.
//!
//! A map of the house, roof to ground; imports go down only (docs/architecture.md):
//!
//! | floor | folders |
//! | --- | --- |
//! | words | [`base`], [`wire`] |

pub mod base;
pub mod wire;

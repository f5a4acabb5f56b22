//! The words that every floor speaks: names, ports, secrets, moments, errors and the records that cross
//! floors. Nothing here knows a clock, a file, a socket or a process.

pub mod certificate;
pub mod confine;
pub mod error;
pub mod exit;
pub mod exposure;
pub mod moment;
pub mod name;
pub mod pin;
pub mod port;
pub mod reach;
pub mod record;
pub mod secret;
pub mod span;

pub use confine::Confinement;
pub use error::{Error, Kind, Result};
pub use exit::Exit;
pub use moment::Moment;
pub use name::ProfileName;
pub use pin::{Pin, Pins};
pub use port::PortBlock;
pub use reach::Reach;
pub use secret::Secret;
pub use span::Span;

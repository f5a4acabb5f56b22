//! Which endpoint is meant, and which credential may go there. A credential belongs to the place it was kept for
//! and goes nowhere else (I8, INCIDENTS F1); whether the place is what it claims to be is checked by `link` and
//! `host` before anything is sent. `peer` says who may give orders.

pub mod advisory;
pub mod bind;
pub mod credential;
pub mod endpoint;
pub mod lookup;
pub mod own_tls;
pub mod peer;
pub mod reach;
pub mod scope;
pub mod strength;
pub mod tailnet;
pub mod target;

pub use credential::{Credential, CredentialSource, Found};
pub use endpoint::{Endpoint, EndpointSource};
pub use target::{Asked, Certificate, Listener, Target};

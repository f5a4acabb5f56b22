//! What a profile is: from the raw file to the resolved profile, `openclaw.json`, paths, port blocks, isolation
//! between profiles, and what a child is given to run with. Everything here decides from values that were
//! handed in; nothing reads a file, a clock or the environment.

pub mod channels;
pub mod child_env;
pub mod clone;
pub mod config;
pub mod confine;
pub mod create;
pub mod create_remote;
pub mod creation;
pub mod difference;
pub mod dotenv;
pub mod embedded;
pub mod environment;
pub mod fence;
pub mod include;
pub mod inherited;
pub mod isolation;
pub mod launch;
pub mod manifest;
pub mod mentions;
mod part;
pub mod paths;
pub mod poll_clash;
pub mod ports;
pub mod registry;
pub mod remote;
pub mod removal;
pub mod rescue;
pub mod resolve;
pub mod resolved;
pub mod size;
pub mod status;
pub mod tailscale;
pub mod tunnel;
pub mod url;

pub use config::{GatewayConfig, SecretSource};
pub use embedded::{Embedded, PageRules};
pub use environment::Environment;
pub use fence::Fence;
pub use inherited::own_env;
pub use manifest::Manifest;
pub use paths::{Paths, SupervisorPaths};
pub use registry::{Disk, Registry};
pub use resolve::{Flags, Selection, resolve, select};
pub use resolved::{Profile, Source};
pub use url::GatewayUrl;

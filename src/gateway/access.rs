//! Who may come in, as the configuration says it now: the part of it that is taken over while the gateway runs. What
//! a credential proves is asked of the newest one at each connect, never of the one at the start.

use crate::base::Result;
use crate::profile::{Embedded, Fence};

use super::options::Auth;

/// Who may come in.
#[derive(Clone, Debug)]
pub struct Access {
    /// How clients prove that they may.
    pub auth: Auth,
    /// What is asked of them beside that.
    pub fence: Fence,
}

/// Everything that is taken over from the configuration while the gateway runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who may come in.
    pub access: Access,
    /// How the gateway does its work.
    pub embedded: Embedded,
    /// Keys whose change counts from the next start on.
    pub waiting: Vec<&'static str>,
}

/// Looks whether the configuration has changed: nothing where it has not, else what it says now, or why that is
/// refused.
pub struct Reload(Box<dyn FnMut() -> Option<Result<Settings>> + Send>);

impl Reload {
    /// A look by `look`, which is called about once a second on the gateway's own thread.
    pub fn new(look: impl FnMut() -> Option<Result<Settings>> + Send + 'static) -> Self {
        Reload(Box::new(look))
    }

    /// Looks.
    pub fn look(&mut self) -> Option<Result<Settings>> {
        (self.0)()
    }
}

impl std::fmt::Debug for Reload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reload")
    }
}

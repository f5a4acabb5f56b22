//! What must be there before a supervisor can begin: the home, in which everything of it stands. A service may be started
//! before the home's volume is mounted; then it waits, and whatever it made meanwhile would be hidden by the volume.

use std::path::Path;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Setup;
use crate::base::{Error, Kind, Result};
use crate::host::notify::Manager;
use crate::host::{account, files, process};

/// How long a service waits. After that its manager starts it anew, and it waits again.
const LIMIT: Duration = Duration::from_secs(60);
/// Distance of two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Waits, as a service, until the home is there, and says so by `tell` as well as to its manager; anybody else is
/// refused at once.
///
/// # Errors
/// [`Kind::Failed`] `home_absent`: it may come yet, so a service manager may try again.
pub async fn home(setup: &Setup, tell: impl FnOnce(&str)) -> Result<()> {
    let home = setup.environment.user_home()?;
    let needed = setup.paths.state_dir.starts_with(&home);
    if !needed || !is_awaited(setup, &home) {
        return Ok(());
    }
    if setup.is_managed() {
        let waiting = format!("waiting for the home {}", home.display());
        tell(&waiting);
        tell_manager(setup, &waiting);
        let there = async {
            while is_awaited(setup, &home) {
                sleep(LOOK).await;
            }
        };
        let _ = timeout(LIMIT, there).await;
    }
    // One that is somebody else's may do all the same.
    if files::is_dir(&home) {
        return Ok(());
    }
    let what = format!("the home {} is not there", home.display());
    Err(Error::new(Kind::Failed, "home_absent", what)
        .remedy(format!("mount its volume, or set HOME to another folder: ls -ld {}", home.display())))
}

/// Whether the home is missing, or is the bare place of a volume: somebody else's, with nothing of ours in it.
fn is_awaited(setup: &Setup, home: &Path) -> bool {
    let own = process::own_user();
    let is_bare = || {
        let elses = account::owner_of(home).is_some_and(|owner| owner != own);
        own != 0 && elses && !files::is_dir(&setup.paths.state_dir)
    };
    !files::is_dir(home) || is_bare()
}

fn tell_manager(setup: &Setup, waiting: &str) {
    let Some(manager) = setup.notice.as_ref().and_then(|notice| Manager::at(&notice.address)) else { return };
    let patience = format!("EXTEND_TIMEOUT_USEC={}", (2 * LIMIT).as_micros());
    manager.tell(&[format!("STATUS={waiting}"), patience]);
}

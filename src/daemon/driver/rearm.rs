//! What was given up comes back when its files change. They are looked at while something is given up, and at
//! no other time: two `stat` a profile and a look, which works on every file system.

use std::time::Duration;

use tokio::time::Instant;

use super::Driver;
use crate::base::ProfileName;
use crate::daemon::Setup;
use crate::daemon::member::Member;
use crate::host::files::{self, Stamp};
use crate::supervise::{Condition, Event};

/// Distance of two looks at the files of what was given up.
const LOOK: Duration = Duration::from_secs(1);

/// What the files of a profile that was given up looked like.
pub struct Given {
    /// When it was given up.
    then: Vec<Option<Stamp>>,
    /// At the last look; a file that still changes is half written.
    last: Vec<Option<Stamp>>,
}

impl Driver {
    /// Remembers the files of a profile that is given up from now on.
    pub(super) fn note_given_up(&mut self, name: &ProfileName) {
        let Some(member) = self.members.get_mut(name) else { return };
        let then = stamps(&self.setup, name, member);
        member.given_up = Some(Given { last: then.clone(), then });
        self.next_look = Instant::now() + LOOK;
    }

    /// Whether there is anything to look at.
    pub(super) fn has_given_up(&self) -> bool {
        self.members.values().any(|member| member.given_up.is_some())
    }

    /// Looks at the files of everything that is given up.
    pub(super) fn look_at_given_up(&mut self) {
        self.next_look = Instant::now() + LOOK;
        let mut changed = Vec::new();
        for (name, member) in &mut self.members {
            let Some(before) = member.given_up.take() else { continue };
            if self.fleet.get(name).map(|instance| instance.condition()) != Some(Condition::Broken) {
                continue;
            }
            let now = stamps(&self.setup, name, member);
            if now != before.then && now == before.last {
                changed.push(name.clone());
            }
            let then = if now == before.last { now.clone() } else { before.then };
            member.given_up = Some(Given { then, last: now });
        }
        for name in changed {
            tracing::info!(profile = %name, "its files were changed; trying again");
            if let Some(member) = self.members.get_mut(&name) {
                member.repaired = false;
            }
            self.event(&name, Event::Changed);
        }
    }
}

/// The manifest and the configuration, and what decides about a link; of a profile whose files were never understood,
/// the manifest alone.
fn stamps(setup: &Setup, name: &ProfileName, member: &Member) -> Vec<Option<Stamp>> {
    let mut files = vec![setup.paths.manifest(name)];
    if let Some(profile) = &member.profile {
        files.push(profile.paths.config_path.clone());
        files.extend(profile.remote.iter().flat_map(|remote| remote.files(&setup.environment)));
    }
    files.iter().map(|file| files::stamp(file)).collect()
}

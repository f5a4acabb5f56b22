//! What an earlier life left behind: processes that carry the mark of a profile's state directory while no gateway
//! runs there. They are ours by definition, and are ended before a new run begins (INCIDENTS C6).

use std::time::Duration;

use crate::host::lock::Record;
use crate::host::{process, tree};
use crate::profile::Profile;

/// How long they are given to end by themselves, and again after a kill.
const GRACE: Duration = Duration::from_secs(5);

/// Ends what is left of earlier runs of `profile`, and says so. Nothing is touched while the gateway that the record
/// names lives: that one is a holder, and the start is refused with its name.
pub fn end(profile: &Profile) {
    let state_dir = &profile.paths.state_dir;
    let leader = Record::read(state_dir).filter(Record::is_alive).map(|record| record.pid);
    let left = tree::leftovers(state_dir, leader);
    if left.is_empty() {
        return;
    }
    let name = &profile.name;
    for member in &left {
        let program = process::holder(Some(member.pid)).program.unwrap_or_default();
        tracing::warn!(profile = %name, pid = member.pid, program, "ending what an earlier run left behind");
    }
    match tree::end(&left, GRACE) {
        Ok(stuck) if stuck.is_empty() => {}
        Ok(stuck) => {
            tracing::error!(profile = %name, ?stuck, "killed processes of an earlier run are still there")
        }
        Err(error) => {
            tracing::error!(profile = %name, %error, "what an earlier run left behind cannot be ended")
        }
    }
}

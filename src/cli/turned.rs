//! A profile whose files say elsewhere while its gateway runs here, or the other way round. Nothing is ended on the side:
//! what would have to happen is shown, and nothing is changed (INCIDENTS F9).

use crate::base::record::Runtime;
use crate::base::{Error, Kind, Result};
use crate::daemon::holder;
use crate::host::foreign;
use crate::host::lock::Record;
use crate::profile::Profile;

/// Refuses to bring `profile` up while something of the other kind still runs on its state directory.
///
/// # Errors
/// [`Kind::Config`], code `place_changed`, with who runs and the steps to take.
pub fn refuse(profile: &Profile) -> Result<()> {
    let state_dir = &profile.paths.state_dir;
    let ours = Record::read(state_dir).filter(|record| record.is_proved(state_dir));
    let (pid, has_link) = match ours {
        Some(record) => (record.pid, record.runtime == Runtime::Link),
        None => match foreign::owner_of(state_dir) {
            Some(pid) => (pid, false),
            None => return Ok(()),
        },
    };
    let name = &profile.name;
    let (runs, wanted) = match (has_link, profile.remote.is_some()) {
        (false, true) => ("a gateway", "a link to another machine"),
        (true, false) => ("a link to another machine", "a gateway on this host"),
        _ => return Ok(()),
    };
    let message = format!(
        "`{name}` has {runs} running (pid {pid}), and its files now ask for {wanted}; nothing was changed"
    );
    let end = match profile.managed {
        true => format!("openclaw profile stop {name}"),
        false => "end it by the means it was started with".into(),
    };
    let remedy = format!(
        "to change over, 1. {end}; 2. openclaw profile start {name}. To stay, correct gateway.mode in {} or kind in {}",
        profile.paths.config_path.display(),
        profile.paths.manifest.display()
    );
    Err(Error::new(Kind::Config, "place_changed", message)
        .profile(name)
        .holder(holder::of(Some(pid)))
        .remedy(remedy))
}

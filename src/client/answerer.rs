//! Who answers on a profile's port when it is not the profile's own gateway: another profile's, proved by its claim
//! (INCIDENTS B1). Files only say who is meant; the lock and the kernel's owner of the socket say who it is.

use crate::base::{Error, Kind, ProfileName};
use crate::host::files;
use crate::host::lock::Record;
use crate::host::socket::{self, Answers};
use crate::profile::{Profile, Registry};

/// Another profile whose gateway answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// Its name.
    pub profile: ProfileName,
    /// Its gateway's process.
    pub pid: u32,
}

/// The profile other than `except` whose proved gateway has `port`.
pub fn of(registry: &Registry<'_>, except: &ProfileName, port: u16) -> Option<Other> {
    let all = registry.all().ok()?;
    let others = all.into_iter().filter(|(name, _)| name != except);
    others.filter_map(|(name, profile)| Some((name, profile.ok()?))).find_map(|(name, profile)| {
        let pid = proved(&profile)?.pid;
        (socket::who_answers(port, Some(pid)) == Answers::Ours).then_some(Other { profile: name, pid })
    })
}

fn proved(profile: &Profile) -> Option<Record> {
    let state_dir = files::real_path(&profile.paths.state_dir);
    Record::read(&state_dir).filter(|record| record.is_proved(&state_dir))
}

/// What is said before anything is sent to the wrong gateway.
pub fn refusal(profile: &Profile, other: &Other) -> Error {
    let (name, port) = (&profile.name, profile.port);
    Error::new(
        Kind::Denied,
        "port_of_another_profile",
        format!(
            "port {port} answers as profile `{}` (pid {}), not as `{name}`; nothing was sent",
            other.profile, other.pid
        ),
    )
    .profile(name)
    .remedy("give one of the two another port; both are shown by: openclaw profile list")
}

//! The way back from a program that took over and then died: the one before is kept as a file until the new one has lived
//! for a minute, or has ended in good order. Whoever starts the new one again before that gets the old one.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Setup;
use crate::host::inherit::{CLAIM_VARIABLE, LENT, LISTENER_VARIABLE, STANDING_VARIABLE};
use crate::host::lock::Claim;
use crate::host::turnover::{self, Passed};
use crate::host::{files, inherit, process};

/// How long a program has to live until it is trusted.
const PROBATION: Duration = Duration::from_secs(60);
/// The note about the last hand-over, and the folder of the program before it.
const NOTE: &str = "takeover.json";
const KEPT: &str = "previous";

/// A hand-over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Takeover {
    /// The new program's device and inode.
    identity: (u64, u64),
    /// The new program's version.
    version: String,
    /// The boot in which it took over: the end of that is nobody's fault.
    boot_id: Option<String>,
}

fn note(setup: &Setup) -> PathBuf {
    setup.paths.state_dir.join(NOTE)
}

fn kept(setup: &Setup) -> PathBuf {
    setup.paths.state_dir.join(KEPT).join("openclaw")
}

/// The last hand-over, as far as it counts still.
fn last(setup: &Setup) -> Option<Takeover> {
    let takeover: Takeover = serde_json::from_str(&files::read(&note(setup)).ok()??).ok()?;
    (takeover.boot_id == process::boot_id()).then_some(takeover)
}

fn forget(setup: &Setup) {
    files::remove(&note(setup));
    files::remove_all(&setup.paths.state_dir.join(KEPT));
}

/// Keeps this program before `program` of `version` takes over. Where that cannot be, there is no way back, which is no
/// reason to stay.
pub fn keep(setup: &Setup, program: &Path, version: &str) {
    let Some(identity) = files::identity(program) else { return };
    if Some(identity) == process::own_identity() {
        return forget(setup);
    }
    let takeover = Takeover { identity, version: version.to_owned(), boot_id: process::boot_id() };
    let text = serde_json::to_string(&takeover).unwrap_or_default() + "\n";
    let copied = files::private_dir(&setup.paths.state_dir.join(KEPT))
        .and_then(|()| turnover::keep_image(&kept(setup)))
        .and_then(|()| files::write_volatile(&note(setup), &text));
    if let Err(error) = copied {
        tracing::warn!(%error, "this program is not kept; there will be no way back to it");
        forget(setup);
    }
}

/// Becomes the program before, where this one took over and died before it was trusted; goes on otherwise.
pub fn go_back(setup: &Setup, claim: &Claim) {
    let is_hand_over = setup.inherited.claim.is_some();
    let died = last(setup).filter(|takeover| Some(takeover.identity) == process::own_identity());
    let Some(takeover) = died.filter(|_| !is_hand_over) else { return };
    let program = kept(setup);
    if !files::is_executable(&program) {
        return forget(setup);
    }
    tracing::error!(
        version = takeover.version,
        "it died soon after it had taken over; going back to the program before"
    );
    let lent: Option<OwnedFd> = setup
        .inherited
        .listeners
        .iter()
        .find_map(|value| inherit::take_listener(value, &setup.socket))
        .map(Into::into);
    let mut open = vec![(CLAIM_VARIABLE, claim.as_fd())];
    open.extend(lent.iter().map(|listener| (LISTENER_VARIABLE, listener.as_fd())));
    let standing = if lent.is_some() { LENT } else { "" };
    let passed = Passed { open: &open, told: &[(STANDING_VARIABLE, standing)] };
    let error = turnover::become_program(&program, &setup.arguments, &passed);
    tracing::error!(%error, "the program before cannot be run; going on as this one");
    forget(setup);
}

/// Trusts this program after its probation, if it is on one.
pub fn begin_probation(setup: &Setup) {
    let Some(takeover) = last(setup) else { return forget(setup) };
    let own = process::own_identity();
    if Some(takeover.identity) == own {
        let setup = setup.clone();
        tokio::spawn(async move {
            tokio::time::sleep(PROBATION).await;
            trust(&setup);
        });
    } else if files::identity(&kept(setup)) != own {
        forget(setup);
    }
}

/// Trusts this program: it has lived for its probation, or ends in good order.
pub fn trust(setup: &Setup) {
    if last(setup).is_some_and(|takeover| Some(takeover.identity) == process::own_identity()) {
        forget(setup);
    }
}

/// What is to be said where this is the program that was gone back to.
pub fn warning(setup: &Setup) -> Option<String> {
    let takeover = last(setup)?;
    let is_back = files::identity(&kept(setup)) == process::own_identity();
    is_back.then(|| {
        format!(
            "version {} died soon after it had taken over, and {} serves on; to try it again: openclaw supervisor reload",
            takeover.version,
            env!("CARGO_PKG_VERSION")
        )
    })
}

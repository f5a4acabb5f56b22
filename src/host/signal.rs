//! Signals that this process sends to itself.

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};

pub use nix::sys::signal::Signal as Name;

/// Ends this process by SIGINT as if it had never been caught, so that a shell or script sees the truth.
pub fn die_of_interrupt() {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: the default action runs no code of ours.
    #[allow(unsafe_code)]
    let restored = unsafe { sigaction(Signal::SIGINT, &default) };
    if restored.is_ok() {
        let _ = raise(Signal::SIGINT);
    }
}

/// The name of signal `number`, for people.
pub fn name(number: i32) -> String {
    Signal::try_from(number).map_or_else(|_| format!("signal {number}"), |signal| signal.as_str().to_owned())
}

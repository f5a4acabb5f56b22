//! macOS offers a program no way to confine another one that is meant for use, so nothing is confined there.

use std::io;

use crate::base::confine::Rules;

/// No ruleset can be made here.
pub enum Ruleset {}

/// Nor can one be taken on.
pub(super) enum Closed {}

/// There is no Landlock.
pub fn abi() -> u32 {
    0
}

impl Ruleset {
    /// Always refused.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`].
    pub fn new(_rules: &Rules) -> io::Result<Ruleset> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Never called: there is none.
    ///
    /// # Errors
    /// None.
    pub fn with_open(self, _file: &std::fs::File) -> io::Result<Ruleset> {
        match self {}
    }

    pub(super) fn closed(self) -> io::Result<Closed> {
        match self {}
    }
}

impl Closed {
    pub(super) fn take_on(&self) -> io::Result<()> {
        match *self {}
    }
}

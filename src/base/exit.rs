//! How a process ended.

use std::fmt;

/// The exit code for invalid configuration and for a start refused for good (EX_CONFIG of sysexits.h).
pub const EXIT_CONFIG: i32 = 78;

/// How a process ended: a code, a signal, or neither where the kernel did not tell (an adopted run).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// The exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal's number, when one ended it.
    pub signal: Option<i32>,
}

impl Exit {
    /// Ended by itself with `code`.
    pub const fn code(code: i32) -> Self {
        Exit { code: Some(code), signal: None }
    }

    /// Ended by signal number `signal`.
    pub const fn signal(signal: i32) -> Self {
        Exit { code: None, signal: Some(signal) }
    }

    /// Whether it ended by itself and said that all was well.
    pub fn is_clean(self) -> bool {
        self.code == Some(0)
    }

    /// Whether it said that its configuration is invalid.
    pub fn is_config(self) -> bool {
        self.code == Some(EXIT_CONFIG)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "it ended with exit code {code}"),
            (None, Some(signal)) => write!(f, "it was ended by signal {signal}"),
            (None, None) => f.write_str("it ended; nobody could see how"),
        }
    }
}

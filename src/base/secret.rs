//! A credential that cannot be printed by accident: its `Debug` is a placeholder, it has no `Display`, and
//! it is compared in constant time (invariant I8).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use subtle::ConstantTimeEq;

/// Bytes of randomness in a token that this program makes: 256 bits.
const TOKEN_BYTES: usize = 32;

/// A token or password. [`Secret::expose`] is the only way to its text.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a credential that was read from somewhere.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// A new token of 256 random bits, base64url without padding (43 characters).
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; TOKEN_BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Secret(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The text itself, for the one place that sends or stores it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `candidate` is the same text; takes as long for a wrong one as for a right one of its length.
    pub fn matches(&self, candidate: &str) -> bool {
        self.0.as_bytes().ct_eq(candidate.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_never_printed() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(***)");
    }

    #[test]
    fn a_generated_token_has_256_bits_and_differs_each_time() {
        let (a, b) = (Secret::generate().unwrap(), Secret::generate().unwrap());
        assert_eq!(URL_SAFE_NO_PAD.decode(a.expose()).unwrap().len(), TOKEN_BYTES);
        assert!(!a.matches(b.expose()));
        assert!(a.matches(a.expose()));
    }
}

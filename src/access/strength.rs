//! Whether a credential guards anything: a text that is short, or that everybody knows, keeps nobody out who can reach
//! the port. Nothing is refused for it here; it is said.

use std::collections::BTreeSet;

use crate::base::Secret;

/// Fewer characters than this can be guessed; the real program's audit draws the line there too.
const LEAST: usize = 24;
/// Fewer different characters than this are a pattern, however long.
const DIFFERENT: usize = 6;
/// What stands in examples, and what people take first; compared without case, blanks and signs.
const KNOWN: [&str; 12] = [
    "changeme",
    "changemenow",
    "changemetoalongrandomtoken",
    "changemetoastrongpassword",
    "default",
    "openclaw",
    "password",
    "replaceme",
    "secret",
    "test",
    "token",
    "yourtokenhere",
];

/// What is wrong with the secret kept at `place`, without a character of it.
pub fn weakness(place: &str, secret: &Secret) -> Option<String> {
    let text = secret.expose();
    let letters = text.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase());
    let bare: String = letters.collect();
    if KNOWN.contains(&bare.as_str()) {
        return Some(format!("{place} is a text that stands in examples; everybody knows it"));
    }
    let count = text.chars().count();
    if count < LEAST {
        return Some(format!(
            "{place} has {count} characters; one that cannot be guessed has {LEAST} or more"
        ));
    }
    let different = text.chars().collect::<BTreeSet<char>>().len();
    (different < DIFFERENT).then(|| format!("{place} repeats {different} characters; it can be guessed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_guessed_is_told_and_never_shown() {
        for (text, sign) in [
            ("changeme", "examples"),
            ("Change-Me Now!", "examples"),
            ("change-me-to-a-long-random-token", "examples"),
            ("hunter2", "7 characters"),
            ("12345678901234567890123", "23 characters"),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "repeats 1"),
            ("abababababababababababababab", "repeats 2"),
        ] {
            let told = weakness("gateway.auth.token", &Secret::new(text)).unwrap();
            assert!(told.contains(sign) && !told.contains(text), "{text}: {told}");
        }
        for strong in ["correct horse battery staple", "4f9d2c81b7e6450a93d1f08c6a2b7e54"] {
            assert_eq!(weakness("gateway.auth.token", &Secret::new(strong)), None, "{strong}");
        }
        assert_eq!(weakness("x", &Secret::generate().unwrap()), None, "what this program makes");
    }
}

//! Profile names, by the rules of the real OpenClaw (OPENCLAW.md 1.1) so that one name means the same
//! directories, ports and units to both programs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Error, Kind, Result};

/// Longest name, in characters.
pub const NAME_MAX: usize = 64;

/// Names that no new profile may take: their launchd labels and unit names belong to something else.
const RESERVED: [&str; 3] = ["gateway", "node", "supervisor"];

/// The validated name of a profile. `default`, in any case, is the unnamed one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileName(String);

impl ProfileName {
    /// The unnamed profile.
    pub fn default_profile() -> Self {
        ProfileName("default".into())
    }

    /// Whether this is the unnamed profile.
    pub fn is_default(&self) -> bool {
        self.0 == "default"
    }

    /// The name as it is written; case is kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The state directory's suffix: empty for the default profile, `-NAME` for the others.
    pub fn suffix(&self) -> String {
        if self.is_default() { String::new() } else { format!("-{}", self.0) }
    }

    /// Whether the two names would be one directory on a file system that ignores case.
    pub fn collides_with(&self, other: &ProfileName) -> bool {
        self != other && self.0.eq_ignore_ascii_case(&other.0)
    }

    /// Checks that a new profile may take this name beside the `existing` ones.
    ///
    /// # Errors
    /// [`Kind::Usage`] when the name is reserved or differs from an existing one only by case.
    pub fn check_creatable<'a>(&self, existing: impl IntoIterator<Item = &'a ProfileName>) -> Result<()> {
        if RESERVED.iter().any(|word| self.0.eq_ignore_ascii_case(word)) {
            return Err(Error::new(
                Kind::Usage,
                "profile_name_reserved",
                format!("the name `{self}` is reserved for the program's own services"),
            )
            .remedy("choose another name, for example work"));
        }
        if let Some(other) = existing.into_iter().find(|other| self.collides_with(other)) {
            return Err(Error::new(
                Kind::Usage,
                "profile_name_collides",
                format!("`{self}` differs from the existing profile `{other}` only by case"),
            )
            .remedy(format!("use `{other}`, or choose a name that differs in more than case")));
        }
        Ok(())
    }
}

impl FromStr for ProfileName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let invalid = |why: &str| {
            Error::new(Kind::Usage, "profile_name_invalid", format!("invalid profile name {text:?}: {why}")).remedy(
                "use 1 to 64 letters, digits, `_` or `-`, beginning with a letter or digit, for example work",
            )
        };
        let mut letters = text.chars();
        match letters.next() {
            None => return Err(invalid("it is empty")),
            Some(first) if !first.is_ascii_alphanumeric() => {
                return Err(invalid("it must begin with a letter or digit"));
            }
            Some(_) => {}
        }
        if text.len() > NAME_MAX {
            return Err(invalid("it has more than 64 characters"));
        }
        if let Some(bad) = letters.find(|c| !(c.is_ascii_alphanumeric() || *c == '_' || *c == '-')) {
            return Err(invalid(&format!("{bad:?} is not allowed")));
        }
        if text.eq_ignore_ascii_case("default") {
            return Ok(ProfileName::default_profile());
        }
        Ok(ProfileName(text.to_owned()))
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ProfileName {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ProfileName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_openclaw_accepts_and_keeps_case() {
        for good in ["work", "Work", "a", "0", "a-b", "a_b", "my-bot-2", &"x".repeat(64)] {
            assert_eq!(good.parse::<ProfileName>().unwrap().as_str(), good);
        }
        for unnamed in ["default", "Default", "DEFAULT"] {
            assert!(unnamed.parse::<ProfileName>().unwrap().is_default());
        }
    }

    #[test]
    fn refuses_traversal_dashes_and_lookalikes() {
        for bad in [
            "",
            "-x",
            "_x",
            ".",
            "..",
            "../y",
            "x/../y",
            "x/y",
            "a b",
            "wörk",
            "wоrk",
            "a\0b",
            &"x".repeat(65),
        ] {
            let error = bad.parse::<ProfileName>().unwrap_err();
            assert_eq!(error.kind(), Kind::Usage, "{bad:?}");
        }
    }

    #[test]
    fn a_new_profile_may_not_take_a_reserved_name_or_one_that_differs_by_case() {
        let existing = ["work".parse::<ProfileName>().unwrap()];
        for (name, code) in [("Work", "profile_name_collides"), ("Gateway", "profile_name_reserved")] {
            let error = name.parse::<ProfileName>().unwrap().check_creatable(&existing).unwrap_err();
            assert_eq!(error.code(), code);
        }
        assert!("work".parse::<ProfileName>().unwrap().check_creatable(&existing).is_ok());
    }
}

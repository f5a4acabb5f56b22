//! Whose a service file is: a line at its head says that this program wrote it, and what it wrote. Without the line
//! it is somebody else's; where the rest does not fit it, somebody has edited it since.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// What the line says before the checksum, whatever comment it stands in.
const WORDS: &str = "written by openclaw service; sha256 of the rest: ";

/// How a file's text stands to what this program writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This program wrote it, and nobody has touched it.
    Ours,
    /// This program wrote it, and somebody has changed it.
    Edited,
    /// Somebody else wrote it.
    Foreign,
}

/// Puts the line at the head of a unit's text.
pub fn unit(text: &str) -> String {
    format!("# {WORDS}{}\n{text}", checksum(text))
}

/// The same for a property list, behind its first line, which XML wants to be the first.
pub fn plist(text: &str) -> String {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    format!("{first}\n<!-- {WORDS}{} -->\n{rest}", checksum(text))
}

/// Whose a text is.
pub fn whose(text: &str) -> Whose {
    let mut found = None;
    let mut rest = String::with_capacity(text.len());
    for (number, line) in text.split_inclusive('\n').enumerate() {
        match line.split_once(WORDS).filter(|_| number < 2 && found.is_none()) {
            Some((_, checksum)) => found = Some(checksum.trim_end_matches([' ', '-', '>', '\n']).to_owned()),
            None => rest.push_str(line),
        }
    }
    match found {
        Some(told) if told == checksum(&rest) => Whose::Ours,
        Some(_) => Whose::Edited,
        None => Whose::Foreign,
    }
}

fn checksum(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_own_an_edited_and_a_foreign_file_are_told_apart() {
        for own in [unit("[Service]\nA=1\n"), plist("<?xml version=\"1.0\"?>\n<plist/>\n")] {
            assert_eq!(whose(&own), Whose::Ours, "{own}");
            assert_eq!(whose(&own.replace("A=1", "A=2").replace("<plist/>", "<plist />")), Whose::Edited);
            assert_eq!(whose(&format!("{own}\n")), Whose::Edited);
        }
        assert_eq!(whose("[Service]\nA=1\n"), Whose::Foreign);
        assert_eq!(whose(""), Whose::Foreign);
        let below = format!("a\nb\n{}", unit("c\n"));
        assert_eq!(whose(&below), Whose::Foreign, "only its head says whose a file is");
    }
}

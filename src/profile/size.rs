//! An amount of memory as people write it in a manifest: `1.5GiB`, `512MiB`, `2GB`.

use std::str::FromStr;

/// Units by their lower-case spelling, in bytes.
const UNITS: [(&str, u64); 10] = [
    ("b", 1),
    ("k", 1 << 10),
    ("kib", 1 << 10),
    ("kb", 1_000),
    ("m", 1 << 20),
    ("mib", 1 << 20),
    ("mb", 1_000_000),
    ("g", 1 << 30),
    ("gib", 1 << 30),
    ("gb", 1_000_000_000),
];

/// An amount of memory in bytes; at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wrong = || format!("`{text}` is not an amount of memory; write for example 1.5GiB or 512MiB");
        let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim().to_ascii_lowercase();
        let factor = UNITS.iter().find(|(name, _)| *name == unit || (unit.is_empty() && *name == "b"));
        let (Ok(number), Some((_, factor))) = (number.parse::<f64>(), factor) else { return Err(wrong()) };
        let bytes = number * *factor as f64;
        // Above 2^53 an f64 no longer counts single bytes, and no machine has so much memory.
        if !(1.0..9e15).contains(&bytes) {
            return Err(wrong());
        }
        Ok(ByteSize(bytes as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_binary_and_decimal_units() {
        for (text, bytes) in [
            ("1.5GiB", 1_610_612_736),
            ("512 MiB", 536_870_912),
            ("2GB", 2_000_000_000),
            ("64k", 65_536),
            ("4096", 4096),
            ("1g", 1 << 30),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest_with_an_example() {
        for text in ["", "0", "-1GiB", "lots", "1.5XiB", "1..5G", "99999999GiB", "GiB"] {
            assert!(text.parse::<ByteSize>().unwrap_err().contains("1.5GiB"), "{text}");
        }
    }
}

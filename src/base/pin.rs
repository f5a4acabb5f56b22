//! What a TLS certificate is recognised by: the SHA-256 of the certificate, of its public key, or of the authority
//! that signed it. Written as people and tools write it; compared as bytes.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

/// Most pins that one endpoint may have: the certificate of today and that of tomorrow.
pub const PINS_MAX: usize = 2;

/// One SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin([u8; 32]);

impl Pin {
    /// The pin of a DER document: a certificate or a public key.
    pub fn of(der: &[u8]) -> Pin {
        Pin(Sha256::digest(der).into())
    }
}

impl FromStr for Pin {
    /// A reason in words.
    type Err = String;

    /// Reads 64 hexadecimal digits with or without colons, base64 or base64url with or without padding, each with
    /// or without `sha256:` in front.
    fn from_str(text: &str) -> Result<Pin, String> {
        let text = text.trim();
        let bare = match text.get(..7) {
            Some(prefix) if prefix.eq_ignore_ascii_case("sha256:") => &text[7..],
            _ => text,
        };
        let bytes = hexadecimal(&bare.replace(':', "")).or_else(|| {
            let any = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD];
            any.into_iter().find_map(|engine| engine.decode(bare).ok())
        });
        let pin = bytes.and_then(|bytes| bytes.try_into().ok()).map(Pin);
        pin.ok_or_else(|| "it is not a SHA-256 fingerprint: 64 hexadecimal digits, or base64".into())
    }
}

fn hexadecimal(digits: &str) -> Option<Vec<u8>> {
    let all_digits = digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let pairs = all_digits.then_some(digits.as_bytes().chunks_exact(2))?;
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Pin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The pins of one endpoint, of which one must fit; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins(Vec<Pin>);

impl Pins {
    /// Exactly one.
    pub fn one(pin: Pin) -> Pins {
        Pins(vec![pin])
    }

    /// The pin of the first certificate of a PEM file; `None` when there is none.
    pub fn of_pem(text: &str) -> Option<Pins> {
        let body = text.split_once("-----BEGIN CERTIFICATE-----")?.1;
        let body: String = body.split_once("-----END")?.0.split_whitespace().collect();
        Some(Pins::one(Pin::of(&STANDARD.decode(body).ok()?)))
    }

    /// A new pin, and beside it the latest of `old` while a certificate is being replaced.
    pub fn rotating(new: Pin, old: Option<&Pins>) -> Pins {
        let latest = old.and_then(|old| old.0.iter().find(|pin| **pin != new));
        Pins(std::iter::once(new).chain(latest.copied()).collect())
    }

    /// The pins as a configuration holds them, which is how they are read.
    pub fn written(&self) -> String {
        self.0.iter().map(Pin::to_string).collect::<Vec<_>>().join(", ")
    }

    /// Whether one of them is `pin`.
    pub fn have(&self, pin: Pin) -> bool {
        self.0.contains(&pin)
    }
}

impl FromStr for Pins {
    /// A reason in words.
    type Err = String;

    /// Reads one pin, or two with a comma or space between them while a certificate is being replaced.
    fn from_str(text: &str) -> Result<Pins, String> {
        let words = text.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty());
        let pins: Vec<Pin> = words.map(str::parse).collect::<Result<_, _>>()?;
        match pins.len() {
            0 => Err("it is empty".into()),
            1..=PINS_MAX => Ok(Pins(pins)),
            _ => Err(format!("it has more than {PINS_MAX} fingerprints")),
        }
    }
}

impl Serialize for Pins {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}

impl fmt::Display for Pins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, pin) in self.0.iter().enumerate() {
            write!(f, "{}{pin}", if place == 0 { "" } else { " or " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pin_has_many_spellings() {
        let bytes: [u8; 32] = std::array::from_fn(|place| (place * 7 + 0xf0) as u8);
        let plain: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let colons = bytes.map(|byte| format!("{byte:02X}")).join(":");
        for text in [
            plain.clone(),
            colons.clone(),
            format!("SHA256:{colons}"),
            format!(" sha256:{plain}\n"),
            STANDARD.encode(bytes),
            STANDARD_NO_PAD.encode(bytes),
            format!("sha256:{}", URL_SAFE.encode(bytes)),
            URL_SAFE_NO_PAD.encode(bytes),
        ] {
            assert_eq!(text.parse(), Ok(Pin(bytes)), "{text}");
        }
        assert_eq!(Pin(bytes).to_string(), format!("sha256:{plain}"));
        for text in ["", "ab", "sha256:", "sha1:00", &plain[..62], &"g".repeat(64), "é"] {
            assert!(text.parse::<Pin>().is_err(), "{text}");
        }
    }

    #[test]
    fn two_pins_may_stand_side_by_side_and_no_more() {
        let (a, b) = (Pin::of(b"a"), Pin::of(b"b"));
        let both: Pins = format!("{a}, {b}").parse().unwrap();
        assert!(both.have(a) && both.have(b) && !both.have(Pin::of(b"c")));
        assert_eq!(both.to_string(), format!("{a} or {b}"));
        assert_eq!(both.written().parse(), Ok(both.clone()));
        let (again, new) = (Pins::rotating(b, Some(&both)), Pins::rotating(Pin::of(b"c"), Some(&both)));
        assert_eq!((again.written(), new.have(a)), (format!("{b}, {a}"), true));
        assert_eq!(Pins::rotating(a, None), Pins::one(a));
        assert!(format!("{a} {b} {a}").parse::<Pins>().is_err());
        assert!(" ".parse::<Pins>().is_err());
    }

    #[test]
    fn the_pin_of_a_file_is_that_of_its_first_certificate() {
        let pem = "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\nrest";
        assert_eq!(Pins::of_pem(pem), Some(Pins::one(Pin::of(b"abc"))));
        assert_eq!(Pins::of_pem("-----BEGIN PRIVATE KEY-----\nYWJj\n-----END"), None);
    }
}

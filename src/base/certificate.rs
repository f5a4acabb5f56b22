//! What an X.509 certificate says of itself, and what became of the one that was trusted before. Its words come from a
//! stranger: they are shown to people and decide nothing.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::Pin;

/// Most characters of one name that are shown, and most names.
const SHOWN_MAX: usize = 200;
const NAMES_MAX: usize = 20;

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// The SHA-256 of the whole certificate.
    pub fingerprint: Pin,
    /// That of its public key, which may outlive it.
    pub key_fingerprint: Pin,
    /// Whose it is.
    pub subject: String,
    /// The names and addresses that it is for.
    pub names: Vec<String>,
    /// Who signed it.
    pub issuer: String,
    /// From when it is valid, in milliseconds since the epoch.
    pub valid_from_ms: i64,
    /// Until when, in milliseconds since the epoch.
    pub valid_until_ms: i64,
}

impl Certificate {
    /// Reads a certificate in DER; `None` when it is none.
    pub fn read(der: &[u8]) -> Option<Certificate> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let names = parsed.subject_alternative_name().ok().flatten();
        let names = names.iter().flat_map(|names| &names.value.general_names).filter_map(name);
        let validity = parsed.validity();
        Some(Certificate {
            fingerprint: Pin::of(der),
            key_fingerprint: Pin::of(parsed.public_key().raw),
            subject: plain(&parsed.subject().to_string()),
            names: names.take(NAMES_MAX).collect(),
            issuer: plain(&parsed.issuer().to_string()),
            valid_from_ms: validity.not_before.timestamp().saturating_mul(1000),
            valid_until_ms: validity.not_after.timestamp().saturating_mul(1000),
        })
    }

    /// Reads the first certificate of a PEM text.
    pub fn of_pem(text: &str) -> Option<Certificate> {
        let body = text.split_once("-----BEGIN CERTIFICATE-----")?.1;
        let body: String = body.split_once("-----END")?.0.split_whitespace().collect();
        Certificate::read(&STANDARD.decode(body).ok()?)
    }

    /// Whether it names itself as the one who signed it.
    pub fn is_own_issuer(&self) -> bool {
        self.issuer == self.subject
    }
}

/// A certificate in PEM.
pub fn pem(der: &[u8]) -> String {
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for (place, letter) in STANDARD.encode(der).chars().enumerate() {
        if place > 0 && place % 64 == 0 {
            text.push('\n');
        }
        text.push(letter);
    }
    text + "\n-----END CERTIFICATE-----\n"
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(plain(name)),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok()?;
            Some(address.to_string())
        }
        _ => None,
    }
}

/// A stranger's words, without what moves a cursor.
fn plain(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(SHOWN_MAX).collect()
}

/// What became of a certificate that was trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// What is shown is what is trusted.
    None,
    /// Nothing was trusted yet.
    First,
    /// A new certificate for the key of before.
    SameKey,
    /// A new key, vouched for by the authority of before; its name says so, no signature was checked.
    SameAuthority,
    /// A new key under the old name, signed by itself as before.
    NewKey,
    /// Nothing of it is as it was.
    Different,
    /// Of the one before only its fingerprint is known here.
    Unknown,
}

impl Change {
    /// Compares what is shown `now` with what was known `before`. `is_trusted` says whether it convinces, `has_pins`
    /// whether anything was trusted.
    pub fn between(
        before: Option<&Certificate>,
        now: &Certificate,
        is_trusted: bool,
        has_pins: bool,
    ) -> Change {
        match before {
            _ if is_trusted => Change::None,
            _ if !has_pins => Change::First,
            None => Change::Unknown,
            Some(before) if before.key_fingerprint == now.key_fingerprint => Change::SameKey,
            Some(before) if before.issuer == now.issuer && !now.is_own_issuer() => Change::SameAuthority,
            Some(before) if before.subject == now.subject && before.issuer == now.issuer => Change::NewKey,
            Some(_) => Change::Different,
        }
    }

    /// The same in a sentence for people.
    pub const fn sentence(self) -> &'static str {
        match self {
            Change::None => "it is the one that is trusted",
            Change::First => "nothing is pinned yet",
            Change::SameKey => "it was renewed: the key is the one of before",
            Change::SameAuthority => "it has a new key and names the same authority as before",
            Change::NewKey => {
                "it was made anew: a new key under the old name, and no authority vouches for it"
            }
            Change::Different => "it has nothing in common with the one of before",
            Change::Unknown => {
                "of the one before only the fingerprint is known here, so nothing can be compared"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(key: &[u8], subject: &str, issuer: &str) -> Certificate {
        Certificate {
            fingerprint: Pin::of(&[key, issuer.as_bytes()].concat()),
            key_fingerprint: Pin::of(key),
            subject: subject.into(),
            names: Vec::new(),
            issuer: issuer.into(),
            valid_from_ms: 0,
            valid_until_ms: 1,
        }
    }

    #[test]
    fn a_change_is_told_by_what_stayed() {
        let own = one(b"1", "CN=a", "CN=a");
        let between =
            |before: &Certificate, now: &Certificate| Change::between(Some(before), now, false, true);
        assert_eq!(between(&own, &one(b"1", "CN=a", "CN=b")), Change::SameKey);
        assert_eq!(between(&own, &one(b"2", "CN=a", "CN=a")), Change::NewKey);
        assert_eq!(between(&own, &one(b"2", "CN=b", "CN=b")), Change::Different);
        assert_eq!(between(&one(b"1", "CN=a", "CN=t"), &one(b"2", "CN=b", "CN=t")), Change::SameAuthority);
        assert_eq!(Change::between(Some(&own), &own, true, true), Change::None);
        assert_eq!(Change::between(None, &own, false, true), Change::Unknown);
        assert_eq!(Change::between(None, &own, false, false), Change::First);
    }

    #[test]
    fn a_certificate_is_read_from_either_form_and_nonsense_is_none() {
        let key = rcgen::KeyPair::generate().unwrap();
        let names = vec!["gateway.test".into(), "10.0.0.1".into()];
        let made = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        let read = Certificate::read(made.der()).unwrap();
        assert_eq!(read.names, ["gateway.test", "10.0.0.1"]);
        assert!(read.is_own_issuer() && read.fingerprint == Pin::of(made.der()));
        assert_eq!(Certificate::of_pem(&pem(made.der())), Some(read));
        assert_eq!(Certificate::read(b"nonsense"), None);
        assert_eq!(plain("a\u{1b}[2J\nb"), "a[2Jb");
    }
}

//! The certificate that a gateway shows, and its key: read from their files, or made once.

use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use time::{Duration, OffsetDateTime};
use tokio_rustls::rustls::crypto::ring::sign::any_supported_type;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;

use crate::access::own_tls::OwnTls;
use crate::base::{Error, Kind, Pin, Result};
use crate::host::clock;
use crate::host::files::{self, Stamp};

/// The name in a certificate that a gateway makes for itself (OPENCLAW.md 7.4).
const NAME: &str = "openclaw-gateway";
/// As whom clients on this host ask for it, should somebody trust it by name.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// How long it is valid, in days.
const VALID_DAYS: i64 = 3650;

/// How the files were when they were read.
pub type Stamps = [Option<Stamp>; 3];

/// The files as they are now.
pub fn stamps(files: &OwnTls) -> Stamps {
    [Some(&files.certificate), Some(&files.key), files.authorities.as_ref()]
        .map(|file| file.and_then(|file| files::stamp(file)))
}

/// A certificate and the key that fits it.
#[derive(Debug)]
pub struct Pair {
    /// What a TLS handshake needs.
    pub key: Arc<CertifiedKey>,
    /// How the files were before they were read.
    pub stamps: Stamps,
    pin: Pin,
}

impl Pair {
    /// Reads the files; what stands in them must fit together.
    ///
    /// # Errors
    /// [`Kind::Config`], code `tls_invalid`, with the key of `gateway.tls` that is to blame.
    pub fn read(files: &OwnTls) -> Result<Pair> {
        let stamps = stamps(files);
        let text = |key: &str, file: &std::path::Path| -> Result<String> {
            let missing = || refused(key, &format!("{} is not there", file.display()));
            files::read(file)?.ok_or_else(missing)
        };
        let certificates = |key: &str, file: &std::path::Path| -> Result<Vec<CertificateDer<'static>>> {
            let all: std::result::Result<Vec<_>, _> =
                CertificateDer::pem_slice_iter(text(key, file)?.as_bytes()).collect();
            let all = all.ok().filter(|all| !all.is_empty());
            all.ok_or_else(|| refused(key, &format!("{} holds no whole certificate in PEM", file.display())))
        };
        let mut chain = certificates("certPath", &files.certificate)?;
        if let Some(file) = &files.authorities {
            let more = certificates("caPath", file)?;
            chain.extend(more.into_iter().filter(|one| !chain.contains(one)).collect::<Vec<_>>());
        }
        let written = text("keyPath", &files.key)?;
        // The library's own words may quote the file.
        let key = PrivateKeyDer::from_pem_slice(written.as_bytes()).ok();
        let key = key.and_then(|key| any_supported_type(&key).ok());
        let why = || format!("{} holds no key in PEM that TLS can use", files.key.display());
        let key = key.ok_or_else(|| refused("keyPath", &why()))?;
        let pin = Pin::of(&chain[0]);
        let key = CertifiedKey::new(chain, key);
        key.keys_match().map_err(|_| {
            let (key, certificate) = (files.key.display(), files.certificate.display());
            refused("keyPath", &format!("{key} is not the key of the certificate in {certificate}"))
        })?;
        Ok(Pair { key: Arc::new(key), stamps, pin })
    }

    /// Which certificate it is, for the log.
    pub fn describe(&self) -> String {
        format!("the certificate {}", self.pin)
    }
}

/// Sees to it that the files are there: makes them where that is allowed and neither exists.
///
/// # Errors
/// [`Kind::Config`], code `tls_invalid`, when only one is there or none may be made; those of writing.
pub fn provide(files: &OwnTls) -> Result<()> {
    let certificate = files.certificate.display();
    match (files::is_there(&files.certificate), files::is_there(&files.key), files.generate) {
        (true, true, _) => Ok(()),
        (false, _, true) => make(files),
        (true, false, _) => {
            let why = format!("{} is not there beside {certificate}", files.key.display());
            Err(refused("keyPath", &why))
        }
        (false, _, false) => {
            let why = format!("{certificate} is not there");
            Err(refused("certPath", &why).remedy(
                "put the certificate and its key there, or set gateway.tls.autoGenerate to true and remove both",
            ))
        }
    }
}

/// Makes a key, and a certificate that it signs itself. A key that is there stays: it may be pinned, or it is what came
/// of an earlier try.
fn make(files: &OwnTls) -> Result<()> {
    let failed = |error: rcgen::Error| {
        Error::new(Kind::Failed, "certificate_failed", "no certificate can be made").caused_by(error)
    };
    let key = match files::read(&files.key)? {
        // The library's own words may quote the file.
        Some(text) => KeyPair::from_pem(&text).map_err(|_| {
            let why = format!("{} holds no key in PEM (PKCS #8) that can sign", files.key.display());
            refused("keyPath", &why)
        })?,
        None => KeyPair::generate().map_err(failed)?,
    };
    let mut params = CertificateParams::new(NAMES.map(str::to_owned).to_vec()).map_err(failed)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, NAME);
    let now = i64::try_from(clock::epoch_ms() / 1000).unwrap_or(0);
    let now = OffsetDateTime::from_unix_timestamp(now).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    // A client's clock may be a little behind.
    (params.not_before, params.not_after) = (now - Duration::HOUR, now + Duration::days(VALID_DAYS));
    let certificate = params.self_signed(&key).map_err(failed)?;
    for folder in [&files.key, &files.certificate].into_iter().filter_map(|file| file.parent()) {
        files::private_dir(folder)?;
    }
    files::write_atomic(&files.key, &key.serialize_pem())?;
    files::write_atomic(&files.certificate, &certificate.pem())
}

/// The refusal of a key of `gateway.tls`.
pub fn refused(key: &str, why: &str) -> Error {
    Error::new(Kind::Config, "tls_invalid", format!("gateway.tls.{key}: {why}"))
        .remedy("correct the key in openclaw.json, or the files that it names")
}

//! TLS towards a gateway. Who is there is decided inside the TLS handshake, before a byte of the Gateway protocol: by
//! pins where there are some, else by the authorities that this system trusts and the host's name.

use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, io, iter};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};

use crate::base::{Pin, Pins};

/// Whom a certificate must convince.
#[derive(Clone, Debug)]
pub enum Trust {
    /// One of these: the certificate's own pin, its key's, or that of an authority above it.
    Pins(Pins),
    /// The authorities of this system.
    Authorities,
}

/// Why a TLS connection did not come about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistrust {
    /// The certificate is not the one that was expected.
    Pin {
        /// What was expected.
        expected: Pins,
        /// What was shown.
        shown: Pin,
    },
    /// No authority of this system vouches for it; the reason, and what was shown.
    Authorities(String, Option<Pin>),
    /// It does not speak TLS, or not well; the reason.
    Broken(String),
}

impl Trust {
    /// The pins, where there are some; else the authorities of this system.
    pub fn of(pins: Option<&Pins>) -> Trust {
        pins.map_or(Trust::Authorities, |pins| Trust::Pins(pins.clone()))
    }
}

/// What the other end showed without being believed.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// The certificates in DER, the server's own first; never empty.
    pub chain: Vec<Vec<u8>>,
    /// Whether an authority of this system vouches for it under the host's name.
    pub is_vouched_for: bool,
}

/// Speaks TLS over `stream` to `host`, by name or address.
///
/// # Errors
/// [`Mistrust`]; nothing but the TLS handshake was said then.
pub async fn secure(stream: TcpStream, host: &str, trust: &Trust) -> Result<TlsStream<TcpStream>, Mistrust> {
    let provider = Arc::new(ring::default_provider());
    let judge = match trust {
        Trust::Pins(pins) => Judge::Pins(pins.clone()),
        Trust::Authorities => Judge::Authorities(authorities(&provider)?),
    };
    let (connected, shown) = connect(stream, name_of(host)?, provider, judge).await?;
    connected.map_err(|error| {
        let shown = shown.first().map(|leaf| Pin::of(leaf));
        let refused = matches!(
            error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()),
            Some(TlsError::InvalidCertificate(_))
        );
        match (trust, shown) {
            (Trust::Pins(expected), Some(shown)) if refused => {
                Mistrust::Pin { expected: expected.clone(), shown }
            }
            (Trust::Authorities, shown) if refused => Mistrust::Authorities(error.to_string(), shown),
            _ => broken(&error),
        }
    })
}

/// Looks at the certificate that is shown over `stream` to whoever asks for `host`. It is never accepted: the handshake
/// ends there, so that not a byte of the Gateway protocol can follow.
///
/// # Errors
/// [`Mistrust::Broken`] when it shows none.
pub async fn look(stream: TcpStream, host: &str) -> Result<Shown, Mistrust> {
    let (provider, name) = (Arc::new(ring::default_provider()), name_of(host)?);
    let (ended, chain) = connect(stream, name.clone(), provider.clone(), Judge::Nobody).await?;
    let Some((leaf, above)) = chain.split_first() else {
        return Err(ended.err().map_or_else(|| broken(&"it showed none"), |error| broken(&error)));
    };
    let is_vouched_for = authorities(&provider)
        .is_ok_and(|all| all.verify_server_cert(leaf, above, &name, &[], UnixTime::now()).is_ok());
    Ok(Shown { chain: chain.iter().map(|one| one.to_vec()).collect(), is_vouched_for })
}

/// The handshake, and every certificate that was shown in it, the server's own first.
async fn connect(
    stream: TcpStream,
    name: ServerName<'static>,
    provider: Arc<CryptoProvider>,
    judge: Judge,
) -> Result<(io::Result<TlsStream<TcpStream>>, Vec<CertificateDer<'static>>), Mistrust> {
    let check = Arc::new(Check { provider: provider.clone(), judge, shown: Mutex::default() });
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = versions
        .map_err(|error| broken(&error))?
        .dangerous()
        .with_custom_certificate_verifier(check.clone())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let shown = std::mem::take(&mut *check.shown.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((connected, shown))
}

fn name_of(host: &str) -> Result<ServerName<'static>, Mistrust> {
    ServerName::try_from(host.to_owned()).map_err(|error| broken(&error))
}

fn broken(why: &dyn fmt::Display) -> Mistrust {
    Mistrust::Broken(why.to_string())
}

/// What this system trusts; a certificate that cannot be read is passed over.
fn authorities(provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, Mistrust> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
    verifier.map_err(|_| Mistrust::Authorities("this system has no trusted authorities".into(), None))
}

/// Who decides about a certificate.
#[derive(Debug)]
enum Judge {
    Pins(Pins),
    Authorities(Arc<WebPkiServerVerifier>),
    /// It is only looked at.
    Nobody,
}

/// The check of one connection, which remembers what was shown.
#[derive(Debug)]
struct Check {
    provider: Arc<CryptoProvider>,
    judge: Judge,
    shown: Mutex<Vec<CertificateDer<'static>>>,
}

impl Check {
    /// Whether `above`, a certificate that came with the server's, is pinned and has signed it for this name.
    fn is_vouched_for(
        &self,
        pins: &Pins,
        leaf: &CertificateDer<'_>,
        above: &CertificateDer<'_>,
        all: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> bool {
        let mut roots = RootCertStore::empty();
        if !fits(pins, above) || roots.add(above.clone().into_owned()).is_err() {
            return false;
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone());
        verifier.build().is_ok_and(|verifier| verifier.verify_server_cert(leaf, all, name, &[], now).is_ok())
    }
}

/// Whether a pin is that of the certificate or of its public key.
fn fits(pins: &Pins, certificate: &CertificateDer<'_>) -> bool {
    let key = ParsedCertificate::try_from(certificate).map(|parsed| parsed.subject_public_key_info());
    pins.have(Pin::of(certificate)) || key.is_ok_and(|key| pins.have(Pin::of(&key)))
}

impl ServerCertVerifier for Check {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let all = iter::once(leaf).chain(above).map(|one| one.clone().into_owned());
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = all.collect();
        let known = match &self.judge {
            Judge::Authorities(all) => return all.verify_server_cert(leaf, above, name, stapled, now),
            Judge::Pins(pins) => {
                fits(pins, leaf)
                    || above.iter().any(|one| self.is_vouched_for(pins, leaf, one, above, name, now))
            }
            Judge::Nobody => false,
        };
        match known {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

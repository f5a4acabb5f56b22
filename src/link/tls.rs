//! TLS towards a gateway. Who is there is decided inside the TLS handshake, before a byte of the Gateway protocol: by
//! pins where there are some, else by the authorities that this system trusts and the host's name.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

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

/// Speaks TLS over `stream` to `host`, by name or address.
///
/// # Errors
/// [`Mistrust`]; nothing but the TLS handshake was said then.
pub async fn secure(stream: TcpStream, host: &str, trust: &Trust) -> Result<TlsStream<TcpStream>, Mistrust> {
    let broken = |why: &dyn fmt::Display| Mistrust::Broken(why.to_string());
    let name = ServerName::try_from(host.to_owned()).map_err(|error| broken(&error))?;
    let provider = Arc::new(ring::default_provider());
    let authorities = match trust {
        Trust::Pins(_) => None,
        Trust::Authorities => Some(authorities(&provider)?),
    };
    let pins = match trust {
        Trust::Pins(pins) => Some(pins.clone()),
        Trust::Authorities => None,
    };
    let check = Arc::new(Check { provider: provider.clone(), pins, authorities, shown: Mutex::new(None) });
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = versions
        .map_err(|error| broken(&error))?
        .dangerous()
        .with_custom_certificate_verifier(check.clone())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    connected.map_err(|error| {
        let shown = *check.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = matches!(
            error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()),
            Some(TlsError::InvalidCertificate(_))
        );
        match (&check.pins, shown) {
            (Some(expected), Some(shown)) if refused => Mistrust::Pin { expected: expected.clone(), shown },
            (None, shown) if refused => Mistrust::Authorities(error.to_string(), shown),
            _ => Mistrust::Broken(error.to_string()),
        }
    })
}

/// What this system trusts; a certificate that cannot be read is passed over.
pub(super) fn authorities(provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, Mistrust> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
    verifier.map_err(|_| Mistrust::Authorities("this system has no trusted authorities".into(), None))
}

/// The check of one connection, which remembers what was shown.
#[derive(Debug)]
struct Check {
    provider: Arc<CryptoProvider>,
    pins: Option<Pins>,
    authorities: Option<Arc<WebPkiServerVerifier>>,
    shown: Mutex<Option<Pin>>,
}

impl Check {
    /// Whether `above`, a certificate that came with the server's, is pinned and has signed it for this name.
    fn is_vouched_for(
        &self,
        leaf: &CertificateDer<'_>,
        above: &CertificateDer<'_>,
        all: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> bool {
        let pinned = self.pins.as_ref().is_some_and(|pins| fits(pins, above));
        let mut roots = RootCertStore::empty();
        if !pinned || roots.add(above.clone().into_owned()).is_err() {
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
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(Pin::of(leaf));
        if let Some(authorities) = &self.authorities {
            return authorities.verify_server_cert(leaf, above, name, stapled, now);
        }
        let known = self.pins.as_ref().is_some_and(|pins| fits(pins, leaf))
            || above.iter().any(|one| self.is_vouched_for(leaf, one, above, name, now));
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

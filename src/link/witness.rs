//! What certificate the other end of a TLS connection shows. It is looked at and never accepted: the handshake ends
//! there, so that not a byte of the Gateway protocol can follow.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme,
};

use super::tls::{Mistrust, authorities};

/// What was shown.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// The certificates in DER, the server's own first; never empty.
    pub chain: Vec<Vec<u8>>,
    /// Whether an authority of this system vouches for it under the host's name.
    pub is_vouched_for: bool,
}

/// Looks at the certificate that is shown over `stream` to whoever asks for `host`.
///
/// # Errors
/// [`Mistrust::Broken`] when it shows none.
pub async fn look(stream: TcpStream, host: &str) -> Result<Shown, Mistrust> {
    let name = ServerName::try_from(host.to_owned()).map_err(|error| Mistrust::Broken(error.to_string()))?;
    let provider = Arc::new(ring::default_provider());
    let witness = Arc::new(Witness { provider: provider.clone(), shown: Mutex::new(None) });
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = versions
        .map_err(|error| Mistrust::Broken(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(witness.clone())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let ended = TlsConnector::from(Arc::new(config)).connect(name, stream).await.err();
    let shown = witness.shown.lock().unwrap_or_else(PoisonError::into_inner).take();
    shown.ok_or_else(|| Mistrust::Broken(ended.map_or_else(|| "it showed none".into(), |e| e.to_string())))
}

/// Remembers what it is shown, and refuses it.
#[derive(Debug)]
struct Witness {
    provider: Arc<CryptoProvider>,
    shown: Mutex<Option<Shown>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let vouched = authorities(&self.provider)
            .is_ok_and(|all| all.verify_server_cert(leaf, above, name, stapled, now).is_ok());
        let chain = std::iter::once(leaf).chain(above).map(|one| one.to_vec()).collect();
        let shown = Shown { chain, is_vouched_for: vouched };
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    // Never reached: the certificate was refused before.
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

//! The gateway's own TLS (INCIDENTS F7): nothing of it exists unless it is switched on. Files that change are taken up
//! by the next connection, and those that are open stay; a pair that does not fit together changes nothing.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::server::TlsStream;

use super::certificate::{self, Pair};
use super::door::Door;
use super::http;
use super::hub::Hub;
use crate::access::own_tls::OwnTls;
use crate::base::Result;

/// The first byte of a TLS handshake (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;
/// What is read of a request that is no TLS, so that its client sees an end and no reset.
const DISREGARDED: usize = 8 * 1024;

/// What the port shows and speaks.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    shown: Arc<Shown>,
}

impl Tls {
    /// Reads the files, and makes them first where that is allowed and neither is there.
    ///
    /// # Errors
    /// [`crate::base::Kind::Config`], code `tls_invalid`, with the key of `gateway.tls` that is to blame.
    pub fn open(files: OwnTls) -> Result<Tls> {
        certificate::provide(&files)?;
        let shown = Arc::new(Shown { now: Mutex::new(Pair::read(&files)?), files });
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| certificate::refused("enabled", &error.to_string()))?;
        let mut config = config.with_no_client_auth().with_cert_resolver(shown.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // A resumed session shows no certificate; a client that checks a pin must see the one of today.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Tls { acceptor: TlsAcceptor::from(Arc::new(config)), shown })
    }

    /// What it shows now, in a sentence for the log.
    pub fn describe(&self) -> String {
        self.shown.now.lock().unwrap_or_else(PoisonError::into_inner).describe()
    }

    async fn accept(&self, stream: TcpStream) -> io::Result<Box<TlsStream<TcpStream>>> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 1 && first[0] != HANDSHAKE {
            return Err(turn_away(stream).await);
        }
        self.shown.refresh();
        self.acceptor.accept(stream).await.map(Box::new)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.shown).finish()
    }
}

/// Speaks with one connection: over TLS where the gateway has some.
pub async fn connection(hub: Rc<Hub>, stream: TcpStream, peer: SocketAddr) {
    // A frame is small and waited for.
    let _ = stream.set_nodelay(true);
    match hub.options.tls.clone() {
        None => http::connection(hub, stream, peer, Door::Own).await,
        // Apart, so that a plain connection does not carry the room for it.
        Some(tls) => Box::pin(secured(hub, tls, stream, peer)).await,
    }
}

async fn secured(hub: Rc<Hub>, tls: Tls, stream: TcpStream, peer: SocketAddr) {
    match timeout(hub.options.limits.handshake, tls.accept(stream)).await {
        Ok(Ok(stream)) => http::connection(hub, stream, peer, Door::Own).await,
        Ok(Err(error)) => tracing::debug!(target: "gateway/tls", %peer, "no TLS: {error}"),
        Err(_) => tracing::debug!(target: "gateway/tls", %peer, "no TLS within the handshake's time"),
    }
}

/// Ends a connection that speaks plainly, at once and without a word, as the real gateway does.
async fn turn_away(mut stream: TcpStream) -> io::Error {
    let _ = stream.try_read(&mut [0; DISREGARDED]);
    let _ = stream.shutdown().await;
    io::Error::new(ErrorKind::InvalidData, "the client speaks plainly on a port that speaks TLS")
}

/// The pair that new connections are shown.
#[derive(Debug)]
struct Shown {
    files: OwnTls,
    now: Mutex<Pair>,
}

impl Shown {
    /// Takes up files that have changed. Those that do not fit are told once for each change, and leave what was.
    fn refresh(&self) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = certificate::stamps(&self.files);
        if stamps == now.stamps {
            return;
        }
        match Pair::read(&self.files) {
            Ok(pair) => {
                *now = pair;
                tracing::info!(target: "gateway/tls", "new connections are shown {}", now.describe());
            }
            Err(error) => {
                now.stamps = stamps;
                let kept = now.describe();
                tracing::warn!(target: "gateway/tls", "{}; still shown is {kept}", error.message());
            }
        }
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.now.lock().unwrap_or_else(PoisonError::into_inner).key.clone())
    }
}

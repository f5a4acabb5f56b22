//! TLS in front of a gateway that speaks none: a certificate of a test's own, and how many handshakes came through.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rcgen::KeyPair;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Shows `chain` in front of the gateway on `port`; gives its own port, and the count of clients that went through.
pub fn front(chain: Vec<CertificateDer<'static>>, key: &KeyPair, port: u16) -> (u16, Arc<AtomicUsize>) {
    front_on(std::net::TcpListener::bind("127.0.0.1:0").unwrap(), chain, key, port)
}

/// The same on `listener`.
pub fn front_on(
    listener: std::net::TcpListener,
    chain: Vec<CertificateDer<'static>>,
    key: &KeyPair,
    port: u16,
) -> (u16, Arc<AtomicUsize>) {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()));
    listener.set_nonblocking(true).unwrap();
    let own = listener.local_addr().unwrap().port();
    let through = Arc::new(AtomicUsize::new(0));
    let count = through.clone();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, count) = (acceptor.clone(), count.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    count.fetch_add(1, Ordering::SeqCst);
                    let Ok(mut gateway) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                    let _ = copy_bidirectional(&mut stream, &mut gateway).await;
                });
            }
        });
    });
    (own, through)
}

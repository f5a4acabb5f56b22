//! The gateway's own TLS (INCIDENTS F7): made or given certificates, what it refuses, and a renewal under open
//! connections.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use openclaw_supervisor::access::own_tls::OwnTls;
use openclaw_supervisor::base::{Kind, Pin};
use openclaw_supervisor::gateway::Tls;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::harness::{Gateway, TOKEN, connect, within};

/// Files that a gateway may make, in `folder`.
fn files(folder: &Path) -> OwnTls {
    OwnTls {
        certificate: folder.join("tls/gateway-cert.pem"),
        key: folder.join("tls/gateway-key.pem"),
        authorities: None,
        generate: true,
    }
}

/// A gateway behind TLS with these files.
async fn gateway(files: &OwnTls) -> Gateway {
    let tls = Tls::open(files.clone()).unwrap();
    Gateway::with(|options| options.tls = Some(tls)).await
}

fn certificate(files: &OwnTls) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(&files.certificate).unwrap()
}

/// A pair of its own: certificate and key in PEM.
fn pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".into()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// A connection of a client that trusts exactly `anchor`, and speaks `versions`.
async fn secured(
    port: u16,
    anchor: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(anchor.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_protocol_versions(versions).unwrap().with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    within("TLS", TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

/// A WebSocket over `stream` that said hello.
async fn hello(stream: TlsStream<TcpStream>) -> WebSocketStream<TlsStream<TcpStream>> {
    let upgrade = tokio_tungstenite::client_async("wss://localhost/", stream);
    let (mut socket, _) = within("the upgrade", upgrade).await.unwrap();
    let params = connect("cli", "cli", &["operator.read"], json!({ "token": TOKEN }));
    socket.send(Message::text(params.to_string())).await.unwrap();
    assert_eq!(answer(&mut socket, "c").await["ok"], true);
    socket
}

async fn answer(socket: &mut WebSocketStream<TlsStream<TcpStream>>, id: &str) -> Value {
    loop {
        let message = within("a frame", socket.next()).await.expect("an answer before the end").unwrap();
        let Ok(text) = message.to_text() else { continue };
        let frame: Value = serde_json::from_str(text).unwrap_or_default();
        if frame["id"] == id {
            return frame;
        }
    }
}

#[tokio::test]
async fn a_certificate_is_made_once_and_every_version_of_tls_gets_in() {
    let home = tempfile::tempdir().unwrap();
    let files = files(home.path());
    let gateway = gateway(&files).await;
    for file in [&files.certificate, &files.key] {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let shown = certificate(&files);
    for versions in [&[&TLS13][..], &[&TLS12], &[&TLS13, &TLS12]] {
        let stream = secured(gateway.port, &shown, versions).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        hello(stream).await;
    }
    let mut stream = secured(gateway.port, &shown, &[&TLS13]).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut text = Vec::new();
    // Whether the end of the stream is told by TLS as well is not what is asked here.
    let _ = within("an answer", stream.read_to_end(&mut text)).await;
    assert!(String::from_utf8(text).unwrap().starts_with("HTTP/1.1 200 OK\r\n"));
    // The next life shows the same one, and a lost certificate is made anew for the same key.
    let key = std::fs::read(&files.key).unwrap();
    Tls::open(files.clone()).unwrap();
    assert_eq!(certificate(&files), shown);
    std::fs::remove_file(&files.certificate).unwrap();
    Tls::open(files.clone()).unwrap();
    assert!(certificate(&files) != shown && std::fs::read(&files.key).unwrap() == key);
}

#[tokio::test]
async fn f7_who_speaks_plainly_to_a_port_that_speaks_tls_is_let_go_at_once() {
    let home = tempfile::tempdir().unwrap();
    let gateway = gateway(&files(home.path())).await;
    let mut plain = TcpStream::connect(("127.0.0.1", gateway.port)).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut text = Vec::new();
    within("the end", plain.read_to_end(&mut text)).await.unwrap();
    assert_eq!(text, b"");
}

#[tokio::test]
async fn f7_a_renewal_drops_no_connection_and_half_of_one_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let files = files(home.path());
    let gateway = gateway(&files).await;
    let old = certificate(&files);
    let mut open = hello(secured(gateway.port, &old, &[&TLS13]).await.unwrap()).await;
    let (renewed, key) = pair();
    let half = &renewed[..renewed.len() / 2];
    let refusals = || gateway.log().lines().filter(|line| line.contains("; still shown is ")).count();
    for (turn, written) in [half, &renewed].into_iter().enumerate() {
        std::fs::write(&files.certificate, written).unwrap();
        secured(gateway.port, &old, &[&TLS13]).await.unwrap();
        secured(gateway.port, &old, &[&TLS13]).await.unwrap();
        assert_eq!(refusals(), turn + 1, "each change is told once: {}", gateway.log());
    }
    assert!(gateway.log().contains("gateway.tls.keyPath: "), "{}", gateway.log());
    std::fs::write(&files.key, &key).unwrap();
    let new = certificate(&files);
    hello(secured(gateway.port, &new, &[&TLS13]).await.unwrap()).await;
    assert!(secured(gateway.port, &old, &[&TLS13]).await.is_err());
    let told = format!("new connections are shown the certificate {}", Pin::of(&new));
    assert!(gateway.log().contains(&told), "{}", gateway.log());
    assert!(!gateway.log().contains("PRIVATE"));
    // The connection from before has not noticed.
    let call = json!({"type": "req", "id": "h", "method": "health", "params": {}});
    open.send(Message::text(call.to_string())).await.unwrap();
    assert_eq!(answer(&mut open, "h").await["ok"], true);
}

#[tokio::test]
async fn a_given_chain_is_shown_whole() {
    let home = tempfile::tempdir().unwrap();
    let mut files = files(home.path());
    let (root, intermediate, leaf) =
        (KeyPair::generate().unwrap(), KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params
    };
    let (top, middle) = (authority("top"), authority("middle"));
    let anchor = top.self_signed(&root).unwrap();
    let above = middle.signed_by(&intermediate, &rcgen::Issuer::from_params(&top, &root)).unwrap();
    let params = CertificateParams::new(vec!["localhost".into()]).unwrap();
    let own = params.signed_by(&leaf, &rcgen::Issuer::from_params(&middle, &intermediate)).unwrap();
    std::fs::create_dir_all(files.key.parent().unwrap()).unwrap();
    std::fs::write(&files.certificate, own.pem()).unwrap();
    std::fs::write(&files.key, leaf.serialize_pem()).unwrap();
    let authorities = home.path().join("ca.pem");
    std::fs::write(&authorities, above.pem()).unwrap();
    files.authorities = Some(authorities);
    let gateway = gateway(&files).await;
    secured(gateway.port, anchor.der(), &[&TLS13]).await.unwrap();
}

#[test]
fn files_that_contradict_are_refused_by_the_key_that_names_them() {
    let home = tempfile::tempdir().unwrap();
    let refused = |files: &OwnTls, key: &str| {
        let error = Tls::open(files.clone()).expect_err("a refusal");
        assert_eq!((error.kind(), error.code()), (Kind::Config, "tls_invalid"));
        assert!(error.message().starts_with(&format!("gateway.tls.{key}: ")), "{error}");
        assert!(!error.to_string().contains("PRIVATE"), "{error}");
    };
    let given = OwnTls { generate: false, ..files(home.path()) };
    refused(&given, "certPath");
    let ((one, key), (_, other)) = (pair(), pair());
    std::fs::create_dir_all(given.key.parent().unwrap()).unwrap();
    std::fs::write(&given.certificate, &one).unwrap();
    refused(&given, "keyPath");
    refused(&files(home.path()), "keyPath");
    for wrong in [&other, "nothing", &one] {
        std::fs::write(&given.key, wrong).unwrap();
        refused(&given, "keyPath");
    }
    std::fs::write(&given.key, &key).unwrap();
    Tls::open(given.clone()).unwrap();
    std::fs::write(&given.certificate, &key).unwrap();
    refused(&given, "certPath");
    let authorities = Some(home.path().join("ca.pem"));
    std::fs::write(&given.certificate, &one).unwrap();
    refused(&OwnTls { authorities, ..given }, "caPath");
}

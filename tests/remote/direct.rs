//! Links without SSH: a gateway behind TLS with a pinned certificate, by the forwarder that the supervisor runs.

use rcgen::{CertificateParams, KeyPair};
use sha2::{Digest, Sha256};

use super::server::Pair;
use super::tls::front;

/// A certificate's pin as people write it.
pub fn pin(der: &[u8]) -> String {
    let digest = Sha256::digest(der);
    format!("sha256:{}", digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

#[test]
fn a_pinned_gateway_is_up_while_its_certificate_is_the_one() {
    let pair = Pair::new();
    let (good, bad) = (pair.name("good"), pair.name("bad"));
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["gateway.test".into()]).unwrap().self_signed(&key).unwrap();
    let (port, through) = front(vec![certificate.der().clone()], &key, pair.gateway_port);
    let (url, token) = (format!("wss://127.0.0.1:{port}"), pair.text("token"));
    let create = |name: &str, pin: &str| {
        let words =
            ["profile", "create", name, "--remote", &url, "--tls-fingerprint", pin, "--token-file", &token];
        pair.near.run(&words).ok();
    };
    create(&good, &pin(certificate.der()));
    let status = pair.near.start(&good);
    assert_eq!(
        (&status["link"]["transport"], &status["link"]["up"]),
        (&"direct".into(), &true.into()),
        "{status}"
    );
    pair.health(&good).ok();
    // The near end is plain and on this host alone: a browser that knows no pins comes through as well.
    let near = format!("ws://127.0.0.1:{}", status["port"]);
    pair.near.run(&["--url", &near, "--token-file", &token, "health"]).ok();
    assert!(through.load(std::sync::atomic::Ordering::SeqCst) > 1);
    create(&bad, &pin(b"another"));
    let error = pair.near.run(&["profile", "start", &bad, "--json"]).refused(78, "link_refused");
    assert!(error["message"].as_str().unwrap().contains(&pin(certificate.der())), "{error}");
    assert_eq!(pair.near.show(&bad)["state"], "failed");
}

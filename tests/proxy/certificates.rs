//! What a certificate is believed by: its key's pin, the pin of the authority above it, and the authorities of the
//! system, in this order of strictness (INCIDENTS F1, invariant I8).

use std::fs;

use openclaw_supervisor::base::Pin;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PublicKeyData};
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::tls;
use super::world::{World, said};

/// An authority and a certificate that it signed.
struct Made {
    authority: rcgen::Certificate,
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

fn made(host: &str) -> Made {
    let authority_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(params, authority_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new([host.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    Made { chain: vec![leaf.der().clone(), authority.der().clone()], authority, key }
}

#[test]
fn a_key_an_authority_or_the_system_vouches_for_a_certificate() {
    let world = World::new();
    let served = world.served(&[]);
    let secret = world.secret();
    let (right, wrong) = (made("127.0.0.1"), made("elsewhere.example"));
    let roots = world.path("roots.pem");
    fs::write(&roots, right.authority.pem() + &wrong.authority.pem()).unwrap();
    let health = |made: &Made, pin: Option<Pin>, has_roots: bool| {
        let url = format!("wss://127.0.0.1:{}", tls::front(made.chain.clone(), &made.key, served.port).0);
        let mut command = world.command(&["health", "--json", "--url", &url, "--token-file", &secret]);
        if let Some(pin) = pin {
            command.args(["--tls-fingerprint", &pin.to_string()]);
        }
        if has_roots {
            command.env("SSL_CERT_FILE", &roots);
        }
        said(command.spawn().unwrap())
    };
    let key = |made: &Made| Pin::of(&made.key.subject_public_key_info());
    let authority = |made: &Made| Pin::of(made.authority.der());
    health(&right, Some(key(&right)), false).ok();
    health(&wrong, Some(key(&wrong)), false).ok();
    health(&right, Some(authority(&right)), false).ok();
    health(&right, None, true).ok();
    let heard = served.text();
    // An authority vouches for a name, and for what it signed; a pin is not widened by the system's authorities.
    health(&wrong, Some(authority(&wrong)), false).refused(77, "tls_fingerprint_mismatch");
    health(&wrong, Some(authority(&right)), true).refused(77, "tls_fingerprint_mismatch");
    health(&right, Some(key(&wrong)), true).refused(77, "tls_fingerprint_mismatch");
    health(&wrong, None, true).refused(77, "tls_untrusted");
    health(&right, None, false).refused(77, "tls_untrusted");
    assert_eq!(served.text(), heard, "nothing came through");
}

//! Guided re-trust: a certificate that changed parks the link, and a person's word, never anything else, takes it up
//! again (INCIDENTS F7 and rank 21).

use std::fs;
use std::path::PathBuf;

use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use super::world::{Said, World};

/// A gateway with TLS of its own, and a home that reaches it.
struct Both {
    near: World,
    far: World,
    gateway: String,
    name: String,
}

impl Both {
    fn new() -> Both {
        let (near, far) = (World::new(), World::new());
        let (gateway, name) = (far.name("far"), near.name("home"));
        far.run(&["profile", "create", &gateway, "--runtime", "embedded"]).ok();
        let file = far.state(&gateway).join("openclaw.json");
        let mut config: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        config["gateway"]["tls"] = json!({ "enabled": true });
        fs::write(&file, config.to_string()).unwrap();
        let port = far.start(&gateway)["port"].clone();
        let token = near.path("token");
        fs::write(&token, config["gateway"]["auth"]["token"].as_str().unwrap()).unwrap();
        let url = format!("wss://127.0.0.1:{port}");
        let token = token.display().to_string();
        near.run(&["profile", "create", &name, "--remote", &url, "--token-file", &token]).ok();
        let both = Both { near, far, gateway, name };
        let text = fs::read_to_string(both.manifest()).unwrap();
        fs::write(both.manifest(), format!("# mine\n{text}")).unwrap();
        both
    }

    fn manifest(&self) -> PathBuf {
        self.near.home(format!(".config/openclaw/profiles/{}.toml", self.name))
    }

    /// Puts another certificate in front of the gateway, for the key that it has or for a new one.
    fn renew(&self, with_new_key: bool) {
        let folder = self.far.state(&self.gateway).join("gateway/tls");
        let file = folder.join("gateway-key.pem");
        let key = match with_new_key {
            true => KeyPair::generate().unwrap(),
            false => KeyPair::from_pem(&fs::read_to_string(&file).unwrap()).unwrap(),
        };
        let made = CertificateParams::new(vec!["renewed.test".into()]).unwrap().self_signed(&key).unwrap();
        fs::write(&file, key.serialize_pem()).unwrap();
        fs::write(folder.join("gateway-cert.pem"), made.pem()).unwrap();
    }

    fn trust(&self, more: &[&str]) -> Said {
        self.near.run(&[&["profile", "trust", &self.name, "--json"][..], more].concat())
    }

    fn health(&self) -> Said {
        self.near.run(&["--profile", &self.name, "health", "--json"])
    }

    /// Agrees to what is shown, by the fingerprint under `key`; what was known of the change.
    fn agree(&self, key: &str, more: &[&str]) -> Value {
        let shown = self.trust(&[]).ok().json();
        assert_eq!((&shown["trusted"], &shown["changed"]), (&json!(false), &json!(false)), "{shown}");
        let pin = shown["shown"][key].as_str().unwrap();
        let done = self.trust(&[&["--yes", "--fingerprint", pin][..], more].concat()).ok().json();
        assert_eq!((&done["trusted"], &done["changed"]), (&json!(true), &json!(true)), "{done}");
        assert!(fs::read_to_string(self.manifest()).unwrap().starts_with("# mine\n"));
        self.near.until_state(&self.name, "ready");
        self.health().ok();
        shown["change"].clone()
    }
}

#[test]
fn f7_a_certificate_is_trusted_by_a_persons_word_alone_and_the_link_goes_on() {
    let both = Both::new();
    let error = both.near.run(&["profile", "start", &both.name, "--json"]).refused(78, "link_refused");
    let verb = format!("openclaw profile trust {}", both.name);
    assert!(error["remedy"].as_str().unwrap().contains(&verb), "{error}");
    let before = fs::read_to_string(both.manifest()).unwrap();
    let other = format!("sha256:{}", "ab".repeat(32));
    both.trust(&["--yes", "--fingerprint", &other]).refused(77, "fingerprint_differs");
    both.trust(&["--yes"]).refused(2, "usage");
    both.trust(&["--pin", "authority"]).refused(2, "authority_missing");
    assert_eq!(fs::read_to_string(both.manifest()).unwrap(), before);
    assert_eq!(both.agree("fingerprint", &[]), "first");
    assert_eq!(both.trust(&[]).ok().json()["change"], "none");

    both.renew(false);
    let _ = both.health();
    both.near.until_state(&both.name, "failed");
    let told = both.near.run(&["profile", "trust", &both.name]).ok();
    for words in ["the key is the one of before", "renewed.test", "signs itself", "Nothing was changed"] {
        assert!(told.out.contains(words), "{words}: {}", told.out);
    }
    assert_eq!(both.agree("keyFingerprint", &["--pin", "key", "--keep-old"]), "same_key");
    // What is pinned is the key: its next certificate is no news.
    both.renew(false);
    both.health().ok();
    assert_eq!(both.trust(&[]).ok().json()["change"], "none");

    both.renew(true);
    let _ = both.health();
    both.near.until_state(&both.name, "failed");
    assert_eq!(both.agree("fingerprint", &["--keep-old"]), "new_key");
    let pins = both.trust(&[]).ok().json()["pinned"].to_string();
    assert_eq!(pins.matches("sha256:").count(), 2, "{pins}");
}

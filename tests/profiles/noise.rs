//! Damaged files: whatever an editor, a full disk or a hand has done to a manifest or an `openclaw.json`, reading it
//! ends in a value or in an error that names the file.

use std::path::Path;

use openclaw_supervisor::profile::{GatewayConfig, Manifest};
use proptest::prelude::*;

const MANIFEST: &str = include_str!("valid/everything.toml");
const REMOTE: &str = include_str!("valid/remote-ssh.toml");
const CONFIG: &str = include_str!("valid/comments.json5");
const SECRETS: &str = include_str!("valid/secret-references.json5");

/// A text with one piece cut out and another put in.
fn damaged(text: &str, cut: (prop::sample::Index, usize), put: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let from = cut.0.index(chars.len());
    let to = (from + cut.1).min(chars.len());
    chars[..from].iter().chain(&put.chars().collect::<Vec<_>>()).chain(&chars[to..]).collect()
}

proptest! {
    #[test]
    fn damage_is_an_error_with_the_files_name(
        place in any::<prop::sample::Index>(),
        length in 0_usize..200,
        put in "[\\PC\n]{0,20}|[\\[\\]{}\"'=$#/*]{0,40}",
    ) {
        for text in [MANIFEST, REMOTE] {
            if let Err(error) = Manifest::parse(&damaged(text, (place, length), &put), Path::new("it.toml")) {
                prop_assert!(error.message().starts_with("it.toml:"), "{}", error);
            }
        }
        for text in [CONFIG, SECRETS] {
            if let Err(error) = GatewayConfig::parse(&damaged(text, (place, length), &put), Path::new("it.json")) {
                prop_assert!(error.message().starts_with("it.json:"), "{}", error);
            }
        }
    }
}

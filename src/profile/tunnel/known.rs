//! A line of a file of known hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

/// The fingerprint of the key in `line`, as OpenSSH writes it: `SHA256:` and base64 without padding.
pub fn fingerprint(line: &str) -> Option<String> {
    let mut words = line.split_ascii_whitespace().skip_while(|word| word.starts_with('@'));
    // Names, type, key.
    let key = STANDARD.decode(words.nth(2)?).ok()?;
    Some(format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(key))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_that_of_ssh_keygen() {
        // Made and printed by ssh-keygen.
        let key = "AAAAC3NzaC1lZDI1NTE5AAAAIFB5nDgH1f9KJVxXnTESm2vRYzcy5vLsBuxmP4Qq707P";
        for line in [
            format!("[127.0.0.1]:2222 ssh-ed25519 {key}"),
            format!("|1|abc=|def= ssh-ed25519 {key} a comment"),
            format!("@cert-authority *.example ssh-ed25519 {key}"),
        ] {
            let printed = "SHA256:gTQoPw7//liol00Fsu+ZYxS18+WOPmT2FxgM/N2dPwQ";
            assert_eq!(fingerprint(&line).as_deref(), Some(printed), "{line}");
        }
        assert_eq!(fingerprint("host ssh-ed25519"), None);
        assert_eq!(fingerprint("# nothing"), None);
    }
}

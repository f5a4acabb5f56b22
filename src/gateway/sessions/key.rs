//! Keys of sessions, as the real program forms them: `agent:<agent>:<rest>`, in small letters. This gateway has one
//! agent, and its main session is what `main` means.

use crate::wire::Fault;

/// The agent.
pub const AGENT: &str = "main";
/// The main session.
pub const MAIN: &str = "agent:main:main";
/// What the rest of the main session's key is.
pub const MAIN_REST: &str = "main";
/// Longest key, in characters.
const KEY_MAX: usize = 512;

/// The full key that `key`, as a client wrote it, stands for; the main session's where it is empty.
///
/// # Errors
/// `INVALID_REQUEST`: it names another agent, it is too long, or it holds a control character.
pub fn full(key: &str) -> Result<String, Fault> {
    let key = key.trim().to_lowercase();
    if key.chars().count() > KEY_MAX || key.chars().any(char::is_control) {
        return Err(Fault::invalid(format!(
            "a session key has at most {KEY_MAX} characters, none of them invisible"
        )));
    }
    let Some(rest) = key.strip_prefix("agent:") else {
        return Ok(if key.is_empty() { MAIN.to_owned() } else { format!("agent:{AGENT}:{key}") });
    };
    match rest.split_once(':') {
        Some((AGENT, rest)) if !rest.is_empty() => Ok(key),
        Some((AGENT, _)) | None => Err(Fault::invalid(format!("`{key}` is no session key"))),
        Some((other, _)) => Err(stranger(other)),
    }
}

/// Holds an agent's name, as a client wrote it, against the one that there is.
///
/// # Errors
/// `INVALID_REQUEST`, naming it.
pub fn check_agent(id: Option<&str>) -> Result<(), Fault> {
    match id.map(str::trim) {
        Some(id) if !id.is_empty() && !id.eq_ignore_ascii_case(AGENT) => Err(stranger(id)),
        _ => Ok(()),
    }
}

fn stranger(id: &str) -> Fault {
    let id: String = id.chars().take(64).collect();
    Fault::invalid(format!("unknown agent id \"{id}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_completed_as_in_the_real_program() {
        let table = [
            ("", MAIN),
            ("main", MAIN),
            (" Main ", MAIN),
            ("agent:main:main", MAIN),
            ("AGENT:main:Telegram:direct:7", "agent:main:telegram:direct:7"),
            ("telegram:direct:7", "agent:main:telegram:direct:7"),
        ];
        for (written, meant) in table {
            assert_eq!(full(written).unwrap(), meant, "{written}");
        }
        for wrong in ["agent:", "agent:main", "agent:main:", "agent:other:main", "a\u{0}b", &"k".repeat(513)]
        {
            assert!(full(wrong).is_err(), "{wrong}");
        }
        assert!(check_agent(Some("Main")).is_ok() && check_agent(None).is_ok());
        assert_eq!(check_agent(Some("ops")).unwrap_err().message, "unknown agent id \"ops\"");
    }
}

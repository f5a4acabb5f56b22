//! What was seen of a gateway that hung, kept for whoever asks why: one bounded file an incident.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::base::record::Probe;
use crate::base::{ProfileName, Result};
use crate::host::clock::epoch_ms;
use crate::host::dossier::{self, Dossier};
use crate::host::files;
use crate::profile::Profile;

/// Files kept of one profile; the oldest fall away.
const FILES_KEPT: usize = 5;
/// Largest file, in bytes.
const FILE_BYTES: usize = 64 * 1024;
/// Words whose value is not written down, wherever it stands behind `=` or `:`.
const SECRET_WORDS: [&str; 8] =
    ["token", "password", "passwd", "secret", "apikey", "api_key", "api-key", "authorization"];

/// Everything that is kept of one incident.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Evidence<'a> {
    profile: &'a str,
    pid: u32,
    port: u16,
    seen_at_ms: u64,
    probe: Probe,
    #[serde(flatten)]
    dossier: Dossier,
    last_lines: Vec<String>,
}

/// Writes what is to be seen now of the gateway of `profile`, which runs as `pid`, into `directory`, together
/// with the last `lines` of its output and what the probe saw: a file of at most 64 KiB, mode 0600. Only the last
/// five of a profile are kept. It reads files of the kernel and may take milliseconds: not for the loop.
///
/// # Errors
/// When the directory or the file cannot be written.
pub fn collect(
    directory: &Path,
    profile: &Profile,
    pid: u32,
    lines: &[String],
    probe: Probe,
) -> Result<PathBuf> {
    files::private_dir(directory)?;
    let seen_at_ms = epoch_ms();
    let mut evidence = Evidence {
        profile: profile.name.as_str(),
        pid,
        port: profile.port,
        seen_at_ms,
        probe,
        dossier: dossier::of(pid, profile.port),
        last_lines: lines.iter().map(|line| without_secrets(line)).collect(),
    };
    let path = directory.join(format!("{}-{seen_at_ms:013}.json", profile.name));
    files::write_volatile(&path, &bounded(&mut evidence))?;
    let all = kept(directory, &profile.name)?;
    for old in &all[..all.len().saturating_sub(FILES_KEPT)] {
        files::remove(old);
    }
    Ok(path)
}

/// The evidence about `name` in `directory`, oldest first.
///
/// # Errors
/// When the directory cannot be listed.
pub fn kept(directory: &Path, name: &ProfileName) -> Result<Vec<PathBuf>> {
    let is_time = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let own = |file: &str| {
        let time = file.strip_prefix(name.as_str()).and_then(|rest| rest.strip_prefix('-'));
        time.and_then(|rest| rest.strip_suffix(".json")).is_some_and(is_time)
    };
    let found = files::entries(directory)?.into_iter().filter(|file| own(file));
    Ok(found.map(|file| directory.join(file)).collect())
}

/// The evidence as text. What is longest and says least falls away first.
fn bounded(evidence: &mut Evidence<'_>) -> String {
    loop {
        let text = serde_json::to_string_pretty(&evidence).unwrap_or_default() + "\n";
        if text.len() <= FILE_BYTES {
            return text;
        }
        if evidence.last_lines.len() > 1 {
            let half = evidence.last_lines.len() / 2;
            evidence.last_lines.drain(..half);
        } else if evidence.last_lines.pop().is_none() && evidence.dossier.files.pop_last().is_none() {
            evidence.dossier.threads.clear();
            evidence.dossier.sockets.clear();
        }
    }
}

/// `line` with `***` in place of what looks like a credential: the rest of the line behind a word that names one.
pub(super) fn without_secrets(line: &str) -> String {
    let small = line.to_ascii_lowercase();
    let value = |word: &&str| {
        let behind = small.find(*word)? + word.len();
        let gap = small[behind..].find(['=', ':'])?;
        // `"apiToken": "…"` names one; "the token expired; next: …" does not.
        small[behind..behind + gap].trim_matches(['"', '\'', ' ']).is_empty().then_some(behind + gap + 1)
    };
    let named = SECRET_WORDS.iter().filter_map(value).min();
    let carried = small.find("bearer ").map(|at| at + "bearer ".len());
    match named.into_iter().chain(carried).min() {
        Some(end) => format!("{}***", without_keys(&line[..end])),
        None => without_keys(line),
    }
}

/// `line` with `***` in place of words that are shaped like the keys of common services: a bot's `12345678:…`, also
/// where it is part of a path, and `sk-…`.
fn without_keys(line: &str) -> String {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "_-:".contains(letter);
    let mut told = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(begin) = rest.find(is_part) {
        let end = rest[begin..].find(|letter| !is_part(letter)).map_or(rest.len(), |length| begin + length);
        let word = &rest[begin..end];
        told.push_str(&rest[..begin]);
        told.push_str(if is_key(word) { "***" } else { word });
        rest = &rest[end..];
    }
    told + rest
}

fn is_key(word: &str) -> bool {
    let bot = word.strip_prefix("bot").unwrap_or(word).split_once(':').is_some_and(|(id, key)| {
        id.len() >= 6 && id.bytes().all(|byte| byte.is_ascii_digit()) && key.len() >= 20
    });
    bot || (word.starts_with("sk-") && word.len() >= 20)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::daemon::prepare::DISK;
    use crate::profile::{Environment, Registry};

    fn profile(home: &Path) -> Profile {
        let manifests = home.join(".config/openclaw/profiles");
        std::fs::create_dir_all(&manifests).unwrap();
        std::fs::write(manifests.join("work.toml"), "[gateway]\nport = 19789\n").unwrap();
        let environment = Environment::from_pairs([("HOME", home.to_str().unwrap())]);
        Registry::new(DISK, &environment).unwrap().load(&"work".parse().unwrap()).unwrap()
    }

    #[test]
    fn incident_c2_evidence_is_bounded_private_and_without_secrets() {
        let home = tempfile::tempdir().unwrap();
        let (profile, directory) = (profile(home.path()), home.path().join("evidence"));
        let mut lines = vec!["gateway.auth.token=hunter2".to_owned(), "the loop stands still".to_owned()];
        let path = collect(&directory, &profile, std::process::id(), &lines, Probe::default()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("hunter2") && text.contains("the loop stands still"), "{text}");
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&document["profile"], &document["probe"]["tcp"]), (&"work".into(), &false.into()));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        lines.extend((0..100).map(|_| "\u{1}".repeat(500)));
        let path = collect(&directory, &profile, std::process::id(), &lines, Probe::default()).unwrap();
        assert!(std::fs::metadata(path).unwrap().len() <= FILE_BYTES as u64);
    }

    #[test]
    fn only_the_last_ones_of_a_profile_are_kept_and_those_of_its_neighbour_are_not_touched() {
        let home = tempfile::tempdir().unwrap();
        let (profile, directory) = (profile(home.path()), home.path().join("evidence"));
        std::fs::create_dir(&directory).unwrap();
        let neighbour = directory.join("work-2-0000000000001.json");
        std::fs::write(&neighbour, "").unwrap();
        for time in 0..9 {
            std::fs::write(directory.join(format!("work-{time:013}.json")), "").unwrap();
        }
        let last = collect(&directory, &profile, u32::MAX - 1, &[], Probe::default()).unwrap();
        let left = kept(&directory, &profile.name).unwrap();
        assert_eq!((left.len(), left.last()), (FILES_KEPT, Some(&last)));
        assert!(neighbour.exists());
    }

    #[test]
    fn what_looks_like_a_credential_is_left_out() {
        for (line, shown) in [
            ("listening on 18789", "listening on 18789"),
            ("token: abc", "token:***"),
            ("{\"apiToken\": \"abc\"}", "{\"apiToken\":***"),
            ("Authorization: Bearer abc", "Authorization:***"),
            ("sent Bearer abc", "sent Bearer ***"),
            ("the token expired; next: wait", "the token expired; next: wait"),
            ("password=x", "password=***"),
            (
                "POST https://api.example/bot12345678:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/getUpdates 409",
                "POST https://api.example/***/getUpdates 409",
            ),
            ("used sk-abcdefghijklmnopqrstuv, refused", "used ***, refused"),
            ("at 2026-11-23T10:00:00.123456 task:1234567", "at 2026-11-23T10:00:00.123456 task:1234567"),
        ] {
            assert_eq!(without_secrets(line), shown);
        }
    }
}

//! What is an entry of OpenClaw, by whole names and places and never by a part of a word, and what the words behind it
//! ask for.

use super::verdict::{Role, Scene, base_name};

/// The program's name and those it had before.
const NAMES: [&str; 4] = ["openclaw", "clawdbot", "moltbot", "moltx"];

/// The process title of a gateway, and what is left of it where the kernel keeps 15 characters (OPENCLAW.md 2.6).
const TITLES: [&str; 6] = [
    "openclaw-gateway",
    "clawdbot-gateway",
    "moltbot-gateway",
    "openclaw-gatewa",
    "clawdbot-gatewa",
    "moltbot-gateway",
];

/// Entry files that many packages have: they count only inside one of OpenClaw's.
const COMMON_ENTRIES: [&str; 7] = [
    "dist/index.js",
    "dist/index.mjs",
    "dist/entry.js",
    "dist/entry.mjs",
    "scripts/run-node.mjs",
    "src/entry.ts",
    "src/index.ts",
];

/// Folders of home directories: what is below is a user's name, not a package's.
const HOMES: [&str; 3] = ["home", "Users", "homes"];

/// Options that take the next word, before and behind the subcommand.
const VALUED: [&str; 20] = [
    "--profile",
    "--port",
    "--bind",
    "--auth",
    "--url",
    "--token",
    "--token-file",
    "--password",
    "--password-file",
    "--tls-fingerprint",
    "--timeout",
    "--log-level",
    "--container",
    "--tailscale",
    "--ws-log",
    "--raw-stream-path",
    "--channels",
    "--state-dir",
    "--config",
    "--host",
];

/// What the words behind an entry ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What becomes of the process.
    pub role: Role,
    /// The subcommand as typed.
    pub verb: String,
    /// `--profile`, or `dev` for a `--dev` before the subcommand.
    pub profile: Option<String>,
    /// `--port`.
    pub port: Option<u16>,
}

/// Whether a program or package is OpenClaw by its whole name.
pub fn is_name(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Whether a word is a gateway's process title, or a program called so.
pub fn is_title(name: &str) -> bool {
    TITLES.contains(&name)
}

/// Whether a folder's name is one that OpenClaw gives a state directory.
pub fn is_state_dir_name(name: &str) -> bool {
    let Some(rest) = name.strip_prefix('.') else { return false };
    NAMES
        .iter()
        .any(|own| rest.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
}

/// Whether a script that an interpreter runs is an entry of OpenClaw.
pub fn is_script(script: &str, scene: &Scene) -> bool {
    let name = base_name(script);
    if is_name(name.strip_suffix(".mjs").unwrap_or(name)) {
        return true;
    }
    let script = script.trim_start_matches("./");
    COMMON_ENTRIES.iter().any(|entry| match script.strip_suffix(entry) {
        Some("") => is_package(scene.directory.as_deref().unwrap_or_default()) || is_told(scene),
        Some(folder) if folder.ends_with('/') => is_package(folder) || is_told(scene),
        _ => false,
    })
}

/// Whether a folder holds OpenClaw's package, by its name.
fn is_package(folder: &str) -> bool {
    let mut parts = folder.trim_end_matches('/').rsplit('/');
    let (name, above) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    is_name(name) && !HOMES.contains(&above)
}

/// Whether what surrounds the command says that it is OpenClaw: its image, or variables that only its service has. A
/// single variable proves nothing, since clients have some too.
fn is_told(scene: &Scene) -> bool {
    let has = |name: &str| scene.variable(name).is_some();
    scene.container.as_ref().is_some_and(|container| container.own_image)
        || scene.variable("SERVICE_KIND").as_deref() == Some("gateway")
        || ((has("STATE_DIR") || has("CONFIG_PATH")) && has("GATEWAY_PORT"))
}

/// Reads the words behind an entry.
pub fn asked(words: &[String]) -> Asked {
    let mut verbs: Vec<&str> = Vec::new();
    let mut asked = Asked { role: Role::Other, verb: String::new(), profile: None, port: None };
    let mut asks_only = false;
    let mut rest = words.iter().map(String::as_str).filter(|word| !word.is_empty());
    while let Some(word) = rest.next() {
        if !word.starts_with('-') {
            verbs.push(word);
            continue;
        }
        let (option, value) = match word.split_once('=') {
            Some((option, value)) => (option, Some(value)),
            None if VALUED.contains(&word) => (word, rest.next()),
            None => (word, None),
        };
        match option {
            "--profile" => asked.profile = value.map(ToOwned::to_owned),
            "--port" => asked.port = value.and_then(|value| value.parse().ok()).filter(|port| *port > 0),
            "--dev" if verbs.is_empty() => asked.profile = Some("dev".into()),
            "-h" | "--help" | "-V" | "--version" => asks_only = true,
            _ => {}
        }
    }
    asked.verb = verbs.iter().take(2).copied().collect::<Vec<_>>().join(" ");
    asked.role = match verbs[..] {
        _ if asks_only => Role::Other,
        ["gateway"] | ["gateway", "run", ..] | ["gateway-daemon", ..] => Role::Gateway,
        ["supervisor", "run", ..] => Role::Supervisor,
        ["node", "run", ..] | ["node-host", "run", ..] => Role::NodeHost,
        _ => Role::Other,
    };
    asked
}

#[cfg(test)]
mod tests {
    use super::super::shell;
    use super::*;

    #[test]
    fn the_subcommand_decides() {
        for (text, role) in [
            ("gateway", Role::Gateway),
            ("gateway run", Role::Gateway),
            ("gateway --port 18789 --bind lan --force", Role::Gateway),
            ("--profile gateway --no-color gateway run", Role::Gateway),
            ("--profile=work gateway", Role::Gateway),
            ("gateway-daemon --port 1", Role::Gateway),
            ("supervisor run", Role::Supervisor),
            ("node run --host gateway --port 1", Role::NodeHost),
            ("gateway status", Role::Other),
            ("gateway restart", Role::Other),
            ("gateway call health", Role::Other),
            ("gateway --help", Role::Other),
            ("--profile gateway status", Role::Other),
            ("send --to gateway", Role::Other),
            ("supervisor status", Role::Other),
            ("doctor", Role::Other),
            ("", Role::Other),
        ] {
            assert_eq!(asked(&shell::words(text)).role, role, "{text}");
        }
        let asked = asked(&shell::words("--dev gateway --port=19001 --dev"));
        assert_eq!((asked.profile.as_deref(), asked.port), (Some("dev"), Some(19001)));
    }

    #[test]
    fn a_common_file_counts_only_in_the_package() {
        for (script, is) in [
            ("/usr/lib/node_modules/openclaw/dist/index.js", true),
            ("/x/.pnpm/openclaw@1/node_modules/openclaw/dist/entry.js", true),
            ("/usr/bin/openclaw", true),
            ("openclaw.mjs", true),
            ("/home/openclaw/dist/index.js", false),
            ("/opt/openclaw-bridge/dist/index.js", false),
            ("/opt/openclaw/other/dist/index.js", false),
            ("dist/index.js", false),
            ("/opt/openclaw/xdist/index.js", false),
            ("/opt/openclaw-gateway.js", false),
        ] {
            assert_eq!(is_script(script, &Scene::default()), is, "{script}");
        }
        let directory = Some("/opt/openclaw".to_owned());
        assert!(is_script("./dist/index.js", &Scene { directory, ..Scene::default() }));
    }
}

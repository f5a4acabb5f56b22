//! The environment of a gateway's process, built from nothing: an allow-list of what any program needs to know of
//! the machine and its user, then what pins the profile. What the shell happened to export decides nothing, and no
//! credential travels this way (I8, INCIDENTS B2).
//!
//! Left out on purpose: `TERM` (output goes to a file, colours would end there), `NODE_OPTIONS` (a debugger or a
//! preloaded file from somebody's shell), `SSH_AUTH_SOCK` (somebody's keys), and everything by which a gateway
//! would believe that systemd or launchd supervises it (`INVOCATION_ID`, `JOURNAL_STREAM`, `NOTIFY_SOCKET`, …).
//! Let in: the XDG folders. They say where this user keeps things, and an embedded gateway finds its manifest there.

use std::collections::BTreeMap;

use super::{Environment, Profile};
use crate::base::record::Runtime;

/// Variables that pass as they are.
const PASSED: [&str; 26] = [
    "ALL_PROXY",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "NODE_EXTRA_CA_CERTS",
    "NODE_USE_SYSTEM_CA",
    "NO_PROXY",
    "PATH",
    "SHELL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "TZ",
    "USER",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Where the host slot is kept; it belongs to the machine, not to a profile, and shows to which host a gateway counts.
const HOST_LOCK: &str = "OPENCLAW_HOST_LOCK";

/// Variables that no manifest can let through: they pin the profile, carry its credentials, or claim another
/// supervisor.
const RESERVED: [&str; 17] = [
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
    "MANAGERPID",
    "NOTIFY_SOCKET",
    "OPENCLAW_CONFIG_PATH",
    "OPENCLAW_HOME",
    "OPENCLAW_NO_RESPAWN",
    "OPENCLAW_PROFILE",
    "OPENCLAW_STATE_DIR",
    "OPENCLAW_WORKSPACE_DIR",
    "SYSTEMD_EXEC_PID",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "XPC_SERVICE_NAME",
];

/// Beginnings of further such names.
const RESERVED_PREFIXES: [&str; 6] = [
    "OPENCLAW_GATEWAY_",
    "OPENCLAW_LAUNCHD_",
    "OPENCLAW_SERVICE_",
    "OPENCLAW_SUPERVISOR_",
    "OPENCLAW_SYSTEMD_",
    "OPENCLAW_WINDOWS_",
];

/// The environment of a command of this user's that is no gateway: what any program needs to know, and of no profile.
pub fn plain_env(env: &Environment) -> BTreeMap<String, String> {
    env.iter().filter(|(name, _)| is_plain(name)).map(|(name, value)| (name.into(), value.into())).collect()
}

fn is_plain(name: &str) -> bool {
    PASSED.contains(&name) || name.starts_with("LC_") || name == HOST_LOCK
}

/// The environment of the profile's gateway. `env` is the whole snapshot: of its `OPENCLAW_*` variables only those
/// that the manifest names in `runtime.pass_env` pass.
pub fn child_env(profile: &Profile, runtime: Runtime, env: &Environment) -> BTreeMap<String, String> {
    let passes = |name: &str| {
        is_plain(name)
            || (profile.pass_env.iter().any(|passed| passed == name) && check_passable(name).is_ok())
    };
    let mut vars: BTreeMap<String, String> = env
        .iter()
        .filter(|(name, _)| passes(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    vars.extend(selectors(profile));
    if runtime == Runtime::Openclaw {
        // A restart stays in the process, services stay ours, and no other manager is looked for.
        let settled = [
            ("OPENCLAW_NO_RESPAWN", "1"),
            ("OPENCLAW_SUPERVISOR_MODE", "external"),
            ("OPENCLAW_SERVICE_REPAIR_POLICY", "external"),
        ];
        vars.extend(settled.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    vars
}

/// The variables that select a profile: what the real program and this one read to find its things.
pub fn selectors(profile: &Profile) -> BTreeMap<String, String> {
    let paths = &profile.paths;
    let mut vars = BTreeMap::from([
        ("OPENCLAW_STATE_DIR".to_owned(), paths.state_dir.display().to_string()),
        ("OPENCLAW_CONFIG_PATH".to_owned(), paths.config_path.display().to_string()),
        ("OPENCLAW_WORKSPACE_DIR".to_owned(), paths.workspace.display().to_string()),
        ("OPENCLAW_GATEWAY_PORT".to_owned(), profile.port.to_string()),
    ]);
    if !profile.name.is_default() {
        vars.insert("OPENCLAW_PROFILE".to_owned(), profile.name.to_string());
    }
    vars
}

/// Whether a manifest may name this variable in `runtime.pass_env`.
///
/// # Errors
/// A reason in words.
pub fn check_passable(name: &str) -> Result<(), String> {
    let mut letters = name.bytes();
    let begins = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_');
    if !begins || !letters.all(|letter| letter.is_ascii_alphanumeric() || letter == b'_') {
        return Err(format!("{name:?} is not a variable's name"));
    }
    if RESERVED.contains(&name) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
        return Err(format!("{name} is set by the supervisor or kept from the child; remove it"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::profile::{Flags, GatewayConfig, Manifest, resolve};

    /// What a shell under systemd, started by another profile's gateway, exports.
    fn shell() -> Environment {
        Environment::from_pairs([
            ("HOME", "/h"),
            ("PATH", "/bin"),
            ("LC_ALL", "C.UTF-8"),
            ("TERM", "xterm"),
            ("NODE_OPTIONS", "--inspect"),
            ("SSH_AUTH_SOCK", "/s"),
            ("API_KEY", "k"),
            ("INVOCATION_ID", "i"),
            ("JOURNAL_STREAM", "j"),
            ("NOTIFY_SOCKET", "n"),
            ("SYSTEMD_EXEC_PID", "7"),
            ("XPC_SERVICE_NAME", "x"),
            ("OPENCLAW_PROFILE", "home"),
            ("OPENCLAW_STATE_DIR", "/h/.openclaw-home"),
            ("OPENCLAW_CONFIG_PATH", "/h/.openclaw-home/openclaw.json"),
            ("OPENCLAW_GATEWAY_PORT", "32366"),
            ("OPENCLAW_GATEWAY_TOKEN", "hunter2"),
            ("OPENCLAW_GATEWAY_URL", "ws://x"),
            ("OPENCLAW_SERVICE_MARKER", "openclaw"),
            ("OPENCLAW_SYSTEMD_UNIT", "u"),
            ("OPENCLAW_LAUNCHD_LABEL", "l"),
            ("OPENCLAW_SKIP_CHANNELS", "1"),
            ("OPENCLAW_HOST_LOCK", "/lock"),
        ])
    }

    fn child(name: &str, manifest: &str, runtime: Runtime) -> BTreeMap<String, String> {
        let manifest = Manifest::parse(manifest, Path::new("m.toml")).unwrap();
        let (name, env) = (name.parse().unwrap(), shell());
        let profile =
            resolve(&name, Some(&manifest), &GatewayConfig::default(), &Flags::default(), &env).unwrap();
        child_env(&profile, runtime, &env)
    }

    fn expected(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_real_program_gets_its_own_profile_and_nothing_of_the_shells() {
        let vars = child("work", "", Runtime::Openclaw);
        let pinned = [
            ("HOME", "/h"),
            ("LC_ALL", "C.UTF-8"),
            ("OPENCLAW_CONFIG_PATH", "/h/.openclaw-work/openclaw.json"),
            ("OPENCLAW_GATEWAY_PORT", "41984"),
            ("OPENCLAW_HOST_LOCK", "/lock"),
            ("OPENCLAW_NO_RESPAWN", "1"),
            ("OPENCLAW_PROFILE", "work"),
            ("OPENCLAW_SERVICE_REPAIR_POLICY", "external"),
            ("OPENCLAW_STATE_DIR", "/h/.openclaw-work"),
            ("OPENCLAW_SUPERVISOR_MODE", "external"),
            ("OPENCLAW_WORKSPACE_DIR", "/h/.openclaw-work/workspace"),
            ("PATH", "/bin"),
        ];
        assert_eq!(vars, expected(&pinned));
    }

    #[test]
    fn the_embedded_gateway_of_the_default_profile_has_no_profile_name() {
        let vars = child("default", "", Runtime::Embedded);
        let pinned = [
            ("HOME", "/h"),
            ("LC_ALL", "C.UTF-8"),
            ("OPENCLAW_CONFIG_PATH", "/h/.openclaw/openclaw.json"),
            ("OPENCLAW_GATEWAY_PORT", "18789"),
            ("OPENCLAW_HOST_LOCK", "/lock"),
            ("OPENCLAW_STATE_DIR", "/h/.openclaw"),
            ("OPENCLAW_WORKSPACE_DIR", "/h/.openclaw/workspace"),
            ("PATH", "/bin"),
        ];
        assert_eq!(vars, expected(&pinned));
    }

    #[test]
    fn a_manifest_lets_through_what_it_names() {
        let vars =
            child("work", "runtime.pass_env = ['API_KEY', 'OPENCLAW_SKIP_CHANNELS']", Runtime::Openclaw);
        assert_eq!(vars["API_KEY"], "k");
        assert_eq!(vars["OPENCLAW_SKIP_CHANNELS"], "1");
        for name in ["OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_PROFILE", "INVOCATION_ID", "A=B", "", "1A"] {
            assert!(check_passable(name).is_err(), "{name}");
        }
    }
}

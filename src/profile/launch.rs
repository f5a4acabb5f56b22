//! The command line of each runtime, and whether a Node.js is new enough for the real OpenClaw.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Profile;
use crate::base::record::Runtime;
use crate::base::{Error, Kind, Result};

/// What a Node.js must be for OpenClaw 2026.9.6, as its package says it.
pub const NODE_NEEDED: &str = ">=24.16.0 <25 || >=26.1.0";

/// The placeholders of `runtime.command`.
const PLACEHOLDERS: [&str; 4] = ["port", "state_dir", "profile", "config_path"];

/// The real OpenClaw as found on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealOpenclaw {
    /// Its Node.js.
    pub node: PathBuf,
    /// Its entry file, `openclaw.mjs`.
    pub program: PathBuf,
}

/// The program and arguments that run the profile's gateway in the foreground. No credential is among them.
///
/// # Errors
/// [`Kind::Unavailable`], code `openclaw_missing`, when the real OpenClaw is wanted and not known;
/// [`Kind::Config`], code `manifest_invalid`, for a command without a program or with an unknown placeholder.
pub fn command_line(
    profile: &Profile,
    runtime: Runtime,
    own_exe: &Path,
    real: Option<&RealOpenclaw>,
) -> Result<Vec<OsString>> {
    let name = profile.name.as_str();
    let mut line: Vec<OsString> = Vec::new();
    match runtime {
        Runtime::Embedded => {
            line.push(own_exe.into());
            line.extend(["gateway", "run", "--profile", name].map(OsString::from));
        }
        Runtime::Openclaw => {
            let real = real.ok_or_else(|| openclaw_missing(profile))?;
            line.extend([real.node.clone().into_os_string(), real.program.clone().into_os_string()]);
            if !profile.name.is_default() {
                line.extend(["--profile", name].map(OsString::from));
            }
            let port = profile.port.to_string();
            line.extend(["gateway", "--port", &port, "--bind", profile.bind.as_str()].map(OsString::from));
        }
        // Of a link without SSH; that of one with it is `tunnel`'s.
        Runtime::Link => {
            line.push(own_exe.into());
            line.extend(["link", "run", "--profile", name].map(OsString::from));
        }
        Runtime::Command => {
            if profile.command.is_empty() {
                let what = "the runtime `command` needs `runtime.command` in the manifest";
                return Err(invalid(profile, what.into()));
            }
            for argument in &profile.command {
                line.push(fill(argument, profile).map_err(|why| invalid(profile, why))?);
            }
        }
    }
    Ok(line)
}

/// The real program's own repair of a configuration that it refuses (exit 78), as its documentation gives it.
pub fn repair_line(profile: &Profile, real: &RealOpenclaw) -> Vec<OsString> {
    let mut line = vec![real.node.clone().into_os_string(), real.program.clone().into_os_string()];
    if !profile.name.is_default() {
        line.extend(["--profile", profile.name.as_str()].map(OsString::from));
    }
    line.extend(["doctor", "--fix", "--yes", "--non-interactive"].map(OsString::from));
    line
}

/// Checks that every placeholder of an argument is a known one. Braces around anything but a word are plain text,
/// so JSON can be an argument.
///
/// # Errors
/// A reason in words.
pub fn check_placeholders(argument: &str) -> std::result::Result<(), String> {
    for piece in pieces(argument) {
        if let Piece::Placeholder(word) = piece
            && !PLACEHOLDERS.contains(&word)
        {
            let known = PLACEHOLDERS.map(|word| format!("{{{word}}}")).join(" ");
            return Err(format!("unknown placeholder {{{word}}}; known are {known}"));
        }
    }
    Ok(())
}

fn fill(argument: &str, profile: &Profile) -> std::result::Result<OsString, String> {
    check_placeholders(argument)?;
    let mut filled = OsString::new();
    for piece in pieces(argument) {
        match piece {
            Piece::Text(text) => filled.push(text),
            Piece::Placeholder("port") => filled.push(profile.port.to_string()),
            Piece::Placeholder("profile") => filled.push(profile.name.as_str()),
            Piece::Placeholder("state_dir") => filled.push(&profile.paths.state_dir),
            Piece::Placeholder(_) => filled.push(&profile.paths.config_path),
        }
    }
    Ok(filled)
}

enum Piece<'a> {
    Text(&'a str),
    Placeholder(&'a str),
}

/// Splits an argument into plain text and `{word}`s.
fn pieces(argument: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let (mut plain, mut at) = (0, 0);
    while let Some(open) = argument[at..].find('{').map(|offset| at + offset) {
        let word = argument[open + 1..].split('}').next().unwrap_or_default();
        let end = open + 1 + word.len();
        let closed = argument.as_bytes().get(end) == Some(&b'}');
        let is_word =
            !word.is_empty() && word.bytes().all(|letter| letter.is_ascii_alphabetic() || letter == b'_');
        if closed && is_word {
            found.push(Piece::Text(&argument[plain..open]));
            found.push(Piece::Placeholder(word));
            plain = end + 1;
            at = plain;
        } else {
            at = open + 1;
        }
    }
    found.push(Piece::Text(&argument[plain..]));
    found
}

/// Checks what `node --version` printed against [`NODE_NEEDED`].
///
/// # Errors
/// [`Kind::Config`], code `node_too_old`, with what was found and what is needed.
pub fn node_version_ok(text: &str) -> Result<()> {
    let found = text.trim();
    let fits = match version(found) {
        Some((24, minor, _)) => minor >= 16,
        Some((26, minor, _)) => minor >= 1,
        Some((major, ..)) => major > 26,
        None => false,
    };
    if fits {
        return Ok(());
    }
    let what = format!("Node.js {found:?} cannot run OpenClaw, which needs {NODE_NEEDED}");
    Err(Error::new(Kind::Config, "node_too_old", what)
        .remedy("install a newer Node.js, or set runtime.node in the manifest to one"))
}

/// `v24.16.0` as numbers; a pre-release (`v26.1.0-rc.1`) is older than its release and no version here.
fn version(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.strip_prefix('v').unwrap_or(text).split('.').map(|part| part.parse().ok());
    let version = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(version)
}

/// The error for a profile whose runtime is the real OpenClaw where there is none.
pub fn openclaw_missing(profile: &Profile) -> Error {
    Error::new(Kind::Unavailable, "openclaw_missing", "the real OpenClaw is not installed on this machine")
        .profile(&profile.name)
        .remedy("install it by `npm install -g openclaw`, or set runtime.kind = \"embedded\" in the manifest")
}

fn invalid(profile: &Profile, what: String) -> Error {
    let file = profile.paths.manifest.display();
    Error::new(Kind::Config, "manifest_invalid", format!("{file}: {what}"))
        .profile(&profile.name)
        .remedy(format!("mend `runtime.command` in {file}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Environment, Flags, GatewayConfig, Manifest, resolve};

    fn profile(name: &str, manifest: &str) -> Profile {
        let manifest = Manifest::parse(manifest, Path::new("m.toml")).unwrap();
        let env = Environment::from_pairs([("HOME", "/h")]);
        let name = name.parse().unwrap();
        resolve(&name, Some(&manifest), &GatewayConfig::default(), &Flags::default(), &env).unwrap()
    }

    fn line(profile: &Profile, runtime: Runtime) -> Vec<OsString> {
        let real = RealOpenclaw { node: "/n/node".into(), program: "/o/openclaw.mjs".into() };
        command_line(profile, runtime, Path::new("/b/openclaw"), Some(&real)).unwrap()
    }

    #[test]
    fn the_embedded_gateway_is_this_program_and_names_its_profile() {
        for name in ["work", "default"] {
            let line = line(&profile(name, ""), Runtime::Embedded);
            assert_eq!(line, ["/b/openclaw", "gateway", "run", "--profile", name]);
        }
    }

    #[test]
    fn the_real_program_gets_profile_port_and_bind_and_no_token() {
        let work = line(&profile("work", "gateway.port = 19789"), Runtime::Openclaw);
        let tail = ["gateway", "--port", "19789", "--bind", "loopback"];
        assert_eq!(work[..4], ["/n/node", "/o/openclaw.mjs", "--profile", "work"]);
        assert_eq!(work[4..], tail);
        let unnamed = line(&profile("default", "gateway.port = 19789"), Runtime::Openclaw);
        assert_eq!(unnamed[2..], tail);
        let error = command_line(&profile("work", ""), Runtime::Openclaw, Path::new("/b"), None).unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Unavailable, "openclaw_missing"));
    }

    #[test]
    fn a_commands_placeholders_are_filled_and_other_braces_stay() {
        let manifest = r#"
            gateway.port = 7000
            runtime.kind = "command"
            runtime.command = ["gw", "-p{port}", "{profile}@{state_dir}", "{config_path}", '{"a":{port}}', "{", "{}"]
        "#;
        let expected = [
            "gw",
            "-p7000",
            "work@/h/.openclaw-work",
            "/h/.openclaw-work/openclaw.json",
            r#"{"a":7000}"#,
            "{",
            "{}",
        ];
        assert_eq!(line(&profile("work", manifest), Runtime::Command), expected);
        assert!(check_placeholders("--x={prot}").unwrap_err().contains("{port}"));
        let error = command_line(&profile("work", ""), Runtime::Command, Path::new("/b"), None).unwrap_err();
        assert_eq!(error.code(), "manifest_invalid");
    }

    #[test]
    fn node_versions() {
        for good in ["v24.16.0", "24.99.3\n", "v26.1.0", "v27.0.0", "v100.2.3"] {
            assert!(node_version_ok(good).is_ok(), "{good}");
        }
        for bad in
            ["v24.15.9", "v25.9.0", "v26.0.9", "v22.20.0", "v26.1.0-rc.1", "", "node", "24.16", "1.2.3.4"]
        {
            let error = node_version_ok(bad).unwrap_err();
            assert!(error.message().contains(NODE_NEEDED), "{bad}");
        }
    }
}

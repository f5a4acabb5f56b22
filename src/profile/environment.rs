//! The environment as a snapshot: taken once by the doorway, handed down as a value. It knows which texts
//! count as unset and where the user's folders are; it knows nothing of profiles.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::base::{Error, Kind, Result};

/// Texts that shells and JavaScript programs leave behind where they meant nothing (OPENCLAW.md 1.2).
const UNSET: [&str; 3] = ["", "undefined", "null"];

/// Names that belong to OpenClaw begin so.
const OWN_PREFIX: &str = "OPENCLAW_";

/// Variables of ours that belong to no profile: where homes and the host's slot are.
const LAYOUT: [&str; 2] = ["OPENCLAW_HOME", "OPENCLAW_HOST_LOCK"];

/// A snapshot of the environment's variables.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    vars: BTreeMap<String, String>,
}

impl Environment {
    /// Makes a snapshot from names and values; of two equal names the later one counts.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        Environment { vars: pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }

    /// The value of a variable; blank texts and the literals `undefined` and `null` count as unset.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.raw(name).filter(|value| !UNSET.contains(&value.trim()))
    }

    /// The value exactly as it stands, for the one who must name a placeholder instead of passing over it.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str)
    }

    /// Every variable as it stands, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.vars.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The same without any `OPENCLAW_*` variable but those of the whole host's layout (`OPENCLAW_HOME`,
    /// `OPENCLAW_HOST_LOCK`): what the supervisor resolves managed profiles with, so that the shell that
    /// happened to start it decides nothing.
    #[must_use]
    pub fn without_openclaw(&self) -> Environment {
        let foreign = |name: &&String| !name.starts_with(OWN_PREFIX) || LAYOUT.contains(&name.as_str());
        let vars = self.vars.iter().filter(|(name, _)| foreign(name));
        Environment { vars: vars.map(|(name, value)| (name.clone(), value.clone())).collect() }
    }

    /// The folder that `~/.openclaw` stands in: `OPENCLAW_HOME` (a leading `~` is the user's home), else the
    /// user's home.
    ///
    /// # Errors
    /// [`Kind::Config`] when no absolute home is known.
    pub fn home(&self) -> Result<PathBuf> {
        let Some(text) = self.get("OPENCLAW_HOME").map(str::trim) else { return self.user_home() };
        let path = match text.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                self.user_home()?.join(rest.trim_start_matches('/'))
            }
            _ => PathBuf::from(text),
        };
        if path.is_absolute() { Ok(path) } else { Err(not_absolute("OPENCLAW_HOME", text)) }
    }

    /// The user's own home: `HOME`, else `USERPROFILE`. `OPENCLAW_HOME` does not move it.
    ///
    /// # Errors
    /// [`Kind::Config`] when neither is an absolute path.
    pub fn user_home(&self) -> Result<PathBuf> {
        for name in ["HOME", "USERPROFILE"] {
            if let Some(text) = self.get(name).map(str::trim) {
                let path = PathBuf::from(text);
                return if path.is_absolute() { Ok(path) } else { Err(not_absolute(name, text)) };
            }
        }
        Err(Error::new(Kind::Config, "home_unknown", "no home directory: HOME is not set")
            .remedy("set HOME to your home directory"))
    }

    /// Where the user keeps configuration: `XDG_CONFIG_HOME`, else `~/.config`. A relative value counts as
    /// unset, as the XDG specification has it.
    ///
    /// # Errors
    /// As [`Environment::user_home`].
    pub fn config_home(&self) -> Result<PathBuf> {
        self.xdg("XDG_CONFIG_HOME", ".config")
    }

    /// Where the user keeps state: `XDG_STATE_HOME`, else `~/.local/state`; a relative value counts as unset.
    ///
    /// # Errors
    /// As [`Environment::user_home`].
    pub fn state_home(&self) -> Result<PathBuf> {
        self.xdg("XDG_STATE_HOME", ".local/state")
    }

    /// The folder for sockets that ends with the login: `XDG_RUNTIME_DIR`, when absolute.
    pub fn runtime_dir(&self) -> Option<PathBuf> {
        self.absolute("XDG_RUNTIME_DIR")
    }

    /// `PATH` as it stands.
    pub fn path(&self) -> Option<&str> {
        self.get("PATH")
    }

    fn xdg(&self, name: &str, fallback: &str) -> Result<PathBuf> {
        match self.absolute(name) {
            Some(path) => Ok(path),
            None => Ok(self.user_home()?.join(fallback)),
        }
    }

    fn absolute(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }
}

/// Shows the names only: values may be credentials.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.vars.keys()).finish()
    }
}

/// A path as people write it: a leading `~` or `~/` is `home`; `None` when the result is not absolute.
pub fn expand_tilde(text: &str, home: &Path) -> Option<PathBuf> {
    let text = text.trim();
    let path = match text.strip_prefix('~') {
        Some("") => home.to_path_buf(),
        Some(rest) if rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        _ => PathBuf::from(text),
    };
    path.is_absolute().then_some(path)
}

fn not_absolute(name: &str, text: &str) -> Error {
    Error::new(Kind::Config, "home_unknown", format!("{name} is `{text}`, which is not an absolute path"))
        .remedy(format!("set {name} to an absolute path"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Environment {
        Environment::from_pairs(pairs.iter().copied())
    }

    #[test]
    fn placeholders_and_blanks_count_as_unset() {
        for text in ["", "  ", "undefined", "null"] {
            let env = env(&[("X", text), ("HOME", "/home/ana")]);
            assert_eq!(env.get("X"), None, "{text:?}");
            assert_eq!(env.raw("X"), Some(text));
        }
        assert_eq!(env(&[("X", "nullable")]).get("X"), Some("nullable"));
    }

    #[test]
    fn home_is_found_in_the_order_of_the_real_program() {
        let cases: [(&[(&str, &str)], &str); 6] = [
            (&[("HOME", "/h")], "/h"),
            (&[("HOME", "undefined"), ("USERPROFILE", "/u")], "/u"),
            (&[("HOME", "/h"), ("OPENCLAW_HOME", "/o")], "/o"),
            (&[("HOME", "/h"), ("OPENCLAW_HOME", "~/claw")], "/h/claw"),
            (&[("HOME", "/h"), ("OPENCLAW_HOME", "~")], "/h"),
            (&[("HOME", "/h"), ("OPENCLAW_HOME", "null")], "/h"),
        ];
        for (pairs, home) in cases {
            assert_eq!(env(pairs).home().unwrap(), Path::new(home), "{pairs:?}");
        }
    }

    #[test]
    fn a_relative_home_is_refused_by_name() {
        for (name, pairs) in
            [("HOME", vec![("HOME", "h")]), ("OPENCLAW_HOME", vec![("HOME", "/h"), ("OPENCLAW_HOME", "x")])]
        {
            let error = env(&pairs).home().unwrap_err();
            assert_eq!(error.kind(), Kind::Config);
            assert!(error.message().starts_with(name), "{error}");
        }
        assert_eq!(env(&[]).home().unwrap_err().code(), "home_unknown");
    }

    #[test]
    fn folders_follow_xdg_and_not_openclaw_home() {
        let plain = env(&[("HOME", "/h"), ("OPENCLAW_HOME", "/o"), ("XDG_STATE_HOME", "relative")]);
        assert_eq!(plain.config_home().unwrap(), Path::new("/h/.config"));
        assert_eq!(plain.state_home().unwrap(), Path::new("/h/.local/state"));
        assert_eq!(plain.runtime_dir(), None);
        let moved = env(&[("XDG_CONFIG_HOME", "/c"), ("XDG_STATE_HOME", "/s"), ("XDG_RUNTIME_DIR", "/r")]);
        assert_eq!(moved.config_home().unwrap(), Path::new("/c"));
        assert_eq!(moved.state_home().unwrap(), Path::new("/s"));
        assert_eq!(moved.runtime_dir().unwrap(), Path::new("/r"));
    }

    #[test]
    fn the_supervisors_view_has_no_openclaw_variable_and_debug_shows_no_value() {
        let env = env(&[("HOME", "/h"), ("OPENCLAW_GATEWAY_TOKEN", "hunter2")]);
        assert_eq!(env.without_openclaw().iter().collect::<Vec<_>>(), [("HOME", "/h")]);
        assert!(!format!("{env:?}").contains("hunter2"));
    }

    #[test]
    fn a_tilde_is_the_home_only_at_the_front() {
        let home = Path::new("/h");
        for (text, path) in [
            ("~", Some("/h")),
            ("~/x", Some("/h/x")),
            ("/x", Some("/x")),
            ("x", None),
            ("~ana/x", None),
            ("a/~/b", None),
        ] {
            assert_eq!(expand_tilde(text, home).as_deref(), path.map(Path::new), "{text}");
        }
    }
}

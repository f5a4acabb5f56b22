//! The `OPENCLAW_*` variables as one profile may read them. A shell that some gateway has started exports that
//! gateway's values; used for another profile they would read or change the wrong one (INCIDENTS B2). They count when
//! `OPENCLAW_PROFILE` names this profile (or is not set and the default one is meant) and no path among them is what
//! OpenClaw would derive for another profile. Anything else is left out, and a warning names it.

use std::path::PathBuf;

use super::Environment;
use super::environment::expand_tilde;
use super::paths::projected_from;
use crate::base::port::{DEFAULT_PORT, DEV_PORT};
use crate::base::{Error, Kind, ProfileName, Result};

/// Variables whose paths show whose environment it is: they travel together, so one betrays the others.
const PATHS: [&str; 3] = ["OPENCLAW_STATE_DIR", "OPENCLAW_CONFIG_PATH", "OPENCLAW_WORKSPACE_DIR"];

/// Whether the `OPENCLAW_*` variables of `env` were exported for this profile.
pub fn own_env(name: &ProfileName, env: &Environment) -> bool {
    owner(name, env).as_ref() == Some(name)
}

/// Whose `OPENCLAW_*` variables `env` holds; `None` when `OPENCLAW_PROFILE` is no name.
fn owner(name: &ProfileName, env: &Environment) -> Option<ProfileName> {
    let exported = exported(env)?;
    if exported != *name {
        return Some(exported);
    }
    let home = env.home().ok()?;
    let betrays = |variable: &&str| projected_from(&expand_tilde(env.get(variable)?, &home)?, &home, name);
    Some(PATHS.iter().find_map(betrays).unwrap_or(exported))
}

/// The profile that `OPENCLAW_PROFILE` names.
fn exported(env: &Environment) -> Option<ProfileName> {
    match env.get("OPENCLAW_PROFILE") {
        Some(text) => text.trim().parse().ok(),
        None => Some(ProfileName::default_profile()),
    }
}

/// The environment as one profile may read it.
pub(super) struct Inherited<'a> {
    name: &'a ProfileName,
    env: &'a Environment,
    home: PathBuf,
    /// A sentence for each value that was not used.
    pub(super) warnings: Vec<String>,
}

impl<'a> Inherited<'a> {
    pub(super) fn new(name: &'a ProfileName, env: &'a Environment) -> Result<Self> {
        Ok(Inherited { name, env, home: env.home()?, warnings: Vec::new() })
    }

    /// The path in `variable`, else `otherwise`.
    pub(super) fn path(&mut self, variable: &str, otherwise: PathBuf) -> Result<PathBuf> {
        let Some(text) = self.env.get(variable) else { return Ok(otherwise) };
        let path = expand_tilde(text, &self.home);
        if own_env(self.name, self.env) {
            return path.ok_or_else(|| {
                let what = format!("{variable} is `{}`, which is not an absolute path", text.trim());
                Error::new(Kind::Config, "path_not_absolute", what)
                    .profile(self.name)
                    .remedy(format!("set {variable} to an absolute path, or unset it"))
            });
        }
        if path.as_ref() != Some(&otherwise) {
            self.warn(variable, owner(self.name, self.env));
        }
        Ok(otherwise)
    }

    /// The port in `OPENCLAW_GATEWAY_PORT`; `otherwise` is what will be used instead.
    pub(super) fn port(&mut self, otherwise: u16) -> Option<u16> {
        let port = self.env.get("OPENCLAW_GATEWAY_PORT").and_then(port_in)?;
        let typical = match port {
            DEFAULT_PORT => Some(ProfileName::default_profile()),
            DEV_PORT => "dev".parse().ok(),
            _ => None,
        };
        let foreign = typical.filter(|owner| owner != self.name);
        if foreign.is_none() && own_env(self.name, self.env) {
            return Some(port);
        }
        if port != otherwise {
            self.warn("OPENCLAW_GATEWAY_PORT", foreign.or_else(|| owner(self.name, self.env)));
        }
        None
    }

    fn warn(&mut self, variable: &str, owner: Option<ProfileName>) {
        let name = self.name;
        let whose = match owner {
            Some(owner) => format!("belongs to the profile `{owner}`"),
            None => "stands beside an OPENCLAW_PROFILE that is no profile's name".into(),
        };
        let hint = if exported(self.env).as_ref() == Some(name) {
            format!("write it into the manifest of `{name}` if it is meant")
        } else {
            format!("export OPENCLAW_PROFILE={name} with it if it is meant")
        };
        self.warnings
            .push(format!("{variable} in the environment {whose} and is not used for `{name}`; {hint}"));
    }
}

/// The port in `18789`, `host:18789` or `[::1]:18789`; anything else is ignored, as the real program does.
fn port_in(text: &str) -> Option<u16> {
    let text = text.trim();
    let digits = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || (host.starts_with('[') && host.ends_with(']')) => port,
        // A bare IPv6 address has no port.
        Some(_) => return None,
        None => text,
    };
    let all_digits = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    digits.parse().ok().filter(|port| all_digits && *port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_read_as_the_real_program_reads_it() {
        for (text, port) in [
            ("18790", Some(18790)),
            (" 18790 ", Some(18790)),
            ("localhost:18790", Some(18790)),
            ("[::1]:18790", Some(18790)),
            ("::1", None),
            ("fd00::1:18790", None),
            ("0", None),
            ("70000", None),
            ("+5", None),
            ("soon", None),
            (":", None),
        ] {
            assert_eq!(port_in(text), port, "{text}");
        }
    }

    #[test]
    fn the_environment_is_ones_own_when_it_says_so() {
        let env = |text: &str| Environment::from_pairs([("OPENCLAW_PROFILE", text), ("HOME", "/h")]);
        for (exported, name, own) in [
            ("work", "work", true),
            ("work", "Work", false),
            ("work", "default", false),
            ("undefined", "default", true),
            ("", "work", false),
            ("DEFAULT", "default", true),
            ("../x", "default", false),
        ] {
            assert_eq!(own_env(&name.parse().unwrap(), &env(exported)), own, "{exported} {name}");
        }
        let betrayed = Environment::from_pairs([("HOME", "/h"), ("OPENCLAW_STATE_DIR", "~/.openclaw-x/")]);
        assert!(!own_env(&ProfileName::default_profile(), &betrayed));
    }

    #[test]
    fn a_dropped_value_is_named_with_its_owner_and_what_to_do() {
        let work: ProfileName = "work".parse().unwrap();
        let cases = [
            (vec![], "belongs to the profile `default`", "OPENCLAW_PROFILE=work"),
            (vec![("OPENCLAW_PROFILE", "play")], "belongs to the profile `play`", "OPENCLAW_PROFILE=work"),
            (vec![("OPENCLAW_PROFILE", "../x")], "no profile's name", "OPENCLAW_PROFILE=work"),
        ];
        for (mut pairs, whose, hint) in cases {
            pairs.extend([("HOME", "/h"), ("OPENCLAW_STATE_DIR", "/srv/x")]);
            let env = Environment::from_pairs(pairs);
            let mut inherited = Inherited::new(&work, &env).unwrap();
            assert_eq!(inherited.path("OPENCLAW_STATE_DIR", "/d".into()).unwrap(), PathBuf::from("/d"));
            let warning = &inherited.warnings[0];
            assert!(warning.contains(whose) && warning.contains(hint), "{warning}");
        }
    }

    #[test]
    fn a_relative_path_of_ones_own_is_refused_by_name() {
        let env = Environment::from_pairs([("HOME", "/h"), ("OPENCLAW_STATE_DIR", "state")]);
        let name = ProfileName::default_profile();
        let error = Inherited::new(&name, &env).unwrap().path("OPENCLAW_STATE_DIR", "/d".into()).unwrap_err();
        assert_eq!(error.code(), "path_not_absolute");
    }
}

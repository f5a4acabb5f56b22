//! What a service of ours runs, and what it is called: the names that OpenClaw gives its services, so that one profile
//! has one service whoever wrote it (OPENCLAW.md 1.3).

use std::fmt;

use crate::base::ProfileName;

/// What one service file runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The supervisor, and with it all profiles that start by themselves.
    Supervisor,
    /// The gateway of one profile, without the supervisor.
    Gateway(ProfileName),
    /// The gateway of whichever profile an instance of the template names.
    Template,
}

impl Subject {
    /// The profile, where one is meant.
    pub fn profile(&self) -> Option<&ProfileName> {
        match self {
            Subject::Gateway(name) => Some(name),
            Subject::Supervisor | Subject::Template => None,
        }
    }

    /// The systemd unit's name without its kind.
    pub fn stem(&self) -> String {
        match self {
            Subject::Supervisor => "openclaw-supervisor".into(),
            Subject::Gateway(name) => format!("openclaw-gateway{}", name.suffix()),
            Subject::Template => "openclaw-gateway@".into(),
        }
    }

    /// The systemd service's name.
    pub fn unit(&self) -> String {
        format!("{}.service", self.stem())
    }

    /// The launchd label; a template has none there.
    pub fn label(&self) -> String {
        let last = match self {
            Subject::Supervisor => "supervisor",
            Subject::Gateway(name) if !name.is_default() => name.as_str(),
            Subject::Gateway(_) | Subject::Template => "gateway",
        };
        format!("ai.openclaw.{last}")
    }

    /// One line about it.
    pub fn description(&self) -> String {
        match self {
            Subject::Supervisor => "OpenClaw supervisor".into(),
            Subject::Gateway(name) if name.is_default() => "OpenClaw Gateway".into(),
            Subject::Gateway(name) => format!("OpenClaw Gateway (profile: {name})"),
            Subject::Template => "OpenClaw Gateway (profile: %i)".into(),
        }
    }

    /// The words behind the program.
    pub fn words(&self) -> Vec<String> {
        let words = match self {
            Subject::Supervisor => ["supervisor", "run"].as_slice(),
            Subject::Gateway(name) => &["--profile", name.as_str(), "gateway", "run"],
            Subject::Template => &["--profile", "%i", "gateway", "run"],
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }
}

/// The file's own name for people: the supervisor, or the gateway of a profile.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Supervisor => f.write_str("the supervisor"),
            Subject::Gateway(name) => write!(f, "the gateway of `{name}`"),
            Subject::Template => f.write_str("the gateway of an instance's profile"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_openclaw_gives() {
        let gateway = |name: &str| Subject::Gateway(name.parse().unwrap());
        for (subject, unit, label, words) in [
            (Subject::Supervisor, "openclaw-supervisor.service", "ai.openclaw.supervisor", "supervisor run"),
            (
                gateway("default"),
                "openclaw-gateway.service",
                "ai.openclaw.gateway",
                "--profile default gateway run",
            ),
            (
                gateway("work"),
                "openclaw-gateway-work.service",
                "ai.openclaw.work",
                "--profile work gateway run",
            ),
        ] {
            assert_eq!((subject.unit().as_str(), subject.label().as_str()), (unit, label));
            assert_eq!(subject.words().join(" "), words);
        }
    }
}

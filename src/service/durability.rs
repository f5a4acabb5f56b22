//! What a service outlives: the end of a login, and a reboot. Judged from what the service manager and logind say, and
//! told with what to do about it (INCIDENTS G5).

use serde::Serialize;

/// Whether logind keeps a user's service manager without a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Linger {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// Nothing tells.
    Unknown,
}

/// What is known of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts<'a> {
    /// Whether launchd is its manager, not systemd.
    pub launchd: bool,
    /// Whether it belongs to the system's manager, not to a user's.
    pub system: bool,
    /// Whether its file is there.
    pub installed: bool,
    /// Whether its manager starts it by itself.
    pub enabled: bool,
    /// Whether the machine was booted by its manager at all.
    pub managed: bool,
    /// Whether logind keeps the user's manager.
    pub linger: Linger,
    /// The user it runs as.
    pub user: &'a str,
}

/// The verdict (`durability` in JSON).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Durability {
    /// In a few words: `survives reboot`, `dies at logout`, `dies at reboot`, `not installed`, `unknown`.
    pub verdict: &'static str,
    /// Whether it outlives the end of the login; `None` where that is not known.
    pub survives_logout: Option<bool>,
    /// Whether it is there after a reboot, with nobody logged in.
    pub survives_reboot: Option<bool>,
    /// What logind says.
    pub linger: Linger,
    /// Why.
    pub reason: &'static str,
    /// What to do about it, where something can be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// The verdict in words, what is outlived (logout, reboot), why, and what to do.
type Told = (&'static str, Option<bool>, Option<bool>, &'static str, Option<String>);

fn told(facts: &Facts<'_>) -> Told {
    let user = facts.user;
    let system = format!("sudo openclaw service install --system --user-account {user}");
    match facts {
        Facts { installed: false, .. } => (
            "not installed",
            Some(false),
            Some(false),
            "there is no service",
            Some("openclaw service install".into()),
        ),
        Facts { enabled: false, .. } => (
            "dies at reboot",
            None,
            Some(false),
            "its manager does not start it by itself",
            Some("openclaw service repair".into()),
        ),
        Facts { system: true, .. } => {
            ("survives reboot", Some(true), Some(true), "the system's manager starts it at boot", None)
        }
        Facts { launchd: true, .. } => (
            "dies at logout",
            Some(false),
            Some(false),
            "a launchd agent lives as long as the login; only a daemon outlives it",
            Some(system),
        ),
        Facts { managed: false, .. } => {
            let how = format!("{system}, or start it with the container");
            (
                "unknown",
                None,
                None,
                "systemd did not boot this machine: nothing says who starts the user's manager",
                Some(how),
            )
        }
        Facts { linger: Linger::Yes, .. } => {
            ("survives reboot", Some(true), Some(true), "the user's manager lingers: it starts at boot", None)
        }
        Facts { linger: Linger::No, .. } => (
            "dies at logout",
            Some(false),
            Some(false),
            "the user's manager ends at the last logout and begins at the next login",
            Some(format!("loginctl enable-linger {user}, or: openclaw service install --enable-linger")),
        ),
        Facts { linger: Linger::Unknown, .. } => (
            "unknown",
            None,
            None,
            "logind does not say whether the user's manager lingers",
            Some(format!("loginctl show-user {user} --property=Linger")),
        ),
    }
}

/// Judges.
pub fn judge(facts: &Facts<'_>) -> Durability {
    let (verdict, survives_logout, survives_reboot, reason, remedy) = told(facts);
    Durability { verdict, survives_logout, survives_reboot, linger: facts.linger, reason, remedy }
}

/// What `loginctl show-user NAME --property=Linger` says: its output, and what it complains of.
pub fn linger(output: &str, complaint: &str) -> Linger {
    let value = output.lines().find_map(|line| line.trim().strip_prefix("Linger="));
    match value {
        Some("yes") => Linger::Yes,
        Some("no") => Linger::No,
        // logind knows nobody who is neither logged in nor lingers.
        _ if complaint.contains("not logged in or lingering") => Linger::No,
        _ => Linger::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts<'_> = Facts {
        launchd: false,
        system: false,
        installed: true,
        enabled: true,
        managed: true,
        linger: Linger::No,
        user: "ana",
    };

    #[test]
    fn each_case_has_its_verdict_and_a_way_out() {
        for (facts, verdict) in [
            (FACTS, "dies at logout"),
            (Facts { linger: Linger::Yes, ..FACTS }, "survives reboot"),
            (Facts { linger: Linger::Unknown, ..FACTS }, "unknown"),
            (Facts { managed: false, ..FACTS }, "unknown"),
            (Facts { enabled: false, ..FACTS }, "dies at reboot"),
            (Facts { installed: false, ..FACTS }, "not installed"),
            (Facts { system: true, ..FACTS }, "survives reboot"),
            (Facts { launchd: true, ..FACTS }, "dies at logout"),
            (Facts { launchd: true, system: true, ..FACTS }, "survives reboot"),
        ] {
            let judged = judge(&facts);
            assert_eq!(judged.verdict, verdict, "{facts:?}");
            assert_eq!(judged.remedy.is_none(), verdict == "survives reboot", "{facts:?}");
        }
    }

    #[test]
    fn logind_is_understood_also_where_it_refuses() {
        assert_eq!(linger("Linger=yes\n", ""), Linger::Yes);
        assert_eq!(linger("Linger=no\n", ""), Linger::No);
        assert_eq!(
            linger("", "Failed to get user: User ID 1000 is not logged in or lingering\n"),
            Linger::No
        );
        assert_eq!(linger("", "Failed to connect to bus"), Linger::Unknown);
    }
}

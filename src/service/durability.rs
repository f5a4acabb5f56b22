//! What a service, or a gateway that runs, outlives: the end of a login, and a reboot. Judged from who keeps it and what
//! logind says, and told with what to do about it (INCIDENTS G5).

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

/// Who starts a process, and ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// systemd's manager of one user.
    UserManager,
    /// The system's manager of systemd.
    SystemManager,
    /// launchd, for a login.
    Agent,
    /// launchd, for the host.
    Daemon,
    /// launchd, one of both.
    Launchd,
    /// A container engine.
    Container,
    /// Nobody: a command or a person began it.
    Nobody,
    /// Nothing tells.
    Unknown,
}

/// What is known of a service, or of a gateway that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts<'a> {
    /// Who keeps it.
    pub keeper: Keeper,
    /// Of a service, whether its file is there.
    pub installed: bool,
    /// Whether its keeper starts it by itself; `None` where that is not known.
    pub enabled: Option<bool>,
    /// Whether the machine was booted by systemd.
    pub booted: bool,
    /// Whether logind keeps the user's manager.
    pub linger: Linger,
    /// The user it runs as.
    pub user: &'a str,
}

/// The verdict (`durability` in JSON).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Durability {
    /// In a few words: `survives reboot`, `survives logout`, `dies at logout`, `dies at reboot`, `not installed`, `unknown`.
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

/// What is outlived (logout, reboot), why, and what to do.
type Told = (Option<bool>, Option<bool>, &'static str, Option<String>);

fn told(facts: &Facts<'_>) -> Told {
    let (user, yes, no) = (facts.user, Some(true), Some(false));
    let service = |words: &str| Some(format!("openclaw service {words}"));
    let system = || Some(format!("sudo openclaw service install --system --user-account {user}"));
    match facts.keeper {
        _ if !facts.installed => (no, no, "there is no service", service("install")),
        Keeper::Nobody if facts.booted => {
            let why = "no service manager runs it, and where logind has KillUserProcesses it ends at logout";
            (None, no, why, service("install"))
        }
        Keeper::Nobody => (yes, no, "no service manager runs it", service("install")),
        Keeper::Unknown => (None, None, "nothing tells who runs it", service("status")),
        Keeper::Container => {
            (yes, None, "a container engine runs it, by its own restart policy", service("status"))
        }
        _ if facts.enabled == no => (None, no, "its manager does not start it by itself", service("repair")),
        Keeper::SystemManager | Keeper::Daemon if facts.enabled.is_none() => {
            (yes, None, "the system's manager runs it", service("status"))
        }
        Keeper::SystemManager | Keeper::Daemon => (yes, yes, "the system's manager starts it at boot", None),
        Keeper::Agent => {
            (no, no, "a launchd agent lives as long as the login; only a daemon outlives it", system())
        }
        Keeper::Launchd => {
            (None, None, "a launchd agent ends at logout, a daemon does not", service("status"))
        }
        Keeper::UserManager => of_user_manager(facts, system),
    }
}

/// The same of what the user's own manager of systemd keeps.
fn of_user_manager(facts: &Facts<'_>, system: impl Fn() -> Option<String>) -> Told {
    let (user, yes, no) = (facts.user, Some(true), Some(false));
    match facts.linger {
        _ if !facts.booted => {
            let how = system().map(|system| format!("{system}, or start it with the container"));
            let why = "systemd did not boot this machine: nothing says who starts the user's manager";
            (None, None, why, how)
        }
        Linger::Yes if facts.enabled.is_none() => {
            (yes, None, "the user's manager lingers", Some("openclaw service status".into()))
        }
        Linger::Yes => (yes, yes, "the user's manager lingers: it starts at boot", None),
        Linger::No => (
            no,
            no,
            "the user's manager ends at the last logout and begins at the next login",
            Some(format!("loginctl enable-linger {user}, or: openclaw service install --enable-linger")),
        ),
        Linger::Unknown => (
            None,
            None,
            "logind does not say whether the user's manager lingers",
            Some(format!("loginctl show-user {user} --property=Linger")),
        ),
    }
}

/// Judges.
pub fn judge(facts: &Facts<'_>) -> Durability {
    let (survives_logout, survives_reboot, reason, remedy) = told(facts);
    let verdict = match (survives_logout, survives_reboot) {
        _ if !facts.installed => "not installed",
        (_, Some(true)) => "survives reboot",
        (Some(false), _) => "dies at logout",
        (_, Some(false)) => "dies at reboot",
        (Some(true), None) => "survives logout",
        (None, None) => "unknown",
    };
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
        keeper: Keeper::UserManager,
        installed: true,
        enabled: Some(true),
        booted: true,
        linger: Linger::No,
        user: "ana",
    };

    #[test]
    fn each_case_has_its_verdict_and_a_way_out() {
        let kept = |keeper| Facts { keeper, ..FACTS };
        let lingers = Facts { linger: Linger::Yes, ..FACTS };
        for (facts, verdict) in [
            (FACTS, "dies at logout"),
            (lingers, "survives reboot"),
            (Facts { enabled: None, ..lingers }, "survives logout"),
            (Facts { linger: Linger::Unknown, ..FACTS }, "unknown"),
            (Facts { booted: false, ..FACTS }, "unknown"),
            (Facts { enabled: Some(false), ..FACTS }, "dies at reboot"),
            (Facts { installed: false, ..FACTS }, "not installed"),
            (kept(Keeper::SystemManager), "survives reboot"),
            (Facts { enabled: None, ..kept(Keeper::SystemManager) }, "survives logout"),
            (kept(Keeper::Agent), "dies at logout"),
            (kept(Keeper::Daemon), "survives reboot"),
            (kept(Keeper::Launchd), "unknown"),
            (kept(Keeper::Container), "survives logout"),
            (kept(Keeper::Nobody), "dies at reboot"),
            (Facts { booted: false, ..kept(Keeper::Nobody) }, "dies at reboot"),
            (kept(Keeper::Unknown), "unknown"),
        ] {
            let judged = judge(&facts);
            assert_eq!(judged.verdict, verdict, "{facts:?}");
            assert_eq!(judged.remedy.is_none(), verdict == "survives reboot", "{facts:?}");
        }
    }

    #[test]
    fn what_nobody_keeps_dies_at_logout_only_where_logind_ends_it() {
        let facts = Facts { keeper: Keeper::Nobody, ..FACTS };
        assert_eq!(judge(&facts).survives_logout, None);
        assert_eq!(judge(&Facts { booted: false, ..facts }).survives_logout, Some(true));
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

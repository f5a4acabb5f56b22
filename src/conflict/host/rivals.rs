//! What would run a profile beside a service of ours, whoever starts it: a unit of another name, scope or user, a job of
//! cron, an entry of the desktop's, a container that its engine starts again. Two of them for one profile restart each
//! other for ever (INCIDENTS G1), so a service is written only when there is none, or once they are switched off.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::facts::{FoundUnit, Scope, may_be_same};
use super::words;
use crate::base::ProfileName;
use crate::base::record::{Holder, HolderKind};
use crate::service::Subject;
use crate::service::verdict::Role;

/// Who would start it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// systemd.
    Systemd,
    /// launchd.
    Launchd,
    /// cron, at boot.
    Cron,
    /// A desktop session.
    Autostart,
    /// A container engine.
    Container,
}

/// Something that starts a gateway or a supervisor without being asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Who would start it.
    pub origin: Origin,
    /// What it runs and as whom; for what is no unit, its name and the file that it stands in.
    pub unit: FoundUnit,
}

/// What a profile claims, as far as services can meet over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The profile.
    pub name: ProfileName,
    /// Its real state directory.
    pub state_dir: PathBuf,
    /// Its gateway's port.
    pub port: u16,
    /// Whether a supervisor would start it by itself.
    pub autostart: bool,
}

/// The service that is to be written.
#[derive(Clone, Copy, Debug)]
pub struct Meant<'a> {
    /// What it runs.
    pub subject: &'a Subject,
    /// Its unit's name or its label.
    pub name: &'a str,
    /// Whose manager it belongs to.
    pub scope: Scope,
    /// Its file.
    pub file: &'a Path,
    /// The profiles that it starts.
    pub claims: &'a [Claimed],
    /// The user it runs as.
    pub user: &'a str,
    /// The user who asks.
    pub me: &'a str,
    /// Whether that user may rule the system's manager.
    pub is_root: bool,
}

/// Something that would run the same.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rival {
    /// Who would start it.
    pub origin: Origin,
    /// Its unit, label, container, or what it is called otherwise.
    pub name: String,
    /// Whose manager it belongs to.
    pub scope: Scope,
    /// Where it stands.
    pub path: PathBuf,
    /// The user it runs as, where known.
    pub user: Option<String>,
    /// The profile that both would run; the supervisor's for two supervisors.
    pub profile: Option<ProfileName>,
    /// What both would run, in words.
    pub what: String,
    /// How it is switched off by hand.
    pub remedy: String,
    /// Whether the installation may switch it off itself.
    pub convertible: bool,
}

impl Rival {
    /// It as the holder of the profile.
    pub fn holder(&self) -> Holder {
        Holder {
            user: self.user.clone(),
            kind: if self.origin == Origin::Container { HolderKind::Container } else { HolderKind::Gateway },
            unit: (self.origin != Origin::Container).then(|| self.name.clone()),
            container: (self.origin == Origin::Container).then(|| self.name.clone()),
            profile: self.profile.as_ref().map(ToString::to_string),
            ..Holder::default()
        }
    }

    /// It in words.
    pub fn words(&self) -> String {
        let (name, path) = (&self.name, self.path.display());
        match (self.origin, self.scope) {
            (Origin::Systemd | Origin::Launchd, Scope::User) => format!("the user service {name} ({path})"),
            (Origin::Systemd | Origin::Launchd, Scope::System) => {
                format!("the system service {name} ({path})")
            }
            (Origin::Cron, _) => format!("the crontab {path} (@reboot, {name})"),
            (Origin::Autostart, _) => format!("the autostart entry {path}"),
            (Origin::Container, _) => format!("the container {name}"),
        }
    }
}

/// Everything among `found` that would run what `meant` runs, in the order of their names.
pub fn rivals(meant: &Meant<'_>, found: &[Registration]) -> Vec<Rival> {
    let mut rivals: Vec<Rival> = found.iter().filter_map(|one| rival(meant, one)).collect();
    rivals.sort_by(|a, b| (&a.path, &a.name).cmp(&(&b.path, &b.name)));
    rivals.dedup_by(|a, b| a.path == b.path && a.name == b.name);
    rivals
}

fn rival(meant: &Meant<'_>, found: &Registration) -> Option<Rival> {
    let unit = &found.unit;
    // A file of the same name in another folder of the same manager is hidden by ours, or hides it.
    let is_itself = unit.name == meant.name && unit.scope == meant.scope && is_unit(found.origin);
    let same_user = may_be_same(unit.user.as_ref(), Some(&meant.user.to_owned()));
    if unit.masked || !unit.enabled || unit.path == meant.file || (is_itself && same_user) {
        return None;
    }
    let (profile, what) = match unit.verdict.role {
        Role::Supervisor if same_user => (None, beside_supervisor(meant)?),
        Role::Gateway => {
            let (claimed, what) =
                meant.claims.iter().find_map(|claim| Some((claim, same(claim, meant, unit)?)))?;
            (Some(claimed.name.clone()), what)
        }
        _ => return None,
    };
    let mine = unit.scope == Scope::User && unit.user.as_deref().is_none_or(|user| user == meant.me);
    let convertible = found.origin == Origin::Systemd
        && (mine || (unit.scope == Scope::System && meant.is_root))
        && (unit.verdict.role == Role::Gateway || *meant.subject == Subject::Supervisor);
    Some(Rival {
        origin: found.origin,
        name: unit.name.clone(),
        scope: unit.scope,
        path: unit.path.clone(),
        user: unit.user.clone(),
        profile,
        what,
        remedy: remedy(meant, found),
        convertible,
    })
}

fn is_unit(origin: Origin) -> bool {
    matches!(origin, Origin::Systemd | Origin::Launchd)
}

/// What a supervisor that somebody else starts would run too.
fn beside_supervisor(meant: &Meant<'_>) -> Option<String> {
    match meant.subject {
        Subject::Supervisor => Some("both run the supervisor of this user".into()),
        _ => meant
            .claims
            .iter()
            .find(|claim| claim.autostart)
            .map(|claim| format!("the supervisor starts `{}` by itself", claim.name)),
    }
}

/// What a gateway's registration and a profile meet over.
fn same(claim: &Claimed, meant: &Meant<'_>, unit: &FoundUnit) -> Option<String> {
    let verdict = &unit.verdict;
    if verdict.state_dir.as_ref() == Some(&claim.state_dir) {
        return Some(format!("both run the gateway of {}", claim.state_dir.display()));
    }
    if verdict.likely_port() == Some(claim.port) {
        return Some(format!("both run a gateway on port {}", claim.port));
    }
    let users = may_be_same(unit.user.as_ref(), Some(&meant.user.to_owned()));
    let by_name = verdict.profile.as_ref() == Some(&claim.name) && verdict.state_dir.is_none() && users;
    by_name.then(|| format!("both run the profile `{}`", claim.name))
}

fn remedy(meant: &Meant<'_>, found: &Registration) -> String {
    let (unit, path) = (&found.unit, found.unit.path.display());
    match found.origin {
        Origin::Systemd | Origin::Launchd if unit.verdict.role == Role::Supervisor => {
            let own = "or write autostart = false into the profile's manifest";
            match meant.subject {
                Subject::Supervisor => words::disable(unit, Some(meant.me)),
                _ => format!("{}, {own}", words::disable(unit, Some(meant.me))),
            }
        }
        Origin::Systemd | Origin::Launchd => words::disable(unit, Some(meant.me)),
        Origin::Cron => format!("take {} out of {path}", unit.name),
        Origin::Autostart => format!("remove {path}, or write Hidden=true into it"),
        Origin::Container => format!("docker update --restart=no {0}, then docker stop {0}", unit.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Verdict;

    fn found(origin: Origin, name: &str, role: Role, change: impl FnOnce(&mut FoundUnit)) -> Registration {
        let verdict = Verdict { role, profile: "work".parse().ok(), ..Verdict::other() };
        let mut unit = FoundUnit {
            name: name.into(),
            scope: Scope::User,
            launchd: false,
            path: format!("/u/{name}").into(),
            user: Some("ana".into()),
            enabled: true,
            masked: false,
            verdict,
        };
        change(&mut unit);
        Registration { origin, unit }
    }

    fn judged(subject: &Subject, autostart: bool, found: Registration) -> Option<Rival> {
        let claims = [Claimed {
            name: "work".parse().unwrap(),
            state_dir: "/home/ana/.openclaw-work".into(),
            port: 19789,
            autostart,
        }];
        let meant = Meant {
            subject,
            name: &subject.unit(),
            scope: Scope::User,
            file: Path::new("/own"),
            claims: &claims,
            user: "ana",
            me: "ana",
            is_root: false,
        };
        rivals(&meant, &[found]).pop()
    }

    #[test]
    fn whatever_would_run_the_same_profile_is_found_and_nothing_else() {
        let work = Subject::Gateway("work".parse().unwrap());
        let gateway = |origin, change: fn(&mut FoundUnit)| found(origin, "x.service", Role::Gateway, change);
        for origin in [Origin::Systemd, Origin::Launchd, Origin::Cron, Origin::Autostart, Origin::Container] {
            for subject in [&work, &Subject::Supervisor] {
                let rival = judged(subject, true, gateway(origin, |_| {})).unwrap();
                assert_eq!(rival.convertible, origin == Origin::Systemd, "{rival:?}");
                assert!(!rival.remedy.is_empty() && rival.what.contains("work"), "{rival:?}");
            }
        }
        let silent: [fn(&mut FoundUnit); 5] = [
            |unit| unit.masked = true,
            |unit| unit.enabled = false,
            |unit| unit.path = "/own".into(),
            |unit| unit.verdict.profile = "other".parse().ok(),
            |unit| unit.verdict.state_dir = Some("/elsewhere".into()),
        ];
        for (case, change) in silent.into_iter().enumerate() {
            assert!(judged(&work, true, gateway(Origin::Systemd, change)).is_none(), "{case}");
        }
        let by_name = found(Origin::Systemd, "openclaw-gateway-work.service", Role::Gateway, |_| {});
        assert!(judged(&work, true, by_name).is_none(), "it is the same unit");
    }

    #[test]
    fn another_users_service_meets_ours_over_a_directory_or_a_port_only() {
        let work = Subject::Gateway("work".parse().unwrap());
        let theirs = |change: fn(&mut FoundUnit)| {
            found(Origin::Systemd, "openclaw-gateway-work.service", Role::Gateway, |unit| {
                unit.user = Some("bo".into());
                unit.verdict.state_dir = Some("/home/bo/.openclaw-work".into());
                unit.verdict.port = Some(29789);
                change(unit);
            })
        };
        assert!(judged(&work, true, theirs(|_| {})).is_none());
        let port = judged(&work, true, theirs(|unit| unit.verdict.port = Some(19789))).unwrap();
        assert!(!port.convertible && port.remedy.contains("--machine=bo@"), "{port:?}");
        let dir = |unit: &mut FoundUnit| unit.verdict.state_dir = Some("/home/ana/.openclaw-work".into());
        assert!(judged(&work, true, theirs(dir)).is_some());
    }

    #[test]
    fn a_supervisors_service_and_a_gateways_meet_over_what_starts_by_itself() {
        let work = Subject::Gateway("work".parse().unwrap());
        let supervisor = || found(Origin::Systemd, "mine.service", Role::Supervisor, |_| {});
        assert!(judged(&work, false, supervisor()).is_none());
        let rival = judged(&work, true, supervisor()).unwrap();
        assert!(!rival.convertible && rival.remedy.contains("autostart = false"), "{rival:?}");
        assert!(judged(&Subject::Supervisor, true, supervisor()).unwrap().convertible);
    }
}

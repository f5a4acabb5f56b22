//! What the `service` verbs share: which service is meant and for whom, what its file is to say, what is there already,
//! and the way to its manager.

pub mod asked;
pub mod begin;
pub mod carry;
mod elsewhere;
mod program;
mod report;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::{ManagerArg, Place};
use super::{Context, chosen};
use crate::base::{Error, Kind, ProfileName, Result};
use crate::conflict::host::{Claimed, Meant, Origin, Registration, Rival, Scope, rivals};
use crate::daemon::{DISK, registered};
use crate::host::account::{self, Account};
use crate::host::{files, process, units};
use crate::profile::{Environment, Profile, Registry};
use crate::service::form::{USUAL_START, USUAL_STOP};
use crate::service::plan::{Piece, Present};
use crate::service::{Form, Subject, form, property_list, unit_text};

pub use program::verified;
pub use report::{Changed, Status, tell};

/// Folders of the system's manager for what an administrator writes, and for what lasts until the next boot.
const SYSTEM_UNITS: &str = "/etc/systemd/system";
const SYSTEM_MASKS: [&str; 2] = ["/etc/systemd/system", "/run/systemd/system"];
/// The same for every user's manager.
const USER_MASKS: [&str; 2] = ["/etc/systemd/user", "/run/systemd/user"];
/// The folder of launchd's daemons.
const DAEMONS: &str = "/Library/LaunchDaemons";
/// Variables that move a service's files wherever it runs, and hold no secret.
const LAYOUT: [&str; 4] = ["OPENCLAW_HOME", "OPENCLAW_HOST_LOCK", "XDG_CONFIG_HOME", "XDG_STATE_HOME"];

/// One service of one user.
pub struct Scene<'c> {
    /// The command's surroundings.
    pub context: &'c Context,
    /// What it runs.
    pub subject: Subject,
    /// Whether its manager is launchd.
    pub launchd: bool,
    /// Whose manager it belongs to.
    pub scope: Scope,
    /// The user it runs as.
    pub account: Account,
    /// The environment that its files are resolved with.
    pub environment: Environment,
}

impl<'c> Scene<'c> {
    /// The service that `place` and `--profile` mean.
    ///
    /// # Errors
    /// A user, or a name of a profile, that is none.
    pub fn new(context: &'c Context, place: &Place) -> Result<Scene<'c>> {
        let named = context.global.profile.is_some() || context.global.dev;
        let name = named.then(|| chosen::selection(context).map(|selection| selection.name)).transpose()?;
        let (own, me) = (process::own_user(), me());
        let account = match &place.user_account {
            None => me,
            Some(name) => account::named(name).ok_or_else(|| unknown_user(name))?,
        };
        let environment = match account.uid == own {
            true => context.environment.clone(),
            false => Environment::from_pairs([("HOME", account.home.display().to_string())]),
        };
        let launchd = place.manager.map_or_else(units::has_launchd, |manager| manager == ManagerArg::Launchd);
        Ok(Scene {
            context,
            subject: name.map_or(Subject::Supervisor, Subject::Gateway),
            launchd,
            scope: if place.system { Scope::System } else { Scope::User },
            account,
            environment,
        })
    }

    /// The profiles of whom it runs for.
    ///
    /// # Errors
    /// When the environment names no home.
    pub fn registry(&self) -> Result<Registry<'_>> {
        Registry::new(DISK, &self.environment)
    }

    /// The unit's name, or launchd's label.
    pub fn name(&self) -> String {
        if self.launchd { self.subject.label() } else { self.subject.unit() }
    }

    /// Whether it is a service of the system's manager.
    pub fn is_system(&self) -> bool {
        self.scope == Scope::System
    }

    /// The home of whom it runs for.
    ///
    /// # Errors
    /// When the environment names none.
    pub fn home(&self) -> Result<PathBuf> {
        self.environment.user_home()
    }

    /// The folder of its file.
    fn folder(&self) -> Result<PathBuf> {
        Ok(match (self.launchd, self.is_system()) {
            (false, true) => PathBuf::from(SYSTEM_UNITS),
            (false, false) => self.environment.config_home()?.join(registered::UNITS),
            (true, true) => PathBuf::from(DAEMONS),
            (true, false) => self.home()?.join(registered::AGENTS),
        })
    }

    /// Its file.
    ///
    /// # Errors
    /// When the environment names no home.
    pub fn file(&self) -> Result<PathBuf> {
        let extension = if self.launchd { ".plist" } else { "" };
        Ok(self.folder()?.join(format!("{}{extension}", self.name())))
    }

    /// The file, what it is to say, and the link that switches it on.
    ///
    /// # Errors
    /// What is wrong with the profiles that it starts.
    pub fn piece(&self, form: &Form) -> Result<Piece> {
        let path = self.file()?;
        let text = if self.launchd { property_list::installed(form)? } else { unit_text::installed(form) };
        let target = if self.is_system() { "multi-user.target.wants" } else { "default.target.wants" };
        let link = self.folder()?.join(target).join(self.name());
        let there = files::link_target(&link).is_some();
        let links = if self.launchd { Vec::new() } else { vec![(link, path.clone(), there)] };
        Ok(Piece { path, text, links })
    }

    /// What stands where its file is to be, and in the folders whose masks count as much.
    ///
    /// # Errors
    /// When a file that is there cannot be read.
    pub fn present(&self) -> Result<Present> {
        let (file, name) = (self.file()?, self.name());
        let masks: &[&str] = match (self.launchd, self.is_system()) {
            (true, _) => &[],
            (false, true) => &SYSTEM_MASKS,
            (false, false) => &USER_MASKS,
        };
        let runtime = self.environment.runtime_dir().filter(|_| !self.is_system() && !self.launchd);
        let folders = masks.iter().map(PathBuf::from).chain(runtime.map(|dir| dir.join(registered::UNITS)));
        let places = std::iter::once(file.clone()).chain(folders.map(|folder| folder.join(&name)));
        for place in places {
            let is_empty =
                || files::is_file(&place) && files::read(&place).is_ok_and(|t| t.as_deref() == Some(""));
            if files::link_target(&place).is_some_and(|target| target == Path::new("/dev/null")) || is_empty()
            {
                return Ok(Present::Masked(place));
            }
        }
        Ok(files::read(&file)?.map_or(Present::Nothing, Present::File))
    }

    /// The local profiles that it starts.
    fn profiles(&self) -> Result<Vec<Profile>> {
        let registry = self.registry()?;
        if let Subject::Gateway(name) = &self.subject {
            return Ok(vec![self.gateway(&registry, name)?]);
        }
        let all = registry.all()?.into_iter().filter_map(|(_, profile)| profile.ok());
        Ok(all
            .filter(|profile| profile.managed && profile.supervise.autostart && profile.remote.is_none())
            .collect())
    }

    fn gateway(&self, registry: &Registry<'_>, name: &ProfileName) -> Result<Profile> {
        let known = registry.names()?;
        if !known.contains(name) {
            return Err(super::survey::unknown(name, &known));
        }
        let profile = registry.load_with(name, &chosen::flags(self.context))?;
        match profile.remote {
            None => Ok(profile),
            Some(_) => {
                let what = format!("the gateway of `{name}` runs on another machine");
                Err(Error::new(Kind::Usage, "profile_remote", what)
                    .profile(name)
                    .remedy("install the supervisor, which looks after its link: openclaw service install"))
            }
        }
    }

    /// Everything that the file says.
    ///
    /// # Errors
    /// What is wrong with the profiles that it starts.
    pub fn form(&self, program: String) -> Result<Form> {
        let (profiles, home) = (self.profiles()?, self.home()?.display().to_string());
        let longest = |of: fn(&Profile) -> Duration, usual: Duration| {
            // Profiles that are made later bring the usual times.
            profiles.iter().map(of).chain([usual]).max().unwrap_or(usual)
        };
        let account = form::Account { name: self.account.name.clone(), home: home.clone() };
        Ok(Form {
            subject: self.subject.clone(),
            program,
            account: self.is_system().then_some(account),
            home: Some(home),
            variables: self.variables()?,
            drain: longest(|profile| profile.supervise.stop_timeout, USUAL_STOP),
            start: longest(|profile| profile.supervise.start_timeout, USUAL_START),
            log: self.log()?,
        })
    }

    /// The same for whoever only needs its names and times, also of a profile that is gone.
    ///
    /// # Errors
    /// When the environment names no home.
    pub fn plain_form(&self) -> Result<Form> {
        self.form(String::new()).or_else(|_| {
            Ok(Form {
                subject: self.subject.clone(),
                program: String::new(),
                account: None,
                home: None,
                variables: Vec::new(),
                drain: USUAL_STOP,
                start: USUAL_START,
                log: String::new(),
            })
        })
    }

    /// The variables that were set on purpose and move what it runs; those of a shell's passing mood are not among them.
    fn variables(&self) -> Result<Vec<(String, String)>> {
        let set = |name: &str| Some((name.to_owned(), self.environment.get(name)?.to_owned()));
        let absolute = |(_, value): &(String, String)| value.starts_with(['/', '~']);
        let mut variables: Vec<(String, String)> =
            LAYOUT.into_iter().filter_map(set).filter(absolute).collect();
        if let Subject::Gateway(name) = &self.subject {
            let registry = self.registry()?;
            let asked = self.gateway(&registry, name)?;
            let plain = self.environment.without_openclaw();
            let usual = Registry::new(DISK, &plain)?.load_with(name, &chosen::flags(self.context));
            let usual = usual.ok();
            let mut add = |name: &str, now: String, then: Option<String>| {
                if then.as_ref() != Some(&now) {
                    variables.push((name.to_owned(), now));
                }
            };
            let text = |path: &Path| path.display().to_string();
            let of = |take: &dyn Fn(&Profile) -> String| usual.as_ref().map(take);
            add("OPENCLAW_STATE_DIR", text(&asked.paths.state_dir), of(&|p| text(&p.paths.state_dir)));
            add("OPENCLAW_CONFIG_PATH", text(&asked.paths.config_path), of(&|p| text(&p.paths.config_path)));
            add("OPENCLAW_GATEWAY_PORT", asked.port.to_string(), of(&|p| p.port.to_string()));
        }
        Ok(variables)
    }

    /// Where launchd puts what it prints: never through a link or onto another volume, which may not be there at boot.
    fn log(&self) -> Result<String> {
        let home = self.home()?;
        let folder = home.join("Library/Logs/openclaw");
        let real = files::real_path(&home).join("Library/Logs/openclaw");
        // A link that leads nowhere yet would lead somewhere once a volume is mounted.
        let linked = folder
            .ancestors()
            .take_while(|part| *part != home)
            .any(|part| files::link_target(part).is_some());
        let steady = !linked && files::real_path(&folder) == real && files::same_volume(&home, &folder);
        let name = format!("{}.log", self.subject.label().trim_start_matches("ai.openclaw."));
        Ok(if steady { folder.join(name).display().to_string() } else { "/dev/null".into() })
    }

    /// What it claims, as far as services meet over it.
    fn claims(&self) -> Result<Vec<Claimed>> {
        let claimed = |profile: Profile| Claimed {
            state_dir: files::real_path(&profile.paths.state_dir),
            port: profile.port,
            autostart: profile.managed && profile.supervise.autostart,
            name: profile.name,
        };
        Ok(self.profiles()?.into_iter().map(claimed).collect())
    }

    /// Everything that would run the same.
    ///
    /// # Errors
    /// What is wrong with the profiles that it starts.
    pub async fn rivals(&self) -> Result<Vec<Rival>> {
        let mut found: Vec<Registration> = Vec::new();
        let unit = |unit: crate::conflict::host::FoundUnit| Registration {
            origin: if unit.launchd { Origin::Launchd } else { Origin::Systemd },
            unit,
        };
        found.extend(registered::units(&self.environment, Some(&self.account.name))?.into_iter().map(unit));
        let home = files::real_path(&self.home()?);
        for other in account::all().iter().filter(|other| files::real_path(&other.home) != home) {
            found.extend(registered::of_other(other).into_iter().map(unit));
        }
        found.extend(elsewhere::all(self).await);
        for registration in &mut found {
            let dir = &mut registration.unit.verdict.state_dir;
            *dir = dir.take().map(|dir| files::real_path(&dir));
        }
        let (claims, file, me) = (self.claims()?, self.file()?, me());
        let meant = Meant {
            subject: &self.subject,
            name: &self.name(),
            scope: self.scope,
            file: &file,
            claims: &claims,
            user: &self.account.name,
            me: &me.name,
            is_root: process::own_user() == 0,
        };
        Ok(rivals(&meant, &found))
    }
}

/// Who asks.
fn me() -> Account {
    let uid = process::own_user();
    account::of(uid).unwrap_or_else(|| Account {
        name: uid.to_string(),
        uid,
        gid: uid,
        home: PathBuf::from("/"),
    })
}

fn unknown_user(name: &str) -> Error {
    Error::new(Kind::Usage, "user_unknown", format!("there is no user `{name}` on this host"))
        .remedy("name the user as whom the service is to run: getent passwd")
}

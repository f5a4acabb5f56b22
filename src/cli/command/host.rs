//! `host status` and `host conflicts`: every gateway on the host with its owner, and what more than one owner
//! wants. Looks only; starts nothing and asks no service manager.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::base::exposure::ExposureRecord;
use crate::base::{Error, Kind, Result};
use crate::cli::{Context, survey};
use crate::conflict::host::{FoundGateway, FoundUnit, HostFacts, HostReport, Scope, survey as judge};
use crate::daemon::{self, census};
use crate::host::units::{self, SHARED_USER_FOLDERS, SYSTEM_FOLDERS, UnitFile};
use crate::host::{files, process};
use crate::profile::Environment;
use crate::service::launchd::Agent;
use crate::service::systemd::{FileKind, Reader, Unit};
use crate::service::verdict::{self, Command, Role, Verdict};

/// Folders of property lists beside the user's own.
const PLIST_FOLDERS: [(&str, Scope); 2] =
    [("/Library/LaunchAgents", Scope::User), ("/Library/LaunchDaemons", Scope::System)];

/// Folders whose services come with the system's own packages, two hundred as a rule. Only those that name what
/// we look for are read closely; what a verdict is stays the same.
const DISTRIBUTION: [&str; 2] = ["/usr/lib/systemd", "/lib/systemd"];
/// Every spelling of the program, and its subcommand.
const MARKERS: [&str; 4] = ["openclaw", "clawdbot", "molt", "gateway"];

/// Prints every gateway.
pub fn status(context: &Context) -> Result<()> {
    let report = look(context)?;
    if context.render.is_json() {
        context.render.document(&json!({ "ok": report.ok, "gateways": report.gateways }));
    } else {
        context.render.gateways(&report.gateways);
        if !report.ok {
            context.render.notice("there are conflicts: openclaw host conflicts");
        }
    }
    Ok(())
}

/// Prints every conflict.
///
/// # Errors
/// [`Kind::Conflicts`] when there is one that hurts.
pub fn conflicts(context: &Context, explain: bool) -> Result<()> {
    let report = look(context)?;
    let report = if explain { report } else { report.without_reasons() };
    if context.render.is_json() {
        context.render.document(&report);
    } else {
        context.render.host_report(&report);
    }
    if report.ok {
        return Ok(());
    }
    let found = report.conflicts.len();
    Err(Error::new(Kind::Conflicts, "host_conflicts", format!("{found} conflicts were found")))
}

/// Looks at the whole host.
///
/// # Errors
/// When the profiles of this user cannot be listed.
pub fn look(context: &Context) -> Result<HostReport> {
    let registry = survey::registry(context)?;
    let user = process::user_name(process::own_user());
    let profiles = census::profiles(&registry)?;
    let environment = &context.environment;
    // Files on one thread, processes on the other: neither needs what the other finds.
    let (units, (gateways, in_the_way)) = std::thread::scope(|scope| {
        let units = scope.spawn(|| found_units(environment, user.as_deref()));
        let seen = census::gateways_and_others(&profiles, environment);
        (units.join(), seen)
    });
    let units = units.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    let shared = daemon::as_conflicts(&daemon::sharings(&registry, None)?);
    let mut report = judge(&HostFacts { gateways, units, profiles, in_the_way, shared, user });
    let own = process::user_name(process::own_user());
    let mine = |gateway: &&mut FoundGateway| gateway.embedded && gateway.user == own;
    report.gateways.iter_mut().filter(mine).for_each(exposed);
    Ok(report)
}

/// Adds what the gateway itself left written of its exposures.
fn exposed(gateway: &mut FoundGateway) {
    let (Some(pid), Some(folder)) = (gateway.pid, &gateway.state_dir) else { return };
    let text = files::read(&folder.join(ExposureRecord::NAME)).ok().flatten();
    gateway.exposure = text.map(|text| ExposureRecord::of(&text, pid)).unwrap_or_default();
}

/// The gateways that the host has now, in one line.
pub fn in_one_line(gateways: &[FoundGateway]) -> String {
    let one = |gateway: &FoundGateway| {
        let name = gateway.profile.as_ref().map_or("an unnamed one".to_owned(), ToString::to_string);
        gateway.port.map_or(name.clone(), |port| format!("{name} (port {port})"))
    };
    gateways.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Every service file that would run a gateway, of all managers and scopes.
fn found_units(environment: &Environment, user: Option<&str>) -> Result<Vec<FoundUnit>> {
    let home = environment.user_home()?;
    let own = [environment.config_home()?.join("systemd/user"), home.join(".local/share/systemd/user")];
    let shared = SHARED_USER_FOLDERS.map(PathBuf::from);
    let user_folders: Vec<PathBuf> = own.into_iter().chain(shared).collect();
    let reader = Reader { home: home.to_str(), user };
    let root = Reader { home: Some("/root"), user: Some("root") };
    let user_units = units::services(&user_folders, may_matter);
    let system_units = units::services(&SYSTEM_FOLDERS.map(PathBuf::from), may_matter);
    let mut found: Vec<FoundUnit> =
        user_units.iter().filter_map(|file| from_systemd(file, Scope::User, reader)).collect();
    found.extend(system_units.iter().filter_map(|file| from_systemd(file, Scope::System, root)));
    let mine = (home.join("Library/LaunchAgents"), Scope::User);
    for (folder, scope) in
        PLIST_FOLDERS.map(|(folder, scope)| (PathBuf::from(folder), scope)).iter().chain([&mine])
    {
        let lists = units::plists(folder);
        found.extend(lists.iter().filter_map(|(path, bytes)| from_launchd(path, bytes, *scope, user)));
    }
    Ok(found)
}

/// Whether a file is worth a closer look.
fn may_matter(file: &UnitFile) -> bool {
    let packaged = DISTRIBUTION.iter().any(|folder| file.path.starts_with(folder));
    !packaged || file.texts.iter().any(|text| MARKERS.iter().any(|marker| text.contains(marker)))
}

fn from_systemd(file: &UnitFile, scope: Scope, reader: Reader<'_>) -> Option<FoundUnit> {
    if FileKind::of(&file.name) != FileKind::Service {
        return None;
    }
    let texts: Vec<&str> = file.texts.iter().map(String::as_str).collect();
    let mut unit = Unit::read(&file.name, &texts, file.masked, reader);
    for path in unit.environment_files.clone() {
        if let Ok(Some(text)) = files::read(Path::new(&path)) {
            unit.environment_file(&text);
        }
    }
    let lines = unit.command_lines();
    let verdict =
        lines.iter().map(|argv| judged(argv, &unit.environment, unit.directory.as_deref(), reader.home));
    let verdict = verdict.max_by_key(|verdict| verdict.role == Role::Gateway)?;
    (verdict.role == Role::Gateway).then(|| FoundUnit {
        name: file.name.clone(),
        scope,
        launchd: false,
        path: file.path.clone(),
        user: unit.user.clone().or_else(|| reader.user.map(str::to_owned)),
        enabled: file.enabled,
        masked: unit.masked,
        verdict,
    })
}

fn from_launchd(path: &Path, bytes: &[u8], scope: Scope, user: Option<&str>) -> Option<FoundUnit> {
    // What is no property list runs nothing.
    let agent = Agent::read(bytes).ok()?;
    let verdict = judged(&agent.program, &agent.environment, agent.directory.as_deref(), None);
    (verdict.role == Role::Gateway).then(|| FoundUnit {
        name: agent.label,
        scope,
        launchd: true,
        path: path.to_path_buf(),
        user: agent.user.or_else(|| user.map(str::to_owned)),
        enabled: !agent.disabled,
        masked: false,
        verdict,
    })
}

fn judged(
    argv: &[String],
    environment: &Environment,
    directory: Option<&str>,
    home: Option<&str>,
) -> Verdict {
    // A word without a folder is a command on PATH, no script of the service's own.
    let read =
        |path: &str| path.starts_with('/').then(|| files::read(Path::new(path)).ok().flatten()).flatten();
    verdict::judge(&Command { argv, environment: Some(environment), directory, home, read: &read })
}

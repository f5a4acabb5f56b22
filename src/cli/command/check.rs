//! `profile check`: proves isolation over all profiles without starting anything; exit 4 when something is
//! shared.

use serde_json::{Value, json};

use crate::base::{Error, Kind, ProfileName, Result};
use crate::cli::{Context, guarded, render, survey};
use crate::daemon::{self, Lock, LockVerdict, binding};
use crate::profile::Registry;
use crate::profile::isolation::Sharing;
use crate::profile::resolved::ConfineLevel;

/// Compares all profiles and prints what they share.
pub fn run(context: &Context, only: Option<&ProfileName>) -> Result<()> {
    let registry = survey::registry(context)?;
    let known = registry.names()?;
    if let Some(name) = only.filter(|name| !known.contains(name)) {
        return Err(survey::unknown(name, &known));
    }
    let shared = daemon::sharings(&registry, only)?;
    let mut misplaced = Vec::new();
    for name in known.iter().filter(|name| only.is_none_or(|only| only == *name)) {
        misplaced.extend(daemon::after_refusal(&registry, name)?);
        // One whose files cannot be read is told by the verbs that read them.
        let profile = registry.load(name).ok();
        misplaced.extend(profile.and_then(|profile| daemon::exposure_refusal(&registry, &profile).ok()?));
        misplaced.extend(binding::refusal(&registry, name));
    }
    let refused = shared.iter().filter(|sharing| !sharing.allowed).count();
    let confined = confinable(&registry, &known, only);
    let documents = shared.iter().map(|sharing| {
        json!({ "code": sharing.code, "severity": severity(sharing), "profile": sharing.a, "other": sharing.b,
            "message": sharing.message, "remedy": sharing.remedy })
    });
    let documents = documents.chain(misplaced.iter().map(|error| {
        json!({ "code": error.code(), "severity": "error", "profile": error.profile_name(),
            "message": error.to_string(), "remedy": error.remedy_text() })
    }));
    let asked = known.iter().filter(|name| only.is_none_or(|only| only == *name));
    let profiles = asked.filter_map(|name| registry.load(name).ok());
    let weak: Vec<Value> = profiles.flat_map(|profile| guarded::warnings(&registry, &profile)).collect();
    let locks = daemon::locks(&registry, only)?;
    if context.render.is_json() {
        let conflicts: Vec<_> = documents.collect();
        context.render.document(
            &json!({ "ok": refused + misplaced.len() == 0, "conflicts": conflicts, "warnings": weak,
                "locks": locks, "confine": confined }),
        );
    } else {
        tell(context, &shared, &misplaced);
        warn(context, &weak, &locks, &confined);
    }
    if refused + misplaced.len() == 0 {
        if !context.render.is_json() {
            let counted = render::profiles_counted(known.len());
            let but = if shared.is_empty() { "" } else { " but what a manifest allows" };
            context.render.text(&format!("{counted}: nothing is shared{but}\n"));
        }
        return Ok(());
    }
    if refused == 0 {
        let opened = |error: &&Error| matches!(error.code(), "bind_unsafe" | "gateway_outdated");
        let exposed = misplaced.iter().filter(opened).count();
        let (code, message) = match exposed {
            0 => ("profiles_misplaced", format!("{} profiles want what cannot be", misplaced.len())),
            exposed => ("profiles_exposed", format!("{exposed} profiles would be open to others")),
        };
        return Err(Error::new(Kind::Conflicts, code, message));
    }
    Err(Error::new(Kind::Conflicts, "profiles_shared", format!("{refused} shared things were found")))
}

/// Says what is wrong.
fn tell(context: &Context, shared: &[Sharing], misplaced: &[Error]) {
    for sharing in shared {
        let line = match sharing.allowed {
            true => format!("warning: {}\n", sharing.message),
            false => format!("{}\n  try: {}\n", sharing.message, sharing.remedy),
        };
        context.render.text(&line);
    }
    for error in misplaced {
        context.render.text(&format!("{error}\n  try: {}\n", error.remedy_text().unwrap_or_default()));
    }
}

/// Says what is to be known beside that.
fn warn(context: &Context, weak: &[Value], locks: &[Lock], confined: &[Value]) {
    for told in weak {
        let word = |key: &str| told[key].as_str().unwrap_or_default();
        context.render.text(&format!("warning: {}\n  try: {}\n", word("message"), word("remedy")));
    }
    for lock in locks.iter().filter(|lock| lock.verdict != LockVerdict::Free) {
        context.render.text(&sentence(lock));
    }
    for told in confined {
        context.render.text(&outlook(told));
    }
}

/// A lock in one line.
fn sentence(lock: &Lock) -> String {
    let whose = lock.profile.as_ref().map(|name| format!(" of `{name}`")).unwrap_or_default();
    let thing = format!("{}{whose} ({})", lock.kind.as_str(), lock.path.display());
    match (lock.verdict, &lock.owner, lock.recorded_pid) {
        (LockVerdict::Held, Some(owner), _) => {
            let program = owner.program.as_deref().unwrap_or("a process");
            let pid = owner.pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
            format!("held: {thing} by {program}{pid}\n")
        }
        (LockVerdict::Held | LockVerdict::Free, ..) => format!("{}: {thing}\n", lock.verdict.as_str()),
        (LockVerdict::Stale, _, pid) => {
            let gone = pid.map(|pid| format!(", left by process {pid}")).unwrap_or_default();
            format!("stale: {thing}{gone}; harmless, the next start replaces it\n")
        }
    }
}

/// What each profile that asks for confinement would be held to on this kernel, as JSON shows it.
fn confinable(registry: &Registry<'_>, known: &[ProfileName], only: Option<&ProfileName>) -> Vec<Value> {
    let asked = known.iter().filter(|name| only.is_none_or(|only| *name == only));
    let profiles = asked.filter_map(|name| registry.load(name).ok());
    let confined = profiles.filter(|profile| profile.confine != ConfineLevel::Off);
    let told = confined.map(|profile| match daemon::foreseen(&profile) {
        Ok((level, told)) => json!({ "profile": profile.name, "level": told.level,
            "possible": level.as_str(), "abi": told.abi, "refused": null }),
        Err(error) => json!({ "profile": profile.name, "level": profile.confine.as_str(),
            "possible": null, "abi": null, "refused": error.to_string() }),
    });
    told.collect()
}

fn outlook(told: &Value) -> String {
    let word = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
    match told["refused"].as_str() {
        Some(why) => format!("warning: its start will be refused: {why}\n"),
        None if told["level"] == told["possible"] => {
            format!(
                "{} can be confined to {} (Landlock ABI {})\n",
                word("profile"),
                word("level"),
                told["abi"]
            )
        }
        None => format!("warning: {} can be confined to {} only\n", word("profile"), word("possible")),
    }
}

fn severity(sharing: &Sharing) -> &'static str {
    if sharing.allowed { "warning" } else { "error" }
}

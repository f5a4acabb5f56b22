//! `profile check`: proves isolation over all profiles without starting anything; exit 4 when something is
//! shared.

use serde_json::json;

use crate::base::{Error, Kind, ProfileName, Result};
use crate::cli::{Context, render, survey};
use crate::daemon;

/// Compares all profiles and prints what they share.
pub fn run(context: &Context, only: Option<&ProfileName>) -> Result<()> {
    let registry = survey::registry(context)?;
    let known = registry.names()?;
    if let Some(name) = only.filter(|name| !known.contains(name)) {
        return Err(survey::unknown(name, &known));
    }
    let mut shared = daemon::sharings(&registry)?;
    shared.retain(|sharing| only.is_none_or(|name| sharing.a == *name || sharing.b == *name));
    let documents = shared.iter().map(|sharing| {
        json!({ "code": sharing.code, "severity": "error", "profile": sharing.a, "other": sharing.b,
            "message": sharing.message, "remedy": sharing.remedy })
    });
    if context.render.is_json() {
        let conflicts: Vec<_> = documents.collect();
        context.render.document(&json!({ "ok": shared.is_empty(), "conflicts": conflicts }));
    } else {
        for sharing in &shared {
            context.render.text(&format!("{}\n  try: {}\n", sharing.message, sharing.remedy));
        }
    }
    if shared.is_empty() {
        if !context.render.is_json() {
            context.render.text(&format!("{}: nothing is shared\n", render::profiles_counted(known.len())));
        }
        return Ok(());
    }
    Err(Error::new(Kind::Conflicts, "profiles_shared", format!("{} shared things were found", shared.len())))
}

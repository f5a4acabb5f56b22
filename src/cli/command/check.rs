//! `profile check`: proves isolation over all profiles without starting anything; exit 4 when something is
//! shared.

use serde_json::json;

use crate::base::{Error, Kind, ProfileName, Result};
use crate::cli::{Context, render, survey};
use crate::daemon;
use crate::profile::isolation::Sharing;

/// Compares all profiles and prints what they share.
pub fn run(context: &Context, only: Option<&ProfileName>) -> Result<()> {
    let registry = survey::registry(context)?;
    let known = registry.names()?;
    if let Some(name) = only.filter(|name| !known.contains(name)) {
        return Err(survey::unknown(name, &known));
    }
    let mut shared = daemon::sharings(&registry)?;
    shared.retain(|sharing| only.is_none_or(|name| sharing.a == *name || sharing.b == *name));
    let refused = shared.iter().filter(|sharing| !sharing.allowed).count();
    let documents = shared.iter().map(|sharing| {
        json!({ "code": sharing.code, "severity": severity(sharing), "profile": sharing.a, "other": sharing.b,
            "message": sharing.message, "remedy": sharing.remedy })
    });
    if context.render.is_json() {
        let conflicts: Vec<_> = documents.collect();
        context.render.document(&json!({ "ok": refused == 0, "conflicts": conflicts }));
    } else {
        for sharing in &shared {
            let line = match sharing.allowed {
                true => format!("warning: {}\n", sharing.message),
                false => format!("{}\n  try: {}\n", sharing.message, sharing.remedy),
            };
            context.render.text(&line);
        }
    }
    if refused == 0 {
        if !context.render.is_json() {
            let counted = render::profiles_counted(known.len());
            let but = if shared.is_empty() { "" } else { " but what a manifest allows" };
            context.render.text(&format!("{counted}: nothing is shared{but}\n"));
        }
        return Ok(());
    }
    Err(Error::new(Kind::Conflicts, "profiles_shared", format!("{refused} shared things were found")))
}

fn severity(sharing: &Sharing) -> &'static str {
    if sharing.allowed { "warning" } else { "error" }
}

//! `profile rollback`: puts back the files with which a profile's gateway last worked. A supervisor that has given it
//! up notices, and tries again by itself.

use serde_json::json;

use crate::base::{ProfileName, Result};
use crate::cli::Context;
use crate::daemon::kept_config::{self, Restored};
use crate::profile::SupervisorPaths;

/// Most keys that are named of one file.
const KEYS_TOLD: usize = 20;

/// Restores and tells what differed, by the names of keys alone.
pub fn run(context: &Context, name: &ProfileName) -> Result<()> {
    let records = SupervisorPaths::derive(&context.environment)?.records_dir;
    let restored = kept_config::restore(&records, name)?;
    let told: Vec<String> = restored.iter().map(sentence).collect();
    let document = json!({ "ok": true, "profile": name, "restored": restored });
    context.render.done(document, &told.join("\n"));
    Ok(())
}

fn sentence(file: &Restored) -> String {
    let differed = match &file.keys {
        None => "the change could not be read".to_owned(),
        Some(keys) if keys.is_empty() => "only layout or comments differed".to_owned(),
        Some(keys) => {
            let more = keys.len().saturating_sub(KEYS_TOLD);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("differed in {}{more}", keys[..keys.len().min(KEYS_TOLD)].join(", "))
        }
    };
    let aside = match &file.rejected {
        Some(path) => format!("; the rejected file is {}", path.display()),
        None => "; it was missing".to_owned(),
    };
    let includes =
        if file.includes { "\n  what it names by $include is not kept and stays as it is" } else { "" };
    format!("{} put back: {differed}{aside}{includes}", file.path.display())
}

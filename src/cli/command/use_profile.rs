//! `profile use`: which profile is meant when neither `--profile` nor `OPENCLAW_PROFILE` says so.

use serde_json::{Value, json};

use crate::base::{ProfileName, Result};
use crate::cli::args::Use;
use crate::cli::{Context, chosen, survey};
use crate::host::files;
use crate::profile::{Selection, Source, SupervisorPaths};

/// Sets, clears or shows it.
pub fn run(context: &Context, wanted: &Use) -> Result<()> {
    let file = SupervisorPaths::derive(&context.environment)?.used();
    match &wanted.name {
        Some(name) => {
            survey::known(context, name)?;
            if let Some(folder) = file.parent() {
                files::private_dir(folder)?;
            }
            files::write_atomic(&file, &format!("{name}\n"))?;
        }
        None if wanted.clear && files::is_there(&file) => files::unlink(&file)?,
        None => {}
    }
    let selection = chosen::selection(context)?;
    let mut sentence = format!("{} is selected {}", selection.name, chosen::reason(selection.source));
    if let Some(name) = wanted.name.as_ref().filter(|_| selection.source != Source::Used) {
        sentence = format!("{name} is used from now on; here {sentence}, which goes before it");
    }
    context.render.done(json!({ "ok": true, "selected": document(&selection) }), &sentence);
    Ok(())
}

/// The selection in `--json`.
pub fn document(selection: &Selection) -> Value {
    json!({ "name": selection.name, "by": chosen::word(selection.source) })
}

/// Forgets that `name` is used, when it is: the profile is being removed.
pub fn forget(context: &Context, name: &ProfileName) -> Result<()> {
    match chosen::used(context) {
        Ok(Some(used)) if used == *name => {
            files::unlink(&SupervisorPaths::derive(&context.environment)?.used())
        }
        _ => Ok(()),
    }
}

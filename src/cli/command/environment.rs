//! `profile env`: the profile's environment as assignments that a shell can read. No credential is among
//! them: the programs find it in the profile's `openclaw.json`.

use serde_json::json;

use crate::base::{ProfileName, Result};
use crate::cli::{Context, survey};
use crate::profile::child_env;

/// Prints `export NAME='value'` lines, or an object.
pub fn run(context: &Context, name: &ProfileName) -> Result<()> {
    let profile = survey::known(context, name)?;
    let selectors = child_env::selectors(&profile);
    if context.render.is_json() {
        context.render.document(&json!(selectors));
        return Ok(());
    }
    let lines =
        selectors.iter().map(|(name, value)| format!("export {name}='{}'\n", value.replace('\'', r"'\''")));
    context.render.text(&lines.collect::<String>());
    Ok(())
}

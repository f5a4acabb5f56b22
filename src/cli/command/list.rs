//! `profile list`: every profile of this user, managed or discovered, with what it is doing and which one is
//! selected.

use super::use_profile;
use crate::base::Result;
use crate::cli::{Context, chosen, survey};

/// Looks and prints; starts nothing and writes nothing.
pub async fn run(context: &Context) -> Result<()> {
    // A name that cannot be must not keep anybody from seeing those that can.
    let selection = chosen::selection(context).map_err(|error| {
        context.render.notice(&format!("warning: {error}"));
    });
    let selection = selection.ok();
    let document = selection.as_ref().map(use_profile::document).unwrap_or_default();
    let reason = selection.as_ref().map(|selection| chosen::reason(selection.source)).unwrap_or_default();
    context.render.profiles(&survey::all(context).await?, &document, reason);
    Ok(())
}

//! `profile list`: every profile of this user, managed or discovered, with what it is doing.

use crate::base::Result;
use crate::cli::{Context, survey};

/// Looks and prints; starts nothing and writes nothing.
pub async fn run(context: &Context) -> Result<()> {
    context.render.profiles(&survey::all(context).await?);
    Ok(())
}

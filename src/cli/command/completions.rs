//! `completions` and `man`: generated from the same definition that parses the command line.

use crate::base::{Error, Kind, Result};
use crate::cli::{Context, definition};

/// Prints the completions of `shell`.
pub fn completions(context: &Context, shell: clap_complete::Shell) -> Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut definition(), "openclaw", &mut text);
    context.render.text(&String::from_utf8_lossy(&text));
    Ok(())
}

/// Prints the manual page.
pub fn man(context: &Context) -> Result<()> {
    let mut text = Vec::new();
    clap_mangen::Man::new(definition()).render(&mut text).map_err(|error| {
        Error::new(Kind::Failed, "man_failed", "the manual page cannot be made").caused_by(error)
    })?;
    context.render.text(&String::from_utf8_lossy(&text));
    Ok(())
}

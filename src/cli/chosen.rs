//! Which profile a command means: `--profile`, else `OPENCLAW_PROFILE`, else what `profile use` has written, else
//! the default one.

use std::path::Path;

use super::{Context, survey};
use crate::base::{Error, Kind, ProfileName, Result};
use crate::host::files;
use crate::profile::{Flags, Profile, Registry, Selection, Source, SupervisorPaths, select};

/// The flags that select a profile.
pub fn flags(context: &Context) -> Flags {
    Flags { profile: context.global.profile.clone(), dev: context.global.dev, port: None, bind: None }
}

/// The profile that the flags, the environment and `profile use` mean; it need not exist.
///
/// # Errors
/// A name that is none, with the place it came from.
pub fn selection(context: &Context) -> Result<Selection> {
    select(&flags(context), &context.environment, || used(context))
}

/// The profile that `profile use` has written, if any.
///
/// # Errors
/// [`Kind::Config`] when the file cannot be read or holds no name.
pub fn used(context: &Context) -> Result<Option<ProfileName>> {
    let file = SupervisorPaths::derive(&context.environment)?.used();
    files::read(&file)?.map(|text| named(&text, &file)).transpose()
}

fn named(text: &str, file: &Path) -> Result<ProfileName> {
    text.trim().parse().map_err(|error| {
        Error::new(Kind::Config, "used_profile_invalid", format!("{}: {error}", file.display()))
            .remedy("openclaw profile use NAME, or: openclaw profile use --clear")
    })
}

/// The selected profile as it was `loaded`; with `-v` it is told which that is, and why.
///
/// # Errors
/// What is wrong with its files; that it does not exist, and who selected it.
pub fn told(
    context: &Context,
    registry: &Registry<'_>,
    selection: &Selection,
    loaded: Result<Profile>,
) -> Result<Profile> {
    let profile = loaded.or_else(|error| match error.code() {
        "profile_unknown" => Err(unknown(selection, &registry.names()?)),
        _ => Err(error),
    })?;
    if context.global.verbose {
        let port = if profile.remote.is_some() { "near end of its link" } else { "port" };
        context.render.notice(&format!(
            "profile {} (from {}), {port} {} (from {})",
            profile.name,
            selection.source.as_str(),
            profile.port,
            profile.port_source.as_str()
        ));
    }
    Ok(profile)
}

/// What is said of a selected profile that does not exist; `known` are those that do.
pub fn unknown(selection: &Selection, known: &[ProfileName]) -> Error {
    let (name, error) = (&selection.name, survey::unknown(&selection.name, known));
    if selection.source != Source::Used {
        return error;
    }
    Error::new(Kind::NotRunning, "profile_unknown", format!("{error}; it was set by `openclaw profile use`"))
        .profile(name)
        .remedy("openclaw profile use --clear")
}

/// Why a profile is the selected one, in the word of `--json`.
pub fn word(source: Source) -> &'static str {
    match source {
        Source::Derived => "default",
        other => other.as_str(),
    }
}

/// The same for people.
pub fn reason(source: Source) -> &'static str {
    match source {
        Source::Flag => "by --profile",
        Source::Environment => "by OPENCLAW_PROFILE",
        Source::Used => "by profile use",
        Source::Manifest | Source::Config | Source::Derived => "by default",
    }
}

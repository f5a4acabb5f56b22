//! `profile clone`: a new profile like another one, with everything of its own: name, ports, paths, tokens. Of the
//! other one files are only read, and only its configuration, its manifest and, when asked for, its workspace.

use std::io;
use std::path::Path;

use serde_json::json;

use super::create::{Texts, allocate_block, establish, new_token, pin_real, refuse_existing, turn};
use crate::base::{Error, Kind, ProfileName, Result};
use crate::cli::args::Clone;
use crate::cli::{Context, survey};
use crate::daemon;
use crate::host::files;
use crate::host::folder::{Budget, Folder};
use crate::profile::clone::{Cloned, Cloning, manifest};
use crate::profile::create::{Fill, template};
use crate::profile::environment::expand_tilde;
use crate::profile::ports::Allocation;
use crate::profile::resolved::RuntimeChoice;
use crate::profile::status::described;
use crate::profile::{Paths, Profile, Registry};

/// The largest workspace that is copied: one beyond it is copied better by other means.
const WORKSPACE_BUDGET: Budget = Budget { entries: 100_000, bytes: 4 << 30 };

/// Clones a profile and says what is not as it was.
pub async fn run(context: &Context, clone: &Clone) -> Result<()> {
    let registry = survey::registry(context)?;
    let _turn = turn(&registry).await?;
    let (from, to) = (survey::known(context, &clone.from)?, &clone.to);
    refuse_existing(&registry, to)?;
    if from.remote.is_some() {
        let what = format!("`{}` runs on another machine; only its link is here", from.name);
        return Err(Error::new(Kind::Usage, "profile_remote", what)
            .profile(&from.name)
            .remedy(format!("copy its manifest: {}", from.paths.manifest.display())));
    }
    to.check_creatable(&registry.names()?)?;
    let Allocation { block, note } = allocate_block(&registry, to, clone.port)?;
    let mut paths = registry.derived_paths(to)?;
    let Cloned { tree, mut notes } = configuration(&registry, &from, &paths, block.base())?;
    notes.extend(note);
    notes.extend(command_note(&from));
    if let Some(workspace) = workspace_in(&tree, &registry)? {
        paths.workspace = workspace;
    }
    let texts = Texts {
        config: format!("{tree:#}\n"),
        manifest: manifest_of(context, &registry, &from, &paths, block.base())?,
        paths,
    };
    let mut skipped = Vec::new();
    let made = establish(&registry, to, &texts, |workspace| {
        if clone.with_workspace {
            skipped = copy_workspace(&from.paths.workspace, workspace)?;
        }
        Ok(())
    })?;
    if !skipped.is_empty() {
        notes.push(format!("not copied, being links or no plain files: {}", skipped.join(", ")));
    }
    tell(context, &registry, &from.name, &made, notes)
}

fn tell(
    context: &Context,
    registry: &Registry<'_>,
    from: &ProfileName,
    made: &Profile,
    mut notes: Vec<String>,
) -> Result<()> {
    let name = &made.name;
    let shared = daemon::sharings(registry, Some(name))?;
    notes.extend(shared.into_iter().map(|sharing| sharing.message));
    for note in &notes {
        context.render.notice(&format!("{name}: {note}"));
    }
    let mut status = described(made);
    status.warnings.extend(notes);
    let sentence = format!(
        "cloned {from} as {name}: port {}, state {}\nstart it: openclaw profile start {name}",
        made.port,
        made.paths.state_dir.display()
    );
    context.render.done(json!(status), &sentence);
    Ok(())
}

fn configuration(registry: &Registry<'_>, from: &Profile, to: &Paths, port: u16) -> Result<Cloned> {
    // Includes are merged in: the files that they name lie in the other one's directory.
    let tree = registry.tree(&from.paths.config_path)?.unwrap_or_default();
    let real = files::real_path(&from.paths.state_dir);
    let (token, hooks_token) = (new_token()?, new_token()?);
    let cloning = Cloning {
        from: [&from.paths.state_dir, &real],
        to: &to.state_dir,
        home: &registry.environment().home()?,
        port,
        token: &token,
        hooks_token: &hooks_token,
    };
    Ok(cloning.config(tree))
}

/// The workspace that the new configuration names.
fn workspace_in(tree: &serde_json::Value, registry: &Registry<'_>) -> Result<Option<std::path::PathBuf>> {
    let named = tree.pointer("/agents/defaults/workspace").and_then(serde_json::Value::as_str);
    let home = registry.environment().home()?;
    Ok(named.and_then(|text| expand_tilde(text, &home)))
}

/// The manifest of the other one with its comments, or, where nobody wrote one, the one that adopting would write.
fn manifest_of(
    context: &Context,
    registry: &Registry<'_>,
    from: &Profile,
    to: &Paths,
    port: u16,
) -> Result<String> {
    let mut fill =
        Fill { description: Some(format!("Cloned from {}", from.name)), port: Some(port), ..Fill::default() };
    if context.environment.get("OPENCLAW_HOME").is_some() {
        fill.state_dir = Some(to.state_dir.clone());
    }
    if let Some(text) = registry.text(&from.paths.manifest)? {
        return manifest(&text, to, fill);
    }
    if daemon::find_real(None, None, &context.environment).is_ok() {
        fill.runtime = Some(RuntimeChoice::Openclaw);
    }
    pin_real(context, &mut fill)?;
    manifest(template("work")?, to, fill)
}

/// A command that names the other one's port or directory outright would still use them.
fn command_note(from: &Profile) -> Option<String> {
    let (port, dir) = (from.port.to_string(), from.paths.state_dir.display().to_string());
    let names_it = |word: &&String| word.contains(&dir) || **word == port;
    from.command.iter().find(names_it).map(|word| {
        format!(
            "its command says {word:?}, which is `{}`'s: write {{port}} or {{state_dir}} instead",
            from.name
        )
    })
}

fn copy_workspace(from: &Path, to: &Path) -> Result<Vec<String>> {
    let copied = (|| {
        // The workspace itself may be a link of the user's; what is in it is not followed.
        let Some(source) = Folder::open(&files::real_path(from))? else { return Ok(Vec::new()) };
        let target = Folder::open(&files::real_path(to))?.ok_or(io::Error::from(io::ErrorKind::NotFound))?;
        source.copy_to(&target, &mut WORKSPACE_BUDGET.clone())
    })();
    copied.map_err(|error: io::Error| {
        let what = format!("the workspace {} cannot be copied to {}", from.display(), to.display());
        Error::new(Kind::Failed, "workspace_uncopied", what)
            .caused_by(error)
            .remedy("clone without --with-workspace, and copy what you need")
    })
}

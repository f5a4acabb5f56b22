//! `profile rm`: removes what this program created of a profile, and names what it leaves. Nothing happens while
//! somebody runs on it, and nothing without `--yes`.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::create::turn;
use super::use_profile;
use crate::base::record::{ProfileStatus, State};
use crate::base::{Error, Kind, ProfileName, Result};
use crate::cli::args::Rm;
use crate::cli::{Context, survey};
use crate::client::control::Supervisor;
use crate::client::keep::Keep;
use crate::daemon::{self, holder};
use crate::host::files;
use crate::host::folder::{Entry, Folder};
use crate::host::lock::{self, Claim, Outcome, RECORD_NAME, Record};
use crate::profile::creation::Creation;
use crate::profile::paths::CONFIG_FILE;
use crate::profile::removal::{Doomed, LOGS, Node, Plan, Remains, STORE, plan};
use crate::profile::{Paths, Registry};
use crate::wire::control::PROFILE_FORGET;

/// Shows the plan, or carries it out.
pub async fn run(context: &Context, rm: &Rm) -> Result<()> {
    let registry = survey::registry(context)?;
    let _turn = turn(&registry).await?;
    let name = &rm.name;
    let known = registry.names()?;
    if !known.contains(name) {
        return Err(survey::unknown(name, &known));
    }
    refuse_running(name, survey::one(context, name).await?)?;
    // A profile whose files are broken can be removed too.
    let paths = match registry.load(name) {
        Ok(profile) => profile.paths,
        Err(_) => registry.derived_paths(name)?,
    };
    let _claim = claim(name, &paths.state_dir)?;
    let mut plan = planned(&registry, name, &paths)?;
    if rm.yes {
        forget(&registry, name).await?;
        carry_out(&paths.state_dir, &mut plan)?;
        if !registry.names()?.contains(name) {
            use_profile::forget(context, name)?;
        }
    }
    let document = json!({ "ok": true, "profile": name, "plan": plan, "done": rm.yes });
    context.render.done(document, &told(name, &plan, rm.yes, paths.state_dir.parent()));
    Ok(())
}

/// Refuses while the profile is up, whoever runs it.
fn refuse_running(name: &ProfileName, status: Option<ProfileStatus>) -> Result<()> {
    let Some(status) = status.filter(|status| !matches!(status.state, State::Stopped | State::Failed)) else {
        return Ok(());
    };
    Err(running(name, &format!("`{name}` is {}", status.state.as_str()), status.pid))
}

/// Claims the state directory, so that nobody begins to run on it meanwhile.
fn claim(name: &ProfileName, state_dir: &Path) -> Result<Option<Claim>> {
    if !files::is_dir(state_dir) {
        return Ok(None);
    }
    match lock::claim(state_dir)? {
        Outcome::Held(claim) => Ok(Some(claim)),
        Outcome::Taken => {
            let proved = Record::read(state_dir).filter(|record| record.is_proved(state_dir));
            let holder = proved.map(|record| record.pid).or_else(|| lock::holder_of(state_dir));
            Err(running(name, &format!("a gateway runs on {}", state_dir.display()), holder))
        }
    }
}

fn running(name: &ProfileName, what: &str, pid: Option<u32>) -> Error {
    Error::new(Kind::Config, "profile_running", format!("{what}; nothing was removed"))
        .profile(name)
        .holder(holder::of(pid))
        .remedy(format!("stop it first: openclaw profile stop {name}"))
}

fn planned(registry: &Registry<'_>, name: &ProfileName, paths: &Paths) -> Result<Plan> {
    let record = registry.text(&registry.paths().creation(name))?;
    let creation = record.as_deref().map(Creation::parse).unwrap_or_default();
    let state_dir = &paths.state_dir;
    let unlistable = |error: io::Error| {
        Error::new(Kind::Config, "file_unreadable", format!("{} cannot be listed", state_dir.display()))
            .caused_by(error)
            .remedy(format!("check owner and mode: ls -ld {}", state_dir.display()))
    };
    let folder = Folder::open(state_dir).map_err(unlistable)?;
    let entries = folder.as_ref().map(|folder| listed(folder, state_dir, &creation)).transpose();
    let mut ours = Keep::new(registry.paths()).of(name)?;
    ours.extend(daemon::kept(registry.paths(), name)?);
    ours.extend(Some(registry.paths().trusted(name)).filter(|file| files::is_there(file)));
    ours.extend(Some(paths.manifest.clone()).filter(|file| files::is_there(file)));
    let outside =
        [&paths.workspace, &paths.config_path].into_iter().filter(|path| !path.starts_with(state_dir));
    let mut foreign: Vec<PathBuf> = outside.filter(|path| files::is_there(path)).cloned().collect();
    if folder.is_none() && files::is_there(state_dir) {
        foreign.push(state_dir.clone());
    }
    Ok(plan(&Remains {
        state_dir,
        entries: entries.map_err(unlistable)?,
        config_sha256: folder.and_then(|folder| folder.sha256(Path::new(CONFIG_FILE))),
        lock: RECORD_NAME,
        creation: &creation,
        ours,
        foreign,
    }))
}

/// The entries of the state directory; into those directories that may be ours it is looked.
fn listed(folder: &Folder, state_dir: &Path, creation: &Creation) -> io::Result<Vec<(String, Node)>> {
    let mut found = Vec::new();
    for (name, kind) in folder.entries()? {
        let path = Path::new(&name);
        let node = match kind {
            Entry::File => Node::File,
            Entry::Directory
                if [LOGS, STORE].map(Path::new).contains(&path) || creation.made(&state_dir.join(path)) =>
            {
                let inside = folder.inside(path)?.map(|inside| inside.entries()).transpose()?;
                Node::Directory(inside.unwrap_or_default().into_iter().map(shallow).collect())
            }
            Entry::Directory => Node::Directory(Vec::new()),
            Entry::Link | Entry::Special => Node::Other,
        };
        found.push((name.to_string_lossy().into_owned(), node));
    }
    Ok(found)
}

fn shallow((name, kind): (std::ffi::OsString, Entry)) -> (String, Node) {
    let node = match kind {
        Entry::File => Node::File,
        Entry::Directory => Node::Directory(Vec::new()),
        Entry::Link | Entry::Special => Node::Other,
    };
    (name.to_string_lossy().into_owned(), node)
}

/// Makes a running supervisor let go of the profile, so that it writes nothing about it any more.
async fn forget(registry: &Registry<'_>, name: &ProfileName) -> Result<()> {
    let Some(mut supervisor) = Supervisor::connect(registry.paths()).await? else { return Ok(()) };
    let _: Value = supervisor.order(PROFILE_FORGET, json!({ "name": name }), |_| {}).await?;
    Ok(())
}

/// Removes what the plan names, in its order. A directory into which something was put meanwhile stays.
fn carry_out(state_dir: &Path, plan: &mut Plan) -> Result<()> {
    let mut filled = Vec::new();
    for doomed in &plan.delete {
        if !remove(state_dir, doomed)? {
            filled.push(doomed.path.clone());
        }
    }
    for path in filled {
        plan.delete.retain(|doomed| doomed.path != path);
        plan.leave(&path, "something was put into it meanwhile");
    }
    Ok(())
}

/// Removes one thing; false when it is a directory that is not empty. Below the state directory every step is taken
/// from a descriptor, so that no link can lead elsewhere.
fn remove(state_dir: &Path, doomed: &Doomed) -> Result<bool> {
    let path = &doomed.path;
    let (Ok(below), false) = (path.strip_prefix(state_dir), path == state_dir) else {
        return match doomed.directory {
            true => files::remove_empty(path),
            false => files::unlink(path).map(|()| true),
        };
    };
    let outcome = (|| {
        let mut folder = Folder::open(state_dir)?;
        let mut steps: Vec<&Path> = below.iter().map(Path::new).collect();
        let Some(last) = steps.pop() else { return Ok(()) };
        for step in steps {
            folder = match folder {
                Some(folder) => folder.inside(step)?,
                None => None,
            };
        }
        match folder {
            Some(folder) if doomed.directory => folder.remove_directory(last),
            Some(folder) => folder.remove_file(last),
            None => Ok(()),
        }
    })();
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
        outcome => files::removed(path, outcome).map(|()| true),
    }
}

/// The plan for people.
fn told(name: &ProfileName, plan: &Plan, done: bool, home: Option<&Path>) -> String {
    let (verb, stays) = if done { ("removed", "left") } else { ("would remove", "would leave") };
    let mut lines: Vec<String> =
        plan.delete.iter().map(|doomed| format!("{verb} {}", doomed.path.display())).collect();
    lines.extend(plan.leave.iter().map(|left| format!("{stays} {}: {}", left.path.display(), left.why)));
    let found = |left: &crate::profile::removal::Left| {
        home.is_some_and(|home| left.path == home.join(format!(".openclaw{}", name.suffix())))
    };
    if !done {
        lines.push(format!("nothing was removed yet; to do it: openclaw profile rm {name} --yes"));
    } else if plan.leave.iter().any(found) {
        lines.push(format!("`{name}` is still listed, since its state directory is there"));
    }
    lines.join("\n")
}

//! `profile adopt`: takes a state directory that the real program made under supervision. Only a manifest of
//! ours is written; nothing in the directory is touched.

use serde_json::json;

use super::create::{allocate_block, pin_real, runtime_of, turn};
use crate::base::record::Isolation;
use crate::base::{Error, Kind, ProfileName, Result};
use crate::cli::args::{Adopt, RuntimeArg};
use crate::cli::{Context, survey, turned};
use crate::daemon;
use crate::host::files;
use crate::profile::create::{Fill, manifest_text, template};
use crate::profile::manifest::RemoteTable;
use crate::profile::resolved::RuntimeChoice;
use crate::profile::status::described;
use crate::profile::{Profile, Registry, create_remote, remote};

/// Adopts a profile and says what it has.
pub async fn run(context: &Context, adopt: &Adopt) -> Result<()> {
    let registry = survey::registry(context)?;
    let _turn = turn(&registry).await?;
    let name = &adopt.name;
    let known = registry.names()?;
    if !known.contains(name) {
        return Err(survey::unknown(name, &known));
    }
    if registry.manifest(name)?.is_some() {
        return Err(Error::new(
            Kind::Usage,
            "profile_exists",
            format!("`{name}` is under supervision already"),
        )
        .profile(name)
        .remedy(format!("openclaw profile show {name}")));
    }
    let profile = take(context, &registry, name, adopt.runtime, adopt.port)?;
    let sentence = format!("start it: openclaw profile start {name}");
    context.render.done(json!(described(&profile)), &sentence);
    Ok(())
}

/// Writes the manifest of a profile whose state directory exists; the caller has the turn.
pub fn take(
    context: &Context,
    registry: &Registry<'_>,
    name: &ProfileName,
    runtime: Option<RuntimeArg>,
    port: Option<u16>,
) -> Result<Profile> {
    let found = registry.load(name)?;
    turned::refuse(&found)?;
    let port = match port {
        Some(port) => allocate_block(registry, name, Some(port))?.block.base(),
        // It keeps the port that its clients know; a block that crosses another is refused at the start.
        None => found.port,
    };
    if found.remote.is_some() {
        return take_remote(context, registry, &found, runtime, port);
    }
    let isolation = if name.is_default() { Isolation::Primary } else { Isolation::Isolated };
    let mut runtime = runtime_of(runtime, &[])?;
    if runtime.is_none() && daemon::find_real(None, None, &context.environment).is_ok() {
        runtime = Some(RuntimeChoice::Openclaw);
    }
    let mut fill = Fill {
        description: Some(format!("Adopted from {}", found.paths.state_dir.display())),
        port: Some(port),
        isolation: Some(isolation),
        runtime,
        ..Fill::default()
    };
    if context.environment.get("OPENCLAW_HOME").is_some() {
        fill.state_dir = Some(found.paths.state_dir.clone());
    }
    pin_real(context, &mut fill)?;
    let base = template(if name.is_default() { "default" } else { "work" })?;
    written(context, registry, &found, &manifest_text(base, &fill)?, port)
}

/// The same for one whose `openclaw.json` is in remote mode: the link is kept as it stands there.
fn take_remote(
    context: &Context,
    registry: &Registry<'_>,
    found: &Profile,
    runtime: Option<RuntimeArg>,
    port: u16,
) -> Result<Profile> {
    let name = &found.name;
    if runtime.is_some() {
        let what =
            format!("`{name}` is remote by gateway.mode of its openclaw.json, and a link has no runtime");
        return Err(Error::new(Kind::Usage, "profile_remote", what)
            .profile(name)
            .remedy("leave --runtime out"));
    }
    let config = registry.config(&found.paths.config_path)?;
    let link = RemoteTable { local_port: Some(port), ..remote::table_of(&config.remote) };
    let mut text = create_remote::manifest_text(name, &link)?;
    if context.environment.get("OPENCLAW_HOME").is_some() {
        let fill = Fill { state_dir: Some(found.paths.state_dir.clone()), ..Fill::default() };
        text = manifest_text(&text, &fill)?;
    }
    written(context, registry, found, &text, port)
}

/// Writes the manifest and says so.
fn written(
    context: &Context,
    registry: &Registry<'_>,
    found: &Profile,
    manifest: &str,
    port: u16,
) -> Result<Profile> {
    let name = &found.name;
    files::create_new(&registry.derived_paths(name)?.manifest, manifest)?;
    // Whatever an earlier profile of this name was made of: this one was found.
    files::remove(&registry.paths().creation(name));
    context.render.notice(&format!(
        "adopted {name} from {} (port {port}); nothing in it was changed",
        found.paths.state_dir.display()
    ));
    registry.load(name)
}

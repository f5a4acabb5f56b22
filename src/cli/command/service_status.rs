//! `service status`: the service, what it outlives, and what else would run the same. Looks only.

use serde_json::json;

use crate::base::{Error, Kind, Result};
use crate::cli::Context;
use crate::cli::args::Place;
use crate::cli::service::{Scene, Status, verified};

/// Prints it.
///
/// # Errors
/// [`Kind::NotRunning`] where there is no such service, or its manager says that it does not run.
pub async fn run(context: &Context, place: &Place) -> Result<()> {
    let scene = Scene::new(context, place)?;
    let (program, warnings) = match verified(&scene) {
        Ok(verified) => verified,
        Err(error) => (String::new(), vec![error.to_string()]),
    };
    let piece = scene.piece(&scene.form(program)?)?;
    let status = Status::of(&scene, &piece, warnings).await?;
    let mut document = json!(status);
    let runs = status.installed && (status.seen.runs() || !status.seen.reached);
    document["ok"] = runs.into();
    context.render.done(document, &status.lines());
    for warning in &status.warnings {
        context.render.notice(&format!("warning: {warning}"));
    }
    if runs {
        return Ok(());
    }
    context.told.set(true);
    let (what, remedy) = match status.installed {
        true => (format!("{} does not run", status.name), "openclaw service repair"),
        false => (format!("{} is not installed", status.name), "openclaw service install"),
    };
    Err(Error::new(Kind::NotRunning, "service_not_running", what).remedy(remedy))
}

//! `service repair`: writes anew what is outdated, switches on what is off, starts what does not run. Repairing what is
//! sound changes nothing, and nothing is made that was not installed.

use super::service_install::{Wishes, make_so};
use crate::base::{Error, Kind, Result};
use crate::cli::Context;
use crate::cli::args::Repair;
use crate::cli::service::Scene;
use crate::service::plan::Present;

/// Repairs, or shows what that would do.
///
/// # Errors
/// [`Kind::NotRunning`] where nothing is installed; as for an installation otherwise.
pub async fn run(context: &Context, repair: &Repair) -> Result<()> {
    let scene = Scene::new(context, &repair.place)?;
    if scene.present()? == Present::Nothing {
        let what = format!("{} is not installed; there is nothing to repair", scene.name());
        return Err(
            Error::new(Kind::NotRunning, "service_not_installed", what).remedy("openclaw service install")
        );
    }
    make_so(&scene, repair.consent, Wishes { linger: false, start: true }).await
}

//! `service uninstall`: stops the service and removes what `install` wrote. A file that somebody else wrote, and the
//! state of the profiles, stay.

use crate::base::{Error, Kind, Result};
use crate::cli::Context;
use crate::cli::args::Uninstall;
use crate::cli::service::{Changed, Scene, Status, asked, carry, tell};
use crate::service::mark::{Whose, whose};
use crate::service::plan::{Present, removing};

/// Uninstalls, or shows what that would do.
///
/// # Errors
/// [`Kind::Config`], code `service_foreign` or `service_edited`, where the file is not what this program wrote.
pub async fn run(context: &Context, uninstall: &Uninstall) -> Result<()> {
    let scene = Scene::new(context, &uninstall.place)?;
    carry::refuse_foreign_owner(&scene)?;
    let form = scene.plain_form()?;
    let piece = scene.piece(&form)?;
    let steps = match scene.present()? {
        Present::Nothing | Present::Masked(_) => Vec::new(),
        Present::File(text) => {
            refuse_foreign(&piece.path.display().to_string(), whose(&text), uninstall.yes)?;
            removing(&piece)
        }
    };
    let mut warnings = Vec::new();
    if !uninstall.dry_run && !steps.is_empty() {
        let seen = asked::seen(&scene).await;
        // launchd would go on starting what it has loaded, without its file.
        if seen.runs() || scene.launchd && seen.loaded {
            asked::stop(&scene, form.stop_timeout()).await?;
        }
        warnings.extend(carry::carry_out(&steps).await?);
        asked::reread(&scene).await;
    }
    let status = Status::of(&scene, &scene.piece(&form)?, warnings).await?;
    let how = "the same without --dry-run".to_owned();
    let changed = Changed { done: "uninstalled", is_done: !uninstall.dry_run, steps: &steps, how };
    tell(&scene, &changed, &status);
    Ok(())
}

fn refuse_foreign(path: &str, whose: Whose, yes: bool) -> Result<()> {
    let refuse = |code, what: &str, remedy: &str| {
        Err(Error::new(Kind::Config, code, format!("{path} {what}; it was left as it is")).remedy(remedy))
    };
    match whose {
        Whose::Ours => Ok(()),
        Whose::Edited if yes => Ok(()),
        Whose::Edited => refuse(
            "service_edited",
            "was edited since this program wrote it",
            "openclaw service uninstall --yes removes it with what was edited",
        ),
        Whose::Foreign => {
            refuse("service_foreign", "was written by somebody else", "remove it by the means that wrote it")
        }
    }
}

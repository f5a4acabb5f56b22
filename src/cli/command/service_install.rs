//! `service install`: writes the service file, switches it on and starts it, once nothing else would run the same. A
//! second installation changes nothing.

use std::path::{Path, PathBuf};

use crate::base::{Error, Kind, Result};
use crate::cli::Context;
use crate::cli::args::{Consent, Install};
use crate::cli::service::{Changed, Scene, Status, asked, begin, carry, tell, verified};
use crate::conflict::host::Rival;
use crate::host::files;
use crate::service::durability::Linger;
use crate::service::plan::{Piece, Present, Standing, Step, installing};

/// What is asked of an installation beside its consent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes {
    /// Make the user's manager linger.
    pub linger: bool,
    /// Start it now.
    pub start: bool,
}

/// Installs, or shows what that would do.
pub async fn run(context: &Context, install: &Install) -> Result<()> {
    let scene = Scene::new(context, &install.place)?;
    let wishes = Wishes { linger: install.enable_linger, start: !install.no_start };
    make_so(&scene, install.consent, wishes).await
}

/// Makes the service what it should be.
///
/// # Errors
/// What refuses it: another user's files, a mask, a foreign file, something that would run the same.
pub async fn make_so(scene: &Scene<'_>, consent: Consent, wishes: Wishes) -> Result<()> {
    carry::refuse_foreign_owner(scene)?;
    let (program, mut warnings) = verified(scene)?;
    let form = scene.form(program)?;
    let (piece, present) = (scene.piece(&form)?, scene.present()?);
    refuse_mask(scene, &present)?;
    let rivals = scene.rivals().await?;
    if !consent.replace {
        refuse_foreign_file(scene, &piece, &present)?;
    }
    refuse_rivals(scene, &rivals, consent.replace)?;
    let mut steps = carry::switching_off(&rivals);
    steps.extend(installing(&piece, &present, aside(&piece.path)));
    let needs_consent = consent.replace && !steps.is_empty() && !consent.yes;
    if consent.dry_run || needs_consent {
        let status = Status::of(scene, &piece, warnings).await?;
        let how = command(scene, consent);
        tell(scene, &Changed { done: "installed", is_done: false, steps: &steps, how }, &status);
        return Ok(());
    }
    if wishes.linger && asked::lingers(scene).await != Linger::Yes {
        asked::enable_linger(scene).await?;
    }
    warnings.extend(carry::carry_out(&steps).await?);
    let reached = steps.is_empty() || asked::reread(scene).await;
    if wishes.start {
        let fresh = steps.iter().any(|step| matches!(step, Step::Write { .. }));
        warnings.extend(begin::started(scene, &form, begin::Stand { reached, fresh }, consent.yes).await?);
    }
    let status = Status::of(scene, &scene.piece(&form)?, warnings).await?;
    tell(scene, &Changed { done: "installed", is_done: true, steps: &steps, how: String::new() }, &status);
    Ok(())
}

/// How the same is asked for with consent.
fn command(scene: &Scene<'_>, consent: Consent) -> String {
    let profile = scene.subject.profile().map(|name| format!(" --profile {name}")).unwrap_or_default();
    let system = match scene.is_system() {
        true => format!(" --system --user-account {}", scene.account.name),
        false => String::new(),
    };
    let replace = if consent.replace { " --replace --yes" } else { "" };
    format!("openclaw{profile} service install{system}{replace}")
}

/// The first free name beside a file that is not ours.
fn aside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let names = (1..).map(|number| match number {
        1 => path.with_file_name(format!("{name}.replaced")),
        number => path.with_file_name(format!("{name}.replaced-{number}")),
    });
    names.take(100).find(|name| !files::is_there(name)).unwrap_or_else(|| path.with_extension("replaced"))
}

fn refuse_mask(scene: &Scene<'_>, present: &Present) -> Result<()> {
    let Present::Masked(path) = present else { return Ok(()) };
    let what = format!("{} is masked by {}: somebody wants no such service", scene.name(), path.display());
    let unmask = asked::systemctl(scene).join(" ");
    Err(Error::new(Kind::Config, "service_masked", what)
        .remedy(format!("if that was you: {unmask} unmask {}", scene.name())))
}

fn refuse_foreign_file(scene: &Scene<'_>, piece: &Piece, present: &Present) -> Result<()> {
    let standing = present.standing(&piece.text);
    let what = match standing {
        Standing::Foreign => "was written by somebody else",
        Standing::Edited => "was edited since this program wrote it",
        Standing::Missing | Standing::Current | Standing::Outdated | Standing::Masked => return Ok(()),
    };
    let code = if standing == Standing::Foreign { "service_foreign" } else { "service_edited" };
    let consent = Consent { replace: true, ..Consent::default() };
    let error = Error::new(Kind::Config, code, format!("{} {what}", piece.path.display()))
        .remedy(format!("see what would become of it: {}", command(scene, consent).replace(" --yes", "")));
    Err(match scene.subject.profile() {
        Some(name) => error.profile(name),
        None => error,
    })
}

/// Refuses where something would run the same that may not, or cannot, be switched off here.
fn refuse_rivals(scene: &Scene<'_>, rivals: &[Rival], replace: bool) -> Result<()> {
    let stays = rivals.iter().find(|rival| !(replace && rival.convertible));
    let Some(rival) = stays else { return Ok(()) };
    let more = match rivals.len() {
        1 => String::new(),
        count => format!(" (and {} more: openclaw service status)", count - 1),
    };
    let what = format!("{} would start it too: {}{more}; nothing was written", rival.words(), rival.what);
    let all = rivals.iter().all(|rival| rival.convertible);
    let consent = Consent { replace: true, ..Consent::default() };
    let remedy = match all {
        true => format!(
            "{}, or see what would be done: {}",
            rival.remedy,
            command(scene, consent).replace(" --yes", "")
        ),
        false => rival.remedy.clone(),
    };
    let error = Error::new(Kind::Config, "duplicate_service", what).holder(rival.holder()).remedy(remedy);
    Err(match &rival.profile {
        Some(name) => error.profile(name),
        None => error,
    })
}

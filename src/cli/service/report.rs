//! What the `service` verbs say: one document, or lines for people.

use serde::Serialize;
use serde_json::{Value, json};

use super::Scene;
use super::asked::{self, Seen};
use crate::base::Result;
use crate::conflict::host::{Rival, Scope};
use crate::service::durability::{self, Durability, Facts, Keeper};
use crate::service::plan::{Piece, Standing, Step};

/// A service as it stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `supervisor`, or `gateway`.
    pub kind: &'static str,
    /// The profile of a gateway's service.
    pub profile: Option<String>,
    /// The unit's name, or the label.
    pub name: String,
    /// `systemd` or `launchd`.
    pub manager: &'static str,
    /// Whose manager.
    pub scope: Scope,
    /// The user it runs as.
    pub user: String,
    /// Its file.
    pub path: String,
    /// Whether that file is there.
    pub installed: bool,
    /// How it stands to what would be written now.
    pub file: Standing,
    /// Whether its manager starts it by itself.
    pub enabled: bool,
    /// What its manager sees of it.
    #[serde(flatten)]
    pub seen: Seen,
    /// What it outlives.
    pub durability: Durability,
    /// What else would run the same.
    pub duplicates: Vec<Rival>,
    /// What is good to know.
    pub warnings: Vec<String>,
}

impl Status {
    /// Looks at the service.
    ///
    /// # Errors
    /// What is wrong with the profiles that it starts, or with its file.
    pub async fn of(scene: &Scene<'_>, piece: &Piece, mut warnings: Vec<String>) -> Result<Status> {
        let file = scene.present()?.standing(&piece.text);
        let installed = !matches!(file, Standing::Missing | Standing::Masked);
        let enabled = installed && piece.links.iter().all(|(link, ..)| crate::host::files::is_there(link));
        let (seen, linger) = (asked::seen(scene).await, asked::lingers(scene).await);
        if installed && seen.reached && !seen.loaded {
            warnings.push(format!("the service manager does not know {}", scene.name()));
        }
        let keeper = match (scene.launchd, scene.is_system()) {
            (false, false) => Keeper::UserManager,
            (false, true) => Keeper::SystemManager,
            (true, false) => Keeper::Agent,
            (true, true) => Keeper::Daemon,
        };
        let booted = asked::is_booted();
        let user = &scene.account.name;
        let facts = Facts { keeper, installed, enabled: Some(enabled), booted, linger, user };
        let durability = durability::judge(&facts);
        Ok(Status {
            kind: if scene.subject.profile().is_some() { "gateway" } else { "supervisor" },
            profile: scene.subject.profile().map(ToString::to_string),
            name: scene.name(),
            manager: if scene.launchd { "launchd" } else { "systemd" },
            scope: scene.scope,
            user: scene.account.name.clone(),
            path: piece.path.display().to_string(),
            installed,
            file,
            enabled,
            seen,
            durability,
            duplicates: scene.rivals().await?,
            warnings,
        })
    }

    /// The facts for people.
    pub fn lines(&self) -> String {
        let file = json!(self.file);
        let mut lines = vec![
            format!("{} ({} {})", self.name, self.manager, json!(self.scope).as_str().unwrap_or_default()),
            format!("file        {} ({})", self.path, file.as_str().unwrap_or_default()),
            format!("switched on {}", if self.enabled { "yes" } else { "no" }),
        ];
        let seen = &self.seen;
        lines.push(match (&seen.active, seen.pid) {
            (Some(active), Some(pid)) => format!("state       {active}, pid {pid}"),
            (Some(active), None) => format!("state       {active}"),
            (None, _) => "state       not known: the service manager does not answer".into(),
        });
        lines.extend(seen.text.as_ref().map(|text| format!("says        {text}")));
        lines.push(format!("durability  {}: {}", self.durability.verdict, self.durability.reason));
        lines.extend(self.durability.remedy.as_ref().map(|remedy| format!("  try: {remedy}")));
        for rival in &self.duplicates {
            lines.push(format!("duplicate   {}: {}\n  try: {}", rival.words(), rival.what, rival.remedy));
        }
        lines.join("\n")
    }
}

/// What a verb did, or would do.
pub struct Changed<'a> {
    /// The verb's word for what was done.
    pub done: &'a str,
    /// Whether it was.
    pub is_done: bool,
    /// The steps.
    pub steps: &'a [Step],
    /// How to have it done, where it was not.
    pub how: String,
}

/// Prints what was done and how the service stands.
pub fn tell(scene: &Scene<'_>, changed: &Changed<'_>, status: &Status) {
    let steps = changed.steps;
    let mut lines: Vec<String> = match (steps.is_empty(), changed.is_done) {
        (true, _) => vec!["nothing to change".to_owned()],
        (false, true) => steps.iter().map(|step| format!("done: {step}")).collect(),
        (false, false) => steps.iter().map(|step| format!("would {step}")).collect(),
    };
    if !steps.is_empty() {
        lines.push(match changed.is_done {
            true => format!("{}: {}", changed.done, scene.name()),
            false => format!("nothing was done yet; to do it: {}", changed.how),
        });
    }
    if changed.is_done {
        lines.push(status.lines());
    }
    let mut document: Value = json!(status);
    document["ok"] = true.into();
    document["done"] = changed.is_done.into();
    document["changed"] = (changed.is_done && !steps.is_empty()).into();
    document["plan"] = json!(steps);
    scene.context.render.done(document, &lines.join("\n"));
    for warning in &status.warnings {
        scene.context.render.notice(&format!("warning: {warning}"));
    }
}

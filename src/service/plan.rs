//! What an installation, a repair or a removal will do, step by step, before any of it is done: shown as it is carried
//! out, in the same order. A plan without a step changes nothing.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::mark::{Whose, whose};

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Step {
    /// A file of somebody else's gets another name beside it.
    SetAside {
        /// The file.
        path: PathBuf,
        /// Its new name.
        aside: PathBuf,
    },
    /// A file is written.
    Write {
        /// The file.
        path: PathBuf,
        /// Its text.
        #[serde(skip)]
        text: String,
    },
    /// A link makes the manager start a unit by itself.
    Link {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// A file or link goes.
    Remove {
        /// The file or link.
        path: PathBuf,
    },
    /// The service manager switches a unit off, or ends it.
    Tell {
        /// The command.
        command: Vec<String>,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::SetAside { path, aside } => write!(f, "rename {} to {}", path.display(), aside.display()),
            Step::Write { path, .. } => write!(f, "write {}", path.display()),
            Step::Link { path, target } => write!(f, "link {} to {}", path.display(), target.display()),
            Step::Remove { path } => write!(f, "remove {}", path.display()),
            Step::Tell { command } => write!(f, "run {}", command.join(" ")),
        }
    }
}

/// What stands where a service's file is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Present {
    /// Nothing.
    Nothing,
    /// A mask, here or in a folder that counts as much: somebody wants no such service.
    Masked(PathBuf),
    /// A file with this text.
    File(String),
}

/// How what is there stands to what should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// There is nothing.
    Missing,
    /// It is what would be written.
    Current,
    /// This program wrote it, and would write something else now.
    Outdated,
    /// This program wrote it, and somebody has changed it.
    Edited,
    /// Somebody else wrote it.
    Foreign,
    /// It is masked.
    Masked,
}

impl Present {
    /// How it stands to `wanted`.
    pub fn standing(&self, wanted: &str) -> Standing {
        match self {
            Present::Nothing => Standing::Missing,
            Present::Masked(_) => Standing::Masked,
            Present::File(text) if text == wanted => Standing::Current,
            Present::File(text) => match whose(text) {
                Whose::Ours => Standing::Outdated,
                Whose::Edited => Standing::Edited,
                Whose::Foreign => Standing::Foreign,
            },
        }
    }
}

/// A file that is wanted, and the links that make its manager start it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where it is to be.
    pub path: PathBuf,
    /// What it is to say.
    pub text: String,
    /// Each link, where it leads, and whether it is there already.
    pub links: Vec<(PathBuf, PathBuf, bool)>,
}

/// The steps that make `piece` so. What is not ours gets the name `aside`.
pub fn installing(piece: &Piece, present: &Present, aside: PathBuf) -> Vec<Step> {
    let (path, mut steps) = (&piece.path, Vec::new());
    let standing = present.standing(&piece.text);
    if matches!(standing, Standing::Foreign | Standing::Edited) {
        steps.push(Step::SetAside { path: path.clone(), aside });
    }
    if standing != Standing::Current {
        steps.push(Step::Write { path: path.clone(), text: piece.text.clone() });
    }
    let missing = piece.links.iter().filter(|(_, _, there)| !there);
    steps.extend(missing.map(|(path, target, _)| Step::Link { path: path.clone(), target: target.clone() }));
    steps
}

/// The steps that take `piece` away.
pub fn removing(piece: &Piece) -> Vec<Step> {
    let links = piece.links.iter().filter(|(_, _, there)| *there);
    let links = links.map(|(path, _, _)| Step::Remove { path: path.clone() });
    links.chain([Step::Remove { path: piece.path.clone() }]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::mark;
    use super::*;

    fn piece(there: bool) -> Piece {
        let text = mark::unit("[Service]\n");
        Piece {
            path: "/u/a.service".into(),
            text,
            links: vec![("/u/w/a".into(), "/u/a.service".into(), there)],
        }
    }

    fn words(steps: &[Step]) -> Vec<String> {
        steps.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_second_installation_has_no_step_and_what_is_not_ours_is_kept() {
        let plan = |present: &Present, there| words(&installing(&piece(there), present, "/u/a.old".into()));
        assert_eq!(plan(&Present::Nothing, false), ["write /u/a.service", "link /u/w/a to /u/a.service"]);
        assert!(plan(&Present::File(piece(true).text), true).is_empty());
        assert_eq!(plan(&Present::File(mark::unit("older")), true), ["write /u/a.service"]);
        for other in ["[Service]\nExecStart=x\n".to_owned(), piece(true).text + "Nice=1\n"] {
            let steps = plan(&Present::File(other), true);
            assert_eq!(steps, ["rename /u/a.service to /u/a.old", "write /u/a.service"]);
        }
        assert_eq!(words(&removing(&piece(true))), ["remove /u/w/a", "remove /u/a.service"]);
    }
}

//! Before a program becomes the supervisor it shows how it would do: it reads the records and every profile's files as
//! the supervisor of its version would, and changes nothing. What it refuses while the running one does not, or would
//! not watch on over, keeps it from taking over.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::adoption::{self, Found};
use super::{DISK, Setup, prepare, trial};
use crate::base::record::Runtime;
use crate::base::{Error, Kind, ProfileName, Result};
use crate::host::{files, process};
use crate::profile::Registry;
use crate::wire::control::Rehearsal;

/// The words that ask for it.
const WORDS: [&str; 4] = ["supervisor", "run", "--rehearse", "--json"];
/// How long the new program may take to say its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it may take to read everything.
const REHEARSAL_TIMEOUT: Duration = Duration::from_secs(10);

/// How this program would do.
///
/// # Errors
/// When the records or the profiles cannot be listed.
pub fn rehearse(setup: &Setup) -> Result<Rehearsal> {
    let registry = Registry::new(DISK, &setup.environment)?;
    let mut names: BTreeSet<ProfileName> =
        prepare::coming_up(setup)?.into_iter().map(|(name, _)| name).collect();
    let runs = runs(setup)?;
    names.extend(runs.iter().cloned());
    let refused = |name: ProfileName| Some((name.clone(), registry.load(&name).err()?.to_string()));
    Ok(Rehearsal {
        ok: true,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        runs,
        refused: names.into_iter().filter_map(refused).collect(),
    })
}

/// The runs that are on record and go on.
fn runs(setup: &Setup) -> Result<Vec<ProfileName>> {
    let found = adoption::runs(&setup.paths.records_dir)?.into_iter();
    Ok(found.filter(|(_, found)| matches!(found, Found::Alive(..))).map(|(name, _)| name).collect())
}

/// Lets `program` show how it would do in the place of this supervisor; its version, if it would do as well. Blocks for
/// as long as it takes to show it, at most half a minute.
///
/// # Errors
/// [`Kind::Failed`] `program_unfit`, with what it does wrong.
pub fn version_of(setup: &Setup, program: &Path) -> Result<String> {
    let unfit = |why: String| {
        let message = format!("{} cannot become the supervisor: {why}", program.display());
        Error::new(Kind::Failed, "program_unfit", message)
            .remedy("nothing was changed; the supervisor goes on as it is")
    };
    if !program.is_absolute() || !files::is_executable(program) {
        return Err(unfit("it is no program file with an absolute path".into()));
    }
    let ask = |words: &[&str], limit: Duration| {
        let argv: Vec<OsString> =
            [program.into()].into_iter().chain(words.iter().map(OsString::from)).collect();
        process::output_of(&argv, None, None, limit).map_err(|error| unfit(error.to_string()))
    };
    let said = ask(&["--version"], VERSION_TIMEOUT)?;
    let version = said.trim().strip_prefix("openclaw ").filter(|version| !version.is_empty());
    let version = version.ok_or_else(|| unfit("it does not say its version as this program does".into()))?;
    let said = ask(&WORDS, REHEARSAL_TIMEOUT)?;
    judge(setup, &said).map_err(unfit)?;
    trial::stand(setup, program).map_err(unfit)?;
    Ok(version.to_owned())
}

/// Whether the program that `said` this may take over, in words where it may not.
fn judge(setup: &Setup, said: &str) -> std::result::Result<(), String> {
    let document: serde_json::Value =
        serde_json::from_str(said).map_err(|_| "it does not show how it would do".to_owned())?;
    if let Some(message) = document["error"]["message"].as_str() {
        return Err(message.to_owned());
    }
    let shown = serde_json::from_value::<Rehearsal>(document);
    let shown = shown.ok().filter(|shown| shown.ok).ok_or("it does not show how it would do")?;
    let registry = Registry::new(DISK, &setup.environment).map_err(|error| error.to_string())?;
    // What this version refuses as well is no fault of the new one.
    if let Some((name, why)) = shown.refused.iter().find(|(name, _)| registry.load(name).is_ok()) {
        return Err(format!("it refuses the files of `{name}`: {why}"));
    }
    let lost = runs(setup).unwrap_or_default().into_iter().find(|name| !shown.runs.contains(name));
    lost.map_or(Ok(()), |name| Err(format!("it would not watch on over the gateway of `{name}`")))
}

/// What is to be said of an embedded gateway that was made by a program of another version than this supervisor: it goes
/// on as it is until somebody restarts it.
pub fn another_version(name: &ProfileName, runtime: Runtime, running: Option<&str>) -> Option<String> {
    let own = env!("CARGO_PKG_VERSION");
    let running = running.filter(|running| runtime == Runtime::Embedded && *running != own)?;
    Some(format!(
        "it runs version {running}, and {own} is installed; to run that: openclaw profile restart {name}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Environment;

    fn setup(home: &Path) -> Setup {
        Setup::new(&Environment::from_pairs([("HOME", home.display().to_string())])).unwrap()
    }

    #[test]
    fn only_a_program_that_says_its_version_may_take_over() {
        let home = tempfile::tempdir().unwrap();
        for program in ["openclaw", "/no/such/program", "/bin/true", "/etc/passwd"] {
            let error = version_of(&setup(home.path()), Path::new(program)).unwrap_err();
            assert_eq!(error.code(), "program_unfit", "{program}");
        }
    }

    #[test]
    fn what_it_shows_is_held_against_what_this_one_can() {
        let home = tempfile::tempdir().unwrap();
        let setup = setup(home.path());
        let folder = home.path().join(".config/openclaw/profiles");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("work.toml"), "description = 'good'").unwrap();
        let shown = rehearse(&setup).unwrap();
        assert_eq!(judge(&setup, &serde_json::to_string(&shown).unwrap()), Ok(()));
        let refuses = r#"{"ok":true,"version":"9","refused":[["work","unknown key"]]}"#;
        assert_eq!(judge(&setup, refuses), Err("it refuses the files of `work`: unknown key".into()));
        let fails = r#"{"ok":false,"error":{"code":"home_unknown","message":"no home"}}"#;
        assert_eq!(judge(&setup, fails), Err("no home".into()));
        for nothing in ["", "{}", "[]", r#"{"ok":false}"#] {
            assert_eq!(judge(&setup, nothing), Err("it does not show how it would do".into()), "{nothing}");
        }
        // One that both refuse keeps nobody.
        std::fs::write(folder.join("work.toml"), "nonsense = 1").unwrap();
        assert_eq!(judge(&setup, refuses), Ok(()));
    }
}

//! The folders are walked, so a file that is there is judged, and one that says nothing of what is expected fails.

use std::collections::BTreeSet;
use std::path::Path;

use openclaw_supervisor::conflict::Severity;

use crate::case::{self, Case, HEALTHY_PID, HEALTHY_UNIT};

const TRUE_MIN: usize = 15;
const SILENT_MIN: usize = 40;
const ALL_MIN: usize = 60;

/// The cases of a folder: everything but drop-in folders and expectations, which must belong to a case.
fn cases(folder: &str) -> Vec<Case> {
    let files = case::files(&case::folder(folder));
    let beside =
        |file: &Path| ["d", "expect"].iter().any(|end| file.extension().is_some_and(|found| found == *end));
    for file in files.iter().filter(|file| beside(file)) {
        assert!(file.with_extension("").is_file(), "{} belongs to no case", file.display());
    }
    files.iter().filter(|file| !beside(file)).map(|file| Case::read(file)).collect()
}

/// What differs between the expectations of a case and its outcome.
fn differences(case: &Case, conflicts_expected: bool) -> Vec<String> {
    let outcome = case.judge();
    let mut wrong = Vec::new();
    let mut facts: BTreeSet<(String, String)> = outcome.facts.into_iter().collect();
    let felt: Vec<_> =
        outcome.conflicts.iter().filter(|conflict| conflict.severity != Severity::Info).collect();
    for conflict in &felt {
        facts.insert(("code".into(), conflict.code.as_str().into()));
        facts.insert(("remedy".into(), conflict.remedy.clone()));
        let meets_healthy =
            [format!("kill {HEALTHY_PID}"), HEALTHY_UNIT.to_owned(), "--profile default".into()];
        if meets_healthy.iter().any(|words| conflict.remedy.contains(words.as_str())) {
            wrong.push(format!("the remedy meets the healthy gateway: {}", conflict.remedy));
        }
        if conflict.explain.is_empty() || conflict.holder.is_none() || conflict.message.is_empty() {
            wrong.push("a conflict without holder, message or reasons".into());
        }
    }
    if felt.len() != usize::from(conflicts_expected) {
        wrong.push(format!("{} conflicts: {felt:#?}", felt.len()));
    }
    for (key, value) in &case.expected {
        if !facts.contains(&(key.clone(), value.clone())) {
            let found: Vec<_> =
                facts.iter().filter(|(name, _)| name == key).map(|(_, value)| value).collect();
            wrong.push(format!("{key}: expected `{value}`, found {found:?}"));
        }
    }
    let says = |key: &str| case.expected.iter().any(|(name, _)| name == key);
    if !(says("role") || says("file")) || (conflicts_expected && !(says("code") && says("remedy"))) {
        wrong.push("the file does not say what is expected".into());
    }
    wrong.iter().map(|words| format!("{}: {words}", case.file.display())).collect()
}

#[test]
fn incident_d2_the_corpus_has_no_false_alarm_and_no_miss() {
    let (duplicates, silent) = (cases("true"), cases("silent"));
    assert!(duplicates.len() >= TRUE_MIN, "{} true cases", duplicates.len());
    assert!(silent.len() >= SILENT_MIN, "{} silent cases", silent.len());
    assert!(duplicates.len() + silent.len() >= ALL_MIN);
    let mut wrong: Vec<String> = duplicates.iter().flat_map(|case| differences(case, true)).collect();
    wrong.extend(silent.iter().flat_map(|case| differences(case, false)));
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_script_of_the_corpus_is_named_by_a_case() {
    let all: Vec<Case> = cases("true").into_iter().chain(cases("silent")).collect();
    for script in case::files(&case::folder("scripts")) {
        let name = script.file_name().unwrap().to_str().unwrap();
        assert!(all.iter().any(|case| case.text.contains(name)), "{name} is used by no case");
    }
}

//! The table `[rescue]`: what a small gateway beside the big one may see and do of the others.

use std::collections::BTreeSet;

use super::super::rescue::{ALL, May, Rescue, Sight, check_operator};
use super::keys;
use super::section::Section;
use crate::base::{Error, ProfileName, Result};

/// Reads the table; `None` where the manifest has none. What is left out is the least that makes sense: every profile,
/// looking alone, and no channel's sender.
pub(super) fn table(section: &Section<'_>) -> Result<Option<Rescue>> {
    if !section.exists() {
        return Ok(None);
    }
    Ok(Some(Rescue { profiles: profiles(section)?, may: may(section)?, operators: operators(section)? }))
}

fn profiles(section: &Section<'_>) -> Result<Sight> {
    let Some(names) = section.list("profiles")? else { return Ok(Sight::All) };
    if names.iter().any(|name| name == ALL) {
        return Ok(Sight::All);
    }
    let parsed = names.iter().map(|name| {
        let wrong =
            |error: Error| section.error("profiles", format!("`rescue.profiles`: {}", error.message()));
        name.parse::<ProfileName>().map_err(wrong)
    });
    parsed.collect::<Result<_>>().map(Sight::Only)
}

fn may(section: &Section<'_>) -> Result<BTreeSet<May>> {
    let Some(words) = section.list("may")? else { return Ok(May::looks()) };
    let all = May::WORDS.map(|(word, _)| word);
    let known = words.iter().map(|word| {
        let found = May::WORDS.iter().find(|(known, _)| known == word).map(|(_, may)| *may);
        found.ok_or_else(|| {
            let hint = keys::nearest(word, all);
            let hint = hint.map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
            let what = format!("`rescue.may`: {word:?} is not one of \"{}\"{hint}", all.join("\", \""));
            section.error("may", what)
        })
    });
    known.collect()
}

fn operators(section: &Section<'_>) -> Result<BTreeSet<String>> {
    let listed = section.list("operators")?.unwrap_or_default();
    for operator in &listed {
        check_operator(operator)
            .map_err(|why| section.error("operators", format!("`rescue.operators`: {why}")))?;
    }
    Ok(listed.into_iter().collect())
}

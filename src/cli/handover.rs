//! Which command lines are not ours: what this program's own definition does not take may be the real OpenClaw CLI's,
//! which has some hundred commands more. Pure: it reads the words and what clap says of them.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::args::Global;

/// Commands that the real CLI does not have; a mistake in one of them is told here.
const OURS_ALONE: [&str; 7] = ["profile", "supervisor", "host", "service", "link", "completions", "man"];
/// What decides over gateways of this host: never handed over with options that we do not know, since the real CLI
/// would start or end one past every check.
const GUARDED: [&str; 3] = ["run", "stop", "restart"];
/// Root options with a value, ours and the real CLI's.
const WITH_VALUE: [&str; 10] = [
    "--profile",
    "--timeout",
    "--url",
    "--token",
    "--password",
    "--token-file",
    "--password-file",
    "--tls-fingerprint",
    "--log-level",
    "--container",
];
/// Root options without one.
const FLAGS: [&str; 5] = ["--dev", "--json", "--no-color", "--verbose", "-v"];

/// What becomes of a command line that clap did not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is a mistake; clap's words are shown.
    Mistake,
    /// It is the real CLI's, and where there is none that is what is said.
    HandOver,
    /// It is the real CLI's; where there is none, clap has found what may have been meant.
    HandOverOrMistake,
}

/// Decides over `argv`, of which clap says `error`.
pub fn fate(argv: &[OsString], error: &clap::Error) -> Fate {
    let words = commands(argv);
    let (first, second) = (words.first().map(String::as_str), words.get(1).map(String::as_str));
    match (first, second) {
        (None, _) => Fate::Mistake,
        (Some(first), _) if OURS_ALONE.contains(&first) || is_mistyped(first) => Fate::Mistake,
        (Some("gateway"), Some(verb)) if GUARDED.contains(&verb) => Fate::Mistake,
        // Alone, or with options, it runs a gateway there.
        (Some("gateway"), None) if error.kind() != ErrorKind::InvalidSubcommand => Fate::Mistake,
        _ => of_both(error),
    }
}

/// What becomes of a line that the real CLI may take.
fn of_both(error: &clap::Error) -> Fate {
    match error.kind() {
        // Also an option that only the real CLI has, on a verb that both have.
        ErrorKind::InvalidSubcommand | ErrorKind::UnknownArgument => {
            let suggested = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg];
            match suggested.iter().any(|kind| error.get(*kind).is_some()) {
                true => Fate::HandOverOrMistake,
                false => Fate::HandOver,
            }
        }
        // What ours takes on every verb must be right; a verb's own words may be wider there: `sessions` alone,
        // `devices approve` without an id, `--limit all`.
        ErrorKind::InvalidValue | ErrorKind::ValueValidation if names_global(error) => Fate::Mistake,
        ErrorKind::InvalidValue
        | ErrorKind::ValueValidation
        | ErrorKind::NoEquals
        | ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Fate::HandOverOrMistake,
        _ => Fate::Mistake,
    }
}

/// Whether the option that was wrong is one of those that go anywhere.
fn names_global(error: &clap::Error) -> bool {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else { return false };
    WITH_VALUE.contains(&argument.split_whitespace().next().unwrap_or_default())
}

/// Whether `word` is one of ours alone with a single slip, which the real CLI would answer with a riddle. It has a
/// `completion` of its own.
fn is_mistyped(word: &str) -> bool {
    let ours = OURS_ALONE.iter().filter(|ours| ours.len() > 3 && **ours != "completions");
    ours.into_iter().any(|ours| strsim::osa_distance(ours, word) == 1)
}

/// The command as an error names it: its first words, and the option that is not ours.
pub fn name(argv: &[OsString], error: &clap::Error) -> String {
    let mut words: Vec<String> = commands(argv).into_iter().take(2).collect();
    if let (ErrorKind::UnknownArgument, Some(ContextValue::String(option))) =
        (error.kind(), error.get(ContextKind::InvalidArg))
        && option.starts_with('-')
    {
        words.push(option.clone());
    }
    words.join(" ")
}

/// The first words that are no options, up to an option that is not for every command: command and verb. What follows
/// such an option may be its value.
pub fn commands(argv: &[OsString]) -> Vec<String> {
    let known = parts(argv).into_iter().take_while(|part| !matches!(part, Part::Unknown));
    known.filter_map(|part| if let Part::Word(word) = part { Some(word) } else { None }).collect()
}

/// The options that select a profile and shape an error, wherever they stand before `--`: where the real CLI looks for
/// them too.
pub fn options(argv: &[OsString]) -> Global {
    let mut global = Global::default();
    for part in parts(argv) {
        let Part::Option(name, value) = part else { continue };
        match name.as_str() {
            "--profile" => global.profile = value,
            "--dev" => global.dev = true,
            "--json" => global.json = true,
            "--no-color" => global.no_color = true,
            _ => {}
        }
    }
    global
}

/// A part of a command line.
enum Part {
    /// No option.
    Word(String),
    /// A root option, with its value where it has one.
    Option(String, Option<String>),
    /// An option that is none of the root's.
    Unknown,
}

/// The parts of a command line before `--`, its program left out.
fn parts(argv: &[OsString]) -> Vec<Part> {
    let mut words = argv.iter().skip(1).map(|word| word.to_string_lossy()).take_while(|word| word != "--");
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) if name.starts_with('-') => (name, Some(value.to_owned())),
            _ => (word.as_ref(), None),
        };
        found.push(if WITH_VALUE.contains(&name) {
            let value = value.or_else(|| words.next().map(|word| word.into_owned()));
            Part::Option(name.to_owned(), value)
        } else if !name.starts_with('-') {
            Part::Word(word.into_owned())
        } else if FLAGS.contains(&name) || value.is_some() {
            Part::Option(name.to_owned(), value)
        } else {
            Part::Unknown
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::Args;

    fn fate_of(line: &str) -> Fate {
        let argv: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        fate(&argv, &Args::try_parse_from(&argv).unwrap_err())
    }

    #[test]
    fn what_is_not_ours_is_handed_over_and_what_is_ours_alone_never() {
        for (line, expected) in [
            ("openclaw config validate", Fate::HandOver),
            ("openclaw --profile work onboard", Fate::HandOver),
            ("openclaw onboard --profile work --x", Fate::HandOver),
            ("openclaw gateway install --force", Fate::HandOver),
            ("openclaw health --an-option-of-theirs", Fate::HandOver),
            ("openclaw helth", Fate::HandOverOrMistake),
            ("openclaw status --usage", Fate::HandOver),
            ("openclaw sessions --active 60", Fate::HandOver),
            ("openclaw sessions", Fate::HandOverOrMistake),
            ("openclaw models --json", Fate::HandOverOrMistake),
            ("openclaw nodes camera snap --node x", Fate::HandOver),
            ("openclaw logs --plain", Fate::HandOver),
            ("openclaw sessions list --limit all", Fate::HandOverOrMistake),
            ("openclaw devices approve", Fate::HandOverOrMistake),
            ("openclaw devices approve --latest", Fate::HandOver),
            ("openclaw completion", Fate::HandOverOrMistake),
            ("openclaw gateway --help", Fate::Mistake),
            ("openclaw sessions --help", Fate::Mistake),
            ("openclaw gateway", Fate::Mistake),
            ("openclaw gateway restart --wait 5s", Fate::Mistake),
            ("openclaw health --token a --password b", Fate::Mistake),
            ("openclaw profil list", Fate::Mistake),
            ("openclaw proflie list", Fate::Mistake),
            ("openclaw supervisr status", Fate::Mistake),
            ("openclaw hosts", Fate::Mistake),
            ("openclaw profile strat x", Fate::Mistake),
            ("openclaw profile list --jsno", Fate::Mistake),
            ("openclaw supervisor install", Fate::Mistake),
            ("openclaw gateway --force", Fate::Mistake),
            ("openclaw gateway --allow-unconfigured --bind lan", Fate::Mistake),
            ("openclaw gateway run --auth none", Fate::Mistake),
            ("openclaw --nonsense", Fate::Mistake),
            ("openclaw", Fate::Mistake),
            ("openclaw health --timeout soon", Fate::Mistake),
            ("openclaw -- config", Fate::Mistake),
        ] {
            assert_eq!(fate_of(line), expected, "{line}");
        }
    }

    #[test]
    fn an_option_that_is_not_ours_is_named_with_its_verb() {
        for (line, named) in [
            ("openclaw onboard --x y", "onboard"),
            ("openclaw sessions --active 60", "sessions --active"),
            ("openclaw --profile work nodes camera snap", "nodes camera"),
            ("openclaw logs --plain", "logs --plain"),
        ] {
            let argv: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            assert_eq!(name(&argv, &Args::try_parse_from(&argv).unwrap_err()), named);
        }
    }

    #[test]
    fn the_profile_is_read_wherever_it_stands() {
        for (line, profile) in [
            ("openclaw config get x --profile work", Some("work")),
            ("openclaw --profile=work config", Some("work")),
            ("openclaw config -- --profile work", None),
        ] {
            let argv: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            assert_eq!(options(&argv).profile.as_deref(), profile, "{line}");
        }
    }
}

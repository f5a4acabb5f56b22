//! From argv to what was typed.

use std::ffi::OsString;

use clap::{Args as _, CommandFactory, FromArgMatches, Parser};

use super::args::{Args, Global};
use super::handover;

/// What was typed.
///
/// # Errors
/// What clap says of a command line that it does not take; help and version are such errors too.
pub fn parse(argv: &[OsString]) -> Result<Args, clap::Error> {
    named_alone(argv).map_or_else(|| Args::try_parse_from(argv), Ok)
}

/// The same by a definition with no other command than the one that argv names: copying the options of all commands
/// to each of them takes longer than most commands do. Whatever it does not take, help and version among it, is left to
/// the whole definition, which knows the command's neighbours.
fn named_alone(argv: &[OsString]) -> Option<Args> {
    let word = handover::commands(argv).into_iter().next()?;
    let meant = Args::command().find_subcommand(&word)?.clone();
    let alone =
        Global::augment_args(clap::Command::new("openclaw")).subcommand_required(true).subcommand(meant);
    Args::from_arg_matches(&alone.try_get_matches_from(argv).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn a_command_alone_is_read_as_among_its_neighbours() {
        for line in [
            "openclaw health",
            "openclaw --profile health status --deep --port 19001 --json",
            "openclaw gateway --json call status --params {} --timeout 5s",
            "openclaw nodes --port 1 list",
            "openclaw profile ls",
            "openclaw profile exec work -- openclaw health",
            "openclaw completions bash",
        ] {
            let alone = named_alone(&argv(line)).map(|args| format!("{args:?}"));
            let whole = Args::try_parse_from(argv(line)).map(|args| format!("{args:?}"));
            assert_eq!(alone.unwrap(), whole.unwrap(), "{line}");
        }
    }

    #[test]
    fn help_and_mistakes_are_left_to_the_whole_definition() {
        for line in [
            "openclaw",
            "openclaw --version",
            "openclaw health --help",
            "openclaw helth",
            "openclaw nodes lits",
            "openclaw health --token a --password b",
        ] {
            assert!(named_alone(&argv(line)).is_none(), "{line}");
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }
}

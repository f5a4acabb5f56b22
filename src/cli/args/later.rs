//! Commands whose definition waits until they are meant: building the options of every command takes longer than
//! most commands do.

use clap::{ArgMatches, Args, Command, Error, FromArgMatches, Subcommand};

/// What was typed for one command, whose options are defined only once that command, or its help, is asked for.
#[derive(Debug)]
pub struct Later<T>(pub T);

/// Adds what `define` adds. What the variant of the enum says about the command stays; what is said of the type that
/// holds its options is for readers of the code.
fn keeping_about(command: Command, define: fn(Command) -> Command) -> Command {
    let about = command.get_about().cloned().unwrap_or_default();
    define(command).about(about)
}

impl<T: FromArgMatches> FromArgMatches for Later<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        T::from_arg_matches(matches).map(Later)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl<T: Args> Args for Later<T> {
    fn augment_args(command: Command) -> Command {
        command.defer(|command| keeping_about(command, T::augment_args))
    }

    fn augment_args_for_update(command: Command) -> Command {
        T::augment_args_for_update(command)
    }
}

impl<T: Subcommand> Subcommand for Later<T> {
    fn augment_subcommands(command: Command) -> Command {
        command.defer(|command| keeping_about(command, T::augment_subcommands))
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        T::augment_subcommands_for_update(command)
    }

    fn has_subcommand(name: &str) -> bool {
        T::has_subcommand(name)
    }
}

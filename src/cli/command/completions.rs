//! `completions` and `man`: generated from the same definition that parses the command line. The scripts of the shells
//! are short and ask this program at each TAB, so what they offer is what it takes, with the profiles of that moment.

use std::any::TypeId;
use std::ffi::OsString;
use std::sync::Arc;

use clap::ValueHint;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate, complete};
use clap_complete::env::Shells;

use crate::base::{Error, Kind, ProfileName, Result};
use crate::cli::render::Render;
use crate::cli::{Context, definition};
use crate::daemon::DISK;
use crate::profile::{Environment, Registry};

/// Says which shell asks for words; set by the scripts alone. Then `--` and the words of the line follow.
const ASKED: &str = "OPENCLAW_COMPLETE";
/// Which of the words the cursor is on; the scripts set it.
const INDEX: &str = "_CLAP_COMPLETE_INDEX";
/// What stands between two words of an answer to bash; the script sets it.
const BETWEEN: &str = "_CLAP_IFS";
const NAME: &str = "openclaw";

/// Prints the script of `shell`.
pub fn completions(context: &Context, shell: clap_complete::Shell) -> Result<()> {
    let shell = shell.to_string();
    let mut text = Vec::new();
    let written = Shells::builtins()
        .completer(&shell)
        .map(|completer| completer.write_registration(ASKED, NAME, NAME, NAME, &mut text));
    if let Some(Err(error)) = written {
        let what = "the completions cannot be made";
        return Err(Error::new(Kind::Failed, "completions_failed", what).caused_by(error));
    }
    let mut text = String::from_utf8_lossy(&text).into_owned();
    if shell == "zsh" {
        // As a file on `fpath` it is read at the first TAB, and must answer that one too.
        text += "\nif [[ \"$funcstack[1]\" = \"_openclaw\" ]]; then _clap_dynamic_completer_openclaw \"$@\"; fi\n";
    }
    context.render.text(&text);
    Ok(())
}

/// The shell that asks for words, where one does.
pub fn asked<'a>(argv: &[OsString], environment: &'a Environment) -> Option<&'a str> {
    environment.get(ASKED).filter(|_| argv.get(1).is_some_and(|word| word == "--"))
}

/// Prints the words that may stand at the cursor; where none can be told, none.
pub fn answer(shell: &str, argv: &[OsString], environment: &Environment, render: Render) {
    let words: Vec<OsString> = argv.iter().skip(2).cloned().collect();
    let mut tree = with_names(definition(), &names(environment));
    if shell == "bash" {
        let index = environment.get(INDEX).and_then(|text| text.parse().ok()).unwrap_or(0);
        let between = environment.get(BETWEEN).unwrap_or("\n");
        render.text(&for_bash(&mut tree, words, index).join(between));
        return;
    }
    let mut text = Vec::new();
    let builtins = Shells::builtins();
    let Some(completer) = builtins.completer(shell).filter(|_| !words.is_empty()) else { return };
    if completer.write_complete(&mut tree, words, None, &mut text).is_ok() {
        render.text(&String::from_utf8_lossy(&text));
    }
}

/// Bash breaks words at `=`, also in `--profile=work`, and takes an answer for the last piece alone.
fn for_bash(tree: &mut clap::Command, mut words: Vec<OsString>, mut index: usize) -> Vec<String> {
    let mut start = None;
    while let Some(at) = words.iter().skip(1).position(|word| word == "=").map(|at| at + 1) {
        let is_value = at < index && words[at - 1].to_string_lossy().starts_with("--");
        if !is_value || at + 1 >= words.len() {
            break;
        }
        let value = words.remove(at + 1);
        let sign = words.remove(at);
        words[at - 1].push(sign);
        start = (index == at + 1).then(|| words[at - 1].to_string_lossy().into_owned());
        words[at - 1].push(value);
        index -= 2;
    }
    let found = complete(tree, words, index, None).unwrap_or_default();
    let texts = found.iter().map(|candidate| candidate.get_value().to_string_lossy().into_owned());
    texts
        .map(|text| start.as_ref().and_then(|start| text.strip_prefix(start)).unwrap_or(&text).into())
        .collect()
}

/// The profiles that there are, as far as they can be told.
fn names(environment: &Environment) -> Arc<[ProfileName]> {
    let registry = Registry::new(DISK, environment).and_then(|registry| registry.names());
    registry.unwrap_or_default().into()
}

/// The tree of commands in which profiles are offered wherever the name of one that exists is taken.
fn with_names(command: clap::Command, names: &Arc<[ProfileName]>) -> clap::Command {
    let creates = command.get_name() == "create";
    let command = command.mut_args(|arg| {
        let is_name = arg.get_value_parser().type_id() == TypeId::of::<ProfileName>();
        if is_name && (creates || arg.get_id() == "to") {
            return arg.value_hint(ValueHint::Other);
        }
        if !is_name && arg.get_id() != "profile" {
            return arg;
        }
        let names = Arc::clone(names);
        arg.add(ArgValueCandidates::new(move || {
            names.iter().map(|name| CompletionCandidate::new(name.as_str())).collect()
        }))
    });
    command.mut_subcommands(|command| with_names(command, names))
}

/// Prints the manual page of the program, or of one command; or which commands have one.
pub fn man(context: &Context, command: Option<&str>, names: bool) -> Result<()> {
    let whole = definition();
    if names {
        let shown = whole.get_subcommands().filter(|command| !command.is_hide_set());
        let names: Vec<&str> = shown.map(clap::Command::get_name).filter(|name| *name != "help").collect();
        context.render.text(&(names.join("\n") + "\n"));
        return Ok(());
    }
    let page = match command {
        None => whole,
        Some(name) => whole.find_subcommand(name).cloned().ok_or_else(|| {
            let what = format!("there is no command `{name}`, and no manual page of it");
            Error::new(Kind::Usage, "usage", what).remedy("openclaw man --names")
        })?,
    };
    let title = command.map_or_else(|| NAME.to_owned(), |command| format!("{NAME}-{command}"));
    let mut text = Vec::new();
    clap_mangen::Man::new(page).title(&title).render(&mut text).map_err(|error| {
        Error::new(Kind::Failed, "man_failed", "the manual page cannot be made").caused_by(error)
    })?;
    context.render.text(&String::from_utf8_lossy(&text));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(words: &[&str], index: usize) -> Vec<String> {
        let names = ["work", "play"].map(|name| name.parse().unwrap());
        let mut tree = with_names(definition(), &names.into());
        for_bash(&mut tree, words.iter().map(OsString::from).collect(), index)
    }

    #[test]
    fn profiles_are_offered_where_the_name_of_one_that_exists_is_taken() {
        let both = ["play", "work"];
        for verb in
            ["start", "stop", "restart", "rm", "rollback", "show", "adopt", "check", "logs", "env", "use"]
        {
            let mut found = offered(&["openclaw", "profile", verb, ""], 3);
            found.retain(|word| !word.starts_with('-'));
            found.sort();
            assert_eq!(found, both, "{verb}");
            assert_eq!(offered(&["openclaw", "profile", verb, "w"], 3), ["work"], "{verb}");
        }
        for words in [
            &["openclaw", "--profile", "w"][..],
            &["openclaw", "health", "--profile", "w"],
            &["openclaw", "health", "--profile", "=", "w"],
            &["openclaw", "--timeout", "=", "5s", "health", "--profile", "=", "w"],
            &["openclaw", "profile", "stop", "play", "w"],
            &["openclaw", "profile", "clone", "w"],
            &["openclaw", "profile", "exec", "w"],
        ] {
            assert_eq!(offered(words, words.len() - 1), ["work"], "{words:?}");
        }
        assert_eq!(offered(&["openclaw", "--profile=w"], 1), ["--profile=work"]);
        assert_eq!(offered(&["openclaw", "--profile", "w", "gateway", "he"], 2), ["work"], "within the line");
    }

    #[test]
    fn new_names_are_left_to_the_user_and_commands_come_behind_global_options() {
        let none = [""; 0];
        assert_eq!(offered(&["openclaw", "profile", "create", "w"], 3), none);
        assert_eq!(offered(&["openclaw", "profile", "clone", "work", "p"], 4), none);
        assert_eq!(offered(&["openclaw", "--profile", "work", "heal"], 3), ["health"]);
        assert_eq!(offered(&["openclaw", "--profile", "=", "work", "heal"], 4), ["health"]);
    }
}

//! The face: argv and environment in, an exit code out. `args` is what can be typed, `command` what it does,
//! one file a verb, and `render` the only place that prints.

mod args;
mod ask;
mod chosen;
mod command;
mod guarded;
mod handover;
mod limit;
mod line;
mod parse;
mod probed;
mod render;
mod service;
mod skew;
mod speech;
mod survey;
mod tunnel;
mod turned;
mod ways;

use std::cell::Cell;
use std::ffi::OsString;
use std::future::Future;

use clap::CommandFactory;
use clap::error::ErrorKind;

use crate::base::{Error, Kind, Result, Span};
use crate::profile::Environment;
use args::Args;
use handover::Fate;
use render::Render;

/// What a command knows of its surroundings.
pub struct Context {
    /// Options before or after the command.
    pub global: args::Global,
    /// The environment, as it was at the start.
    pub environment: Environment,
    /// What `--timeout` means for this command.
    pub timeout: Option<Span>,
    /// `--port`, on the verbs that ask a gateway.
    pub port: Option<u16>,
    /// The way to print.
    pub render: Render,
    /// Whether the one document is printed and tells the failure too.
    pub told: Cell<bool>,
}

/// Runs the command line `argv` with the environment `variables` and returns the process's exit code.
pub fn run(argv: Vec<OsString>, variables: impl Iterator<Item = (OsString, OsString)>) -> u8 {
    let text = |word: OsString| word.to_string_lossy().into_owned();
    let environment = Environment::from_pairs(variables.map(|(name, value)| (text(name), text(value))));
    if let Some(shell) = command::completed(&argv, &environment) {
        command::complete(shell, &argv, &environment, Render::new(false, true, &environment));
        return 0;
    }
    let args = match parse::parse(&argv) {
        Ok(args) => args,
        Err(error) => return not_taken(&argv, &error, environment),
    };
    let render = Render::new(args.global.json, args.global.no_color, &environment);
    let port = command::port_of(&args.command);
    let timeout = limit::timeout(args.global.timeout, &args.command);
    let context = Context {
        global: args.global,
        environment,
        timeout: timeout.as_ref().ok().copied().flatten(),
        port,
        render,
        told: Cell::new(false),
    };
    match timeout.and_then(|_| command::run(&context, args.command)) {
        Ok(()) => 0,
        Err(error) => failed(&context, &error),
    }
}

/// Hands over a command line that is not ours, or says what is wrong with it.
fn not_taken(argv: &[OsString], error: &clap::Error, environment: Environment) -> u8 {
    let global = handover::options(argv);
    let render = Render::new(global.json, global.no_color, &environment);
    let fate = handover::fate(argv, error);
    if fate == Fate::Mistake {
        return usage(error, render);
    }
    let context = Context { global, environment, timeout: None, port: None, render, told: Cell::new(false) };
    match command::pass(&context, argv, &handover::name(argv, error)) {
        Ok(()) => 0,
        Err(missing) if fate == Fate::HandOverOrMistake && missing.code() == "openclaw_missing" => {
            usage(error, render)
        }
        Err(error) => failed(&context, &error),
    }
}

/// Prints why a command failed and returns the exit code that says the same.
fn failed(context: &Context, error: &Error) -> u8 {
    // A command that looks for conflicts, or one for many, has printed them; a second document would garble the first.
    let printed = error.kind() == Kind::Conflicts || error.code() == command::SOME_FAILED;
    let told = printed || context.told.get();
    if !(context.render.is_json() && told) {
        context.render.error(error);
    }
    error.kind().exit_code()
}

/// Prints what clap says of a command line that it did not take, or the help that was asked for.
fn usage(error: &clap::Error, render: Render) -> u8 {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            render.text(&error.render().to_string());
            0
        }
        _ if render.is_json() => {
            let text = error.render().to_string();
            // The first paragraph says what is wrong, sometimes as a list; usage and hints come behind it.
            let told: Vec<&str> = text.split("\n\n").next().unwrap_or_default().split_whitespace().collect();
            let message = told.join(" ").trim_start_matches("error: ").to_owned();
            render.error(&Error::new(Kind::Usage, "usage", message).remedy("openclaw --help"));
            Kind::Usage.exit_code()
        }
        _ => {
            render.notice(error.render().to_string().trim_end());
            Kind::Usage.exit_code()
        }
    }
}

/// The command line's whole definition, for completions and the manual page.
fn definition() -> clap::Command {
    let mut whole = Args::command();
    whole.build();
    whole
}

/// Runs `work` on a runtime of one thread.
fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Error::new(Kind::Failed, "runtime_unavailable", "the program cannot begin to work").caused_by(error)
    })?;
    let outcome = runtime.block_on(work);
    // What still runs on a blocking thread must not hold up the exit.
    runtime.shutdown_background();
    outcome
}

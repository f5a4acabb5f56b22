//! The doorway: argv and environment in, an exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(openclaw_supervisor::cli::run(std::env::args_os().collect(), std::env::vars_os()))
}

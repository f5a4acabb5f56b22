//! What the commands do, one file a verb, named as on the supervisor's side.

mod adopt;
mod all;
mod allow;
mod check;
mod clone;
mod completions;
mod create;
mod environment;
mod exec;
mod gateway_call;
mod gateway_power;
mod gateway_run;
mod host;
mod list;
mod logs;
mod pass;
mod restart;
mod rm;
mod rollback;
mod show;
mod start;
mod stop;
mod supervisor_reload;
mod supervisor_run;
mod supervisor_status;
mod supervisor_stop;
mod use_profile;

use super::args::{Command, Gateway, Host, Profile, Supervisor};
use super::{Context, block_on};
use crate::base::Result;
pub use all::SOME_FAILED;

use gateway_power::Order;
pub use pass::run as pass;

/// Runs one command to its end.
///
/// # Errors
/// What the command met; it is printed once, by the caller.
pub fn run(context: &Context, command: Command) -> Result<()> {
    match command {
        Command::Profile(command) => profile(context, command),
        Command::Supervisor(Supervisor::Run { background }) => supervisor_run::run(context, background),
        Command::Supervisor(Supervisor::Status) => block_on(supervisor_status::run(context)),
        Command::Supervisor(Supervisor::Reload) => block_on(supervisor_reload::run(context)),
        Command::Supervisor(Supervisor::Stop) => block_on(supervisor_stop::run(context)),
        Command::Host(Host::Status) => host::status(context),
        Command::Host(Host::Conflicts { explain }) => host::conflicts(context, explain),
        Command::Gateway(Gateway::Run { port }) => gateway_run::run(context, port),
        Command::Gateway(Gateway::Stop) => block_on(gateway_power::run(context, Order::Stop)),
        Command::Gateway(Gateway::Restart) => block_on(gateway_power::run(context, Order::Restart)),
        Command::Gateway(Gateway::Health(at)) | Command::Health(at) => {
            block_on(gateway_call::health(context, at.port))
        }
        Command::Gateway(Gateway::Call { method, params, expect_final, port }) => {
            block_on(gateway_call::call(context, port.port, (&method, &params), expect_final))
        }
        Command::Completions { shell } => completions::completions(context, shell),
        Command::Man => completions::man(context),
    }
}

fn profile(context: &Context, command: Profile) -> Result<()> {
    match command {
        Profile::Start(start) if start.all => block_on(all::start(context)),
        Profile::Stop(names) if names.all => block_on(all::stop(context)),
        Profile::Restart(names) if names.all => block_on(all::restart(context)),
        Profile::Start(start) => block_on(start::run(context, &start)),
        Profile::Stop(names) => block_on(stop::run(context, &names.names)),
        Profile::Restart(names) => block_on(restart::run(context, &names.names)),
        Profile::List => block_on(list::run(context)),
        Profile::Create(create) => block_on(create::run(context, &create)),
        Profile::Clone(clone) => block_on(clone::run(context, &clone)),
        Profile::Rm(rm) => block_on(rm::run(context, &rm)),
        Profile::Rollback(name) => rollback::run(context, &name.name),
        Profile::Show(name) => block_on(show::run(context, &name.name)),
        Profile::Adopt(adopt) => block_on(adopt::run(context, &adopt)),
        Profile::Check { name } => check::run(context, name.as_ref()),
        Profile::Logs(logs) => block_on(logs::run(context, &logs)),
        Profile::Env(name) => environment::run(context, &name.name),
        Profile::Exec(exec) => exec::run(context, &exec),
        Profile::Use(wanted) => use_profile::run(context, &wanted),
    }
}

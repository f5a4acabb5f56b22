//! What the commands do, one file a verb, named as on the supervisor's side.

mod adopt;
mod agent;
mod all;
mod allow;
mod channel_pairing;
mod channels;
mod check;
mod clone;
mod completions;
mod config_get;
mod create;
mod cron;
mod cron_run;
mod dashboard;
mod devices;
mod environment;
mod exec;
pub(super) mod gateway_access;
mod gateway_call;
mod gateway_logs;
mod gateway_notice;
mod gateway_power;
mod gateway_probe;
mod gateway_run;
mod gateway_send;
mod gateway_status;
mod gateway_usage;
mod host;
mod link_run;
mod list;
mod logs;
mod message_send;
mod models;
mod node_run;
mod nodes;
mod nodes_invoke;
mod nodes_rename;
mod pairing;
mod pass;
mod probe_warnings;
mod restart;
mod rm;
mod rollback;
mod service_install;
mod service_print;
mod service_repair;
mod service_status;
mod service_uninstall;
mod sessions;
mod sessions_delete;
mod sessions_send;
mod show;
mod start;
mod status;
mod status_deep;
mod stop;
mod supervisor_reload;
mod supervisor_run;
mod supervisor_status;
mod supervisor_stop;
mod trust;
mod use_profile;

use serde_json::Value;

use super::args::{
    At, Command, Dashboard, Gateway, GatewayLogs, Host, Later, Link, Message, NodeHost, Once, Probe, Profile,
    Service, Stability, Status, Supervisor,
};
use super::{Context, block_on};
use crate::base::Result;
pub use all::SOME_FAILED;

pub use completions::{answer as complete, asked as completed};
use gateway_power::Order;
pub use pass::run as pass;

/// `--port`, where the command asks a gateway.
pub fn port_of(command: &Command) -> Option<u16> {
    match command {
        Command::Gateway(Later(
            Gateway::Health(at)
            | Gateway::Probe(Probe { at, .. })
            | Gateway::Status { port: at, .. }
            | Gateway::UsageCost { port: at, .. }
            | Gateway::Stability(Stability { at, .. })
            | Gateway::Call { port: at, .. },
        ))
        | Command::Health(Later(at))
        | Command::Status(Later(Status { at, .. }))
        | Command::Logs(Later(GatewayLogs { at, .. }))
        | Command::Dashboard(Later(Dashboard { at, .. })) => at.port,
        Command::Nodes(Later(at)) => at.port,
        Command::Node(Later(at)) => at.port,
        Command::Devices(Later(at)) => at.port,
        Command::Sessions(Later(at)) => at.port,
        Command::Channels(Later(at)) => at.port,
        Command::Pairing(Later(at)) => at.port,
        Command::Models(Later(at)) => at.port,
        Command::Cron(Later(at)) => at.port,
        Command::Config(Later(at)) => at.port,
        _ => None,
    }
}

/// Runs one command to its end.
///
/// # Errors
/// What the command met; it is printed once, by the caller.
pub fn run(context: &Context, command: Command) -> Result<()> {
    match command {
        Command::Profile(Later(command)) => profile(context, command),
        Command::Supervisor(Later(Supervisor::Run { rehearse: true, .. })) => {
            supervisor_run::rehearse(context)
        }
        Command::Supervisor(Later(Supervisor::Run { background, .. })) => {
            supervisor_run::run(context, background)
        }
        Command::Supervisor(Later(Supervisor::Status)) => block_on(supervisor_status::run(context)),
        Command::Supervisor(Later(Supervisor::Reload { program })) => {
            block_on(supervisor_reload::run(context, program))
        }
        Command::Supervisor(Later(Supervisor::Stop)) => block_on(supervisor_stop::run(context)),
        Command::Service(Later(command)) => service(context, &command),
        Command::Host(Later(Host::Status)) => host::status(context),
        Command::Host(Later(Host::Conflicts { explain })) => host::conflicts(context, explain),
        Command::Gateway(Later(command)) => gateway(context, command),
        Command::Health(Later(at)) => block_on(gateway_call::health(context, at.port)),
        Command::Status(Later(status)) => block_on(status::run(context, &status)),
        Command::Node(Later(At { verb: NodeHost::Run { display_name }, .. })) => {
            block_on(node_run::run(context, display_name))
        }
        Command::Nodes(Later(at)) => block_on(nodes::run(context, &at.verb)),
        Command::Devices(Later(at)) => block_on(devices::run(context, &at.verb)),
        Command::Sessions(Later(at)) => block_on(sessions::run(context, &at.verb)),
        Command::Agent(Later(agent)) => block_on(agent::run(context, &agent)),
        Command::Message(Later(Message::Send { channel, target, letter })) => {
            block_on(message_send::run(context, channel.as_deref(), &target, &letter))
        }
        Command::Channels(Later(at)) => block_on(channels::run(context, &at.verb)),
        Command::Pairing(Later(at)) => channel_pairing::run(context, &at.verb),
        Command::Models(Later(at)) => block_on(models::run(context, &at.verb)),
        Command::Cron(Later(at)) => block_on(cron::run(context, &at.verb)),
        Command::Logs(Later(logs)) => block_on(gateway_logs::run(context, &logs)),
        Command::Dashboard(Later(dashboard)) => block_on(dashboard::run(context, &dashboard)),
        Command::Config(Later(at)) => block_on(config_get::run(context, &at.verb)),
        Command::Link(Later(Link::Run)) => link_run::run(context),
        Command::Completions { shell } => completions::completions(context, shell),
        Command::Man { command, names } => completions::man(context, command.as_deref(), names),
    }
}

/// The key that was typed, or a new one.
fn key(once: &Once) -> String {
    once.idempotency_key.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string())
}

/// The objects of the list `name` in what a gateway answered; whatever else stands there is passed over.
fn objects<'a>(
    document: &'a mut Value,
    name: &str,
) -> impl Iterator<Item = &'a mut serde_json::Map<String, Value>> + use<'a> {
    let list = document.get_mut(name).and_then(Value::as_array_mut);
    list.into_iter().flatten().filter_map(Value::as_object_mut)
}

/// The parameters of a call. One that is not meant is left out: the gateway takes no null.
fn params(named: &[(&str, Value)]) -> Value {
    let meant = named.iter().filter(|(_, value)| !value.is_null());
    meant.map(|(key, value)| ((*key).to_owned(), value.clone())).collect::<serde_json::Map<_, _>>().into()
}

fn gateway(context: &Context, command: Gateway) -> Result<()> {
    match command {
        Gateway::Run { port, bind } => gateway_run::run(context, port, bind),
        Gateway::Stop => block_on(gateway_power::run(context, Order::Stop)),
        Gateway::Restart => block_on(gateway_power::run(context, Order::Restart)),
        Gateway::Health(at) => block_on(gateway_call::health(context, at.port)),
        Gateway::Status { require_rpc, no_probe, .. } => {
            block_on(gateway_status::run(context, require_rpc, no_probe))
        }
        Gateway::Probe(probe) => block_on(gateway_probe::run(context, &probe)),
        Gateway::UsageCost { days, .. } => block_on(gateway_usage::cost(context, days)),
        Gateway::Stability(stability) => block_on(gateway_usage::stability(context, stability.limit)),
        Gateway::Send(send) => block_on(gateway_send::run(context, &send)),
        Gateway::Agent(agent) => block_on(agent::run(context, &agent)),
        Gateway::Call { method, params, expect_final, .. } => {
            block_on(gateway_call::call(context, (&method, &params), expect_final))
        }
    }
}

fn service(context: &Context, command: &Service) -> Result<()> {
    match command {
        Service::Install(install) => block_on(service_install::run(context, install)),
        Service::Uninstall(uninstall) => block_on(service_uninstall::run(context, uninstall)),
        Service::Status(place) => block_on(service_status::run(context, place)),
        Service::Print(print) => service_print::run(context, print),
        Service::Repair(repair) => block_on(service_repair::run(context, repair)),
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
        Profile::Trust(asked) => block_on(trust::run(context, &asked)),
        Profile::Use(wanted) => use_profile::run(context, &wanted),
    }
}

//! `node run`: this machine as a node of the selected gateway, in the foreground.

use std::collections::BTreeMap;

use super::supervisor_run::stop_signal;
use crate::base::Result;
use crate::cli::Context;
use crate::cli::ask::Ask;
use crate::client::node::act::Machine;
use crate::client::node::list::List;
use crate::client::node::{self, Claims};
use crate::profile::SupervisorPaths;

/// The file of what may be run, in the profile's state directory.
const RULES: &str = "node-exec.json";
/// What a program is told of its user, beside its path.
const KEPT: [&str; 6] = ["HOME", "USER", "LOGNAME", "LANG", "TZ", "DBUS_SESSION_BUS_ADDRESS"];

/// Serves until SIGTERM or SIGINT.
pub async fn run(context: &Context, display_name: Option<String>) -> Result<()> {
    let stop = stop_signal()?;
    let ask = Ask::of(context, None)?;
    let folder = match ask.profile() {
        Some(profile) => profile.paths.state_dir.clone(),
        // A typed URL is no profile's; what it may have run here is kept with this user's devices.
        None => SupervisorPaths::derive(&context.environment)?.state_dir,
    };
    let kept = KEPT
        .iter()
        .filter_map(|name| context.environment.get(name).map(|value| ((*name).to_owned(), value.to_owned())));
    let machine =
        Machine { list: List::new(folder.join(RULES)), environment: kept.collect::<BTreeMap<_, _>>() };
    let name = display_name.or_else(hostname).unwrap_or_else(|| "node".to_owned());
    context.render.notice(&format!(
        "node {name} for {}; {} lists what it may run",
        ask.target.endpoint.url,
        machine.list.file().display()
    ));
    let claims = Claims { name };
    node::serve(&machine, async || ask.node(&claims).await, |line| context.render.notice(line), stop).await
}

fn hostname() -> Option<String> {
    let name = nix::unistd::gethostname().ok()?.into_string().ok()?;
    (!name.trim().is_empty()).then_some(name)
}

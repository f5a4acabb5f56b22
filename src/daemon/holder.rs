//! Who is in the way, told in full: what the kernel shows of the process, and what `conflict` and `service` make of it
//! - the unit or container that looks after it, the profile whose gateway it is (invariant I3).

use super::census;
use crate::base::record::{Holder, HolderKind};
use crate::conflict::Manager;
use crate::host::census as seen;
use crate::host::process;
use crate::host::socket::{self, Listener};
use crate::profile::Environment;
use crate::service::verdict::Role;

/// Process `pid` as a holder; nobody in particular when it is `None`.
pub fn of(pid: Option<u32>) -> Holder {
    complete(process::holder(pid))
}

/// Who has `listener` open; `likely` is looked at first.
pub fn of_listener(listener: &Listener, likely: Option<u32>) -> Holder {
    complete(socket::holder_of(listener, likely))
}

/// Who looks after process `pid`, as far as it shows.
pub fn manager_of(pid: u32) -> Manager {
    let Some(line) = seen::command_line(pid) else { return Manager::default() };
    let details = seen::details(line.pid);
    let variables = details.environment.clone().map(Environment::from_pairs);
    census::judge(&line, Some((&details, variables.as_ref()))).manager
}

/// The holder with its unit, container and profile, as far as its process shows them.
pub fn complete(mut holder: Holder) -> Holder {
    let Some(line) = holder.pid.and_then(seen::command_line) else { return holder };
    let details = seen::details(line.pid);
    let variables = details.environment.clone().map(Environment::from_pairs);
    let found = census::judge(&line, Some((&details, variables.as_ref())));
    holder.unit = found.manager.service().map(str::to_owned);
    holder.container = found.manager.container().map(str::to_owned);
    if found.verdict.role == Role::Gateway {
        holder.profile = found.verdict.profile.map(|name| name.to_string());
        // Its name says nothing, its command line does.
        if holder.kind == HolderKind::Other {
            holder.kind = HolderKind::Gateway;
        }
    }
    holder
}

//! `gateway stop` and `gateway restart`: given to the one authority over the selected profile's gateway (INCIDENTS C3).
//! The supervisor's gateways are its own to end; of any other one the right command is named, and nothing is done.

use super::{restart, stop};
use crate::base::record::State;
use crate::base::{Error, Kind, ProfileName, Result};
use crate::cli::{Context, chosen, survey};
use crate::client::control::Supervisor;
use crate::conflict::cgroup::{Manager, ManagerKind};
use crate::daemon::{self, holder};
use crate::host::lock::Record;
use crate::host::socket;
use crate::profile::Profile;

/// What is to become of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// It ends.
    Stop,
    /// It ends and another run begins.
    Restart,
}

/// Has the order carried out, or says who must be asked.
///
/// # Errors
/// [`Kind::NotRunning`] for the restart of what nobody manages and does not run; [`Kind::Failed`] where another
/// authority runs it, with that one's command.
pub async fn run(context: &Context, order: Order) -> Result<()> {
    if context.global.url.is_some() {
        let what = "--url names a gateway to ask; only a profile's gateway can be stopped or restarted";
        return Err(Error::new(Kind::Usage, "gateway_remote", what).remedy("say --profile NAME instead"));
    }
    let selection = chosen::selection(context)?;
    let name = selection.name.clone();
    let registry = survey::registry(context)?;
    if !registry.names()?.contains(&name) {
        return Err(chosen::unknown(&selection, &registry.names()?));
    }
    if is_supervised(context, &name).await? || daemon::is_orphaned(registry.paths(), &name) {
        return delegate(context, order, name).await;
    }
    let profile = registry.load(&name)?;
    if profile.remote.is_some() {
        let what = format!("the gateway of `{name}` runs on another machine");
        return Err(Error::new(Kind::Usage, "gateway_remote", what)
            .profile(&name)
            .remedy("stop or restart it where it runs"));
    }
    match running(&profile) {
        Some(pid) => Err(elsewhere(&name, pid, order)),
        None if order == Order::Stop || registry.manifest(&name)?.is_some() => {
            delegate(context, order, name).await
        }
        None => Err(Error::new(
            Kind::NotRunning,
            "gateway_not_running",
            format!("the gateway of `{name}` does not run"),
        )
        .profile(&name)
        .remedy(format!("openclaw profile start {name}"))),
    }
}

async fn delegate(context: &Context, order: Order, name: ProfileName) -> Result<()> {
    match order {
        Order::Stop => stop::run(context, &[name]).await,
        Order::Restart => restart::run(context, &[name]).await,
    }
}

async fn is_supervised(context: &Context, name: &ProfileName) -> Result<bool> {
    let Some(mut supervisor) = Supervisor::connect(survey::registry(context)?.paths()).await? else {
        return Ok(false);
    };
    let told = supervisor.profiles(Some(name)).await?;
    Ok(told.iter().any(|status| !matches!(status.state, State::Stopped | State::Failed)))
}

/// The process that runs on the profile's state directory, else the one that listens on its port.
fn running(profile: &Profile) -> Option<u32> {
    let state_dir = &profile.paths.state_dir;
    let recorded = Record::read(state_dir).filter(|record| record.is_proved(state_dir));
    recorded.map(|record| record.pid).or_else(|| {
        let listeners = socket::listeners_on(profile.port).unwrap_or_default();
        listeners.first().and_then(|listener| holder::of_listener(listener, None).pid)
    })
}

/// Names the command of whoever has the say over `pid`.
fn elsewhere(name: &ProfileName, pid: u32, order: Order) -> Error {
    let manager = holder::manager_of(pid);
    let whose = match &manager.unit {
        Some(unit) => format!("{unit} looks after it"),
        None => "no supervisor looks after it".to_owned(),
    };
    let message = format!("the gateway of `{name}` runs as pid {pid} and {whose}; nothing was done");
    Error::new(Kind::Failed, "gateway_unsupervised", message)
        .profile(name)
        .holder(holder::of(Some(pid)))
        .remedy(command(&manager, name, pid, order))
}

fn command(manager: &Manager, name: &ProfileName, pid: u32, order: Order) -> String {
    let verb = if order == Order::Stop { "stop" } else { "restart" };
    let unit = manager.unit.as_deref().unwrap_or_default();
    match (manager.kind, order) {
        (ManagerKind::SystemdUser, _) => format!("systemctl --user {verb} {unit}"),
        (ManagerKind::SystemdSystem, _) => format!("sudo systemctl {verb} {unit}"),
        (ManagerKind::Launchd, Order::Stop) => format!("launchctl bootout gui/$(id -u)/{unit}"),
        (ManagerKind::Launchd, Order::Restart) => format!("launchctl kickstart -k gui/$(id -u)/{unit}"),
        (ManagerKind::Container, _) => format!("{verb} the container {unit} with its own engine"),
        (ManagerKind::None | ManagerKind::Unknown, Order::Stop) => format!("kill -TERM {pid}"),
        (ManagerKind::None | ManagerKind::Unknown, Order::Restart) => {
            format!("kill -TERM {pid}, and when it has ended: openclaw profile start {name}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_authority_has_its_own_command() {
        let name = "work".parse().unwrap();
        for (manager, stop, restart) in [
            (
                Manager::new(ManagerKind::SystemdUser, "gw.service"),
                "systemctl --user stop gw.service",
                "systemctl --user restart gw.service",
            ),
            (
                Manager::new(ManagerKind::SystemdSystem, "gw.service"),
                "sudo systemctl stop gw.service",
                "sudo systemctl restart gw.service",
            ),
            (
                Manager::none(),
                "kill -TERM 7",
                "kill -TERM 7, and when it has ended: openclaw profile start work",
            ),
        ] {
            assert_eq!(command(&manager, &name, 7, Order::Stop), stop);
            assert_eq!(command(&manager, &name, 7, Order::Restart), restart);
        }
    }
}

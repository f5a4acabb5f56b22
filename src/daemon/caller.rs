//! Who gives an order on the control socket: the user, or one of the gateways that the supervisor runs. A gateway is
//! known by its process, whatever it says of itself, and may do what `[rescue]` in its manifest allows, as it stands
//! at that moment; every other process of this user is the user.

use tokio::sync::oneshot;

use super::DISK;
use super::mailbox::{Order, Orders};
use super::order::ending;
use crate::access::peer;
use crate::base::{Error, Kind, ProfileName, Result};
use crate::host::{lineage, process};
use crate::profile::Registry;
use crate::profile::rescue::{May, Rescue};
use crate::wire::{Request, control};

/// Who gives orders on one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Whoever owns the supervisor.
    User,
    /// The gateway of this profile.
    Gateway(ProfileName),
}

impl Caller {
    /// Whom the process `pid` is.
    ///
    /// # Errors
    /// [`Kind::Denied`] `order_confined`: it is in a confined run without being its gateway, and an order would reach
    /// beyond its bounds.
    pub async fn of(pid: Option<u32>, orders: &Orders) -> Result<Caller> {
        let Some(pid) = pid else { return Ok(Caller::User) };
        let (answer, led) = oneshot::channel();
        orders.send(Order::LedBy(pid, answer));
        if let Ok(Some(name)) = led.await {
            return Ok(Caller::Gateway(name));
        }
        match refusal(pid, orders).await {
            Some(refusal) => Err(refusal),
            None => Ok(Caller::User),
        }
    }

    /// What the caller sees of the answer to `request`: everything where it is `None`.
    ///
    /// # Errors
    /// [`Kind::Denied`] where it may not order this, [`Kind::NotRunning`] `profile_unknown` where it does not see the
    /// profile, and what is wrong with its manifest.
    pub async fn permit(&self, orders: &Orders, request: &Request) -> Result<Option<Rescue>> {
        let Caller::Gateway(own) = self else { return Ok(None) };
        let may = needed(&request.method).ok_or_else(|| {
            let what = format!("the gateway of `{own}` may not give the order {}", request.method);
            Error::new(Kind::Denied, "order_not_for_gateways", what)
                .profile(own)
                .remedy("give it yourself, in a terminal")
        })?;
        let named = request.params["name"].as_str().map(str::to_owned);
        let (rescue, exists) = self.rights(orders, named.clone()).await?.unwrap_or_default();
        let Some(rescue) = rescue.filter(|rescue| rescue.may.contains(&may)) else {
            let what = format!("`{own}` may not do this: its manifest does not allow `{}`", may.as_str());
            let remedy = format!("add \"{}\" to `may` in [rescue] of its manifest", may.as_str());
            return Err(Error::new(Kind::Denied, "rescue_forbidden", what).profile(own).remedy(remedy));
        };
        match named.filter(|name| !exists || !rescue.profiles.sees(name)) {
            None => Ok(Some(rescue)),
            // What it may not see is not there for it.
            Some(name) => {
                let what = format!("there is no profile `{name}`");
                Err(Error::new(Kind::NotRunning, "profile_unknown", what).profile(name))
            }
        }
    }

    /// Whether the caller may hear of the profile `name`.
    pub async fn hears_of(&self, orders: &Orders, name: &str) -> bool {
        match self {
            Caller::User => true,
            Caller::Gateway(_) => match self.rights(orders, None).await {
                Ok(Some((Some(rescue), _))) => {
                    rescue.may.contains(&May::Status) && rescue.profiles.sees(name)
                }
                _ => false,
            },
        }
    }

    /// What the manifest allows now, and whether there is a profile of the name that is meant.
    async fn rights(&self, orders: &Orders, named: Option<String>) -> Result<Option<(Option<Rescue>, bool)>> {
        let Caller::Gateway(own) = self.clone() else { return Ok(None) };
        let setup = orders.setup();
        let read = tokio::task::spawn_blocking(move || {
            let registry = Registry::new(DISK, &setup.environment)?;
            let rescue = registry.manifest(&own)?.and_then(|manifest| manifest.rescue);
            let exists = match named {
                None => true,
                Some(named) => registry.names()?.iter().any(|name| name.as_str() == named),
            };
            Ok(Some((rescue, exists)))
        });
        read.await.map_err(|_| ending())?
    }
}

/// What a gateway needs for the order `method`; `None` for those that only the user gives.
fn needed(method: &str) -> Option<May> {
    Some(match method {
        control::PROFILE_LIST | control::PROFILE_WATCH => May::Status,
        control::HOST_CONFLICTS => May::Conflicts,
        control::PROFILE_LOGS => May::Logs,
        control::PROFILE_START => May::Start,
        control::PROFILE_STOP => May::Stop,
        control::PROFILE_RESTART => May::Restart,
        control::PROFILE_ROLLBACK => May::Rollback,
        _ => return None,
    })
}

/// Why the process `pid`, which is no gateway itself, may give no orders: it is in a confined run, whose bounds an order
/// would reach beyond.
async fn refusal(pid: u32, orders: &Orders) -> Option<Error> {
    let line = lineage::of(pid);
    // Mostly nobody is bound, and then nobody has to be asked.
    if line.first().is_some_and(|peer| !peer.bound) {
        return None;
    }
    let (answer, runs) = oneshot::channel();
    orders.send(Order::Runs(answer));
    let runs = runs.await.unwrap_or_default();
    peer::is_confined(&line, process::own_pid(), &runs).then(|| {
        tracing::warn!(pid, "a confined process may give no orders");
        Error::new(
            Kind::Denied,
            "order_confined",
            "a process of a confined gateway gives the supervisor no orders",
        )
        .remedy("run the command outside of the gateway, or set [confine] level = \"off\" in its manifest")
    })
}

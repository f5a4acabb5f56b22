//! Asking the supervisor. A command that only reads or stops never starts one.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::base::record::ProfileStatus;
use crate::base::{Error, Kind, ProfileName, Result};
use crate::link::address;
use crate::link::unix::Wire;
use crate::profile::SupervisorPaths;
use crate::wire::Frame;
use crate::wire::control::{self, PROFILE_CHANGED, PROFILE_LIST};

/// A connection to the supervisor.
pub struct Supervisor {
    wire: Wire,
    next_id: u64,
}

/// The sockets on which a supervisor of this user may listen, the likeliest first.
pub fn sockets(paths: &SupervisorPaths) -> Vec<PathBuf> {
    let chosen = address::choose(&paths.sockets);
    let mut sockets: Vec<PathBuf> = address::published(&paths.state_dir).into_iter().collect();
    if !sockets.contains(&chosen) {
        sockets.push(chosen);
    }
    sockets
}

impl Supervisor {
    /// Connects to the running supervisor; `None` when there is none.
    ///
    /// # Errors
    /// When its socket belongs to somebody else or cannot be reached.
    pub async fn connect(paths: &SupervisorPaths) -> Result<Option<Supervisor>> {
        for socket in sockets(paths) {
            if let Some(wire) = Wire::connect(&socket).await? {
                return Ok(Some(Supervisor { wire, next_id: 1 }));
            }
        }
        Ok(None)
    }

    /// Gives an order and waits for its answer; `changed` hears how the profile gets on meanwhile.
    ///
    /// # Errors
    /// The supervisor's own error, whole, or that it is gone.
    pub async fn order<T: DeserializeOwned>(
        &mut self,
        method: &str,
        params: Value,
        mut changed: impl FnMut(ProfileStatus),
    ) -> Result<T> {
        let id = self.next_id.to_string();
        self.next_id += 1;
        self.wire.send(&Frame::request(id.clone(), method, params)).await?;
        loop {
            match self.wire.receive().await? {
                Some(Frame::Res(response)) if response.id == id => {
                    let answer = match response.error {
                        Some(fault) => return Err(control::error_of(fault)),
                        None => response.payload.unwrap_or_default(),
                    };
                    return serde_json::from_value(answer).map_err(|error| {
                        Error::new(
                            Kind::Failed,
                            "supervisor_version",
                            "the supervisor's answer cannot be read",
                        )
                        .caused_by(error)
                        .remedy("it may be of another version: openclaw supervisor status")
                    });
                }
                Some(Frame::Event(event)) if event.event == PROFILE_CHANGED => {
                    if let Some(Ok(status)) = event.payload.map(serde_json::from_value) {
                        changed(status);
                    }
                }
                Some(_) => {}
                None => return Err(gone()),
            }
        }
    }

    /// Gives an order about one profile.
    ///
    /// # Errors
    /// As [`Supervisor::order`].
    pub async fn order_profile(
        &mut self,
        method: &str,
        name: &ProfileName,
        changed: impl FnMut(ProfileStatus),
    ) -> Result<ProfileStatus> {
        self.order(method, serde_json::json!({ "name": name }), changed).await
    }

    /// What it says of the profiles that it looks after, or of `of` alone; one that it does not know is left out.
    ///
    /// # Errors
    /// As [`Supervisor::order`].
    pub async fn profiles(&mut self, of: Option<&ProfileName>) -> Result<Vec<ProfileStatus>> {
        let params = of.map_or(serde_json::json!({}), |name| serde_json::json!({ "name": name }));
        let mut listed: Value = self.order(PROFILE_LIST, params, |_| {}).await?;
        Ok(serde_json::from_value(listed["profiles"].take()).unwrap_or_default())
    }

    /// Waits until the supervisor closes the connection, as it does at its end.
    pub async fn until_gone(mut self) {
        while let Ok(Some(_)) = self.wire.receive().await {}
    }
}

fn gone() -> Error {
    Error::new(Kind::Unavailable, "supervisor_gone", "the supervisor ended before it answered")
        .remedy("try again; the next one takes over what runs")
}

/// Whether it failed only because that supervisor was on its way out, so that the next one may be asked.
pub fn is_ending(error: &Error) -> bool {
    ["supervisor_gone", "supervisor_stopping"].contains(&error.code())
}

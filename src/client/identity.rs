//! As whom a connection is opened: by a shared secret alone where that is enough, else as a device, which shows the
//! token that the same gateway gave it earlier, or the shared secret until it has one.

use super::gateway::Asking;
use super::keep::{Keep, Purpose};
use super::node::Claims;
use super::node::act::COMMANDS;
use crate::base::{Result, Secret};
use crate::wire::connect::{Challenge, Client};
use crate::wire::device::DeviceKey;
use crate::wire::{ConnectAuth, ConnectParams, Fault, HelloOk};

/// The roles of connections: of every one but a node's own, and of that.
const OPERATOR: &str = "operator";
const NODE: &str = "node";

/// Who knocks.
pub(super) enum Identity<'a> {
    /// Nobody in particular, who knows the shared secret.
    Bearer,
    /// A device.
    Device(Box<Device<'a>>),
}

/// A device of this user, with what is kept for it.
pub(super) struct Device<'a> {
    key: DeviceKey,
    /// Where tokens are kept, when they may be.
    keep: Option<&'a Keep>,
    purpose: Purpose,
    token: Option<Secret>,
}

/// Makes them those of a node.
fn be_node(params: &mut ConnectParams, claims: &Claims) {
    let (platform, family) = match params.client.platform.as_str() {
        "darwin" => ("macos", "Mac"),
        "linux" => ("linux", "Linux"),
        other => (other, ""),
    };
    params.client = Client {
        id: "node-host".into(),
        mode: NODE.into(),
        display_name: Some(claims.name.clone()),
        platform: platform.into(),
        device_family: (!family.is_empty()).then(|| family.to_owned()),
        ..params.client.clone()
    };
    params.role = Some(NODE.into());
    params.scopes = Some(Vec::new());
    params.caps = Some(vec!["system".into()]);
    params.commands = Some(COMMANDS.map(str::to_owned).to_vec());
}

impl<'a> Identity<'a> {
    /// What opens the target. Nothing is read or written for a bearer.
    ///
    /// # Errors
    /// As [`Keep::key`].
    pub(super) fn of(asking: &Asking<'a>) -> Result<Identity<'a>> {
        let target = asking.target;
        let Some(keep) = asking.keep.filter(|_| asking.node.is_some() || target.needs_device(asking.scopes))
        else {
            return Ok(Identity::Bearer);
        };
        let url = &target.endpoint.url;
        let key = keep.key(asking.own.map(|(profile, _)| &profile.name), url)?;
        let endpoint = match &target.beyond {
            Some(beyond) => format!("{url} beyond {beyond}"),
            None => url.clone(),
        };
        let role = if asking.node.is_some() { NODE } else { OPERATOR };
        let purpose = Purpose { endpoint, role: role.into(), device_id: key.id() };
        let keep = Some(keep).filter(|_| target.may_use_kept);
        let token = keep.and_then(|keep| keep.token(&purpose));
        Ok(Identity::Device(Box::new(Device { key, keep, purpose, token })))
    }

    /// The parameters of `connect`.
    pub(super) fn connect(&self, asking: &Asking<'_>, challenge: &Challenge) -> ConnectParams {
        let credential = &asking.target.credential;
        let mut params =
            ConnectParams::backend(asking.purpose, asking.scopes, credential.token(), credential.password());
        let Identity::Device(device) = self else { return params };
        // Under this name a device is paired and gets a token; a backend is not (OPENCLAW.md 5.3).
        params.client.id = "cli".into();
        params.client.mode = "cli".into();
        if let Some(claims) = asking.node {
            be_node(&mut params, claims);
        }
        if let Some(token) = &device.token {
            // The shared secret stays at home then.
            let device_token = Some(token.expose().to_owned());
            params.auth = Some(ConnectAuth { device_token, ..ConnectAuth::default() });
        }
        device.key.sign(&mut params, challenge);
        params
    }

    /// Keeps the token that the gateway gave. One that cannot be kept costs an approval less comfort, not the call.
    pub(super) fn welcomed(&self, hello: &HelloOk) {
        let Identity::Device(device) = self else { return };
        let Some(given) = hello.auth.device_token.as_deref().filter(|text| !text.is_empty()) else { return };
        let is_known = device.token.as_ref().is_some_and(|token| token.matches(given));
        if let Some(keep) = device.keep.filter(|_| !is_known)
            && let Err(error) = keep.remember(&device.purpose, &Secret::new(given))
        {
            tracing::warn!(%error, "the gateway's token for this device is not kept");
        }
    }

    /// Forgets a kept token that was refused; whether there is another way to try.
    pub(super) fn refused(&mut self, fault: &Fault) -> bool {
        let Identity::Device(device) = self else { return false };
        let detail = fault.detail_code().unwrap_or_default();
        let is_about_it = ["AUTH_DEVICE_TOKEN_MISMATCH", "AUTH_TOKEN_MISMATCH", "AUTH_SCOPE_MISMATCH"];
        if !is_about_it.contains(&detail) || device.token.take().is_none() {
            return false;
        }
        if let Some(keep) = device.keep {
            keep.forget(&device.purpose);
        }
        true
    }
}

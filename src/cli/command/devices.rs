//! `devices list`: devices that are paired with the gateway, and those that wait for it.

use serde_json::{Value, json};

use super::pairing::{self, Who};
use crate::base::Result;
use crate::cli::Context;
use crate::cli::args::Devices;
use crate::cli::line::ask;
use crate::cli::render::{Listing, cell};
use crate::host::clock::epoch_ms;

/// What a device's record says that is worth as much as a credential.
const SECRET: [&str; 2] = ["token", "tokenHash"];

/// Runs one of them.
pub async fn run(context: &Context, command: &Devices) -> Result<()> {
    match command {
        Devices::List => list(context).await,
        Devices::Approve(request) => pairing::approve(context, Who::Device, &request.id).await,
        Devices::Reject(request) => pairing::reject(context, Who::Device, &request.id).await,
    }
}

async fn list(context: &Context) -> Result<()> {
    let mut document = ask(context, "device.pair.list", json!({})).await?;
    for device in document["paired"].as_array_mut().into_iter().flatten() {
        for token in device["tokens"].as_array_mut().into_iter().flatten() {
            if let Some(token) = token.as_object_mut() {
                token.retain(|key, _| !SECRET.contains(&key.as_str()));
            }
        }
    }
    context.render.answer(&document, table);
    Ok(())
}

fn table(document: &Value) -> Listing {
    let now = epoch_ms();
    let mut listing =
        Listing::new(&["DEVICE", "NAME", "STATE", "ROLES", "SCOPES", "PLATFORM", "SEEN"], "no devices");
    for (group, word) in [("pending", "waits for approval"), ("paired", "paired")] {
        for device in document[group].as_array().into_iter().flatten() {
            let state = match (group, device["connected"].as_bool()) {
                ("pending", _) => format!("{word} ({})", cell::text(&device["requestId"])),
                (_, Some(true)) => "connected".into(),
                _ => word.to_owned(),
            };
            let roles = cell::list(&device["roles"]);
            listing.row([
                cell::text(&device["deviceId"]),
                cell::first(&[&device["label"], &device["displayName"], &device["clientId"]]),
                state,
                if roles == "-" { cell::text(&device["role"]) } else { roles },
                cell::list(&device["scopes"]),
                cell::text(&device["platform"]),
                cell::distance(now, if group == "pending" { &device["ts"] } else { &device["lastSeenAtMs"] }),
            ]);
        }
    }
    listing
}

//! `dashboard`: the gateway's page in the browser. The address never carries the token; the page asks for it.

use std::ffi::OsString;
use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use crate::access::EndpointSource;
use crate::base::{Error, Kind, Result};
use crate::cli::Context;
use crate::cli::args::Dashboard;
use crate::cli::command::gateway_status::page;
use crate::cli::line::{Asker, shown};
use crate::cli::survey;
use crate::host::process;
use crate::link::http;
use crate::profile::Profile;

/// How long the gateway may take to say that it lives.
const LIVE_TIMEOUT: Duration = Duration::from_secs(3);

/// The program that opens addresses.
const OPENER: &str = match std::env::consts::OS.as_bytes() {
    b"macos" => "open",
    _ => "xdg-open",
};

/// Prints the address, and becomes the program that opens it where somebody sits before a screen.
pub async fn run(context: &Context, dashboard: &Dashboard) -> Result<()> {
    let own = shown(context)?;
    let asker = Asker::new(context, LIVE_TIMEOUT)?;
    let mut url = page(&asker.endpoint().url);
    let is_here = |_: &&Profile| asker.endpoint().source == EndpointSource::Loopback;
    match own.as_ref().filter(is_here) {
        Some(profile) => {
            // Whoever follows the address types the token there.
            asker.identify()?;
            is_alive(context, profile).await?;
            let config = survey::registry(context)?.config(&profile.paths.config_path)?;
            url.push_str(config.page.base_path.trim_start_matches('/'));
        }
        // Elsewhere it has to prove who it is, and the credential that it is ours.
        None => asker.open(&[]).await?.close().await,
    }
    let name = own.as_ref().map(|profile| profile.name.as_str());
    show(context, dashboard, &url, name);
    Ok(())
}

/// Asks the profile's own gateway whether it lives; that takes no credential.
async fn is_alive(context: &Context, profile: &Profile) -> Result<()> {
    let limit = context.timeout.map_or(LIVE_TIMEOUT, |limit| limit.0);
    let (name, port) = (&profile.name, profile.port);
    match timeout(limit, http::get(port, "/healthz")).await {
        // What speaks TLS cannot be asked this way; that somebody accepts has to do.
        Ok(Ok(_)) => {}
        Ok(Err(_)) if profile.tls => {}
        Ok(Err(why)) => {
            return Err(Error::new(
                Kind::NotRunning,
                "gateway_not_running",
                format!("the gateway of `{name}` does not answer on port {port}"),
            )
            .profile(name)
            .caused_by(why)
            .remedy(format!("openclaw profile start {name}")));
        }
        Err(_) => {
            let message = format!("the gateway of `{name}` did not answer within {} ms", limit.as_millis());
            return Err(Error::new(Kind::Deadline, "gateway_slow", message).profile(name));
        }
    }
    Ok(())
}

/// Prints the address, and opens it where somebody sits before a screen.
fn show(context: &Context, dashboard: &Dashboard, url: &str, name: Option<&str>) {
    if context.render.is_json() {
        context.render.document(&json!({ "ok": true, "url": url, "profile": name }));
        return;
    }
    context.render.text(&format!("{url}\n"));
    context
        .render
        .notice("the page asks for the gateway's token or password, which stands in its configuration");
    let screen = OPENER == "open"
        || ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| context.environment.get(name).is_some());
    if !dashboard.no_open && screen && context.render.is_terminal() {
        let argv = [OsString::from(OPENER), OsString::from(url)];
        // It takes this process's place, so there is no child; where there is none, the address was printed.
        // A browser lives long, and whatever it starts inherits from it: it needs no word of this program.
        let rest = context.environment.without_openclaw();
        let environment = rest.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let error = process::exec(&argv, &environment);
        context.render.notice(&format!("{OPENER} cannot be run: {error}"));
    }
}

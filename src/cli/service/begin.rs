//! Starting what was installed. What runs already, under whoever, is not interrupted without consent: then the service
//! is there, and takes over later.

use super::{Scene, asked};
use crate::base::record::SupervisorStatus;
use crate::base::{ProfileName, Result};
use crate::client::control::Supervisor;
use crate::daemon::census;
use crate::host::lock::Record;
use crate::profile::SupervisorPaths;
use crate::service::{Form, Subject};
use crate::wire::control::{SUPERVISOR_STATUS, SUPERVISOR_STOP};

/// How an installation stands before its service is started.
#[derive(Clone, Copy, Debug)]
pub struct Stand {
    /// Whether the manager could be reached.
    pub reached: bool,
    /// Whether its file was written just now.
    pub fresh: bool,
}

/// Starts the service unless it runs; what is to be said where that does not happen.
///
/// # Errors
/// When it does not come up, with the manager's own words.
pub async fn started(scene: &Scene<'_>, form: &Form, stand: Stand, yes: bool) -> Result<Vec<String>> {
    let mut seen = asked::seen(scene).await;
    if scene.launchd && seen.loaded && stand.fresh {
        // launchd reads a file once, when it loads the service.
        if seen.runs() && !yes {
            return Ok(vec![format!(
                "launchd runs {} by the file as it was before; to go over, which restarts its gateways: openclaw \
                 service uninstall, then openclaw service install",
                scene.name()
            )]);
        }
        asked::stop(scene, form.stop_timeout()).await?;
        seen = asked::seen(scene).await;
    }
    if seen.runs() {
        return Ok(Vec::new());
    }
    if !stand.reached || !seen.reached {
        return Ok(vec!["the service manager does not answer; the service starts when that does".into()]);
    }
    let waits = match &scene.subject {
        Subject::Supervisor => beside_supervisor(scene, yes).await?,
        Subject::Gateway(name) => beside_gateway(scene, name)?,
        Subject::Template => None,
    };
    if let Some(warning) = waits {
        return Ok(vec![warning]);
    }
    asked::start(scene, form.start_timeout()).await?;
    Ok(Vec::new())
}

/// A supervisor that a command began gives way, and its gateways run on. One of another service, or of a terminal, is in
/// the way; with consent it ends, and its gateways come back with the service's own.
async fn beside_supervisor(scene: &Scene<'_>, yes: bool) -> Result<Option<String>> {
    if scene.is_system() && scene.account.uid != super::me().uid {
        return Ok(None);
    }
    let paths = SupervisorPaths::derive(&scene.environment)?;
    let Some(mut supervisor) = Supervisor::connect(&paths).await? else { return Ok(None) };
    let status: SupervisorStatus = supervisor.order(SUPERVISOR_STATUS, serde_json::json!({}), |_| {}).await?;
    let pid = status.pid;
    if status.on_demand {
        return Ok(None);
    }
    if !yes {
        return Ok(Some(format!(
            "a supervisor runs already (pid {pid}, by {}); the service takes over at the next boot, or now, which \
             restarts its gateways: openclaw service install --yes",
            manager(pid)
        )));
    }
    let _: serde_json::Value = supervisor.order(SUPERVISOR_STOP, serde_json::json!({}), |_| {}).await?;
    supervisor.until_gone().await;
    Ok(None)
}

fn beside_gateway(scene: &Scene<'_>, name: &ProfileName) -> Result<Option<String>> {
    let state_dir =
        scene.registry()?.load_with(name, &crate::cli::chosen::flags(scene.context))?.paths.state_dir;
    let record = Record::read(&state_dir).filter(|record| record.is_proved(&state_dir));
    Ok(record.map(|record| {
        format!(
            "the gateway of `{name}` runs already (pid {}, by {}); the service runs it once that has ended: \
             openclaw profile stop {name}, then openclaw --profile {name} service install",
            record.pid,
            manager(record.pid)
        )
    }))
}

/// Who looks after a process, in words.
fn manager(pid: u32) -> String {
    census::manager_of(pid).unit.unwrap_or_else(|| "no service".into())
}

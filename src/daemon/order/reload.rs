//! `supervisor.reload`: hands over to the program that asks, in this very process, so that no gateway is
//! restarted and none loses its parent. The caller sees the hand-over when the connection closes.

use std::ffi::OsString;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;

use super::ending;
use crate::base::{Error, Kind, Result};
use crate::daemon::mailbox::{Order, Orders};
use crate::host::{files, process};
use crate::wire::Frame;
use crate::wire::control::{self, ReloadParams, SUPERVISOR_RELOAD};

/// How long the new program may take to say its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(5);

/// The answer to the order; refused when the new program cannot be run.
pub async fn answer(orders: &Orders, id: &str, params: Value) -> Frame {
    let params = match control::params::<ReloadParams>(SUPERVISOR_RELOAD, params) {
        Ok(params) => params,
        Err(fault) => return Frame::failure(id, fault),
    };
    match hand_over(orders, params).await {
        Ok(version) => {
            let answer = serde_json::json!({ "from": env!("CARGO_PKG_VERSION"), "to": version });
            Frame::success(id, answer)
        }
        Err(error) => control::failure(id, &error),
    }
}

async fn hand_over(orders: &Orders, params: ReloadParams) -> Result<String> {
    let program = params.program.clone();
    let asked = tokio::task::spawn_blocking(move || version_of(&params)).await;
    let version = asked.map_err(|_| ending())??;
    let (answer, taken) = oneshot::channel();
    orders.send(Order::Reload(program, answer));
    taken.await.map_err(|_| ending())??;
    orders.saved().await;
    Ok(version)
}

/// What the program says it is. One that cannot say so must not become the supervisor.
fn version_of(params: &ReloadParams) -> Result<String> {
    let program = &params.program;
    let unfit = |why: String| {
        let message = format!("{} cannot become the supervisor: {why}", program.display());
        Error::new(Kind::Failed, "program_unfit", message)
            .remedy("nothing was changed; the supervisor goes on as it is")
    };
    if !program.is_absolute() || !files::is_executable(program) {
        return Err(unfit("it is no program file with an absolute path".into()));
    }
    let argv: [OsString; 2] = [program.into(), "--version".into()];
    let said =
        process::output_of(&argv, None, None, VERSION_TIMEOUT).map_err(|error| unfit(error.to_string()))?;
    let version = said.trim().strip_prefix("openclaw ").filter(|version| !version.is_empty());
    version.map(str::to_owned).ok_or_else(|| unfit("it does not say its version as this program does".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_program_that_says_its_version_may_take_over() {
        for program in ["openclaw", "/no/such/program", "/bin/true", "/etc/passwd"] {
            let error = version_of(&ReloadParams { program: program.into() }).unwrap_err();
            assert_eq!(error.code(), "program_unfit", "{program}");
        }
    }
}

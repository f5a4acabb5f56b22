//! `profile.logs`: the end of what a profile's gateway wrote. It may leave this machine, so what looks like a
//! credential is left out.

use serde_json::{Value, json};

use super::ending;
use crate::daemon::evidence::without_secrets;
use crate::daemon::mailbox::Orders;
use crate::host::tail::Tail;
use crate::wire::Frame;
use crate::wire::control::{self, LOG_LINES_MAX, LogsParams, PROFILE_LOGS};

/// Longest line that is told, in characters.
const LINE_MAX: usize = 2000;

/// The answer to the order.
pub async fn answer(orders: &Orders, id: &str, params: Value) -> Frame {
    let LogsParams { name, lines } = match control::params(PROFILE_LOGS, params) {
        Ok(params) => params,
        Err(fault) => return Frame::failure(id, fault),
    };
    let path = orders.setup().paths.log_dir.join(format!("{name}.log"));
    let read =
        tokio::task::spawn_blocking(move || Tail::open(&path).last_lines(lines.min(LOG_LINES_MAX))).await;
    match read {
        Ok(text) => Frame::success(id, json!({ "name": name, "lines": told(&text) })),
        Err(_) => control::failure(id, &ending()),
    }
}

fn told(text: &str) -> Vec<String> {
    text.lines().map(|line| without_secrets(line).chars().take(LINE_MAX).collect()).collect()
}

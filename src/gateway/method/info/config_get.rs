//! `config.get`: the configuration file without its secrets, and the mark of what the gateway works by. The text itself
//! is told to nobody: a comment may hold what a key would be redacted for.

use serde_json::{Value, json};

use crate::gateway::method::Call;
use crate::gateway::settings;
use crate::profile::include;

/// The answer.
pub async fn answer(call: &Call) -> Value {
    let hub = &call.hub;
    // Without the gateway's own key there are no marks, and the rest is told all the same.
    let _ = hub.devices.ready(&hub.store).await;
    let file = settings::read(hub);
    let shown = settings::shown(hub, &file.tree);
    let issues: Vec<Value> = file.issue.iter().map(|issue| json!({ "path": "", "message": issue })).collect();
    json!({
        "path": hub.options.config_path,
        "includedPaths": include::includes(&file.tree),
        "exists": file.text.is_some(),
        "raw": null,
        "parsed": shown,
        "sourceConfig": shown,
        "resolved": shown,
        "valid": issues.is_empty(),
        "runtimeConfig": shown,
        "config": shown,
        "hash": settings::mark(hub, file.text.as_deref().unwrap_or_default()),
        "issues": issues,
        "warnings": [],
        "legacyIssues": [],
        "configRevisionHash": settings::mark_of(hub, &file),
        "appliedConfigHash": hub.applied_config(),
    })
}

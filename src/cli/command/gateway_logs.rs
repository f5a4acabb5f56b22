//! `logs`: the gateway's log, asked of the gateway itself. Following asks again with the
//! place that was reached.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::base::Result;
use crate::cli::Context;
use crate::cli::args::GatewayLogs;
use crate::cli::line::Asker;
use crate::cli::render::cell;

/// How long one answer may take, as in the real program.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Prints the last lines and, with `--follow`, goes on until it is interrupted.
///
/// With `--json` each line is a document of its own, as the real program prints them: `meta`, then `log`.
pub async fn run(context: &Context, logs: &GatewayLogs) -> Result<()> {
    let (asker, interval) = (Asker::new(context, TIMEOUT)?, logs.interval.interval()?);
    let mut cursor = None;
    loop {
        // A connection of its own each time: the time of one answer is limited, that of the whole is not.
        let mut line = asker.open(&["logs.tail"]).await?;
        let mut params = json!({ "limit": logs.limit, "maxBytes": logs.max_bytes });
        if let Some(cursor) = cursor {
            params["cursor"] = json!(cursor);
        }
        let answer = line.ask("logs.tail", params).await?;
        line.close().await;
        let text = text(context.render.is_json(), cursor.is_none(), &answer);
        if answer["reset"] == true && cursor.is_some() {
            context.render.notice("the log was rotated");
        }
        cursor = answer["cursor"].as_u64();
        let read = context.render.text(&text);
        if !logs.follow || !read {
            return Ok(());
        }
        sleep(interval).await;
    }
}

/// What is printed of one answer.
fn text(as_json: bool, is_first: bool, answer: &Value) -> String {
    let lines = answer["lines"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if !as_json {
        return lines.map(|line| plain(line) + "\n").collect();
    }
    let meta = is_first.then(|| {
        let mut meta = json!({ "type": "meta" });
        for key in ["file", "cursor", "size", "truncated", "reset"] {
            if let Some(value) = answer.get(key) {
                meta[key] = value.clone();
            }
        }
        meta
    });
    let documents = meta.into_iter().chain(lines.map(document));
    documents.map(|document| document.to_string() + "\n").collect()
}

/// The parts of a line that was written as JSON: time, level, subsystem, message.
fn parts(line: &str) -> Option<(Value, Value, Value, Value)> {
    let parsed: Value = serde_json::from_str(line).ok().filter(Value::is_object)?;
    let level = parsed["_meta"]["logLevelName"].as_str().map(str::to_ascii_lowercase);
    let name = parsed["_meta"]["name"].as_str().and_then(|name| serde_json::from_str::<Value>(name).ok());
    let subsystem = name.map_or(Value::Null, |name| name["subsystem"].clone());
    Some((parsed["time"].clone(), json!(level), subsystem, parsed["message"].clone()))
}

fn document(line: &str) -> Value {
    match parts(line) {
        Some((time, level, subsystem, message)) => {
            json!({ "type": "log", "time": time, "level": level, "subsystem": subsystem, "message": message, "raw": line })
        }
        None => json!({ "type": "raw", "raw": line }),
    }
}

fn plain(line: &str) -> String {
    match parts(line) {
        Some((time, level, subsystem, message)) if message.is_string() => {
            let words = [&time, &level, &subsystem, &message];
            let words: Vec<String> =
                words.iter().filter(|word| word.is_string()).map(|word| cell::text(word)).collect();
            words.join(" ")
        }
        _ => cell::clean(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structured_lines_are_told_shortly_and_plain_ones_as_they_are() {
        let line = r#"{"0":"{}","_meta":{"logLevelName":"INFO","name":"{\"subsystem\":\"gateway\"}"},"time":"T","message":"ready"}"#;
        let answer = json!({"file": "f", "cursor": 7, "size": 7, "lines": [line, "bare\u{1b}[0m"]});
        assert_eq!(text(false, true, &answer), "T info gateway ready\nbare [0m\n");
        let lines = text(true, true, &answer);
        let kinds: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["type"].clone()).collect();
        assert_eq!(kinds, ["meta", "log", "raw"]);
        assert!(!text(true, false, &answer).contains("meta\""));
    }
}

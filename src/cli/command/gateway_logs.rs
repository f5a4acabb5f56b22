//! `logs`: the gateway's log, asked of the gateway itself. Following asks again with the
//! place that was reached.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::params;
use crate::base::Result;
use crate::cli::Context;
use crate::cli::args::GatewayLogs;
use crate::cli::command::status::PAUSE_MIN;
use crate::cli::line::Asker;
use crate::cli::render::cell;

/// How long one answer may take, as in the real program.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What is said where the gateway began another file.
const ROTATED: &str = "the log was rotated";

/// Prints the last lines and, with `--follow`, goes on until it is interrupted.
///
/// With `--json` each line is a document of its own, as the real program prints them: `meta`, then `log` for a line
/// that was written as JSON and `raw` for any other, and `notice` for what is to be known besides.
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
        // Whoever asked for the last lines knows that there are others.
        if !context.render.is_json() && answer["reset"] == true && cursor.is_some() {
            context.render.notice(ROTATED);
        }
        cursor = answer["cursor"].as_u64();
        let read = context.render.text(&text);
        if !logs.follow || !read {
            return Ok(());
        }
        sleep(interval.max(PAUSE_MIN)).await;
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
        for key in ["file", "source", "sourceKind", "service", "cursor", "size"] {
            if let Some(value) = answer.get(key) {
                meta[key] = value.clone();
            }
        }
        if meta["sourceKind"].is_null() && meta["file"].is_string() {
            meta["sourceKind"] = json!("file");
        }
        meta
    });
    let notices =
        notices(is_first, answer).into_iter().map(|what| json!({ "type": "notice", "message": what }));
    let documents = meta.into_iter().chain(lines.map(document)).chain(notices);
    documents.map(|document| document.to_string() + "\n").collect()
}

/// What is to be known of an answer besides its lines.
fn notices(is_first: bool, answer: &Value) -> Vec<&'static str> {
    let truncated =
        (answer["truncated"] == true).then_some("older lines were left out; see -n and --max-bytes");
    let rotated = (answer["reset"] == true && !is_first).then_some(ROTATED);
    truncated.into_iter().chain(rotated).collect()
}

/// The parts of a line that was written as JSON, those that it has, under the real program's keys.
fn parts(line: &str) -> Option<Value> {
    let parsed: Value = serde_json::from_str(line).ok().filter(Value::is_object)?;
    let meta = &parsed["_meta"];
    let context = |text: &Value| text.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let contexts = [context(&meta["name"]), context(&parsed["0"])];
    let named =
        |key: &str| contexts.iter().flatten().map(|context| &context[key]).find(|name| name.is_string());
    let level = meta["logLevelName"].as_str().or(parsed["level"].as_str()).map(str::to_lowercase);
    let time = if parsed["time"].is_string() { &parsed["time"] } else { &meta["date"] };
    Some(params(&[
        ("time", time.clone()),
        ("level", json!(level)),
        ("subsystem", json!(named("subsystem").or(parsed.get("subsystem")))),
        ("module", json!(named("module"))),
        ("plugin", json!(named("plugin"))),
        ("message", json!(message(&parsed))),
    ]))
}

/// What a line says: its own text, else the values that were logged, which stand under numbers.
fn message(parsed: &Value) -> String {
    if let Some(message) = parsed["message"].as_str() {
        return message.to_owned();
    }
    let values = parsed
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, value)| !value.is_null() && key.bytes().all(|byte| byte.is_ascii_digit()));
    let words: Vec<String> =
        values.map(|(_, value)| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect();
    words.join(" ")
}

fn document(line: &str) -> Value {
    match parts(line) {
        Some(mut parts) => {
            parts["type"] = json!("log");
            parts["raw"] = json!(line);
            parts
        }
        None => json!({ "type": "raw", "raw": line }),
    }
}

fn plain(line: &str) -> String {
    let Some(parts) = parts(line) else { return cell::clean(line) };
    let label =
        ["subsystem", "module", "plugin"].iter().map(|key| &parts[key]).find(|label| label.is_string());
    let words = [&parts["time"], &parts["level"], label.unwrap_or(&Value::Null), &parts["message"]];
    let words: Vec<String> = words.iter().filter_map(|word| word.as_str()).map(cell::clean).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_told_with_what_it_has() {
        let line = r#"{"0":"{\"module\":\"cron\"}","1":"two","2":{"n":1},"_meta":{"date":"D","logLevelName":"WARN"}}"#;
        assert_eq!(plain(line), r#"D warn cron {"module":"cron"} two {"n":1}"#);
        let told = document(line);
        assert_eq!((&told["module"], told.get("subsystem")), (&json!("cron"), None), "{told}");
        assert_eq!(plain("[1]"), "[1]");
    }

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
        assert!(
            lines.starts_with(r#"{"cursor":7,"file":"f","size":7,"sourceKind":"file","type":"meta"}"#),
            "{lines}"
        );
        let answer = json!({"lines": [], "truncated": true, "reset": true});
        assert_eq!(text(true, false, &answer).matches("notice").count(), 2);
    }
}

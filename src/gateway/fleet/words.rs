//! What is answered in a chat about profiles: short lines for a small screen.

use serde_json::Value;

use crate::profile::rescue::May;
use crate::supervise::echo::telling;

/// Most conflicts that are told at once.
const CONFLICTS_TOLD: usize = 8;
/// Most keys that are named of one file.
const KEYS_TOLD: usize = 10;

/// One line a profile.
pub fn profiles(told: &Value) -> String {
    let lines: Vec<String> = list(&told["profiles"]).map(|profile| brief(profile, &told["own"])).collect();
    if lines.is_empty() { "There are no profiles.".into() } else { lines.join("\n") }
}

fn brief(profile: &Value, own: &Value) -> String {
    let mut words = vec![format!("{}: {}", text(&profile["name"]), state(profile))];
    if let Some(port) = profile["port"].as_u64() {
        words.push(format!("port {port}"));
    }
    words.extend(profile["memoryBytes"].as_u64().map(size));
    words.extend(latency(profile));
    if profile["name"] == *own {
        words.push("this gateway".into());
    }
    words.join(", ")
}

/// One profile whole.
pub fn profile(status: &Value) -> String {
    let mut lines = vec![format!("{}: {}", text(&status["name"]), state(status))];
    let mut add = |name: &str, value: Option<String>| {
        lines.extend(value.map(|value| format!("{name}: {value}")));
    };
    let number = |key: &str| status[key].as_u64().map(|number| number.to_string());
    add("wanted", status["intent"].as_str().map(str::to_owned));
    add("port", number("port"));
    add("pid", number("pid"));
    add("up for", status["uptimeMs"].as_u64().map(span));
    add("memory", status["memoryBytes"].as_u64().map(size));
    add("answers in", latency(status));
    add("restarts", number("restarts").filter(|count| count != "0"));
    add("last end", last_exit(status));
    lines.extend(list(&status["warnings"]).map(|warning| format!("warning: {}", text(warning))));
    lines.join("\n")
}

/// How a turn of a profile ended.
pub fn turned(told: &Value) -> String {
    let profile = &told["profile"];
    let name = text(&profile["name"]);
    match told["done"] == true {
        true => format!("{name} is {}.", state(profile)),
        false => format!("{name} is not there yet ({}); see /status {name}", state(profile)),
    }
}

/// The conflicts of the host, the worst first.
pub fn conflicts(report: &Value) -> String {
    let gateways = list(&report["gateways"]).count();
    let found: Vec<&Value> = list(&report["conflicts"]).collect();
    if found.is_empty() {
        return format!("No conflicts. Gateways on this host: {gateways}.");
    }
    let told = found.iter().take(CONFLICTS_TOLD).map(|conflict| {
        format!(
            "{}: {}\n  do: {}",
            text(&conflict["severity"]),
            text(&conflict["message"]),
            text(&conflict["remedy"])
        )
    });
    let mut lines: Vec<String> = told.collect();
    if found.len() > CONFLICTS_TOLD {
        lines.push(format!("and {} more", found.len() - CONFLICTS_TOLD));
    }
    lines.join("\n")
}

/// The lines of a log.
pub fn logs(told: &Value) -> String {
    let lines: Vec<String> = list(&told["lines"]).map(text).collect();
    if lines.is_empty() { format!("{} has written nothing.", text(&told["name"])) } else { lines.join("\n") }
}

/// What was put back.
pub fn restored(told: &Value) -> String {
    let name = text(&told["profile"]);
    let file = |restored: &Value| {
        let keys: Vec<String> = list(&restored["keys"]).map(text).collect();
        let differed = match keys.len() {
            0 => String::new(),
            some => {
                let more = if some > KEYS_TOLD { " and more" } else { "" };
                format!(", it differed in {}{more}", keys[..some.min(KEYS_TOLD)].join(", "))
            }
        };
        format!("{} is back as it last worked{differed}.", text(&restored["path"]))
    };
    let mut lines: Vec<String> = list(&told["restored"]).map(file).collect();
    lines.push(format!("If {name} runs, it takes it over at its next start: /restart {name}"));
    lines.join("\n")
}

/// An incident in one line.
pub fn alert(told: &Value) -> String {
    let over = if told["event"] == "recovered" { "over: " } else { "" };
    let remedy = told["remedy"].as_str().map(|remedy| format!("\n{remedy}")).unwrap_or_default();
    format!("{over}{}: {}{remedy}", text(&told["profile"]), text(&told["message"]))
}

/// An incident for a phone: what happened, and what can be ordered from there.
pub fn notice(told: &Value, may: impl Fn(May) -> bool) -> String {
    let name = text(&told["profile"]);
    if told["event"] == "recovered" {
        return format!("{name} is well again: {}", text(&told["message"]));
    }
    let orders = [(May::Status, "status"), (May::Logs, "logs"), (May::Restart, "restart")];
    let orders = orders.iter().filter(|(needs, _)| may(*needs));
    let orders: String = orders.map(|(_, word)| format!("\n/{word} {name}")).collect();
    format!("{name}: {}{orders}", text(&told["message"]))
}

fn state(profile: &Value) -> String {
    let state = text(&profile["state"]);
    match profile["phase"].as_str() {
        Some(phase) => format!("{state} ({phase})"),
        None if state.is_empty() => "under way".into(),
        None => state,
    }
}

fn last_exit(profile: &Value) -> Option<String> {
    let exit = &profile["lastExit"];
    let reason = exit["reason"].as_str()?;
    let lines: Vec<String> = list(&exit["lastLines"]).map(text).collect();
    Some(telling(&lines).map_or_else(|| reason.to_owned(), |line| format!("{reason}; its last line: {line}")))
}

fn latency(profile: &Value) -> Option<String> {
    profile["probe"]["latencyMs"].as_f64().map(|millis| format!("{millis:.0} ms"))
}

fn size(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

fn span(millis: u64) -> String {
    let minutes = millis / 60_000;
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, 0) => format!("{} s", millis / 1000),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| if value.is_null() { String::new() } else { value.to_string() }, str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn profiles_are_told_in_a_line_each_and_one_of_them_whole() {
        let main = json!({
            "name": "main", "state": "degraded", "phase": null, "intent": "up", "port": 18789, "pid": 7,
            "memoryBytes": 900 << 20, "uptimeMs": 3_720_000, "restarts": 2, "probe": {"latencyMs": 12.4},
            "lastExit": {"reason": "exit code 1", "lastLines": ["one", "two", "  try: three"]}, "warnings": ["look"],
        });
        let told =
            json!({"own": "rescue", "profiles": [main, {"name": "rescue", "state": "ready", "port": 1}]});
        let expected = "main: degraded, port 18789, 900 MiB, 12 ms\nrescue: ready, port 1, this gateway";
        assert_eq!(profiles(&told), expected);
        insta::assert_snapshot!(profile(&told["profiles"][0]), @r"
        main: degraded
        wanted: up
        port: 18789
        pid: 7
        up for: 1 h 2 min
        memory: 900 MiB
        answers in: 12 ms
        restarts: 2
        last end: exit code 1; its last line: two
        warning: look
        ");
    }

    #[test]
    fn turns_conflicts_and_alerts_are_told_with_what_to_do_next() {
        let told = json!({"done": true, "profile": {"name": "main", "state": "ready"}});
        assert_eq!(turned(&told), "main is ready.");
        let told = json!({"done": false, "profile": {"name": "main"}});
        assert_eq!(turned(&told), "main is not there yet (under way); see /status main");
        assert_eq!(conflicts(&json!({"gateways": [{}]})), "No conflicts. Gateways on this host: 1.");
        let one = json!({"severity": "error", "message": "two on one port", "remedy": "stop one"});
        let many: Vec<_> = (0..10).map(|_| one.clone()).collect();
        let said = conflicts(&json!({ "conflicts": many }));
        assert!(said.starts_with("error: two on one port\n  do: stop one\n") && said.ends_with("and 2 more"));
        let told = json!({"event": "recovered", "profile": "main", "message": "it answers"});
        assert_eq!(alert(&told), "over: main: it answers");
        assert_eq!(notice(&told, |_| true), "main is well again: it answers");
        let told =
            json!({"event": "alert", "profile": "main", "message": "it hangs", "remedy": "openclaw …"});
        assert_eq!(notice(&told, |_| true), "main: it hangs\n/status main\n/logs main\n/restart main");
        assert_eq!(notice(&told, May::is_look), "main: it hangs\n/status main\n/logs main");
    }
}

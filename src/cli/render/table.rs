//! Tables and figures for people.

use std::time::Duration;

use comfy_table::{Color, Table};

use super::narrow::{self, Value, plain};
use crate::base::Reach;
use crate::base::exposure::Exposure;
use crate::base::record::{Holder, Intent, LinkStatus, ProfileStatus, State};
use crate::conflict::Conflict;
use crate::conflict::host::FoundGateway;
use crate::host::clock::epoch_ms;

/// Profiles, one a row; the selected one has a mark.
pub fn profiles(
    profiles: &[ProfileStatus],
    selected: Option<&str>,
    colour: bool,
    columns: Option<u16>,
) -> String {
    let header = ["PROFILE", "STATE", "RUNTIME", "PORT", "PID", "MEMORY", "LATENCY", "UPTIME", "MANAGED"];
    let row = |profile: &ProfileStatus| {
        vec![
            plain(marked(&profile.name, selected)),
            state(profile, colour),
            plain(profile.runtime.as_str()),
            plain(profile.port),
            plain(or_dash(profile.pid)),
            plain(or_dash(profile.memory_bytes.map(size))),
            plain(or_dash(latency(profile))),
            plain(or_dash(profile.uptime_ms.map(age))),
            plain(if profile.managed { "yes" } else { "no" }),
        ]
    };
    narrow::laid_out(&header, profiles.iter().map(row).collect(), columns)
}

fn marked(name: &str, selected: Option<&str>) -> String {
    if selected == Some(name) { format!("{name} *") } else { name.to_owned() }
}

/// Gateways of the host, one a row.
pub fn gateways(gateways: &[FoundGateway], columns: Option<u16>) -> String {
    // Most hosts show no gateway to anybody else, and then there is nothing to tell.
    let shown = gateways.iter().any(|gateway| !gateway.exposure.is_empty());
    let exposure = |gateway: &FoundGateway| {
        let ways: Vec<String> = gateway.exposure.iter().map(Exposure::in_words).collect();
        plain(if ways.is_empty() { "-".into() } else { ways.join("; ") })
    };
    let row = |gateway: &FoundGateway| {
        let mut row = vec![
            plain(or_dash(gateway.profile.as_ref())),
            plain(or_dash(gateway.pid)),
            plain(or_dash(gateway.user.as_ref())),
            plain(or_dash(gateway.program.as_ref())),
            plain(or_dash(gateway.port)),
            plain(gateway.reached.map_or("-", Reach::as_str)),
            plain(gateway.manager.unit.as_deref().unwrap_or(gateway.manager.kind.as_str())),
            plain(if gateway.ours { "yes" } else { "no" }),
        ];
        row.extend(shown.then(|| exposure(gateway)));
        row
    };
    let mut header = vec!["PROFILE", "PID", "USER", "PROGRAM", "PORT", "REACHED", "MANAGER", "OURS"];
    header.extend(shown.then_some("EXPOSURE"));
    narrow::laid_out(&header, gateways.iter().map(row).collect(), columns)
}

/// A conflict: what, who, what to do, and how that was found where it is told.
pub fn conflict(conflict: &Conflict) -> String {
    let mut text = format!("{}: {}\n", conflict.code.as_str(), conflict.message);
    if let Some(held) = &conflict.holder {
        text.push_str(&format!("  held by: {}\n", holder(held)));
    }
    text.push_str(&format!("  try: {}\n", conflict.remedy));
    text.extend(conflict.explain.iter().map(|reason| format!("  because {reason}\n")));
    text
}

/// The table without blanks at the ends of its lines.
pub fn trimmed(table: &Table) -> String {
    table.to_string().lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

fn state(profile: &ProfileStatus, colour: bool) -> Value {
    let text = match &profile.phase {
        Some(phase) => format!("{} ({phase})", profile.state.as_str()),
        None => profile.state.as_str().to_owned(),
    };
    let (text, cell) = plain(text);
    let cell = match profile.state {
        _ if !colour => cell,
        State::Ready => cell.fg(Color::Green),
        State::Failed => cell.fg(Color::Red),
        State::Stopped => cell,
        State::Starting | State::Degraded | State::Stopping | State::Backoff => cell.fg(Color::Yellow),
    };
    (text, cell)
}

/// Everything about one profile, a fact a line.
pub fn facts(profile: &ProfileStatus) -> String {
    let intent = match profile.intent {
        Intent::Up => "up",
        Intent::Down => "down",
    };
    let mut lines = vec![
        ("profile", profile.name.clone()),
        (
            "state",
            profile.phase.iter().fold(profile.state.as_str().to_owned(), |state, p| format!("{state} ({p})")),
        ),
        ("wanted", intent.to_owned()),
        ("runtime", profile.runtime.as_str().to_owned()),
        ("isolation", profile.isolation.as_str().to_owned()),
        ("managed", if profile.managed { "yes" } else { "no" }.to_owned()),
        ("url", profile.url.clone()),
    ];
    lines.extend(profile.port_block.map(|(first, last)| ("ports", format!("{first}-{last}"))));
    lines.extend([
        ("state dir", profile.state_dir.clone()),
        ("config", profile.config_path.clone()),
        ("workspace", profile.workspace.clone()),
        ("restarts", profile.restarts.to_string()),
    ]);
    lines.extend(profile.link.iter().flat_map(link));
    let known = [
        ("confined", confined(profile)),
        ("version", profile.version.clone()),
        ("pid", profile.pid.map(|pid| pid.to_string())),
        ("memory", profile.memory_bytes.map(size)),
        ("cpu", profile.cpu_percent.map(|percent| format!("{percent} %"))),
        ("latency", latency(profile)),
        ("uptime", profile.uptime_ms.map(age)),
        ("last exit", profile.last_exit.as_ref().map(|exit| exit.reason.clone())),
    ];
    lines.extend(known.into_iter().filter_map(|(fact, value)| Some((fact, value?))));
    lines.iter().map(|(fact, value)| format!("{fact:<10} {value}\n")).collect()
}

/// The facts of a link.
fn link(link: &LinkStatus) -> Vec<(&'static str, String)> {
    let ago = |at_ms: u64| format!("{} ago", age(epoch_ms().saturating_sub(at_ms)));
    let ahead = |at_ms: u64| format!("in {}", age(at_ms.saturating_sub(epoch_ms())));
    let mut facts = vec![
        ("link", if link.up { "up" } else { "down" }.to_owned()),
        ("way", format!("{} {}", link.transport, link.target)),
        ("near end", format!("127.0.0.1:{} to port {} there", link.local_port, link.remote_port)),
        ("trust", link.trust.clone()),
        ("reconnects", link.reconnects.to_string()),
    ];
    facts.extend(
        link.forwards.iter().map(|(near, far)| ("forward", format!("127.0.0.1:{near} to port {far} there"))),
    );
    let known = [
        ("link pid", link.pid.map(|pid| pid.to_string())),
        ("handshake", link.last_handshake_at_ms.map(ago)),
        ("moved", link.bytes.map(size)),
        ("next try", link.next_attempt_at_ms.map(ahead)),
        ("last error", link.last_error.clone()),
    ];
    facts.extend(known.into_iter().filter_map(|(fact, value)| Some((fact, value?))));
    facts
}

fn latency(profile: &ProfileStatus) -> Option<String> {
    Some(format!("{:.1} ms", profile.probe?.latency_ms?))
}

fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".into(), |value| value.to_string())
}

/// A holder in one line.
pub fn holder(holder: &Holder) -> String {
    let program = holder.program.as_deref().unwrap_or("an unknown program");
    let pid = holder.pid.map(|pid| format!(", pid {pid}")).unwrap_or_default();
    let user = holder.user.as_ref().map(|user| format!(", user {user}")).unwrap_or_default();
    let unit = holder.unit.as_ref().map(|unit| format!(", unit {unit}")).unwrap_or_default();
    let profile = holder.profile.as_ref().map(|name| format!(", profile {name}")).unwrap_or_default();
    let container = holder.container.as_ref().map(|name| format!(", container {name}")).unwrap_or_default();
    format!("{program}{pid}{user}{profile}{unit}{container}")
}

/// Bytes as people read them, in binary units.
pub fn size(bytes: u64) -> String {
    let mebibytes = bytes as f64 / 1_048_576.0;
    if mebibytes >= 1024.0 { format!("{:.1} GiB", mebibytes / 1024.0) } else { format!("{mebibytes:.1} MiB") }
}

/// What a profile's gateway is confined to, and what it was to be.
fn confined(profile: &ProfileStatus) -> Option<String> {
    let confine = &profile.confine;
    if confine.level == "off" {
        return None;
    }
    Some(match (&confine.in_force, confine.abi) {
        (Some(level), Some(abi)) if *level == confine.level => {
            format!("{level}, in force (Landlock ABI {abi})")
        }
        (Some(level), _) if *level == confine.level => level.clone(),
        (Some(level), _) => format!("{level} in force, {} wanted", confine.level),
        (None, _) if profile.pid.is_some() => {
            format!("{} wanted; what is in force is not known", confine.level)
        }
        (None, _) => confine.level.clone(),
    })
}

/// A length of time as people read it, to the second.
pub fn age(millis: u64) -> String {
    humantime::format_duration(Duration::from_secs(millis / 1000)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!(size(5 * 1024 * 1024 + 300_000), "5.3 MiB");
        assert_eq!(size(3 << 30), "3.0 GiB");
        assert_eq!(age(3_723_999), "1h 2m 3s");
    }
}

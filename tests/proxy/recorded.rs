//! A gateway that answers what the real one was heard to answer, and every verb that reads from it. What the real
//! program and its gateway said stands in `samples`.

use super::world::World;

/// What the recorded gateway answers.
pub const ANSWERS: &str = include_str!("samples/answers.json");

/// Every verb that only reads, with the methods it calls.
pub const VERBS: [(&str, &[&str]); 18] = [
    ("health", &["health"]),
    ("status", &["status", "system-presence", "health"]),
    ("status --deep", &["status", "system-presence", "health", "last-heartbeat"]),
    ("gateway status", &[]),
    ("gateway status --require-rpc", &["status"]),
    ("gateway health", &["health"]),
    ("gateway probe", &["health", "status", "system-presence", "config.get"]),
    ("gateway usage-cost", &["usage.cost"]),
    ("gateway stability", &["diagnostics.stability"]),
    ("nodes list", &["node.pair.list", "node.list"]),
    ("nodes pending", &["node.pair.list"]),
    ("devices list", &["device.pair.list"]),
    ("sessions list", &["sessions.list"]),
    ("sessions history main", &["chat.history"]),
    ("channels status", &["channels.status"]),
    ("models list", &["models.list"]),
    ("cron list", &["cron.list"]),
    ("config get", &["config.get"]),
];

/// A world whose profile `work` runs a gateway that answers what was recorded.
pub fn recorded(knobs: &[&str]) -> World {
    let world = World::new();
    std::fs::write(world.path("answers.json"), ANSWERS).unwrap();
    world.fake("work", "", "", &[&["--answers", "@answers.json", "--record", "@frames"], knobs].concat());
    world.run(&["profile", "start", "work"]).ok();
    world
}

/// The words of a verb for the profile `work`.
pub fn words<'a>(verb: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    ["--profile", "work"].into_iter().chain(verb.split(' ')).chain(more.iter().copied()).collect()
}

//! Incident B7: credentials and approvals of one profile ended up in another, or in a legacy directory. A whole life
//! of one profile leaves every other tree as it was, and its gateway is told its own paths only.

use std::fs;

use super::look;
use super::world::{World, pid};

/// Where the real program and its predecessors keep things, and where other profiles do.
const TREES: [&str; 5] = [".openclaw", ".openclaw-other", ".clawdbot", ".moltbot", ".openclaw-wor"];

#[test]
fn incident_b7_a_profiles_whole_life_touches_no_other_tree() {
    let world = World::new();
    for tree in TREES {
        for file in ["openclaw.json", "credentials/creds.json", "workspace/AGENTS.md", "approvals.json"] {
            let file = world.home(tree).join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "{}").unwrap();
        }
    }
    let trees = || TREES.map(|tree| look::tree(&world.home(tree)));
    let before = trees();
    let (name, copy) = (world.name("work"), world.name("copy"));
    let gateway = pid(&world.start(&name));
    let environment = look::environment(gateway);
    let own = world.state(&name).display().to_string();
    for variable in ["OPENCLAW_STATE_DIR", "OPENCLAW_CONFIG_PATH", "OPENCLAW_WORKSPACE_DIR"] {
        assert!(environment[variable].starts_with(&own), "{variable}: {environment:?}");
    }
    let foreign = |value: &str| TREES.iter().any(|tree| value.contains(&format!("/{tree}/")));
    assert!(!environment.values().any(|value| foreign(value)), "{environment:?}");
    for words in [
        &["profile", "list"][..],
        &["profile", "check"],
        &["--profile", &name, "health"],
        &["profile", "clone", &name, &copy, "--with-workspace"],
        &["profile", "restart", &name],
        &["profile", "stop", &name],
        &["profile", "rm", &copy, "--yes"],
        &["profile", "rm", &name, "--yes"],
    ] {
        world.run(words).ok();
    }
    assert_eq!(trees(), before);
    assert!(!world.state(&name).exists() && !world.state(&copy).exists());
}

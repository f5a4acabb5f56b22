//! The far gateway's page, through the near end of a real tunnel and in a real browser.

use std::fs;

use serde_json::{Value, json};

use super::browser::walk;
use super::server::Pair;
use super::world::wait_for;

#[test]
fn the_far_page_is_used_through_a_tunnel_in_a_real_browser() {
    let pair = Pair::new();
    let home = pair.name("home");
    pair.create(&home, &[]).ok();
    let near = pair.near.start(&home)["port"].as_u64().unwrap() as u16;
    assert_ne!(near, pair.gateway_port);
    let shown = pair.near.run(&["--profile", &home, "dashboard", "--no-open"]).ok();
    assert_eq!(shown.out, format!("http://127.0.0.1:{near}/\n"));

    // A command that needs every right, so that this one can let others in later.
    pair.near.run(&["--profile", &home, "agent", "-m", "/reset"]).ok();
    let token = fs::read_to_string(pair.file("token")).unwrap();
    let far = |words: &[&str]| pair.far.run(&[&["--profile", &pair.gateway, "--json"], words].concat());
    let mut steps = Vec::new();
    walk("tunnel-page.mjs", &[near], token.trim(), |line| {
        steps.push(line.to_owned());
        match line {
            // Whoever may log in there is there; only who asks about every device asks about this one.
            "answered" => {
                let paired = far(&["devices", "list"]).ok().json()["paired"].clone();
                assert!(paired.to_string().contains("openclaw-control-ui"), "{paired}");
                ask_about_devices(&pair);
            }
            "waits" => {
                let waiting = wait_for("the request", || {
                    let listed =
                        pair.near.run(&["--profile", &home, "devices", "list", "--json"]).ok().json();
                    listed["pending"][0]["requestId"].as_str().map(str::to_owned)
                });
                pair.near.run(&["--profile", &home, "devices", "approve", &waiting]).ok();
            }
            _ => {}
        }
    });
    assert_eq!(steps, ["answered", "waits", "let in"]);
}

/// The far gateway no longer lets devices in by itself. The commands of both sides are known to it already.
fn ask_about_devices(pair: &Pair) {
    let file = pair.far.state(&pair.gateway).join("openclaw.json");
    let mut config: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    config["gateway"]["nodes"] = json!({ "pairing": { "autoApproveLocal": false } });
    fs::write(&file, config.to_string()).unwrap();
    pair.far.run(&["--profile", &pair.gateway, "gateway", "restart"]).ok();
}

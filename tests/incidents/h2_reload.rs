//! H2 and the advisories on cached credentials: a configuration that changes while the gateway runs. What would be
//! unsafe is refused and what it had stays; a rotated token is taken over, and the old one opens nothing from then on.

use serde_json::json;

use super::world::{World, wait_for};

const OLD: &str = "0000111122223333444455556666aaaabbbb";
const NEW: &str = "77778888999900001111ccccddddeeeeffff";

impl World {
    /// Whether the gateway of `work` lets `token` in.
    fn opens(&self, port: u16, token: &str) -> bool {
        let url = format!("ws://127.0.0.1:{port}");
        let said = self.run(&["gateway", "call", "health", "--url", &url, "--token", token, "--json"]);
        said.code == Some(0)
    }
}

#[test]
fn incident_h2_a_rotated_token_counts_at_once_and_the_old_one_no_more() {
    let world = World::new();
    let port = world.bound_by_config("work");
    let configured = |token: &str| {
        world.gateway(
            "work",
            json!({"mode": "local", "port": port, "auth": {"mode": "token", "token": token}}),
        );
    };
    configured(OLD);
    let pid = world.start("work")["pid"].clone();
    assert!(world.opens(port, OLD) && !world.opens(port, NEW));
    configured(NEW);
    wait_for("the new token", || world.opens(port, NEW).then_some(()));
    assert!(!world.opens(port, OLD), "the old token is refused");
    let show = world.until_state("work", "ready");
    assert_eq!((&show["pid"], &show["restarts"]), (&pid, &json!(0)), "without a restart");
}

#[test]
fn incident_h2_a_change_to_what_is_unsafe_is_refused_and_the_old_state_stays() {
    let world = World::new();
    let port = world.bound_by_config("work");
    world.gateway("work", json!({"mode": "local", "port": port, "auth": {"mode": "token", "token": OLD}}));
    let pid = world.start("work")["pid"].clone();
    let log = world.state("work").join("logs/gateway.log");
    let unsafe_ones = [
        json!({"mode": "local", "port": port, "bind": "lan", "auth": {"mode": "none"}}),
        json!({"mode": "local", "port": port, "bind": "lan", "auth": {"mode": "token", "token": "changeme"}}),
        json!({"mode": "local", "port": port, "auth": {"mode": "token"}}),
    ];
    for (round, gateway) in unsafe_ones.into_iter().enumerate() {
        world.gateway("work", gateway);
        let refusals =
            || std::fs::read_to_string(&log).unwrap_or_default().matches("configuration is refused").count();
        wait_for("a refusal in its log", || (refusals() > round).then_some(()));
        assert!(world.opens(port, OLD) && !world.opens(port, "changeme"), "round {round}");
        let show = world.show("work");
        assert_eq!((&show["state"], &show["pid"]), (&json!("ready"), &pid), "{show}");
        assert!(show["warnings"].to_string().contains("keeps what it had"), "{show}");
    }
    world.gateway("work", json!({"mode": "local", "port": port, "auth": {"mode": "token", "token": NEW}}));
    wait_for("the next safe change", || world.opens(port, NEW).then_some(()));
    assert!(!world.show("work")["warnings"].to_string().contains("keeps what it had"));
}

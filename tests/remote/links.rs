//! A link's life: it comes up, heals, stops, and neither a dead supervisor nor a dead server leaves anything behind.

use std::collections::BTreeSet;

use nix::sys::signal::Signal;

use super::look;
use super::server::Pair;
use super::world::wait_for;

#[test]
fn a_remote_profile_is_used_like_a_local_one() {
    let pair = Pair::new();
    let name = pair.name("home");
    pair.create(&name, &[]).ok();
    pair.health(&name).refused(3, "link_down");
    let status = pair.near.start(&name);
    assert_eq!((&status["kind"], &status["state"]), (&"remote".into(), &"ready".into()), "{status}");
    assert!(status.get("portBlock").is_none(), "{status}");
    let link = &status["link"];
    assert_eq!((&link["transport"], &link["up"]), (&"ssh".into(), &true.into()), "{link}");
    assert_eq!(
        (link["localPort"].as_u64(), link["remotePort"].as_u64()),
        (status["port"].as_u64(), Some(pair.gateway_port.into()))
    );
    assert!(link["bytes"].as_u64() > Some(0) && link["lastHandshakeAtMs"].as_u64() > Some(0), "{link}");
    assert_eq!(pair.health(&name).ok().json()["ok"], true);
    pair.near.run(&["--profile", &name, "gateway", "status", "--require-rpc"]).ok();
    let listed = pair.near.run(&["profile", "list", "--json"]).ok().json();
    assert_eq!(listed["profiles"][0]["link"]["up"], true, "{listed}");
    // It is no gateway of this host.
    let host = pair.near.run(&["host", "status", "--json"]).ok().json();
    assert_eq!(host["gateways"].as_array().map(Vec::len), Some(0), "{host}");
    pair.near.run(&["profile", "stop", &name]).ok();
    assert_eq!(pair.clients(), Vec::<u32>::new());
    pair.health(&name).refused(3, "link_down");
}

#[test]
fn incident_f2_twenty_kills_and_the_port_is_the_same() {
    let pair = Pair::new();
    let name = pair.name("home");
    pair.create(&name, &[]).ok();
    let manifest = pair.near.home(format!(".config/openclaw/profiles/{name}.toml"));
    let text = std::fs::read_to_string(&manifest).unwrap();
    // The waits between attempts are tested by themselves; here they only take time.
    let text = text
        .replace("[supervise]", "[supervise]\nrestart_delay_min = \"20ms\"\nrestart_delay_max = \"50ms\"");
    std::fs::write(&manifest, text).unwrap();
    let mut link = pair.near.start(&name)["link"].clone();
    let port = link["localPort"].clone();
    let mut pids = BTreeSet::new();
    for _ in 0..20 {
        let pid = link["pid"].as_u64();
        assert!(pids.insert(pid), "a new process each time");
        look::signal(pid.unwrap() as u32, Signal::SIGKILL);
        link = pair.until_up(&name, pid)["link"].clone();
        assert_eq!(link["localPort"], port);
        assert_eq!(pair.clients().len(), 1);
        pair.health(&name).ok();
    }
    assert_eq!(link["reconnects"], 20);
}

#[test]
fn incident_f2_a_stop_while_it_waits_for_its_next_attempt_wins() {
    let pair = Pair::new();
    let name = pair.name("home");
    pair.create(&name, &[]).ok();
    let pid = pair.near.start(&name)["link"]["pid"].as_u64().unwrap();
    pair.end_server();
    let down = pair.near.until(&name, "waiting", |status| status["state"] == "backoff");
    assert!(down["link"]["nextAttemptAtMs"].as_u64() > Some(0), "{down}");
    assert!(!look::is_alive(pid as u32));
    let error = pair.health(&name).refused(69, "link_down");
    assert!(error["remedy"].as_str().unwrap().contains("profile show"), "{error}");
    pair.near.run(&["profile", "stop", &name]).ok();
    pair.serve("");
    assert_eq!(pair.near.show(&name)["state"], "stopped");
    assert_eq!(pair.clients(), Vec::<u32>::new());
}

#[test]
fn incident_f2_a_server_that_comes_back_is_found() {
    let pair = Pair::new();
    let name = pair.name("home");
    pair.create(&name, &[]).ok();
    let old = pair.near.start(&name)["link"]["pid"].as_u64();
    pair.end_server();
    let down = pair.near.until(&name, "refused", |status| {
        status["link"]["lastError"].as_str().is_some_and(|error| error.contains("Connection refused"))
    });
    assert_eq!(down["link"]["up"], false);
    pair.serve("");
    pair.until_up(&name, old);
    pair.health(&name).ok();
}

#[test]
fn incident_f3_a_killed_supervisor_loses_no_link_and_touches_no_foreign_one() {
    let pair = Pair::new();
    let names = ["a", "b", "c"].map(|stem| pair.name(stem));
    for name in &names {
        pair.create(name, &[]).ok();
        pair.near.start(name);
    }
    // Somebody's own tunnel to the same place, made by the same user.
    let free = pair.near.block();
    let forward = format!("127.0.0.1:{free}:127.0.0.1:{}", pair.gateway_port);
    let mut foreign = std::process::Command::new(pair.near.path("bin").join("ssh"));
    pair.near.surround(&mut foreign).env("PATH", "/usr/bin:/bin");
    let mut foreign = foreign
        .args(["-N", "-o", "BatchMode=yes", "-i", &pair.text("user"), "-L", &forward])
        .args(["-p", &pair.port.to_string(), "127.0.0.1"])
        .spawn()
        .unwrap();
    wait_for("the foreign tunnel", || std::net::TcpStream::connect(("127.0.0.1", free)).ok());
    let before: BTreeSet<u32> = pair.clients().into_iter().collect();
    assert_eq!(before.len(), 3);
    look::signal(pair.near.supervisor(), Signal::SIGKILL);
    for name in &names {
        pair.health(name).ok();
    }
    for name in &names {
        pair.near.start(name);
    }
    assert_eq!(pair.clients().into_iter().collect::<BTreeSet<u32>>(), before, "adopted, none made anew");
    assert!(look::is_alive(foreign.id()));
    for name in &names {
        pair.near.run(&["profile", "stop", name]).ok();
    }
    assert!(look::is_alive(foreign.id()), "only ours are ended");
    let _ = foreign.kill();
    let _ = foreign.wait();
}

/// A link that is up and looked at often, its name and its status.
fn hurried() -> (Pair, String, serde_json::Value) {
    let pair = Pair::new();
    let name = pair.name("home");
    pair.create(&name, &[]).ok();
    pair.hasten(&name);
    let link = pair.near.start(&name)["link"].clone();
    (pair, name, link)
}

#[test]
fn a_gateway_that_restarts_behind_its_tunnel_is_not_taken_for_a_dead_tunnel() {
    let (pair, name, link) = hurried();
    let pid = link["pid"].clone();
    pair.far.run(&["profile", "stop", &pair.gateway]).ok();
    let down = pair.near.until(&name, "degraded", |status| status["state"] == "degraded");
    assert_eq!((&down["link"]["pid"], &down["link"]["up"]), (&pid, &false.into()), "{down}");
    let error = pair.health(&name).refused(69, "remote_gateway_down");
    assert!(error["message"].as_str().unwrap().contains("far end"), "{error}");
    pair.far.start(&pair.gateway);
    let up = pair.until_up(&name, None);
    assert_eq!(
        (&up["link"]["pid"], &up["restarts"]),
        (&pid, &0.into()),
        "the tunnel stood all the time: {up}"
    );
}

#[test]
fn a_link_is_made_to_a_gateway_that_is_down_and_finds_it_later() {
    let pair = Pair::new();
    let name = pair.name("home");
    pair.far.run(&["profile", "stop", &pair.gateway]).ok();
    pair.create(&name, &[]).ok();
    pair.hasten(&name);
    let error = pair.near.run(&["profile", "start", &name, "--json"]).refused(69, "remote_gateway_down");
    assert!(error["remedy"].as_str().unwrap().contains("by itself"), "{error}");
    let down = pair.near.until_state(&name, "degraded");
    let pid = down["link"]["pid"].clone();
    assert_eq!((&down["link"]["up"], pair.clients().len()), (&false.into(), 1), "{down}");
    pair.far.start(&pair.gateway);
    let up = pair.until_up(&name, None);
    assert_eq!((&up["link"]["pid"], &up["link"]["lastError"]), (&pid, &serde_json::Value::Null), "{up}");
}

#[test]
fn a_frozen_gateway_behind_a_link_is_none_of_the_tunnels_business() {
    let (pair, name, link) = hurried();
    let pid = link["pid"].clone();
    let gateway = super::world::pid(&pair.far.show(&pair.gateway));
    look::signal(gateway, Signal::SIGSTOP);
    pair.near.until_state(&name, "degraded");
    let seen = std::time::Instant::now();
    // Several times as long as a gateway of this host would have.
    wait_for("more rounds", || (seen.elapsed().as_secs() >= 6).then_some(()));
    let status = pair.near.show(&name);
    look::signal(gateway, Signal::SIGCONT);
    assert_eq!((&status["state"], &status["link"]["pid"]), (&"degraded".into(), &pid), "{status}");
    pair.until_up(&name, None);
    assert_eq!(pair.near.show(&name)["link"]["pid"], pid);
}

#[test]
fn incident_f2_a_frozen_client_is_ended_and_made_anew() {
    let (pair, name, link) = hurried();
    let pid = link["pid"].as_u64();
    look::signal(pid.unwrap() as u32, Signal::SIGSTOP);
    pair.until_up(&name, pid);
    assert_eq!(pair.clients().len(), 1);
    pair.health(&name).ok();
}

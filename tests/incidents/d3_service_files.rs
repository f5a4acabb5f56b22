//! D3 and D6: two services for one gateway were not seen, legitimate siblings were called duplicates, and without a
//! service bus everything was called disabled. Service files and `/proc` are enough for a verdict.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::Value;

use super::foreground::kill;
use super::world::{Said, World, said};

impl World {
    /// Writes a unit of the user's manager that runs `command`, and enables it.
    pub fn unit(&self, name: &str, command: &str) {
        let folder = self.home(".config/systemd/user");
        let wants = folder.join("default.target.wants");
        fs::create_dir_all(&wants).unwrap();
        let text = format!(
            "[Unit]\nDescription=OpenClaw gateway\n[Service]\nExecStart={command}\n\
                            [Install]\nWantedBy=default.target\n"
        );
        fs::write(folder.join(name), text).unwrap();
        symlink(folder.join(name), wants.join(name)).unwrap();
    }

    /// `openclaw host …` with no runtime directory, no bus and nothing on the PATH.
    fn host(&self, words: &[&str]) -> Said {
        let words = [&["host"][..], words].concat();
        let mut command = self.command(&words);
        command.env_remove("XDG_RUNTIME_DIR").env_remove("DBUS_SESSION_BUS_ADDRESS").env("PATH", "");
        said(command.spawn().unwrap())
    }
}

const RUN: &str = "/usr/local/bin/openclaw gateway run --profile";

#[test]
fn incident_d3_two_services_for_one_profile_are_named_with_exit_4() {
    let world = World::new();
    world.unit("openclaw-gateway-work.service", &format!("{RUN} work"));
    world.unit("my-own.service", &format!("/usr/bin/env {RUN} work"));
    let found = world.host(&["conflicts", "--json"]);
    assert_eq!(found.code, Some(4), "{found:?}");
    let document = found.json();
    assert_eq!(document["ok"], false);
    assert!(document["gateways"].is_array(), "{document}");
    let conflicts = document["conflicts"].as_array().unwrap();
    assert_eq!(conflicts.len(), 1, "{document}");
    let conflict = &conflicts[0];
    assert_eq!((&conflict["code"], &conflict["severity"]), (&"duplicate_service".into(), &"error".into()));
    assert_eq!(conflict["profile"], "work");
    let keys: Vec<&String> = conflict.as_object().unwrap().keys().collect();
    for key in ["code", "severity", "profile", "port", "holder", "message", "remedy"] {
        assert!(keys.iter().any(|known| *known == key), "{key}: {conflict}");
    }
    let message = conflict["message"].as_str().unwrap();
    assert!(
        message.contains("my-own.service") && message.contains("openclaw-gateway-work.service"),
        "{message}"
    );
    // The one with the name that OpenClaw gives is the more rightful one; the remedy is aimed at the other.
    let remedy = conflict["remedy"].as_str().unwrap();
    assert!(remedy.contains("my-own.service") && !remedy.contains("openclaw-gateway-work"), "{remedy}");
    let human = world.host(&["conflicts", "--explain"]);
    assert_eq!(human.code, Some(4), "{human:?}");
    assert!(human.out.contains("my-own.service"), "{human:?}");
    assert_eq!(world.host(&["status", "--json"]).ok().json()["ok"], false, "`host status` only shows");
}

#[test]
fn incident_d3_siblings_masked_units_and_helpers_are_silent() {
    let world = World::new();
    for name in ["work", "home"] {
        world.unit(&format!("openclaw-gateway-{name}.service"), &format!("{RUN} {name}"));
    }
    for (name, command) in [
        ("openclaw-node.service", "/usr/local/bin/openclaw node run"),
        ("openclaw-backup.service", "/usr/bin/tar czf /tmp/openclaw-gateway.tgz /home/openclaw/.openclaw"),
        ("watch-gateway.service", "/usr/local/bin/openclaw --profile work health"),
        ("supervise.service", "/usr/local/bin/openclaw supervisor run"),
        ("mail.service", "/home/openclaw/bin/openclaw-gateway-mailer --profile work"),
    ] {
        world.unit(name, command);
    }
    symlink("/dev/null", world.home(".config/systemd/user/openclaw-gateway.service")).unwrap();
    // Neither enabled nor running: nothing starts it.
    fs::write(world.home(".config/systemd/user/old.service"), format!("[Service]\nExecStart={RUN} work\n"))
        .unwrap();
    let found = world.host(&["conflicts", "--json"]).ok().json();
    assert_eq!((&found["ok"], &found["conflicts"]), (&true.into(), &Value::Array(Vec::new())), "{found}");
}

#[test]
fn incident_d6_without_bus_and_programs_what_runs_is_still_seen_and_stopped() {
    let world = World::new();
    let port = world.embedded("front");
    let gateway = world.serve("front", port);
    let name = world.name("back");
    world.start(&name);
    let status = world.host(&["status", "--json"]).ok().json();
    let gateways = status["gateways"].as_array().unwrap();
    assert_eq!((&status["ok"], gateways.len()), (&true.into(), 2), "{status}");
    let front = gateways.iter().find(|found| found["profile"] == "front").unwrap();
    assert_eq!((&front["pid"], &front["port"]), (&gateway.id().into(), &port.into()), "{front}");
    assert_eq!(front["stateDir"], world.state("front").display().to_string());
    for key in ["user", "program", "manager", "identity", "ours"] {
        assert!(!front[key].is_null(), "{key}: {front}");
    }
    world.host(&["conflicts"]).ok();
    // A success of `stop` would say that nothing runs; a gateway in the foreground belongs to its terminal.
    let error = world.run(&["profile", "stop", "front", "--json"]).refused(1, "gateway_unsupervised");
    assert!(error["message"].as_str().unwrap().contains(&format!("pid {}", gateway.id())), "{error}");
    assert!(super::foreground::lives(&gateway), "it is not the supervisor's to end");
    kill(gateway);
    world.run(&["profile", "stop", "front"]).ok();
    assert_eq!(world.host(&["status", "--json"]).ok().json()["gateways"].as_array().unwrap().len(), 1);
}

#[test]
fn incident_d6_a_stop_of_several_goes_on_behind_one_that_fails() {
    let world = World::new();
    let port = world.embedded("front");
    let (one, two) = (world.name("one"), world.name("two"));
    world.start(&one);
    world.start(&two);
    let gateway = world.serve("front", port);
    let words = ["profile", "stop", &one, "front", &two, "--json"];
    let error = world.run(&words).refused(1, "gateway_unsupervised");
    assert_eq!(error["profile"], "front", "{error}");
    for name in [&one, &two] {
        assert_eq!(world.show(name)["state"], "stopped", "{name}");
    }
    assert!(super::foreground::lives(&gateway));
    kill(gateway);
}

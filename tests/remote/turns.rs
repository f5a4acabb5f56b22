//! Profiles whose `openclaw.json` speaks of another machine: understood as it stands, and no way to lose a gateway that
//! runs here (INCIDENTS F9).

use std::fs;

use super::look;
use super::server::Pair;
use super::world::pid;

/// An `openclaw.json` in remote mode whose tunnel ends at `near`.
fn config(pair: &Pair, near: u16) -> String {
    let token = fs::read_to_string(pair.file("token")).unwrap();
    let target = pair.target();
    format!(
        "{{gateway: {{mode: 'remote', remote: {{transport: 'ssh', url: 'ws://127.0.0.1:{near}', sshTarget: '{}',
          sshIdentity: '{}', remotePort: {}, sshHostKeyPolicy: 'strict', token: '{token}'}}}}}}",
        &target["ssh://".len()..],
        pair.text("user"),
        pair.gateway_port
    )
}

#[test]
fn incident_f9_a_configuration_in_remote_mode_comes_up_as_it_stands() {
    let pair = Pair::new();
    let (name, near) = (pair.name("home"), pair.near.block());
    pair.near.private(&pair.near.state(&name));
    let file = pair.near.state(&name).join("openclaw.json");
    fs::write(&file, config(&pair, near)).unwrap();
    let before = fs::read(&file).unwrap();
    assert_eq!(pair.near.show(&name)["kind"], "remote");
    let status = pair.near.start(&name);
    assert_eq!((&status["kind"], &status["managed"]), (&"remote".into(), &true.into()), "{status}");
    assert_eq!(
        (&status["link"]["up"], &status["link"]["localPort"]),
        (&true.into(), &near.into()),
        "{status}"
    );
    pair.health(&name).ok();
    pair.near.run(&["--profile", &name, "gateway", "status", "--require-rpc"]).ok();
    assert_eq!(fs::read(&file).unwrap(), before, "nothing in it is changed");
    pair.near.run(&["profile", "stop", &name]).ok();
    pair.near.start(&name);
}

#[test]
fn incident_f9_a_turn_to_remote_mode_leaves_the_running_gateway_alone() {
    let pair = Pair::new();
    let (managed, near) = (pair.near.name("work"), pair.near.block());
    let gateway = pid(&pair.near.start(&managed));
    let file = pair.near.state(&managed).join("openclaw.json");
    let manifest = pair.near.home(format!(".config/openclaw/profiles/{managed}.toml"));
    let local = fs::read_to_string(&manifest).unwrap();
    fs::write(&file, config(&pair, near)).unwrap();
    let before = fs::read(&file).unwrap();
    // The manifest decides: this stays a gateway's profile.
    assert_eq!(pid(&pair.near.start(&managed)), gateway);
    for verb in ["create", "adopt"] {
        assert_ne!(pair.near.run(&["profile", verb, &managed]).code, Some(0));
    }
    // Without one, and with one that asks for the link, it would be turned; it is said what that takes.
    fs::remove_file(&manifest).unwrap();
    for verb in ["start", "adopt"] {
        let error = pair.near.run(&["profile", verb, &managed, "--json"]).refused(78, "place_changed");
        assert_eq!(error["holder"]["pid"], gateway, "{error}");
        assert!(!manifest.exists());
    }
    let remote = format!("kind = 'remote'\n[remote]\ntarget = 'h'\nlocal_port = {near}\n");
    pair.near.manifest(&managed, &remote);
    for verb in ["start", "restart"] {
        let error = pair.near.run(&["profile", verb, &managed, "--json"]).refused(78, "place_changed");
        let remedy = error["remedy"].as_str().unwrap();
        assert!(remedy.contains(&format!("openclaw profile stop {managed}")), "{remedy}");
    }
    assert!(look::is_alive(gateway));
    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(pair.clients(), Vec::<u32>::new());
    fs::write(&manifest, local).unwrap();
    assert_eq!(pid(&pair.near.start(&managed)), gateway);
}

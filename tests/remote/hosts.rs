//! Who is at the far end: host keys are checked by the client, changed ones are shown and never touched by us, and no
//! target and no configuration makes the client do anything else than hold one tunnel.

use std::fs;

use super::look;
use super::server::Pair;

#[test]
fn incident_f5_a_changed_key_parks_the_link_and_shows_both() {
    let pair = Pair::new();
    let name = pair.name("home");
    pair.create(&name, &["--known-hosts", &pair.text("known")]).ok();
    let old = pair.fingerprint("host.pub");
    pair.end_server();
    pair.new_key("host");
    pair.serve("");
    let new = pair.fingerprint("host.pub");
    let known = fs::read(pair.file("known")).unwrap();
    let error = pair.near.run(&["profile", "start", &name, "--json"]).refused(78, "host_key_changed");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(&old) && message.contains(&new), "{message}");
    let status = pair.near.show(&name);
    assert_eq!((&status["state"], &status["link"]["up"]), (&"failed".into(), &false.into()), "{status}");
    assert_eq!(fs::read(pair.file("known")).unwrap(), known, "neither accepted nor removed");
    pair.health(&name).refused(69, "link_failed");
    // Once somebody has replaced the key by hand, it is tried again.
    pair.know_host();
    pair.until_up(&name, None);
}

#[test]
fn incident_f5_an_unknown_key_is_refused_unless_the_configuration_says_otherwise() {
    let pair = Pair::new();
    let (strict, open) = (pair.name("strict"), pair.name("open"));
    fs::write(pair.file("known"), "").unwrap();
    pair.create(&strict, &[]).ok();
    pair.near.run(&["profile", "start", &strict, "--json"]).refused(78, "host_key_unknown");
    assert_eq!(fs::read_to_string(pair.file("known")).unwrap(), "");
    pair.configure_client("Host *\n  StrictHostKeyChecking accept-new\n");
    pair.create(&open, &["--host-key-policy", "openssh"]).ok();
    assert_eq!(pair.near.start(&open)["link"]["up"], true);
    pair.near.run(&["profile", "stop", &strict, &open]).ok();
}

#[test]
fn incident_f5_a_refused_login_parks_the_link() {
    let pair = Pair::new();
    let name = pair.name("home");
    fs::write(pair.file("authorized"), "").unwrap();
    pair.create(&name, &[]).ok();
    let error = pair.near.run(&["profile", "start", &name, "--json"]).refused(78, "ssh_auth_refused");
    assert!(error["remedy"].as_str().unwrap().contains("identity"), "{error}");
}

#[test]
fn incident_f5_no_configuration_takes_the_client_from_us() {
    let pair = Pair::new();
    let (name, socket, touched) = (pair.name("home"), pair.text("mux"), pair.text("touched"));
    pair.configure_client(&format!(
        "Host box\n  HostName 127.0.0.1\n  Port {}\n  ControlMaster auto\n  ControlPath {socket}\n  ControlPersist yes\n  \
         ForkAfterAuthentication yes\n  StdinNull yes\n  SessionType default\n  RemoteCommand touch {touched}\n  \
         PermitLocalCommand yes\n  LocalCommand touch {touched}\n  ForwardAgent yes\n  GatewayPorts yes\n  RequestTTY force\n",
        pair.port
    ));
    let port = pair.gateway_port.to_string();
    let (identity, token) = (pair.text("user"), pair.text("token"));
    let words = ["profile", "create", &name, "--remote", "ssh://box", "--remote-port", &port];
    // By its alias the host has no key in the file, by its address it has.
    let key = fs::read_to_string(pair.file("host.pub")).unwrap();
    fs::write(pair.file("known"), format!("[127.0.0.1]:{} {key}", pair.port)).unwrap();
    pair.near.run(&[&words[..], &["--identity", &identity, "--token-file", &token]].concat()).ok();
    let link = pair.near.start(&name)["link"].clone();
    let pid = link["pid"].as_u64().unwrap() as u32;
    assert_eq!(pair.clients(), [pid]);
    let environment = look::environment(pid);
    assert!(environment.contains_key("OPENCLAW_RUN"), "{environment:?}");
    assert!(
        !environment.values().any(|value| value.contains(&fs::read_to_string(pair.file("token")).unwrap()))
    );
    assert!(!fs::exists(&socket).unwrap() && !fs::exists(&touched).unwrap());
    // Its near end is on loopback, whatever the configuration says, and its input is the claim.
    let state = pair.near.state(&name).display().to_string();
    assert_eq!(look::descriptors(pid).get(&0), Some(&state));
    pair.health(&name).ok();
}

#[test]
fn incident_f5_hostile_targets_create_no_file() {
    let pair = Pair::new();
    let name = pair.name("home");
    let touched = pair.text("touched");
    for target in [
        format!("ssh://-oProxyCommand=touch {touched}"),
        format!("ssh://a;touch {touched}"),
        format!("ssh://$(touch {touched})"),
        format!("ssh://x@-oProxyCommand=touch%20{touched}"),
        format!("ssh://{}", "h".repeat(300)),
    ] {
        pair.near
            .run(&["profile", "create", &name, "--remote", &target, "--json"])
            .refused(2, "remote_invalid");
        let manifest = format!("kind = 'remote'\n[remote]\ntarget = '{}'\n", &target["ssh://".len()..]);
        let file = pair.near.manifest(&name, &manifest);
        pair.near.run(&["profile", "start", &name, "--json"]).refused(78, "manifest_invalid");
        fs::remove_file(file).unwrap();
    }
    assert!(!fs::exists(&touched).unwrap());
    assert_eq!(pair.clients(), Vec::<u32>::new());
}

//! `gateway probe` through a tunnel of its own: it says what the other verbs would meet there, and whatever becomes of
//! the command, its SSH client is gone with it.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Child;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::look;
use super::npm;
use super::server::Pair;
use super::world::{Said, said, said_within, wait_for};

/// What the real program prints for one target.
const SAMPLE: &str = include_str!("../proxy/samples/gateway-probe.json");

/// The words of a probe through the pair's server, with its key.
fn words(pair: &Pair, more: &[&str]) -> Vec<String> {
    let target = pair.target();
    let (target, port, key) =
        (target.trim_start_matches("ssh://"), pair.gateway_port.to_string(), pair.text("user"));
    let usual = ["gateway", "probe", "--json", "--ssh", target, "--ssh-identity", &key, "--port", &port];
    usual.iter().chain(more).map(|word| (*word).to_owned()).collect()
}

fn run(pair: &Pair, words: &[String]) -> Said {
    pair.near.run(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

fn probe(pair: &Pair, more: &[&str]) -> Said {
    let said = run(pair, &words(pair, more));
    assert_eq!(pair.clients(), Vec::<u32>::new(), "the tunnel ends with the command");
    said
}

fn list(document: &Value, key: &str, of: &str) -> Vec<String> {
    let entries = document[key].as_array().unwrap().iter();
    entries.map(|entry| entry[of].as_str().unwrap().to_owned()).collect()
}

fn codes(document: &Value) -> Vec<String> {
    list(document, "warnings", "code")
}

#[test]
fn a_gateway_behind_ssh_is_tried_like_any_other() {
    let pair = Pair::new();
    let document = probe(&pair, &["--token-file", &pair.text("token")]).ok().json();
    assert_eq!(list(&document, "targets", "id"), ["sshTunnel"], "{document}");
    assert_eq!((&document["ok"], &document["primaryTargetId"]), (&json!(true), &json!("sshTunnel")));
    assert_eq!(codes(&document), [""; 0], "{document}");
    let target = &document["targets"][0];
    assert_eq!(
        (&target["connect"]["ok"], &target["connect"]["rpcOk"], &target["active"]),
        (&json!(true), &json!(true), &json!(true)),
        "{document}"
    );
    let tunnel = &target["tunnel"];
    assert_eq!((&tunnel["kind"], &tunnel["remotePort"]), (&json!("ssh"), &json!(pair.gateway_port)));
    assert_eq!(target["url"], format!("ws://127.0.0.1:{}", tunnel["localPort"]), "{document}");
    assert!(!look::is_alive(tunnel["pid"].as_u64().unwrap() as u32), "{document}");
    let sample: Value = serde_json::from_str(SAMPLE).unwrap();
    for (theirs, ours) in [(&sample, &document), (&sample["targets"][0], target)] {
        for key in theirs.as_object().unwrap().keys() {
            assert!(ours.get(key).is_some(), "{key} is missing: {ours}");
        }
    }
    // Without the words that were typed for it, nothing is sent there; what the profile has is its own.
    let work = pair.name("work");
    pair.near.start(&work);
    let words = words(&pair, &["--profile", &work]);
    let refused = run(&pair, &words);
    assert_eq!(refused.code, Some(77), "{refused:?}");
    let document = refused.json();
    assert_eq!(codes(&document), ["probe_detail_failed"], "{document}");
    assert_eq!((&document["ok"], &document["degraded"]), (&json!(false), &json!(true)), "{document}");
    let (token, own) = (pair.text("token"), work.clone());
    let both = probe_at_home(&pair, &["--token-file", &token, "--profile", &own]);
    assert_eq!(list(&both, "targets", "id"), ["sshTunnel", "localLoopback"], "{both}");
    assert_eq!(codes(&both), ["multiple_gateways"], "{both}");
    assert_eq!(both["targets"][1]["connect"]["rpcOk"], true, "it was asked with its own: {both}");
}

/// A probe whose far end has the usual port of a gateway there, by a target that names no other: the port of the far
/// gateway is written into the configuration.
fn probe_at_home(pair: &Pair, more: &[&str]) -> Value {
    let name = more.last().unwrap();
    let file = pair.near.state(name).join("openclaw.json");
    let mut config: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    config["gateway"]["remote"] = json!({
        "sshTarget": pair.target(), "sshIdentity": pair.text("user"), "remotePort": pair.gateway_port,
    });
    fs::write(&file, config.to_string()).unwrap();
    let words = [&["gateway", "probe", "--json", "--ssh-auto"], more].concat();
    pair.near.run(&words).ok().json()
}

#[test]
fn one_gateway_over_its_link_and_a_tunnel_counts_once() {
    let pair = Pair::new();
    let name = pair.name("home");
    pair.create(&name, &[]).ok();
    let stopped = pair.near.run(&["--profile", &name, "gateway", "probe", "--json"]);
    assert_eq!((stopped.code, &stopped.json()["targets"][0]["link"]["state"]), (Some(3), &json!("stopped")));
    // Its link is down, and by the way that is typed it is reached all the same.
    let auto = ["--profile", &name, "gateway", "probe", "--ssh-auto", "--json"];
    let document = pair.near.run(&auto).ok().json();
    assert_eq!(list(&document, "targets", "id"), ["sshTunnel", "configRemote"], "{document}");
    let link = pair.near.start(&name)["link"].clone();
    let document = pair.near.run(&auto).ok().json();
    assert_eq!(codes(&document), [""; 0], "{document}");
    for target in document["targets"].as_array().unwrap() {
        assert_eq!(target["connect"]["rpcOk"], true, "{document}");
    }
    let through = &document["targets"][1];
    assert_eq!(through["tunnel"]["localPort"], link["localPort"], "by the near end of the link: {document}");
    assert_eq!(
        (&through["link"]["state"], &through["link"]["up"]),
        (&json!("ready"), &json!(true)),
        "{document}"
    );
    let pid = link["pid"].as_u64().unwrap() as u32;
    assert_eq!(pair.clients(), [pid], "only the link's own goes on");
    let told = pair.near.run(&["--profile", &name, "gateway", "probe"]).ok();
    assert!(told.out.contains("link ready"), "{told:?}");
    // The same client with the same options, but for the near end, which nobody else has.
    let deep = ["--profile", &name, "status", "--deep"];
    let links = pair.near.run(&[&deep[..], &["--json"]].concat()).ok().json()["host"]["links"].clone();
    assert_eq!(links.as_array().map(Vec::len), Some(1), "{links}");
    assert_eq!((&links[0]["profile"], &links[0]["pid"]), (&json!(name), &link["pid"]), "{links}");
    for key in ["transport", "target", "trust", "up", "lastHandshakeAtMs", "bytes", "reconnects", "lastError"]
    {
        assert!(links[0].get(key).is_some(), "{key} is missing: {links}");
    }
    let told = pair.near.run(&deep).ok();
    assert!(told.out.contains("trust: host key, strict") && told.out.contains("reconnects 0"), "{told:?}");
}

#[test]
fn incident_f5_what_ssh_meets_is_told_in_words() {
    let pair = Pair::new();
    let token = pair.text("token");
    let told = |code: i32, error: &str| -> String {
        let said = probe(&pair, &["--token-file", &token]);
        assert_eq!(said.code, Some(code), "{error}: {said:?}");
        let document = said.json();
        assert_eq!(document["targets"][0]["connect"]["ok"], false, "{document}");
        assert_eq!(codes(&document).contains(&"ssh_tunnel_failed".into()), error != "far", "{document}");
        document["targets"][0]["connect"]["error"].as_str().unwrap().to_owned()
    };
    pair.far.run(&["profile", "stop", &pair.gateway]).ok();
    assert!(told(69, "far").contains("no gateway listens at its far end"));
    let (known, old) = (fs::read(pair.file("known")).unwrap(), pair.fingerprint("host.pub"));
    fs::write(pair.file("known"), "").unwrap();
    assert!(told(78, "unknown").contains("is not known yet"));
    fs::write(pair.file("known"), &known).unwrap();
    fs::write(pair.file("authorized"), "").unwrap();
    assert!(told(78, "refused").contains("does not let this user in"));
    pair.end_server();
    assert!(told(69, "unreachable").contains("Connection refused"));
    pair.new_key("host");
    pair.serve("");
    let (changed, new) = (told(78, "changed"), pair.fingerprint("host.pub"));
    assert!(changed.contains(&old) && changed.contains(&new), "{changed}");
    assert_eq!(fs::read(pair.file("known")).unwrap(), known, "neither accepted nor removed");
    // For people too: the table says it, and what to do stands below.
    let words: Vec<String> = words(&pair, &[]).into_iter().filter(|word| word != "--json").collect();
    let said = run(&pair, &words);
    assert!(said.out.contains("sshTunnel") && said.out.contains("has changed"), "{said:?}");
    said.complains(78, &["SSH tunnel failed", "remove"]);
}

/// Begins a probe that will wait, and waits until its client runs.
fn waiting(pair: &Pair, words: &[&str]) -> (Child, u32) {
    let child = pair.near.spawn(words);
    let client = wait_for("the client", || pair.clients().first().copied());
    (child, client)
}

#[test]
fn incident_f3_however_it_ends_its_client_is_gone() {
    let pair = Pair::new();
    // A server that never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("127.0.0.1:{}", silent.local_addr().unwrap().port());
    let slow = ["gateway", "probe", "--ssh", &target, "--timeout", "25s"];
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
        let (child, client) = waiting(&pair, &slow);
        look::signal(child.id(), signal);
        assert_eq!(said(child).signal, Some(signal as i32));
        wait_for("the end of the client", || (!look::is_alive(client)).then_some(()));
    }
    let late = pair.near.run(&["gateway", "probe", "--ssh", &target, "--timeout", "300ms", "--json"]);
    assert_eq!((late.code, pair.clients()), (Some(5), vec![]), "{late:?}");
    assert_eq!(codes(&late.json())[0], "ssh_tunnel_failed");
    // The same when the tunnel stands and the gateway does not answer.
    let gateway = pair.far.show(&pair.gateway)["pid"].as_u64().unwrap() as u32;
    look::signal(gateway, Signal::SIGSTOP);
    let typed = words(&pair, &["--token-file", &pair.text("token"), "--timeout", "25s"]);
    let typed: Vec<&str> = typed.iter().map(String::as_str).collect();
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        let (child, client) = waiting(&pair, &typed);
        wait_for("the tunnel", || TcpStream::connect(("127.0.0.1", near_end(client)?)).ok());
        look::signal(child.id(), signal);
        assert_eq!(said(child).signal, Some(signal as i32));
        wait_for("the end of the client", || (!look::is_alive(client)).then_some(()));
    }
    look::signal(gateway, Signal::SIGCONT);
}

/// The near end that a client's command line names.
fn near_end(client: u32) -> Option<u16> {
    let line = look::command_line(client);
    line.split("-L 127.0.0.1:").nth(1)?.split(':').next()?.parse().ok()
}

#[test]
fn incident_f5_a_hostile_target_reaches_no_client_and_makes_no_file() {
    let pair = Pair::new();
    let touched = pair.text("touched");
    for target in [
        format!("-oProxyCommand=touch {touched}"),
        format!("x@-oProxyCommand=touch {touched}"),
        format!("a;touch {touched}"),
        format!("$(touch {touched})"),
        format!("`touch {touched}`"),
        format!("a\ntouch {touched}"),
        "h".repeat(300),
        String::new(),
    ] {
        pair.near.run(&["gateway", "probe", "--ssh", &target, "--json"]).refused(2, "ssh_target_invalid");
    }
    pair.near.run(&["gateway", "probe", "--ssh-identity", "x", "--json"]).refused(2, "ssh_identity_alone");
    pair.near.run(&["gateway", "probe", "--ssh-auto", "--json"]).refused(2, "ssh_target_unknown");
    assert!(!fs::exists(&touched).unwrap());
    // A client that writes down how it was called: the same words for a link and for a look.
    let (client, lines) = (pair.near.path("bin").join("ssh"), pair.file("lines"));
    let script =
        "#!/bin/sh\nfor word; do printf '%s\\n' \"$word\"; done >>LINES\necho END >>LINES\nexit 255\n";
    fs::write(&client, script.replace("LINES", &lines.display().to_string())).unwrap();
    fs::set_permissions(&client, fs::Permissions::from_mode(0o755)).unwrap();
    let name = pair.name("home");
    pair.create(&name, &["--known-hosts", &pair.text("known")]).ok();
    assert_eq!(pair.near.run(&["--profile", &name, "gateway", "probe", "--ssh-auto"]).code, Some(69));
    pair.near.run(&["profile", "start", &name, "--timeout", "1s"]);
    let text = wait_for("both calls", || {
        fs::read_to_string(&lines).ok().filter(|text| text.matches("END\n").count() >= 2)
    });
    let calls: Vec<String> = text
        .split("END\n")
        .take(2)
        .map(|call| {
            let near = |line: &str| {
                line.strip_prefix("127.0.0.1:").map(|rest| rest.split_once(':').unwrap().1.to_owned())
            };
            call.lines().map(|line| near(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
        })
        .collect();
    assert_eq!(calls[0], calls[1]);
    assert!(calls[0].starts_with("-N\n-T\n") && calls[0].contains("\n--\n"), "{}", calls[0]);
}

#[test]
fn real_gateway_behind_ssh_counts_once_over_its_link_and_a_tunnel() {
    let pair = Pair::new();
    let (real, name) = (pair.far.name("real"), pair.name("home"));
    for words in [&["profile", "create", &real, "--runtime", "openclaw"][..], &["profile", "start", &real]] {
        let mut command = pair.far.command(words);
        let child = command.env("PATH", npm::path()).spawn().unwrap();
        // The real program takes its time on a machine that is busy with other tests.
        said_within(child, Duration::from_secs(120)).ok();
    }
    let port = pair.far.show(&real)["port"].to_string();
    let text = fs::read_to_string(pair.far.state(&real).join("openclaw.json")).unwrap();
    let config: Value = json5::from_str(&text).unwrap();
    fs::write(pair.file("token"), config["gateway"]["auth"]["token"].as_str().unwrap()).unwrap();
    let (target, identity, token) = (pair.target(), pair.text("user"), pair.text("token"));
    let create = ["profile", "create", &name, "--remote", &target, "--remote-port", &port];
    pair.near.run(&[&create[..], &["--identity", &identity, "--token-file", &token]].concat()).ok();
    let link = pair.near.start(&name)["link"]["pid"].as_u64().unwrap() as u32;
    let probe = ["--profile", &name, "gateway", "probe", "--ssh-auto", "--timeout", "30s", "--json"];
    let document = pair.near.run(&probe).ok().json();
    assert_eq!(list(&document, "targets", "id"), ["sshTunnel", "configRemote"], "{document}");
    assert_eq!(codes(&document), [""; 0], "{document}");
    for target in document["targets"].as_array().unwrap() {
        assert_eq!(target["connect"]["rpcOk"], true, "{document}");
        assert!(target["config"]["exists"] == true && target["health"].is_object(), "{document}");
    }
    assert_eq!(pair.clients(), [link]);
    let typed =
        ["gateway", "probe", "--ssh", &target, "--ssh-identity", &identity, "--port", &port, "--json"];
    let nothing = pair.near.run(&[&typed[..], &["--timeout", "30s"]].concat());
    assert_eq!((nothing.code, codes(&nothing.json())), (Some(77), vec!["probe_detail_failed".to_owned()]));
}

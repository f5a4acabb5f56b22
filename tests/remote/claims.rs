//! What links claim of this host: their near ends, each of them, and nothing that another profile has (INCIDENTS F3, F9).

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::look;
use super::server::Pair;

/// Echoes on a port of the far machine until the test ends.
fn echo(port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let (mut from, mut to) = (stream.try_clone().unwrap(), stream);
                let _ = std::io::copy(&mut from, &mut to);
            });
        }
    });
}

/// What comes back through `port`.
fn echoed(port: u16, text: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(text).unwrap();
    let mut back = vec![0; text.len()];
    stream.read_exact(&mut back).unwrap();
    back
}

/// A manifest of a link to the pair's server, with `more` in its table.
fn manifest(pair: &Pair, more: &str) -> String {
    let target = pair.target();
    format!(
        "kind = 'remote'\n[remote]\ntarget = '{}'\nidentity = '{}'\ntoken_file = '{}'\nremote_port = {}\n{more}\n",
        &target["ssh://".len()..],
        pair.text("user"),
        pair.text("token"),
        pair.gateway_port
    )
}

#[test]
fn incident_f9_further_ports_and_several_gateways_come_through_one_server() {
    let pair = Pair::new();
    let (name, other, second) = (pair.name("home"), pair.name("office"), pair.far.name("second"));
    let [near, far, taken] = pair.near.many_blocks(3)[..] else { panic!() };
    echo(far);
    // What the far gateway would be looked for at, without a port of its own, is somebody else's here.
    let _busy = TcpListener::bind(("127.0.0.1", taken)).unwrap();
    pair.near.manifest(
        &name,
        &manifest(&pair, &format!("local_port = {near}\nforwards = ['{}:{far}']", near + 1)),
    );
    let status = pair.near.start(&name);
    assert_eq!(status["link"]["localPort"], near);
    assert_eq!(echoed(near + 1, b"through the second port"), b"through the second port");
    let port = pair.far.start(&second)["port"].as_u64().unwrap() as u16;
    let config = pair.far.state(&second).join("openclaw.json");
    let config: serde_json::Value = serde_json::from_slice(&std::fs::read(config).unwrap()).unwrap();
    std::fs::write(pair.file("token2"), config["gateway"]["auth"]["token"].as_str().unwrap()).unwrap();
    let (target, port, identity, token) =
        (pair.target(), port.to_string(), pair.text("user"), pair.text("token2"));
    let words = ["profile", "create", &other, "--remote", &target, "--remote-port", &port];
    pair.near.run(&[&words[..], &["--identity", &identity, "--token-file", &token]].concat()).ok();
    pair.near.start(&other);
    // Each answers by its own port and with its own token.
    pair.health(&name).ok();
    pair.health(&other).ok();
    assert_eq!(pair.clients().len(), 2);
    let line = look::command_line(status["link"]["pid"].as_u64().unwrap() as u32);
    assert!(line.contains(&format!("127.0.0.1:{}:127.0.0.1:{far}", near + 1)), "{line}");
}

#[test]
fn incident_f3_a_second_claim_on_a_port_is_refused_before_anything_runs() {
    let pair = Pair::new();
    let (name, other, local) = (pair.name("home"), pair.name("office"), pair.near.name("work"));
    let [near, free] = pair.near.many_blocks(2)[..] else { panic!() };
    pair.near.manifest(&name, &manifest(&pair, &format!("local_port = {near}")));
    pair.near.start(&name);
    let gateway = pair.near.start(&local)["port"].as_u64().unwrap() as u16;
    for more in [
        format!("local_port = {near}"),
        format!("local_port = {}", gateway + 7),
        format!("local_port = {free}\nforwards = ['{near}:1']"),
        format!("local_port = {free}\nforwards = ['{}:1']", gateway + 110),
    ] {
        pair.near.manifest(&other, &manifest(&pair, &more));
        let error = pair.near.run(&["profile", "start", &other, "--json"]).refused(78, "port_block_overlap");
        let message = error["message"].as_str().unwrap();
        let owner = if more.contains(&near.to_string()) { &name } else { &local };
        assert!(message.contains(&other) && message.contains(owner.as_str()), "{more}: {message}");
        assert_eq!(pair.near.run(&["profile", "check", &other, "--json"]).code, Some(4), "{more}");
    }
    // A near end beside the others is nobody's.
    pair.near.manifest(&other, &manifest(&pair, &format!("local_port = {}", near + 1)));
    pair.near.start(&other);
    pair.near.run(&["profile", "stop", &other]).ok();
    // One that a stranger has is refused with the stranger's name.
    let stranger = TcpListener::bind(("127.0.0.1", free)).unwrap();
    pair.near
        .manifest(&other, &manifest(&pair, &format!("local_port = {}\nforwards = ['{free}:1']", near + 1)));
    let error = pair.near.run(&["profile", "start", &other, "--json"]).refused(78, "port_in_use");
    assert_eq!(error["holder"]["pid"], std::process::id(), "{error}");
    drop(stranger);
    assert_eq!(pair.clients().len(), 1);
    // And the gateway's block is not for a new link.
    let port = (gateway + 3).to_string();
    let words = ["profile", "create", "third", "--remote", "ssh://h", "--port", &port, "--json"];
    pair.near.run(&words).refused(78, "port_block_overlap");
}

//! E4 and F1: which credential goes where. Every source of a token with every state that it was found in; and every
//! way to point the command line at a stranger. What came is read at the other end.

use std::fs;
use std::net::TcpListener;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::recorded::VERBS;
use super::served::{SECRET, Served};
use super::world::{Said, World, said};

/// What nobody may ever see but the gateway that it belongs to.
const CANARY: &str = "canary/of+this~host-0123456789";

/// Asserts that neither stream holds the canary, as it is or as tools would write it.
#[track_caller]
fn is_silent(said: &Said) {
    let percent = CANARY.replace('/', "%2F").replace('+', "%2B");
    for form in [CANARY.to_owned(), STANDARD.encode(CANARY), URL_SAFE_NO_PAD.encode(CANARY), percent] {
        assert!(!said.out.contains(&form) && !said.err.contains(&form), "{form}: {said:?}");
    }
}

/// Where a token may stand.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Config,
    ConfigVariable,
    ConfigFile,
    Variable,
    Flag,
}

fn write_value(file: &std::path::Path, value: Option<&str>) {
    if let Some(value) = value {
        fs::write(file, value).unwrap();
    }
}

/// Asks the gateway of `work` with `value` at `place`; `None` is no value at all.
fn ask(world: &World, port: u16, place: Place, value: Option<&str>) -> Said {
    let file = world.path("value");
    let _ = fs::remove_file(&file);
    let mut config = json!({"gateway": {"port": port, "remote": {"token": CANARY, "password": CANARY}}});
    let mut command = world.command(&["--profile", "work", "gateway", "call", "health", "--json"]);
    command.env("OPENCLAW_PROFILE", "work");
    match (place, value) {
        (Place::Config, Some(value)) => config["gateway"]["auth"] = json!({ "token": value }),
        (Place::Config, None) => {}
        (Place::ConfigVariable, value) => {
            config["gateway"]["auth"] = json!({"token": "${KEPT_TOKEN}"});
            command.envs(value.map(|value| ("KEPT_TOKEN", value)));
        }
        (Place::ConfigFile, value) => {
            config["secrets"] =
                json!({"providers": {"f": {"source": "file", "path": file, "mode": "singleValue"}}});
            config["gateway"]["auth"] = json!({"token": {"source": "file", "provider": "f", "id": "value"}});
            write_value(&file, value);
        }
        (Place::Variable, value) => {
            command.envs(value.map(|value| ("OPENCLAW_GATEWAY_TOKEN", value)));
        }
        (Place::Flag, value) => {
            write_value(&file, value);
            command.arg("--token-file").arg(&file);
        }
    }
    world.private(&world.state("work"));
    fs::write(world.state("work").join("openclaw.json"), config.to_string()).unwrap();
    said(command.spawn().unwrap())
}

#[test]
fn incident_e4_every_source_of_a_token_in_every_state() {
    let world = World::new();
    fs::write(world.path("answers"), "{}").unwrap();
    let served = world.served(&["--answers", world.path("answers").to_str().unwrap()]);
    let newline = format!("{SECRET}\n");
    let places = [Place::Config, Place::ConfigVariable, Place::ConfigFile, Place::Variable, Place::Flag];
    for place in places {
        for (value, code, came) in [
            (Some(SECRET), 0, Some(SECRET)),
            (Some(newline.as_str()), 0, Some(SECRET)),
            (Some("wrong-since-yesterday"), 77, Some("wrong-since-yesterday")),
            (Some("wrong"), 77, Some("wrong")),
            (Some("undefined"), 78, None),
            (Some("null"), 78, None),
            (Some("${NOT_EXPANDED}"), 78, None),
            (Some(""), 78, None),
            (None, 78, None),
        ] {
            let before = served.heard("connect").len();
            let said = ask(&world, served.port, place, value);
            is_silent(&said);
            let connects = served.heard("connect");
            let tokens: Vec<&Value> =
                connects[before..].iter().map(|params| &params["auth"]["token"]).collect();
            let about = format!("{place:?} {value:?}: {said:?}");
            match (place, value) {
                // Nothing configured is no mistake; the gateway says whether it lets such a one in.
                (Place::Config | Place::Variable, None) | (Place::Variable, Some("")) => {
                    assert_eq!((said.code, tokens), (Some(0), vec![&Value::Null]), "{about}");
                }
                (Place::Flag, None) => {
                    said.refused(2, "credential_file_missing");
                    assert!(tokens.is_empty(), "{about}");
                }
                _ => {
                    assert_eq!(said.code, Some(code), "{about}");
                    assert_eq!(tokens, came.map(|came| json!(came)).iter().collect::<Vec<_>>(), "{about}");
                    assert!(!said.err.contains(SECRET) && !said.out.contains(SECRET), "{about}");
                }
            }
        }
    }
    assert!(!served.text().contains(CANARY), "what is kept for a remote gateway stays at home");
}

#[test]
fn incident_e4_after_a_rotation_the_old_token_is_refused() {
    let world = World::new();
    let name = world.name("rotated");
    world.start(&name);
    let file = world.state(&name).join("openclaw.json");
    let text = fs::read_to_string(&file).unwrap();
    let config: Value = json5::from_str(&text).unwrap();
    let old = config["gateway"]["auth"]["token"].as_str().unwrap().to_owned();
    let kept = world.path("old");
    fs::write(&kept, &old).unwrap();
    let status = ["--profile", &name, "gateway", "call", "status", "--json"];
    let with_old = [&status[..], &["--token-file", kept.to_str().unwrap()]].concat();
    world.run(&with_old).ok();
    fs::write(&file, text.replace(&old, CANARY)).unwrap();
    world.run(&["profile", "restart", &name]).ok();
    let refused = world.run(&with_old);
    refused.refused(77, "gateway_auth_refused");
    assert!(!refused.out.contains(&old), "{refused:?}");
    let renewed = world.run(&[&status[..], &["-v"]].concat()).ok();
    is_silent(&renewed);
    assert!(renewed.err.contains("credential from config gateway.auth.token"), "{renewed:?}");
}

/// A listener that nobody may even connect to.
fn silent() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Everything that could be sent, lying around.
fn hostile(world: &World, words: &[&str], proxy: u16) -> Said {
    let mut command = world.command(words);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        command.env(name, format!("http://127.0.0.1:{proxy}"));
    }
    for name in ["OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_PASSWORD"] {
        command.env(name, CANARY);
    }
    let said = said(command.spawn().unwrap());
    is_silent(&said);
    said
}

fn write_config(world: &World, gateway: &Value) {
    let folder = world.home(".openclaw");
    world.private(&folder);
    fs::write(folder.join("openclaw.json"), json!({ "gateway": gateway }).to_string()).unwrap();
}

#[test]
fn incident_f1_no_verb_carries_a_credential_to_a_url_that_was_typed() {
    let world = World::new();
    let (listener, port) = silent();
    write_config(
        &world,
        &json!({"auth": {"token": CANARY, "password": CANARY},
        "remote": {"url": format!("ws://127.0.0.1:{port}"), "token": CANARY}}),
    );
    let url = format!("ws://127.0.0.1:{port}");
    for (verb, _) in VERBS {
        let words: Vec<&str> = verb.split(' ').chain(["--json", "--url", &url]).collect();
        assert_ne!(hostile(&world, &words, port).code, Some(0), "{verb}");
    }
    assert!(listener.accept().is_err(), "somebody connected");
}

#[test]
fn incident_f1_what_only_looks_like_this_host_gets_no_connection() {
    let world = World::new();
    let ((listener, port), secret) = (silent(), world.secret());
    let table = [
        ("ws://localhost.:PORT", 77, "url_not_private"),
        ("ws://localhost.evil.test:PORT", 77, "url_not_private"),
        ("ws://127.evil.test:PORT", 77, "url_not_private"),
        ("ws://127.0.0.1.evil.test:PORT", 77, "url_not_private"),
        ("ws://[::ffff:127.0.0.1]:PORT", 77, "url_not_private"),
        ("ws://0.0.0.0:PORT", 77, "url_not_private"),
        ("ws://8.8.8.8:PORT", 77, "url_not_private"),
        ("http://localhost.:PORT", 77, "url_not_private"),
        ("ws://user:pass@127.0.0.1:PORT", 2, "url_invalid"),
        ("ws://127.0.0.1:PORT/?token=x", 2, "url_invalid"),
        ("ws://127.0.0.1:PORT/#token=x", 2, "url_invalid"),
        ("ftp://127.0.0.1:PORT", 2, "url_invalid"),
    ];
    for (url, code, error) in table {
        let url = url.replace("PORT", &port.to_string());
        let words = ["health", "--json", "--url", &url, "--token-file", &secret];
        let said = hostile(&world, &words, port);
        said.refused(code, error);
        assert!(!said.out.contains(SECRET) && !said.out.contains("pass@"), "{said:?}");
    }
    assert!(listener.accept().is_err(), "somebody connected");
}

/// The tokens and passwords that came.
fn came(served: &Served) -> Vec<Value> {
    served.heard("connect").into_iter().map(|params| params["auth"].clone()).collect()
}

#[test]
fn incident_f1_a_credential_goes_to_its_own_endpoint_past_every_proxy() {
    let world = World::new();
    let (proxy, port) = silent();
    let (served, secret) = (world.served(&[]), world.secret());
    let url = served.url();
    write_config(&world, &json!({"auth": {"token": CANARY, "password": CANARY}}));
    hostile(&world, &["health", "--json", "--url", &url, "--token-file", &secret], port).ok();
    for (verb, _) in VERBS {
        // Most of what they ask it cannot answer; only what came counts.
        hostile(
            &world,
            &verb.split(' ').chain(["--json", "--url", &url, "--token-file", &secret]).collect::<Vec<_>>(),
            port,
        );
    }
    let typed = came(&served);
    assert!(typed.len() >= VERBS.len(), "{typed:?}");
    assert!(typed.iter().all(|auth| *auth == json!({ "token": SECRET })), "what was typed, alone: {typed:?}");
    // A remote gateway whose address was edited gets what was kept for that address, and nothing of this host's.
    write_config(
        &world,
        &json!({"mode": "remote", "auth": {"token": CANARY, "password": CANARY},
        "remote": {"url": served.url(), "token": SECRET}}),
    );
    let said = world.run(&["health", "--json"]).ok();
    is_silent(&said);
    assert_eq!(came(&served)[typed.len()..], [json!({ "token": SECRET })]);
    assert!(!served.text().contains(CANARY));
    assert!(proxy.accept().is_err(), "the proxy was asked");
}

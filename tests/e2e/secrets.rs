//! Where a credential must not be, and where a child's environment comes from (I8).

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::fake::FAKE;
use super::look;
use super::world::{World, pid, wait_for};

/// A value that stands for everything in a shell that is no gateway's business.
const CANARY: &str = "canary-7f3a9c";

/// A text as it is, and as it may hide in base64, whatever stands before it: the middle letters of all three
/// alignments.
fn disguises(secret: &str) -> Vec<Vec<u8>> {
    let mut all = vec![secret.as_bytes().to_vec()];
    for before in ["", "x", "xx"] {
        let text = STANDARD.encode(format!("{before}{secret}"));
        let middle = &text[4..text.len() - 4];
        all.extend([middle.as_bytes().to_vec(), middle.replace('+', "-").replace('/', "_").into_bytes()]);
    }
    all
}

/// Whether any disguise of `secret` occurs in `bytes`.
fn leaks(secret: &str, bytes: &[u8]) -> bool {
    disguises(secret).iter().any(|disguise| bytes.windows(disguise.len()).any(|window| window == disguise))
}

/// The token in a profile's `openclaw.json`.
fn token(world: &World, name: &str) -> String {
    let config: Value =
        serde_json::from_slice(&fs::read(world.state(name).join("openclaw.json")).unwrap()).unwrap();
    config["gateway"]["auth"]["token"].as_str().unwrap().to_owned()
}

#[test]
fn a_token_stands_in_its_configuration_and_nowhere_else() {
    let world = World::new();
    let name = world.name("quiet");
    let created = world.run(&["profile", "create", &name, "--json"]).ok();
    let token = token(&world, &name);
    assert!(leaks(&token, token.as_bytes()) && !leaks(&token, b"something else"));
    let mut said = vec![created];
    for words in [
        &["profile", "start", &name][..],
        &["profile", "start", &name, "--json", "-v"],
        &["--profile", &name, "health", "-v"],
        &["--profile", &name, "health", "--json", "-v"],
        &["--profile", &name, "gateway", "call", "status"],
        &["--profile", &name, "gateway", "call", "no.such.method", "--json"],
        &["profile", "list", "--json"],
        &["profile", "show", &name],
        &["profile", "env", &name],
        &["profile", "env", &name, "--json"],
        &["profile", "check", "--json"],
        &["profile", "restart", &name, "-v"],
        &["profile", "logs", &name],
        &["supervisor", "status", "--json"],
    ] {
        said.push(world.run(words));
    }
    for process in world.processes() {
        for part in ["cmdline", "environ"] {
            let bytes = fs::read(format!("/proc/{process}/{part}")).unwrap_or_default();
            assert!(!leaks(&token, &bytes), "{part} of {}", look::command_line(process));
        }
    }
    // Broken, the configuration is quoted in an error, but not its secret.
    let config = world.state(&name).join("openclaw.json");
    let good = fs::read_to_string(&config).unwrap();
    fs::write(&config, good.replace("\"token\": \"", "\"token\" \"")).unwrap();
    said.push(world.run(&["profile", "start", &name, "--json"]));
    said.push(world.run(&["--profile", &name, "health"]));
    fs::write(&config, good.replace(&token, "another-token-than-the-gateway-has")).unwrap();
    said.push(world.run(&["--profile", &name, "health", "--json"]));
    fs::write(&config, good).unwrap();
    said.push(world.run(&["profile", "stop", &name, "--json"]));
    for said in said {
        assert!(!leaks(&token, said.out.as_bytes()) && !leaks(&token, said.err.as_bytes()), "{said:?}");
        assert!(!said.err.contains("another-token"), "{said:?}");
    }
    let everything = look::tree(&world.path("."));
    let found: Vec<&String> =
        everything.iter().filter(|(_, (_, bytes))| leaks(&token, bytes)).map(|(path, _)| path).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].ends_with("openclaw.json"));
}

#[test]
fn everything_that_is_made_is_private() {
    let world = World::new();
    let name = world.name("closed");
    world.script(&["/usr/bin/env"], &format!("umask 000; \"$OC\" profile start {name}")).ok();
    world.run(&["profile", "restart", &name]).ok();
    for root in [world.home(""), world.path("run")] {
        for (path, (mode, _)) in look::tree(&root) {
            let is_dir = fs::symlink_metadata(&path).unwrap().is_dir();
            // A socket is reached through its directory alone.
            assert_eq!(mode & 0o077, 0, "{path} is {mode:o}");
            assert!(!is_dir || mode == 0o700, "{path} is {mode:o}");
        }
    }
    let lock = world.state(&name).join("gateway.lock");
    assert_eq!(fs::metadata(lock).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_childs_environment_is_what_the_manifest_and_the_allow_list_let_in() {
    let world = World::new();
    world.fake("bare", "pass_env = [\"LET_IN\"]", "", &["--dump-env", "@dump"]);
    let mut start = world.command(&["profile", "start", "bare"]);
    let shell = [
        ("CANARY", CANARY),
        ("LET_IN", "welcome"),
        ("API_KEY", CANARY),
        ("OPENCLAW_GATEWAY_TOKEN", CANARY),
        ("OPENCLAW_STATE_DIR", "/nowhere/of/the/shell"),
        ("OPENCLAW_CLAIM_FD", "5"),
        ("NODE_OPTIONS", "--inspect"),
        ("LD_PRELOAD", ""),
        ("INVOCATION_ID", CANARY),
        ("NOTIFY_SOCKET", "/run/notify"),
        ("SSH_AUTH_SOCK", "/run/agent"),
        ("LC_ALL", "C.UTF-8"),
        ("TZ", "UTC"),
    ];
    super::world::said(start.envs(shell).spawn().unwrap()).ok();
    let dump: Value = serde_json::from_slice(&fs::read(world.path("dump")).unwrap()).unwrap();
    let given = dump["env"].as_object().unwrap();
    let names: BTreeSet<&str> = given.keys().map(String::as_str).collect();
    let expected = BTreeSet::from([
        "HOME",
        "LC_ALL",
        "LET_IN",
        "OPENCLAW_CLAIM_FD",
        "OPENCLAW_CONFIG_PATH",
        "OPENCLAW_GATEWAY_PORT",
        "OPENCLAW_HOST_LOCK",
        "OPENCLAW_PROFILE",
        "OPENCLAW_RUN",
        "OPENCLAW_STATE_DIR",
        "OPENCLAW_WORKSPACE_DIR",
        "PATH",
        "TZ",
        "XDG_RUNTIME_DIR",
    ]);
    assert_eq!(names, expected);
    assert_eq!(given["LET_IN"], "welcome");
    assert_eq!(given["OPENCLAW_STATE_DIR"], world.state("bare").display().to_string());
    assert_ne!(given["OPENCLAW_CLAIM_FD"], "5");
    let gateway = pid(&world.show("bare"));
    assert!(!look::environment(gateway).values().any(|value| value.contains(CANARY)));
}

#[test]
fn a_later_shell_decides_nothing_about_a_child() {
    let world = World::new();
    let name = world.name("first");
    world.start(&name);
    let mut restart = world.command(&["profile", "restart", &name]);
    restart.envs([("LANG", CANARY), ("OPENCLAW_PROFILE", "other"), ("OPENCLAW_GATEWAY_PORT", "1")]);
    super::world::said(restart.spawn().unwrap()).ok();
    let environment = look::environment(pid(&world.show(&name)));
    assert_eq!((environment.get("LANG"), &environment["OPENCLAW_PROFILE"]), (None, &name));
}

/// The fake gateway as a stranger on `port`: it takes every credential, and writes down each frame.
fn impostor(world: &World, port: u16) -> (std::process::Child, PathBuf) {
    let heard = world.path("heard");
    let mut command = Command::new(&*FAKE);
    let command = world.surround(&mut command).args(["--port", &port.to_string()]);
    let child = command.arg("--record").arg(&heard).spawn().unwrap();
    wait_for("the impostor", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    (child, heard)
}

#[test]
fn a_stranger_on_the_port_gets_no_credential_while_the_gateway_lives_elsewhere() {
    let world = World::new();
    let name = world.name("mine");
    let gateway = pid(&world.start(&name));
    let token = token(&world, &name);
    // The profile's port changes in its manifest while its gateway goes on running where it was.
    let port = world.block();
    let manifest = world.home(format!(".config/openclaw/profiles/{name}.toml"));
    let text = fs::read_to_string(&manifest).unwrap();
    let moved: Vec<String> = text
        .lines()
        .map(|line| if line.starts_with("port ") { format!("port = {port}") } else { line.into() })
        .collect();
    fs::write(&manifest, moved.join("\n")).unwrap();
    let (mut stranger, heard) = impostor(&world, port);
    for words in [&["health", "--json"][..], &["gateway", "call", "status", "--json"]] {
        let refused = world.run(&[&["--profile", &name], words].concat());
        let error = refused.refused(77, "listener_foreign");
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains("no credential was sent") && message.contains(&gateway.to_string()),
            "{message}"
        );
    }
    assert!(!leaks(&token, &fs::read(&heard).unwrap_or_default()));
    assert_eq!(fs::read(&heard).unwrap_or_default(), b"", "not one frame");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn the_supervisors_own_probe_tells_a_stranger_nothing() {
    let world = World::new();
    let name = world.name("probed");
    world.run(&["profile", "create", &name]).ok();
    let (token, port) = (token(&world, &name), world.show(&name)["port"].as_u64().unwrap() as u16);
    // A gateway that never listens, while a stranger takes its port behind its back.
    let manifest = world.home(format!(".config/openclaw/profiles/{name}.toml"));
    let command = serde_json::json!([FAKE.display().to_string(), "--port", "{port}", "--never-listen"]);
    fs::write(
        &manifest,
        format!("[runtime]\nkind = \"command\"\ncommand = {command}\n[gateway]\nport = {port}\n"),
    )
    .unwrap();
    let start = world.spawn(&["profile", "start", &name]);
    world.until(&name, "a process", |status| status["pid"].is_u64());
    let (mut stranger, heard) = impostor(&world, port);
    let waiting = world.until(&name, "held up", |status| {
        status["phase"].as_str().is_some_and(|phase| phase.contains("another process holds"))
    });
    assert_eq!((&waiting["state"], &waiting["probe"]["hello"]), (&"starting".into(), &false.into()));
    world.run(&["profile", "stop", &name]).ok();
    super::world::said(start);
    assert!(!leaks(&token, &fs::read(&heard).unwrap_or_default()));
    assert_eq!(fs::read(&heard).unwrap_or_default(), b"");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn a_wrong_credential_is_refused_by_its_own_kind_of_exit() {
    let world = World::new();
    let name = world.name("wrong");
    world.start(&name);
    let config = world.state(&name).join("openclaw.json");
    let good = fs::read_to_string(&config).unwrap();
    fs::write(&config, good.replace(&token(&world, &name), "not-the-token")).unwrap();
    let refused = world.run(&["--profile", &name, "health", "--json"]).refused(77, "gateway_auth_refused");
    assert!(refused["remedy"].as_str().unwrap().contains("gateway.auth"), "{refused}");
    fs::write(&config, good).unwrap();
    world.run(&["--profile", &name, "health"]).ok();
}

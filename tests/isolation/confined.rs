//! Confinement (`[confine]`, INCIDENTS B7): a plug-in that writes into another profile's tree is stopped by the kernel,
//! whatever it starts is stopped too, and `profile show` says what is in force.

use std::fs;

use serde_json::json;

use super::fake::FAKE;
use super::look;
use super::world::{Said, World, pid, said};

/// What a sloppy plug-in does; each line that succeeds is told on standard output.
const STUB: &str = r#"
PATH=/usr/bin:/bin
try() { if sh -c "$2" 2>/dev/null; then echo "stub $1 did"; else echo "stub $1 could not"; fi; }
try read   'cat "$HOME/.openclaw/openclaw.json" >/dev/null'
try write  'echo leak > "$HOME/.openclaw/credentials/creds.json"'
try create 'echo leak > "$HOME/.openclaw/credentials/new"'
try list   'ls "$HOME/.openclaw"'
try remove 'rm -f "$HOME/.openclaw/approvals.json"; ! test -e "$HOME/.openclaw/approvals.json"'
try link   'ln "$HOME/.openclaw/approvals.json" "$OPENCLAW_STATE_DIR/stolen"'
try later  'mkdir "$HOME/.openclaw-later"'
try kept   'cat "$HOME"/.local/state/openclaw/records/*'
try manifest 'echo "" >> "$HOME/.config/openclaw/profiles/'$1'.toml"'
try setsid 'setsid sh -c "echo leak > $HOME/.openclaw/credentials/creds.json"'
try own    'echo mine > "$OPENCLAW_STATE_DIR/mine" && cat "$OPENCLAW_STATE_DIR/mine" >/dev/null'
try beside 'echo mine > "$HOME/documents/mine"'
try stdout 'echo again > /dev/stdout'
try temp   'echo t > "${TMPDIR:-/tmp}/t"'
"#;

/// A manifest of the stub, which becomes a fake gateway when it is done.
fn manifest(world: &World, name: &str, confine: &str) {
    let port = world.block();
    let script = format!("{STUB}\nexec {} --port {port}", FAKE.display());
    let command = serde_json::to_string(&["/bin/sh", "-c", &script, "stub", name]).unwrap();
    let text = format!(
        "[runtime]\nkind = \"command\"\ncommand = {command}\n[gateway]\nport = {port}\n[confine]\n{confine}\n"
    );
    world.manifest(name, &text);
}

/// What the stub managed to do and what it did not, by the words of its trials.
fn told(world: &World, name: &str) -> (Vec<String>, Vec<String>) {
    let log = world.run(&["profile", "logs", name]).ok().out;
    let said = |ending: &str| {
        let trials = log.lines().filter_map(|line| line.strip_prefix("stub ")?.strip_suffix(ending));
        trials.map(str::to_owned).collect::<Vec<String>>()
    };
    (said(" did"), said(" could not"))
}

#[test]
fn incident_b7_a_plug_in_that_writes_into_another_profile_is_stopped_by_the_kernel() {
    let world = World::new();
    let main = world.home(".openclaw");
    for file in ["openclaw.json", "credentials/creds.json", "approvals.json"] {
        fs::create_dir_all(main.join(file).parent().unwrap()).unwrap();
        fs::write(main.join(file), "{}").unwrap();
    }
    fs::create_dir(world.home("documents")).unwrap();
    let before = look::tree(&main);
    let name = world.name("work");
    manifest(&world, &name, "level = \"peers\"");
    let status = world.start(&name);
    assert_eq!(status["confine"]["level"], "peers", "{status}");
    assert_eq!(status["confine"]["inForce"], "peers", "{status}");
    assert!(status["confine"]["abi"].as_u64() >= Some(3), "{status}");
    let (done, refused) = told(&world, &name);
    assert_eq!(done, ["own", "beside", "stdout", "temp"], "{refused:?}");
    let forbidden =
        ["read", "write", "create", "list", "remove", "link", "later", "kept", "manifest", "setsid"];
    assert_eq!(refused, forbidden);
    assert_eq!(look::tree(&main), before, "canaries");
    let shown = world.run(&["profile", "show", &name]).ok().out;
    assert!(shown.contains("peers, in force"), "{shown}");
}

#[test]
fn without_confinement_the_same_plug_in_gets_everywhere() {
    let world = World::new();
    for file in ["openclaw.json", "credentials/creds.json", "approvals.json"] {
        let file = world.home(".openclaw").join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "{}").unwrap();
    }
    let name = world.name("work");
    manifest(&world, &name, "level = \"off\"");
    assert_eq!(world.start(&name)["confine"], json!({ "level": "off", "inForce": "off", "abi": null }));
    let (done, _) = told(&world, &name);
    for trial in ["read", "write", "create", "list", "later", "kept", "manifest", "setsid"] {
        assert!(done.iter().any(|word| word == trial), "{trial} shows nothing: {done:?}");
    }
}

#[test]
fn under_strict_the_embedded_gateway_is_healthy_and_comes_back() {
    let world = World::new();
    let name = world.name("tight");
    world.run(&["profile", "create", &name, "--runtime", "embedded"]).ok();
    let manifest = world.home(".config/openclaw/profiles").join(format!("{name}.toml"));
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("level = \"off\"", "level = \"strict\"")).unwrap();
    let status = world.start(&name);
    assert_eq!((&status["state"], &status["confine"]["inForce"]), (&json!("ready"), &json!("strict")));
    assert_eq!(world.run(&["--profile", &name, "health", "--json"]).ok().json()["ok"], true);
    world.run(&["profile", "restart", &name]).ok();
    assert_ne!(pid(&world.show(&name)), pid(&status));
    world.run(&["profile", "stop", &name]).ok();
    assert_eq!(world.show(&name)["confine"], json!({ "level": "strict", "inForce": null, "abi": null }));
}

#[test]
fn under_strict_no_port_outside_the_block_can_be_bound() {
    let world = World::new();
    let (name, port, other) = (world.name("tight"), world.block(), world.block());
    for (bound, state) in [(port + 3, true), (other, false)] {
        let command = serde_json::to_string(&[&FAKE.display().to_string(), "--port", &bound.to_string()]);
        let text = format!(
            "[runtime]\nkind = \"command\"\nready = \"tcp\"\ncommand = {}\n[gateway]\nport = {port}\n\
             [supervise]\nrestart = \"never\"\nstart_timeout = \"1s\"\n[confine]\nlevel = \"strict\"\n",
            command.unwrap()
        );
        world.manifest(&name, &text);
        let said = world.run(&["profile", "start", &name, "--json"]);
        // Within its block it listens, if not where it is looked for; outside it does not even come to that.
        let last = world.show(&name)["lastExit"]["lastLines"].to_string();
        assert_eq!(last.contains("Permission denied"), !state, "{last} {said:?}");
        world.run(&["profile", "stop", &name]);
    }
}

/// Gives the supervisor orders, openly and in disguise, before the gateway begins.
const ORDERS: &str = r#"
PATH=/usr/bin:/bin
stop="env -i HOME=$HOME XDG_RUNTIME_DIR=$1 $2 --json supervisor stop"
echo "open $(env HOME=$HOME XDG_RUNTIME_DIR=$1 OPENCLAW_RUN=none $2 --json supervisor stop | tr -d '\n')"
echo "bare $($stop | tr -d '\n')"
mkfifo "$OPENCLAW_STATE_DIR/done"
(setsid sh -c "echo \"orphan \$($stop | tr -d '\\n')\"; echo > '$OPENCLAW_STATE_DIR/done'" &)
read line < "$OPENCLAW_STATE_DIR/done"
"#;

#[test]
fn a_confined_process_gives_the_supervisor_no_orders_and_an_unconfined_one_does() {
    for (level, code) in [("peers", "order_confined"), ("off", "")] {
        let world = World::new();
        let (name, port) = (world.name("orders"), world.block());
        let orders = if level == "off" {
            ORDERS.replace("supervisor stop", "supervisor status")
        } else {
            ORDERS.into()
        };
        let script = format!("{orders}\nexec {} --port {port}", FAKE.display());
        let run = world.path("run").display().to_string();
        let program = world.program.display().to_string();
        let command = serde_json::to_string(&["/bin/sh", "-c", &script, "stub", &run, &program]).unwrap();
        world.manifest(&name, &format!(
            "[runtime]\nkind = \"command\"\ncommand = {command}\n[gateway]\nport = {port}\n[confine]\nlevel = {level:?}\n"
        ));
        let status = world.start(&name);
        let log = world.run(&["profile", "logs", &name]).ok().out;
        for way in ["open", "bare", "orphan"] {
            let told =
                log.lines().find_map(|line| line.strip_prefix(way)).unwrap_or_else(|| panic!("{way}: {log}"));
            let told: serde_json::Value =
                serde_json::from_str(told).unwrap_or_else(|_| panic!("{way}: {log}"));
            assert_eq!(told["error"]["code"].as_str().unwrap_or_default(), code, "{way} {told}");
            assert_eq!(told["pid"].is_null(), level == "peers", "{way} {told}");
        }
        assert_eq!(pid(&world.show(&name)), pid(&status));
    }
}

#[test]
fn in_the_foreground_it_is_confined_too() {
    let world = World::new();
    fs::create_dir_all(world.home(".openclaw/credentials")).unwrap();
    let name = world.name("fore");
    let script = "echo leak > \"$HOME/.openclaw/credentials/new\" || exit 7";
    let command = serde_json::to_string(&["/bin/sh", "-c", script]).unwrap();
    world.manifest(
        &name,
        &format!("[runtime]\nkind = \"command\"\ncommand = {command}\n[confine]\nlevel = \"peers\"\n"),
    );
    let said = world.run(&["--profile", &name, "gateway", "run"]);
    assert_eq!(said.code, Some(7), "{said:?}");
}

/// Runs the binary as if the kernel had this Landlock ABI; a supervisor that it starts sees the same.
fn on_kernel(world: &World, abi: &str, args: &[&str]) -> Said {
    said(world.command(args).env("OPENCLAW_LANDLOCK_ABI", abi).spawn().unwrap())
}

/// A profile of a fake gateway with this `[confine]`.
fn fake(world: &World, confine: &str) -> String {
    let (name, port) = (world.name("tight"), world.block());
    let command = serde_json::to_string(&[&FAKE.display().to_string(), "--port", &port.to_string()]);
    world.manifest(
        &name,
        &format!(
            "[runtime]\nkind = \"command\"\ncommand = {}\n[gateway]\nport = {port}\n[confine]\n{confine}\n",
            command.unwrap()
        ),
    );
    name
}

#[test]
fn what_the_kernel_cannot_do_is_refused_before_anything_runs() {
    for (level, abi, lesser) in [("strict", "3", "peers"), ("strict", "0", "off"), ("peers", "2", "off")] {
        let world = World::new();
        let name = fake(&world, &format!("level = {level:?}"));
        let refused = on_kernel(&world, abi, &["profile", "start", &name, "--json"]);
        let refused = refused.refused(78, "confinement_unavailable");
        let (message, remedy) = (refused["message"].as_str().unwrap(), refused["remedy"].as_str().unwrap());
        assert!(message.contains(level) && message.contains("ABI"), "{message}");
        assert!(
            remedy.contains(&format!("level = {lesser:?}")) && remedy.contains("fallback = true"),
            "{remedy}"
        );
        assert!(remedy.contains(&format!("{name}.toml")), "{remedy}");
        assert!(!world.journal().contains("gateway spawned"), "{}", world.journal());
        let fore = on_kernel(&world, abi, &["--profile", &name, "--json", "gateway", "run"]);
        fore.refused(78, "confinement_unavailable");
        let checked = on_kernel(&world, abi, &["profile", "check"]).ok().out;
        assert!(checked.contains("its start will be refused") && checked.contains(&name), "{checked}");
        let told = on_kernel(&world, abi, &["profile", "check", "--json"]).ok().json()["confine"][0].clone();
        assert_eq!((&told["level"], &told["possible"]), (&json!(level), &json!(null)), "{told}");
    }
}

#[test]
fn with_fallback_it_is_held_to_what_the_kernel_can_and_that_is_said() {
    for (level, abi, lesser, told_abi) in
        [("strict", "3", "peers", json!(3)), ("peers", "0", "off", json!(null))]
    {
        let world = World::new();
        let name = fake(&world, &format!("level = {level:?}\nfallback = true"));
        let checked = on_kernel(&world, abi, &["profile", "check"]).ok().out;
        assert!(checked.contains(&format!("{name} can be confined to {lesser} only")), "{checked}");
        let status = on_kernel(&world, abi, &["profile", "start", &name, "--json"]).ok().json();
        assert_eq!(
            status["confine"],
            json!({ "level": level, "inForce": lesser, "abi": told_abi }),
            "{status}"
        );
        assert!(status["warnings"].to_string().contains(&format!("confined to `{lesser}` only")), "{status}");
        let kernel = fs::read_to_string(format!("/proc/{}/status", pid(&status))).unwrap();
        assert_eq!(kernel.contains("NoNewPrivs:\t1"), lesser != "off", "the kernel agrees");
        let shown = world.run(&["profile", "show", &name]).ok().out;
        assert!(shown.contains(lesser) && shown.contains(level), "{shown}");
    }
}

#[test]
fn what_is_in_force_is_told_also_by_a_check_and_by_the_next_supervisor() {
    let world = World::new();
    let name = fake(&world, "level = \"peers\"");
    let checked = world.run(&["profile", "check"]).ok().out;
    assert!(checked.contains(&format!("{name} can be confined to peers (Landlock ABI ")), "{checked}");
    let status = world.start(&name);
    look::signal(world.supervisor(), nix::sys::signal::Signal::SIGKILL);
    world.run(&["profile", "start", &name]).ok();
    let adopted = world.until_state(&name, "ready");
    assert_eq!((pid(&adopted), &adopted["confine"]), (pid(&status), &status["confine"]));
}

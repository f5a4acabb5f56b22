//! The service files that are shipped and written: equal to what `service print` says, taken by the tools of those who
//! load them, without a secret, and with nothing of the shell that they were written from (H1, G6).

use std::fs;
use std::path::Path;
use std::process::Command;

use super::world::{World, said};

/// Each shipped file and the words that print it.
const SHIPPED: [(&str, &[&str]); 5] = [
    ("systemd/openclaw-supervisor.service", &["--manager", "systemd", "--generic"]),
    ("systemd/openclaw-supervisor.socket", &["--manager", "systemd", "--unit", "socket"]),
    ("systemd/openclaw-gateway@.service", &["--manager", "systemd", "--unit", "template"]),
    ("launchd/ai.openclaw.supervisor.plist", &["--manager", "launchd", "--generic"]),
    ("launchd/ai.openclaw.gateway.plist", &["--manager", "launchd", "--generic", "--profile", "default"]),
];

#[test]
fn what_is_shipped_is_what_is_printed() {
    let world = World::new();
    for (file, words) in SHIPPED {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(file);
        let shipped = fs::read_to_string(&path).unwrap_or_default();
        let printed = world.run(&[&["service", "print"], words].concat()).ok().out;
        assert!(shipped == printed, "{file} is not what `openclaw service print {}` says", words.join(" "));
    }
    let folders =
        ["systemd", "launchd"].map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(name));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).count();
    assert_eq!(files, SHIPPED.len(), "each shipped file is compared");
}

/// Units of all kinds in a folder of their own, with programs that exist.
fn units(world: &World) -> Vec<String> {
    let folder = world.path("units");
    fs::create_dir_all(&folder).unwrap();
    let mut written = Vec::new();
    let mut write = |name: &str, text: String| {
        let text = text.replace("/usr/bin/openclaw", &world.program.display().to_string());
        fs::write(folder.join(name), text).unwrap();
        written.push(folder.join(name).display().to_string());
    };
    for (name, words) in [
        ("openclaw-supervisor.service", &["--generic"][..]),
        ("openclaw-supervisor.socket", &["--unit", "socket"]),
        ("openclaw-gateway@work.service", &["--unit", "template"]),
        ("openclaw-gateway-work.service", &["--profile", "work"]),
        ("system.service", &["--system", "--user-account", "nobody"]),
        ("root.service", &["--system", "--user-account", "root"]),
    ] {
        let words = [&["service", "print", "--manager", "systemd"], words].concat();
        write(name, world.run(&words).ok().out);
    }
    written
}

#[test]
fn systemd_takes_every_unit_without_a_word_and_finds_less_exposed_than_before() {
    let world = World::new();
    let analyze = "/usr/bin/systemd-analyze";
    if !Path::new(analyze).exists() {
        return eprintln!("skipped: there is no systemd-analyze here");
    }
    world.embedded("work");
    let units = units(&world);
    let run = |words: &[&str]| {
        let mut command = Command::new(analyze);
        world.surround(&mut command).env("PATH", "/usr/bin:/bin").env("SYSTEMD_LOG_LEVEL", "warning");
        said(command.args(words).spawn().unwrap())
    };
    let named = |name: &str| units.iter().find(|unit| unit.ends_with(name)).unwrap().as_str();
    let own: Vec<&str> = units[..4].iter().map(String::as_str).collect();
    for (scope, files) in
        [("--user", own), ("--system", vec![named("/system.service"), named("/root.service")])]
    {
        let said = run(&[&[scope, "verify", "--man=no"], &files[..]].concat());
        // The units of the machine itself are read too, and may have faults of their own.
        let about: Vec<&str> =
            said.err.lines().filter(|line| line.contains("openclaw") || line.contains("units/")).collect();
        assert_eq!(about, [""; 0], "{said:?}");
    }
    // 9.6 is a unit without any of this; the threshold is ten times the exposure.
    for (name, most) in [("supervisor.service", "80"), ("@work.service", "80"), ("/system.service", "60")] {
        let threshold = format!("--threshold={most}");
        let said = run(&["security", "--offline=yes", "--no-pager", &threshold, named(name)]);
        assert_eq!(said.code, Some(0), "{name}: {}", said.out.lines().last().unwrap_or_default());
    }
}

#[test]
fn a_parser_of_somebody_elses_reads_the_property_lists() {
    let world = World::new();
    world.embedded("work");
    let python = "/usr/bin/python3";
    if !Path::new(python).exists() {
        return eprintln!("skipped: there is no python3 here");
    }
    for (words, label) in [
        (&["--manager", "launchd"][..], "ai.openclaw.supervisor"),
        (&["--manager", "launchd", "--profile", "work"], "ai.openclaw.work"),
        (&["--manager", "launchd", "--system", "--user-account", "nobody"], "ai.openclaw.supervisor"),
    ] {
        let text = world.run(&[&["service", "print"], words].concat()).ok().out;
        let file = world.path("a.plist");
        fs::write(&file, text).unwrap();
        let script = "import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))";
        let mut command = Command::new(python);
        let read =
            said(world.surround(&mut command).args(["-c", script]).arg(&file).spawn().unwrap()).ok().json();
        assert_eq!(read["Label"], label);
        assert_eq!(read["ProgramArguments"][0], world.program.display().to_string());
        // An end that somebody asked for stays; launchd knows no more of ends than that.
        let kept = serde_json::json!({ "SuccessfulExit": false });
        assert_eq!((&read["KeepAlive"], &read["RunAtLoad"]), (&kept, &true.into()));
        assert!(read["ExitTimeOut"].as_u64().unwrap() >= 330, "{read}");
        assert_eq!(read["UserName"].as_str(), words.contains(&"--system").then_some("nobody"));
        for stream in ["StandardOutPath", "StandardErrorPath"] {
            assert!(read[stream].as_str().unwrap().starts_with('/'), "{read}");
        }
    }
}

#[test]
fn incident_g6_a_log_behind_a_link_is_not_written_into_a_property_list() {
    let world = World::new();
    let print = || world.run(&["service", "print", "--manager", "launchd"]).ok().out;
    assert!(print().contains("Library/Logs/openclaw/supervisor.log"));
    fs::create_dir_all(world.home("Library/Logs")).unwrap();
    std::os::unix::fs::symlink(world.path("elsewhere"), world.home("Library/Logs/openclaw")).unwrap();
    assert!(!print().contains("Library/Logs/openclaw"), "{}", print());
}

/// Secrets of every kind that a shell may hold, and moods of it that must not last.
const CANARY: &str = "canary-5f1c9a7e";

#[test]
fn incident_h1_no_secret_and_no_mood_of_the_shell_is_in_a_service_file() {
    for (manager, folder) in [("systemd", ".config/systemd/user"), ("launchd", "Library/LaunchAgents")] {
        for profile in [&[][..], &["--profile", "work"]] {
            nothing_leaks(&World::new(), manager, folder, profile);
        }
    }
}

fn nothing_leaks(world: &World, manager: &str, folder: &str, profile: &[&str]) {
    world.embedded("work");
    let text = fs::read_to_string(world.state("work").join("openclaw.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&text).unwrap();
    let token = config["gateway"]["auth"]["token"].as_str().unwrap();
    for (verb, more) in [("print", &[][..]), ("install", &["--token", CANARY]), ("status", &["--json"])] {
        let words = [profile, &["service", verb, "--manager", manager], more].concat();
        let mut command = world.command(&words);
        for name in [
            "OPENCLAW_GATEWAY_TOKEN",
            "OPENCLAW_GATEWAY_PASSWORD",
            "ANTHROPIC_API_KEY",
            "NODE_OPTIONS",
            "TMPDIR",
        ] {
            command.env(name, CANARY);
        }
        let said = said(command.spawn().unwrap());
        assert!(!said.out.is_empty(), "{words:?}: {said:?}");
        for secret in [CANARY, token] {
            assert!(!said.out.contains(secret) && !said.err.contains(secret), "{words:?}: {said:?}");
        }
    }
    let files = fs::read_dir(world.home(folder)).unwrap().flatten().filter(|entry| entry.path().is_file());
    let texts: Vec<String> = files.map(|entry| fs::read_to_string(entry.path()).unwrap()).collect();
    assert_eq!(texts.len(), 1, "{manager}");
    assert!(!texts[0].contains(CANARY) && !texts[0].contains(token), "{}", texts[0]);
}

#[test]
fn a_path_that_outlives_versions_is_kept_and_one_that_others_may_replace_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let mut world = World::new();
    // `bin` is on the PATH of this world: a link there is the program's steady name.
    let versioned = world.path("openclaw-1.2.3");
    fs::copy(&world.program, &versioned).unwrap();
    std::os::unix::fs::symlink(&versioned, world.path("bin").join("openclaw")).unwrap();
    world.program = versioned.clone();
    let print = |world: &World| world.run(&["service", "print", "--json"]);
    let text = print(&world).ok().json()["text"].as_str().unwrap().to_owned();
    let steady = world.path("bin").join("openclaw").display().to_string();
    assert!(text.contains(&format!("ExecStart={steady} supervisor run")), "{text}");
    let warnings = print(&world).json()["warnings"].to_string();
    assert!(warnings.contains("temporary"), "{warnings}");
    fs::set_permissions(&versioned, fs::Permissions::from_mode(0o777)).unwrap();
    let error = print(&world).refused(78, "program_unsafe");
    assert!(error["message"].as_str().unwrap().contains("may be written by everybody"), "{error}");
}

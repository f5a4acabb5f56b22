//! G4: a package was replaced under what ran, versions were mixed and nobody said so, and a new version that did not boot
//! left nothing behind. Here the versions are shown, going over restarts no gateway, and a program that would not do as
//! well is refused while the old one serves on.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::fake::FAKE;
use super::world::{OPENCLAW, World, pid, wait_for};

/// The version under test, and one that is as long.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Another version of the binary: the same with another number in it.
fn another(world: &World) -> (PathBuf, String) {
    let (name, path) = (VERSION.replace(|letter: char| letter != '.', "9"), world.path("another"));
    let mut bytes = fs::read(OPENCLAW).unwrap();
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(VERSION.len()).position(|part| part == VERSION.as_bytes()) {
        at += found;
        bytes[at..at + VERSION.len()].copy_from_slice(name.as_bytes());
    }
    install(&path, &bytes);
    (path, name)
}

/// Puts a program in its place as a package manager does: beside it, then over it.
fn install(path: &Path, bytes: &[u8]) {
    let new = path.with_extension("new");
    fs::write(&new, bytes).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(new, path).unwrap();
}

fn supervisor(world: &World) -> Value {
    world.run(&["supervisor", "status", "--json"]).ok().json()
}

#[test]
fn incident_g4_versions_are_shown_and_going_over_restarts_no_gateway() {
    let mut world = World::new();
    let (new, other) = another(&world);
    let installed = world.path("installed");
    fs::copy(OPENCLAW, &installed).unwrap();
    world.program.clone_from(&installed);
    let name = world.name("work");
    let gateway = world.start(&name);
    let before = supervisor(&world);
    assert_eq!(before["skew"], false, "{before}");
    assert_eq!(
        (&before["version"], &before["installed"], &before["cli"]),
        (&VERSION.into(), &VERSION.into(), &VERSION.into())
    );
    // The package is replaced; a command of the old version and one of the new both see it.
    install(&installed, &fs::read(&new).unwrap());
    for (command, cli) in [(Path::new(OPENCLAW), VERSION), (&installed, &*other)] {
        world.program = command.into();
        let now = supervisor(&world);
        assert_eq!(
            (&now["version"], &now["installed"], &now["cli"]),
            (&VERSION.into(), &other.clone().into(), &cli.into()),
            "{now}"
        );
        assert_eq!(now["skew"], true, "{now}");
        let said = world.run(&["supervisor", "status"]).ok();
        assert!(said.err.contains("openclaw supervisor reload"), "{said:?}");
    }
    let words = ["--profile", &name, "status", "--deep", "--json"];
    let versions = world.run(&words).ok().json()["host"]["versions"].clone();
    assert_eq!(
        (&versions["skew"], &versions["supervisor"]["running"]),
        (&true.into(), &VERSION.into()),
        "{versions}"
    );
    let reloaded = world.run(&["supervisor", "reload", "--json"]).ok().json();
    assert_eq!((&reloaded["from"], &reloaded["to"]), (&VERSION.into(), &other.clone().into()), "{reloaded}");
    let after = supervisor(&world);
    assert_eq!(
        (&after["pid"], &after["version"], &after["skew"]),
        (&before["pid"], &other.clone().into(), &false.into())
    );
    let kept = world.until(&name, "probed", |status| !status["version"].is_null());
    assert_eq!((&kept["pid"], &kept["version"]), (&gateway["pid"], &VERSION.into()));
    assert!(kept["warnings"].to_string().contains("profile restart"), "{kept}");
    let seen = world.run(&["--profile", &name, "status", "--json"]).ok().json();
    assert_eq!(seen["versions"]["skew"], true, "{seen}");
    world.run(&["profile", "restart", &name]).ok();
    assert_eq!(world.show(&name)["version"], other);
    assert_eq!(world.run(&["--profile", &name, "status", "--json"]).ok().json()["versions"]["skew"], false);
}

#[test]
fn incident_g4_a_program_that_would_not_do_as_well_leaves_the_old_one_serving() {
    let world = World::new();
    let name = world.name("work");
    let gateway = world.start(&name);
    let before = supervisor(&world);
    let version = "[ \"$1\" = --version ] && { echo 'openclaw 9.9.9'; exit 0; }\n";
    let shows = |document: &str| format!("#!/bin/sh\n{version}echo '{document}'\n");
    let refuses = format!(
        r#"{{"ok":true,"version":"9.9.9","runs":["{name}"],"refused":[["{name}","gateway.port: unknown key"]]}}"#
    );
    let cases = [
        ("missing", None, "no program file"),
        ("exits", Some("#!/bin/sh\nexit 1\n".to_owned()), "does not say its version"),
        ("hangs", Some("#!/bin/sh\nexec /bin/sleep 600\n".into()), "did not end in time"),
        ("format", Some("\x7fELF\x02\x01\x01 no more of it".into()), "Exec format error"),
        ("boots-not", Some(format!("#!/bin/sh\n{version}exit 78\n")), "does not show how it would do"),
        (
            "config",
            Some(shows(r#"{"ok":false,"error":{"code":"x","message":"the config is too old"}}"#)),
            "the config is too old",
        ),
        ("refuses", Some(shows(&refuses)), "unknown key"),
        ("forgets", Some(shows(r#"{"ok":true,"version":"9.9.9","runs":[]}"#)), "would not watch on over"),
    ];
    for (case, text, why) in cases {
        let program = world.path(case);
        if let Some(text) = text {
            install(&program, text.as_bytes());
        }
        let program = program.display().to_string();
        let error =
            world.run(&["supervisor", "reload", "--program", &program, "--json"]).refused(1, "program_unfit");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(why) && message.contains(&program), "{case}: {error}");
        let now = supervisor(&world);
        assert_eq!((&now["pid"], &now["startedAtMs"]), (&before["pid"], &before["startedAtMs"]), "{case}");
        let kept = world.show(&name);
        assert_eq!((pid(&kept), &kept["state"]), (pid(&gateway), &"ready".into()), "{case}");
    }
    world.run(&["--profile", &name, "health"]).ok();
}

#[test]
fn incident_g4_a_gateway_that_does_not_boot_in_its_new_version_runs_in_the_one_before() {
    let world = World::new();
    let bystander = world.name("calm");
    world.fake(&bystander, "", "", &[]);
    let bystander_pid = pid(&world.start(&bystander));

    // Each version has a folder of its own, as version managers lay them out; the manifest names one.
    let (name, port) = (world.name("far"), world.block());
    let version = |number: &str| world.path("versions").join(number).join("gateway");
    let manifest = |number: &str| {
        format!(
            "[runtime]\nkind = \"command\"\ncommand = [{:?}, \"--port\", \"{{port}}\"]\n[gateway]\nport = {port}\n\
             [supervise]\nrollback = true\nprobation = \"300ms\"\nstable_after = \"100ms\"\n",
            version(number).display().to_string()
        )
    };
    let newer = b"#!/bin/sh\necho the configuration is of an older version >&2\nexit 1\n";
    for (number, bytes) in [("1", fs::read(&*FAKE).unwrap()), ("2", newer.to_vec())] {
        fs::create_dir_all(version(number).parent().unwrap()).unwrap();
        install(&version(number), &bytes);
    }
    world.manifest(&name, &manifest("1"));
    let before = pid(&world.start(&name));
    let good = world.kept(&format!("records/{name}.good"));
    wait_for("the copy of the good files", || good.exists().then_some(()));

    world.manifest(&name, &manifest("2"));
    // How the command ends is another matter: the old version may serve again before it does.
    world.run(&["profile", "restart", &name]);
    let status = world.until(&name, "the version before", |status| {
        status["state"] == "ready" && status["pid"].as_u64() != Some(u64::from(before))
    });
    assert!(status["warnings"].to_string().contains("put back"), "{status}");
    assert_eq!(fs::read_link(format!("/proc/{}/exe", pid(&status))).unwrap(), version("1"));
    let kept =
        fs::read_to_string(world.home(".config/openclaw/profiles").join(format!("{name}.toml"))).unwrap();
    assert_eq!(kept, manifest("1"));
    assert_eq!(pid(&world.show(&bystander)), bystander_pid);
}

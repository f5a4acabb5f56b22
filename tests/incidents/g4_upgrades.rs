//! G4: a package was replaced under what ran, versions were mixed and nobody said so, and a new version that did not boot
//! left nothing behind. Here the versions are shown, going over restarts no gateway, and a program that would not do as
//! well is refused while the old one serves on.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::fake::FAKE;
use super::user_units::{generated, managed, value};
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

/// Installs the version under test in this world, whose commands are then that file.
fn installed(world: &mut World) -> PathBuf {
    let installed = world.path("installed");
    fs::copy(OPENCLAW, &installed).unwrap();
    world.program.clone_from(&installed);
    installed
}

fn supervisor(world: &World) -> Value {
    world.run(&["supervisor", "status", "--json"]).ok().json()
}

#[test]
fn incident_g4_versions_are_shown_and_going_over_restarts_no_gateway() {
    let mut world = World::new();
    let (new, other) = another(&world);
    let installed = installed(&mut world);
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

#[test]
fn incident_g4_a_program_that_comes_up_nowhere_is_found_out_before_it_takes_over() {
    let world = World::new();
    let name = world.name("work");
    let gateway = world.start(&name);
    let before = supervisor(&world);
    let real = OPENCLAW;
    // Everything that is asked of it beforehand it answers as the real one does; as a supervisor it is of no use.
    let but = |what: &str| {
        format!(
            "#!/bin/sh\ncase \"$*\" in \"supervisor run --background\") {what};; esac\nexec {real} \"$@\"\n"
        )
    };
    let cases = [
        ("dies", but("kill -9 $$"), "does not come up as a supervisor"),
        ("silent", but("exec /bin/sleep 600"), "did not end in time"),
        ("deaf", but("echo '{\"Ok\":null}'; exec /bin/sleep 600 >/dev/null"), "hears no order"),
    ];
    for (case, text, why) in cases {
        let program = world.path(case);
        install(&program, text.as_bytes());
        let program = program.display().to_string();
        let words = ["supervisor", "reload", "--program", &program, "--json"];
        let error = world.run(&words).refused(1, "program_unfit");
        assert!(error["message"].as_str().unwrap().contains(why), "{case}: {error}");
        let now = supervisor(&world);
        assert_eq!((&now["pid"], &now["startedAtMs"]), (&before["pid"], &before["startedAtMs"]), "{case}");
    }
    assert_eq!(pid(&world.show(&name)), pid(&gateway));
    // Nothing of any trial is left: neither a process nor a folder.
    wait_for("the end of all trials", || world.running("sleep 600").is_empty().then_some(()));
    let left = fs::read_dir(world.path("run/openclaw")).unwrap().flatten();
    let left: Vec<_> =
        left.map(|entry| entry.file_name()).filter(|name| name.to_string_lossy().contains("trial")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn incident_g4_a_program_that_dies_soon_after_it_took_over_gives_way_to_the_one_before() {
    let mut world = World::new();
    let (new, other) = another(&world);
    let installed = installed(&mut world);
    let name = world.name("work");
    let gateway = world.start(&name);
    install(&installed, &fs::read(&new).unwrap());
    world.run(&["supervisor", "reload"]).ok();
    let over = supervisor(&world);
    assert_eq!((&over["version"], &over["warnings"]), (&other.clone().into(), &Value::Null));
    // The next command is of the new version too, and so would be the service: each of them gets the old one.
    for _ in 0..2 {
        super::look::signal(pid(&supervisor(&world)), Signal::SIGKILL);
        let kept = world.start(&name);
        assert_eq!(pid(&kept), pid(&gateway), "{}", world.journal());
        let back = supervisor(&world);
        assert_eq!((&back["version"], &back["cli"]), (&VERSION.into(), &other.clone().into()), "{back}");
        assert!(back["warnings"].to_string().contains("died soon after it had taken over"), "{back}");
    }
    // Asked for once more it is tried once more; an end in good order is none that it dies of.
    world.run(&["supervisor", "reload"]).ok();
    assert_eq!(supervisor(&world)["version"], other);
    world.run(&["supervisor", "stop"]).ok();
    assert!(!world.kept("takeover.json").exists() && !world.kept("previous").exists());
    world.start(&name);
    assert_eq!(supervisor(&world)["version"], other);
}

#[test]
fn incident_g4_under_its_unit_too_the_program_before_comes_back_with_its_gateways() {
    let mut world = World::new();
    another(&world);
    installed(&mut world);
    world.fake("work", "", "autostart = true", &["--alarm", "@alarm"]);
    let script = r#"systemctl --user start supervised.service || echo start-failed
mv "$WORLD/another" "$OC"
systemctl --user reload supervised.service || echo reload-failed
version() { "$OC" supervisor status --json | tr -d ' \n' | grep -o '"version":"[0-9.]*"'; }
echo "over=$(version)"
kill -9 "$(of supervised.service MainPID)"
became supervised.service active 1
echo "back=$(version)"
until_true '"$OC" --profile work health >/dev/null 2>&1'
echo "pid=$(of supervised.service MainPID) $("$OC" supervisor status --json | tr -d ' \n' | grep -o '"pid":[0-9]*')""#;
    let unit = generated(&world, &[]);
    let Some(said) = managed(&world, &[("supervised.service", &unit)], script) else { return };
    assert!(!said.out.contains("-failed"), "{said:?}\n{}", world.journal());
    let other = VERSION.replace(|letter: char| letter != '.', "9");
    assert_eq!(value(&said, "over"), format!("\"version\":\"{other}\""), "{said:?}");
    assert_eq!(value(&said, "back"), format!("\"version\":\"{VERSION}\""), "{said:?}\n{}", world.journal());
    // The process that the unit watches is the one that serves.
    let (main, serving) = value(&said, "pid").split_once(' ').unwrap();
    assert_eq!(serving, format!("\"pid\":{main}"));
    assert_eq!(world.lines("alarm"), [""; 0]);
}

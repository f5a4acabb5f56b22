//! I1: an edit of the configuration keeps a gateway from booting. The way back is named, goes back to the very bytes,
//! mode and owner, and is gone by itself where the manifest says so: once a change.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::look;
use super::world::{World, pid, wait_for};

/// What a person may have written around the keys that this program made.
const COMMENT: &str = "// the port of the office, do not touch\n";

/// A profile whose gateway has been ready for so long that its files are kept as good ones.
fn proved(world: &World, supervise: &str) -> (String, PathBuf) {
    let name = world.name("far");
    world.run(&["profile", "create", &name, "--runtime", "embedded"]).ok();
    let manifest = world.home(".config/openclaw/profiles").join(format!("{name}.toml"));
    // The template names both keys already.
    let text = fs::read_to_string(&manifest).unwrap();
    let text = text.lines().filter(|line| !line.starts_with("rollback") && !line.starts_with("probation"));
    let text = text.map(|line| format!("{line}\n")).collect::<String>();
    let text =
        text.replace("[supervise]\n", &format!("[supervise]\nstable_after = \"100ms\"\n{supervise}\n"));
    assert!(text.contains("stable_after"), "{text}");
    fs::write(&manifest, text).unwrap();
    let config = world.state(&name).join("openclaw.json");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{COMMENT}{text}")).unwrap();
    fs::set_permissions(&config, fs::Permissions::from_mode(0o640)).unwrap();
    world.start(&name);
    let good = world.kept(&format!("records/{name}.good"));
    wait_for("the copy of the good files", || good.exists().then_some(()));
    assert_eq!(mode(&good), 0o600);
    (name, config)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

/// The token that the file names.
fn token(text: &str) -> String {
    let config: Value = serde_json::from_str(text.strip_prefix(COMMENT).unwrap_or(text)).unwrap();
    config["gateway"]["auth"]["token"].as_str().unwrap().to_owned()
}

/// The rejected files beside `file`.
fn rejected(file: &Path) -> Vec<PathBuf> {
    let prefix = format!("{}.rejected-", file.file_name().unwrap().to_str().unwrap());
    let entries = fs::read_dir(file.parent().unwrap()).unwrap().flatten();
    let own = entries.filter(|entry| entry.file_name().to_str().unwrap().starts_with(&prefix));
    own.map(|entry| entry.path()).collect()
}

#[test]
fn incident_i1_an_edit_that_locks_out_is_undone_by_the_command_that_the_error_names() {
    let world = World::new();
    let (name, config) = proved(&world, "");
    let (good, owner) = (fs::read_to_string(&config).unwrap(), fs::metadata(&config).unwrap().uid());
    let nothing = world.run(&["profile", "rollback", &name, "--json"]).refused(1, "nothing_differs");
    assert!(nothing["message"].as_str().unwrap().contains(&name), "{nothing}");

    // The key is misspelt: the gateway itself refuses to run without it.
    let broken = good.replace("\"token\":", "\"tokn\":");
    fs::write(&config, &broken).unwrap();
    fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
    let failed = world.run(&["profile", "restart", &name, "--json"]);
    let failed = failed.refused(78, "gateway_config_invalid");
    let way = format!("openclaw profile rollback {name}");
    assert!(failed["remedy"].as_str().unwrap().contains(&way), "{failed}");

    let said = world.run(&["profile", "rollback", &name, "--json"]).ok();
    let document = said.json();
    assert_eq!(
        document["restored"][0]["keys"],
        serde_json::json!(["gateway.auth.token", "gateway.auth.tokn"])
    );
    assert!(!said.out.contains(&token(&good)), "a value was told");
    world.until_state(&name, "ready");
    assert_eq!(fs::read_to_string(&config).unwrap(), good, "comments and all");
    assert_eq!((mode(&config), fs::metadata(&config).unwrap().uid()), (0o640, owner));
    let [aside] = &rejected(&config)[..] else { panic!("{:?}", rejected(&config)) };
    assert_eq!((fs::read_to_string(aside).unwrap(), mode(aside)), (broken, 0o600));
    assert_eq!(document["restored"][0]["rejected"], aside.display().to_string());
}

#[test]
fn incident_i1_a_manifest_and_a_half_written_configuration_are_put_back_too() {
    let world = World::new();
    let (name, config) = proved(&world, "");
    let manifest = world.home(".config/openclaw/profiles").join(format!("{name}.toml"));
    let good = [&config, &manifest].map(|file| fs::read_to_string(file).unwrap());
    fs::write(&config, &good[0][..61]).unwrap();
    fs::write(&manifest, format!("{}\n[gatewy]\n", good[1])).unwrap();
    let failed = world.run(&["profile", "restart", &name, "--json"]).refused(78, "manifest_invalid");
    assert!(failed["remedy"].as_str().unwrap().contains("profile rollback"), "{failed}");
    let said = world.run(&["profile", "rollback", &name]).ok();
    assert!(said.out.contains("could not be read"), "{said:?}");
    world.until_state(&name, "ready");
    assert_eq!([&config, &manifest].map(|file| fs::read_to_string(file).unwrap()), good);
    assert_eq!((rejected(&config).len(), rejected(&manifest).len()), (1, 1));
    let names = world.run(&["profile", "list", "--json"]).ok().json()["profiles"].as_array().unwrap().len();
    assert_eq!(names, 1, "a rejected manifest is no profile");
}

#[test]
fn incident_i1_with_rollback_it_is_undone_by_itself_once_a_change() {
    let world = World::new();
    let (name, config) = proved(&world, "rollback = true\nprobation = \"300ms\"");
    let good = fs::read_to_string(&config).unwrap();
    let broken = good.replace("\"token\":", "\"tokn\":");
    // Nobody is there: the gateway ends by itself and meets the change.
    let lock_out = || {
        fs::write(&config, &broken).unwrap();
        look::signal(pid(&world.show(&name)), Signal::SIGKILL);
    };
    lock_out();
    wait_for("the good files", || (fs::read_to_string(&config).unwrap() == good).then_some(()));
    let status = world.until_state(&name, "ready");
    assert!(status["warnings"].to_string().contains("put back"), "{status}");
    assert_eq!(mode(&config), 0o640);
    assert_eq!((rejected(&config).len(), told(&world)), (1, 1));

    // Whoever writes the same again is a program; it does not go round in circles.
    lock_out();
    let status = world.until_state(&name, "failed");
    assert_eq!(status["lastExit"]["code"], 78, "{status}");
    let failed = world.run(&["profile", "rollback", &name]).ok();
    assert!(failed.out.contains("gateway.auth.token"), "{failed:?}");
    world.until_state(&name, "ready");
    assert_eq!((rejected(&config).len(), told(&world)), (2, 1));
}

/// How often the supervisor says that it put files back.
fn told(world: &World) -> usize {
    world.journal().matches("put back what it last worked with").count()
}

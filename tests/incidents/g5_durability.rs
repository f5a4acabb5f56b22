//! G5: a gateway that was switched on died at the end of an SSH session, since nobody had asked whether the user's
//! service manager outlives it. What a service outlives is told, and logind is asked only on one's word.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use super::look;
use super::world::{World, said, said_within};

/// A `loginctl` of this world's own.
fn loginctl(world: &World, script: &str) {
    let file = world.path("bin").join("loginctl");
    let log = world.path("asked").display().to_string();
    fs::write(&file, format!("#!/bin/sh\necho \"$*\" >>{log}\n{script}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn incident_g5_the_verdict_follows_logind_and_a_refusal_of_it_writes_nothing() {
    for (shim, linger, refused) in [
        ("echo Linger=yes", "yes", None),
        ("case $1 in enable-linger) exit 0;; esac; echo Linger=no", "no", None),
        (
            "case $1 in enable-linger) echo denied by polkit >&2; exit 1;; esac; echo Linger=no",
            "no",
            Some((77, "linger_denied")),
        ),
        ("echo Failed to connect to bus >&2; exit 1", "unknown", Some((77, "linger_denied"))),
        ("", "unknown", Some((69, "linger_unavailable"))),
    ] {
        let world = World::new();
        if !shim.is_empty() {
            loginctl(&world, shim);
        }
        let before = look::tree(&world.home(""));
        let asked = world.run(&["service", "install", "--enable-linger", "--json"]);
        if let Some((code, error)) = refused {
            let error = asked.refused(code, error);
            assert!(error["remedy"].as_str().unwrap().contains("enable-linger"), "{error}");
            assert_eq!(look::tree(&world.home("")), before, "{shim}: nothing is written");
            world.run(&["service", "install"]).ok();
        } else {
            asked.ok();
        }
        let status = world.run(&["service", "status", "--json"]).ok().json();
        let durability = &status["durability"];
        assert_eq!(durability["linger"], linger, "{shim}: {status}");
        let verdicts = match linger {
            "yes" => ["survives reboot", "unknown"],
            "no" => ["dies at logout", "unknown"],
            _ => ["unknown", "unknown"],
        };
        // A machine that systemd did not boot says nothing of logouts.
        assert!(verdicts.iter().any(|verdict| durability["verdict"] == *verdict), "{shim}: {status}");
    }
}

#[test]
fn root_writes_nothing_into_the_home_of_another_user() {
    let world = World::new();
    if !nix::unistd::geteuid().is_root() {
        return eprintln!("skipped: not root");
    }
    chown(world.home(""), Some(65534), Some(65534)).unwrap();
    let before = look::tree(&world.home(""));
    for words in [&["service", "install", "--json"][..], &["service", "uninstall", "--json"]] {
        let error = world.run(words).refused(77, "foreign_owner");
        assert!(error["remedy"].as_str().unwrap().contains("--user-account nobody"), "{error}");
    }
    assert_eq!(look::tree(&world.home("")), before);
    chown(world.home(""), Some(0), Some(0)).unwrap();
    let mut command = world.command(&["service", "install", "--json"]);
    said(command.env("SUDO_UID", "65534").spawn().unwrap()).refused(77, "foreign_owner");
    assert_eq!(look::tree(&world.home("")).len(), before.len());
}

const LIFE: &str = r#"set -u
mount --make-rprivate / && mkdir -p /run/systemd/system && mount -t tmpfs tmpfs /run/user 2>/dev/null
export XDG_RUNTIME_DIR=$WORLD/run; unit=openclaw-supervisor.service
until_true() { n=0; until eval "$1"; do n=$((n+1)); [ $n -gt 300 ] && { echo "in vain: $1"; return 1; }; sleep 0.1; done; }
of() { systemctl --user show -P "$1" $unit; }
manager() { /lib/systemd/systemd --user >$WORLD/manager.log 2>&1 & manager=$!
  until_true 'systemctl --user is-system-running 2>/dev/null | grep -qE "running|degraded"'; }
manager || { kill $manager; echo no-manager; exit 0; }
"$OC" service install >/dev/null || echo install=$?
echo "first=$(of ActiveState)"; main=$(of MainPID)
kill -9 "$main"; until_true '[ "$(of NRestarts)" = 1 ] && [ "$(of ActiveState)" = active ]'
echo "again=$(of ActiveState)"
systemctl --user exit; wait $manager; manager
until_true '[ "$(of ActiveState)" = active ]'; echo "rebooted=$(of ActiveState)"
"$OC" service status >/dev/null; echo "status=$?"
"$OC" service uninstall >/dev/null; echo "uninstall=$?"
echo "gone=$(of LoadState)"
systemctl --user exit; wait $manager"#;

#[test]
fn under_a_real_manager_it_is_started_restarted_and_back_after_a_reboot() {
    let world = World::new();
    if !std::path::Path::new("/lib/systemd/systemd").exists() || !nix::unistd::geteuid().is_root() {
        return eprintln!("skipped: no systemd here, or not root");
    }
    world.fake("work", "", "autostart = true", &[]);
    let words = ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", LIFE];
    let mut command = std::process::Command::new(words[0]);
    world.surround(&mut command).args(&words[1..]).env("OC", &world.program).env("WORLD", world.path(""));
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let said = said_within(command.spawn().unwrap(), std::time::Duration::from_secs(120));
    if said.out.contains("no-manager") {
        return eprintln!("skipped: no user manager can be had here");
    }
    let told: Vec<&str> = said.out.lines().collect();
    assert_eq!(
        told,
        ["first=active", "again=active", "rebooted=active", "status=0", "uninstall=0", "gone=not-found"],
        "{said:?}\n{}",
        world.journal()
    );
}

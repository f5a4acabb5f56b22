//! G5: a gateway that was switched on died at the end of an SSH session, since nobody had asked whether the user's
//! service manager outlives it. What a service outlives is told, and logind is asked only on one's word.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use super::look;
use super::user_units::{LONG, managed, managed_within};
use super::world::{PATIENCE, World, said};

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

const LIFE: &str = r#"unit=openclaw-supervisor.service
"$OC" service install >/dev/null || echo install=$?
echo "first=$(of $unit ActiveState)"; main=$(of $unit MainPID)
kill -9 "$main"; became $unit active 1
echo "again=$(of $unit ActiveState)"
manager_off; manager_on
until_true '[ "$(of $unit ActiveState)" = active ]'; echo "rebooted=$(of $unit ActiveState)"
"$OC" service status >/dev/null; echo "status=$?"
"$OC" service uninstall >/dev/null; echo "uninstall=$?"
echo "gone=$(of $unit LoadState)""#;

#[test]
fn under_a_real_manager_it_is_started_restarted_and_back_after_a_reboot() {
    let world = World::new();
    world.fake("work", "", "autostart = true", &[]);
    let Some(said) = managed(&world, &[], LIFE) else { return };
    let told: Vec<&str> = said.out.lines().collect();
    assert_eq!(
        told,
        ["first=active", "again=active", "rebooted=active", "status=0", "uninstall=0", "gone=not-found"],
        "{said:?}\n{}",
        world.journal()
    );
}

/// How often the user's manager ends and begins.
const CHURNS: usize = 10;
const CHILDREN: usize = 3;

/// The manager ends with everything in it, and what it said of the end is in its own log.
const CHURN: &str = r#"unit=openclaw-supervisor.service
"$OC" service install >/dev/null || echo install-failed
for n in 1 2 3 4 5 6 7 8 9 10; do
before=$(date +%s%3N); manager_off; echo "stop=$(( $(date +%s%3N) - before ))"
[ -e "$WORLD/run/openclaw/supervisor.sock" ] && echo "socket-left-failed"
before=$(date +%s%3N); manager_on; until_true '[ "$(of $unit ActiveState)" = active ]'
echo "start=$(( $(date +%s%3N) - before ))"
for name in child-0 child-1 child-2; do
"$OC" profile show $name --json | tr -d ' \n' | grep -q '"state":"ready"' || echo "$name-not-ready-failed"; done
echo "restarts=$(of $unit NRestarts)"
done
"$OC" service uninstall >/dev/null || echo uninstall-failed"#;

#[test]
fn incident_g5_ten_churns_of_the_users_manager_are_ten_clean_stops_and_ten_starts() {
    let world = World::new();
    for number in 0..CHILDREN {
        let alarm = format!("@alarm-{number}");
        let knobs = ["--term-delay", "300", "--starts", "@starts", "--clean", "@clean", "--alarm", &alarm];
        world.fake(&format!("child-{number}"), "", "autostart = true", &knobs);
    }
    let Some(said) = managed_within(LONG, &world, &[], CHURN) else { return };
    assert!(!said.out.contains("-failed"), "{said:?}\n{}", world.journal());
    let told = |name: &str| -> Vec<u64> {
        let lines = said.out.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        lines.map(|number| number.parse().unwrap()).collect()
    };
    let (stops, starts) = (told("stop"), told("start"));
    assert_eq!((stops.len(), starts.len(), told("restarts")), (CHURNS, CHURNS, vec![0; CHURNS]), "{said:?}");
    // They end side by side, far within the 5 minutes that the unit gives, and come up at once.
    let most = PATIENCE.as_millis() as u64;
    assert!(stops.iter().chain(&starts).all(|took| *took < most), "stops {stops:?}, starts {starts:?}");
    // Each run of each child began once and ended in good order; none was killed, and never two ran at once.
    assert_eq!(world.lines("starts").len(), CHILDREN * (CHURNS + 1), "{}", world.journal());
    assert_eq!(world.lines("clean").len(), CHILDREN * (CHURNS + 1), "{}", world.journal());
    let manager = fs::read_to_string(world.path("manager.log")).unwrap();
    assert!(!manager.contains("SIGKILL") && !manager.contains("timed out"), "{manager}");
    // What was held is free: a last start needs no hand.
    for number in 0..CHILDREN {
        world.start(&format!("child-{number}"));
        assert_eq!(world.lines(&format!("alarm-{number}")), [""; 0]);
    }
}

//! C8: a gateway drained for up to 300 s, its unit allowed 30, and every stop that took its time became a SIGKILL.
//! The supervisor gives its gateways what the service manager gives it, less a margin, and ends before it is killed.

use std::os::unix::process::ExitStatusExt;
use std::process::Child;

use nix::sys::signal::Signal;

use super::look;
use super::world::{OPENCLAW, World, said, wait_for};

const PROFILES: usize = 8;

/// Eight profiles whose gateways take half a second to end in good order, and one that is deaf.
fn nine(world: &World) -> Vec<String> {
    let mut names: Vec<String> = (0..PROFILES).map(|number| format!("drains-{number}")).collect();
    for name in &names {
        world.fake(name, "", "", &["--term-delay", "500", "--clean", "@clean"]);
    }
    names.push("deaf".into());
    world.fake("deaf", "", "", &["--ignore-term"]);
    names
}

fn start_all(world: &World, names: &[String]) {
    let words: Vec<&str> = ["profile", "start"].into_iter().chain(names.iter().map(String::as_str)).collect();
    world.run(&words).ok();
}

/// A supervisor in the foreground that listens.
fn foreground(world: &World, limit: Option<&str>) -> Child {
    let mut command = world.command(&["supervisor", "run"]);
    command.envs(limit.map(|limit| ("OPENCLAW_SUPERVISOR_EXIT_TIMEOUT", limit)));
    let child = command.spawn().unwrap();
    wait_for("a supervisor", || (world.run(&["supervisor", "status"]).code == Some(0)).then_some(()));
    child
}

#[test]
fn incident_c8_a_stop_within_the_managers_patience_is_clean_for_all_and_the_deaf_one_does_not_cost_the_rest()
{
    let world = World::new();
    let names = nine(&world);
    let supervisor = foreground(&world, Some("8s"));
    start_all(&world, &names);
    let status = world.run(&["supervisor", "status"]).ok();
    let warning = "allows 8s for a stop, profile deaf asks for 5m 30s";
    assert!(status.err.contains(warning), "{status:?}");
    assert!(world.journal().contains(warning), "{}", world.journal());
    let began = std::time::Instant::now();
    look::signal(supervisor.id(), Signal::SIGTERM);
    let shown = wait_for("a drain", || {
        let status = world.run(&["profile", "show", "deaf", "--json"]).json();
        status["phase"].as_str().filter(|phase| phase.contains("draining")).map(str::to_owned)
    });
    assert!(shown.contains("asked to end") && shown.contains("up to 7s"), "{shown}");
    // The manager: it waits for what it allows, then it kills.
    let (pid, limit) = (supervisor.id(), std::time::Duration::from_secs(8));
    wait_for("its end", || {
        if began.elapsed() > limit {
            look::signal(pid, Signal::SIGKILL);
        }
        (!look::is_alive(pid)).then_some(())
    });
    assert_eq!(said(supervisor).code, Some(0), "the manager did not have to kill");
    assert_eq!(world.lines("clean").len(), PROFILES);
    assert_eq!(world.running("fake-gateway"), [0; 0]);
}

#[test]
fn incident_c8_a_second_ctrl_c_shortens_the_end_and_a_third_ends_it() {
    let world = World::new();
    world.fake("deaf", "", "", &["--ignore-term"]);
    let mut supervisor = foreground(&world, None);
    world.start("deaf");
    let mut said = vec!["stopping every gateway", "two more seconds", "killing what still runs"].into_iter();
    let mut next = said.next();
    wait_for("the end", || {
        // One signal at a time: those that come together are one wish.
        look::signal(supervisor.id(), Signal::SIGINT);
        while next.is_some_and(|words| world.journal().contains(words)) {
            next = said.next();
        }
        supervisor.try_wait().unwrap()
    });
    assert_eq!(next, None, "{}", world.journal());
    let end = supervisor.wait().unwrap();
    assert_eq!((end.code(), end.signal()), (Some(0), None));
    assert!(world.journal().contains("it was ended by SIGKILL"), "{}", world.journal());
}

#[test]
fn incident_c8_a_stop_says_how_far_it_is() {
    let world = World::new();
    world.fake("slow", "", "", &["--term-delay", "6500"]);
    world.start("slow");
    let stop = world.run(&["profile", "stop", "slow"]).ok();
    assert!(stop.err.contains("draining (asked to end ") && stop.err.contains("up to 330s"), "{stop:?}");
}

/// The same under a real user manager, which allows 3 s and says itself how the stop went.
#[test]
fn incident_c8_a_real_systemd_calls_the_stop_a_success() {
    let world = World::new();
    if !std::path::Path::new("/lib/systemd/systemd").exists() || !nix::unistd::geteuid().is_root() {
        return eprintln!("skipped: no systemd here, or not root");
    }
    let names = nine(&world);
    let units = world.home(".config/systemd/user");
    std::fs::create_dir_all(&units).unwrap();
    let unit = format!(
        "[Service]\nExecStart={OPENCLAW} supervisor run\nTimeoutStopSec=6\nEnvironment=PATH=/usr/bin:/bin \
         OPENCLAW_HOST_LOCK={}\nStandardError=file:{}\n",
        world.path("host-slot").display(),
        world.path("unit.err").display(),
    );
    std::fs::write(units.join("boxed.service"), unit).unwrap();
    let script = format!(
        r#"set -u
mount --make-rprivate / && mkdir -p /run/systemd/system && mount -t tmpfs tmpfs /run/user 2>/dev/null
export XDG_RUNTIME_DIR=$WORLD/run
/lib/systemd/systemd --user >$WORLD/manager.log 2>&1 &
manager=$!
i=0; until systemctl --user start boxed.service 2>>$WORLD/start.err; do
  i=$((i+1)); [ $i -gt 100 ] && {{ kill $manager; echo no-manager; exit 0; }}; sleep 0.1; done
i=0; until "$OC" supervisor status >/dev/null 2>&1; do i=$((i+1)); [ $i -gt 100 ] && break; sleep 0.1; done
"$OC" profile start {} >/dev/null || echo start-failed
"$OC" supervisor status
systemctl --user stop boxed.service
systemctl --user show -p Result -p ExecMainStatus -p ExecMainCode boxed.service
systemctl --user exit
wait $manager"#,
        names.join(" ")
    );
    let said = world.script(&["/usr/bin/unshare", "--mount"], &script);
    if said.out.contains("no-manager") {
        let log = std::fs::read_to_string(world.path("manager.log")).unwrap_or_default();
        return eprintln!("skipped: no user manager can be had here: {log}");
    }
    assert!(said.out.contains("Result=success"), "{said:?}\n{}", world.journal());
    assert!(said.out.contains("ExecMainStatus=0"), "{said:?}\n{}", world.journal());
    assert!(said.err.contains("unit boxed.service allows 6s"), "{said:?}\n{}", world.journal());
    assert_eq!(world.lines("clean").len(), PROFILES, "{}", world.journal());
}

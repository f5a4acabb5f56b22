//! G6 and G4 under a real user manager of systemd: `systemctl start` returns when the profiles are ready, a supervisor
//! that hangs is restarted, and one that becomes another program stays its unit's main process.

use std::path::Path;

use super::world::{OPENCLAW, Said, World, wait_within};

/// Longest time that all of it may take on a busy machine.
const LONG: std::time::Duration = std::time::Duration::from_secs(90);

/// What stands before a script: a user manager of this world's own, which ends with the script.
const MANAGER: &str = r#"set -u
mount --make-rprivate / && mkdir -p /run/systemd/system && mount -t tmpfs tmpfs /run/user 2>/dev/null
export XDG_RUNTIME_DIR=$WORLD/run
/lib/systemd/systemd --user >$WORLD/manager.log 2>&1 &
manager=$!
until_true() { n=0; until eval "$1"; do n=$((n+1)); [ $n -gt 300 ] && { echo "in vain: $1"; return 1; }; sleep 0.1; done; }
of() { systemctl --user show -P "$2" "$1"; }
until_true 'systemctl --user is-system-running 2>/dev/null | grep -qE "running|degraded"' || { kill $manager; echo no-manager; exit 0; }
"#;

/// And behind it.
const FAREWELL: &str = "\nsystemctl --user stop supervised.socket 2>/dev/null\nsystemctl --user stop supervised.service\n\
                        systemctl --user exit\nwait $manager\n";

/// Runs `script` beside a user manager that knows `units`, where `supervised` stands for a name of this world's own: the
/// managers of several worlds stand in one control group, and each ends what is in a group of its unit's name. `None`, with the reason printed, where none can be had.
fn managed(world: &World, units: &[(&str, &str)], script: &str) -> Option<Said> {
    if !Path::new("/lib/systemd/systemd").exists() || !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: no systemd here, or not root");
        return None;
    }
    let own = world.path("").file_name().unwrap().to_string_lossy().trim_start_matches('.').to_lowercase();
    let named = |text: &str| text.replace("supervised", &format!("openclaw-test-{own}"));
    let folder = world.home(".config/systemd/user");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in units {
        std::fs::write(folder.join(named(name)), named(text)).unwrap();
    }
    let script = named(&format!("{MANAGER}{script}{FAREWELL}"));
    let wrapper = ["/usr/bin/unshare", "--mount"];
    let mut command = std::process::Command::new(wrapper[0]);
    world.surround(&mut command).args(&wrapper[1..]).args(["/bin/sh", "-c", &script]);
    command
        .env("OC", &world.program)
        .env("WORLD", world.path(""))
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let said = super::world::said_within(command.spawn().unwrap(), LONG);
    if said.out.contains("no-manager") {
        let log = std::fs::read_to_string(world.path("manager.log")).unwrap_or_default();
        eprintln!("skipped: no user manager can be had here: {log}");
        return None;
    }
    assert!(!said.out.contains("in vain"), "{said:?}\n{}", world.journal());
    Some(said)
}

fn unit(world: &World, more: &str) -> String {
    format!(
        "[Service]\nType=notify\nNotifyAccess=main\nExecStart={OPENCLAW} supervisor run\n\
         ExecReload={OPENCLAW} supervisor reload\nTimeoutStopSec=20\nTimeoutStartSec=20\nRestartSec=100ms\n\
         Environment=PATH=/usr/bin:/bin OPENCLAW_HOST_LOCK={}\nStandardError=file:{}\n{more}\n",
        world.path("host-slot").display(),
        world.path("unit.err").display(),
    )
}

/// The value behind `name=` in what a script said.
#[track_caller]
fn value<'a>(said: &'a Said, name: &str) -> &'a str {
    let line = said.out.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("{name} is not said: {said:?}"))
}

#[test]
fn incident_g6_start_returns_when_the_profiles_are_ready_and_a_hung_supervisor_is_restarted() {
    let world = World::new();
    world.fake("slow", "", "autostart = true", &["--boot-delay", "1500"]);
    world.fake("broken", "", "autostart = true", &["--exit-after", "0", "--exit-code", "78"]);
    let script = r#"systemctl --user start supervised.service || echo start-failed
echo "at-start=$("$OC" profile show slow --json | tr -d ' \n' | grep -o '"state":"[a-z]*"')"
echo "type=$(of supervised.service ActiveState)"
echo "text=$(of supervised.service StatusText)"
main=$(of supervised.service MainPID); gateway=$("$OC" profile show slow --json | grep -o '"pid": *[0-9]*')
systemctl --user reload supervised.service || echo reload-failed
until_true '[ "$(of supervised.service ActiveState)" = active ]'
echo "same-main=$([ "$(of supervised.service MainPID)" = "$main" ] && echo yes)"
echo "same-gateway=$([ "$("$OC" profile show slow --json | grep -o '"pid": *[0-9]*')" = "$gateway" ] && echo yes)"
kill -STOP "$main"
until_true '[ "$(of supervised.service NRestarts)" = 1 ] && [ "$(of supervised.service ActiveState)" = active ]'
echo "after=$("$OC" profile show slow --json | tr -d ' \n' | grep -o '"state":"[a-z]*"')""#;
    let unit = unit(&world, "Restart=always\nWatchdogSec=2");
    let Some(said) = managed(&world, &[("supervised.service", &unit)], script) else { return };
    assert!(!said.out.contains("failed\n"), "{said:?}");
    assert_eq!(value(&said, "at-start"), "\"state\":\"ready\"", "{said:?}");
    assert_eq!(value(&said, "type"), "active");
    assert_eq!(value(&said, "text"), "1 of 2 profiles ready; broken: failed (gateway_config_invalid)");
    assert_eq!((value(&said, "same-main"), value(&said, "same-gateway")), ("yes", "yes"), "{said:?}");
    assert_eq!(value(&said, "after"), "\"state\":\"ready\"", "{said:?}");
}

#[test]
fn incident_g6_a_start_that_takes_longer_than_the_unit_allows_is_given_time() {
    let world = World::new();
    world.fake("slow", "", "autostart = true", &["--boot-delay", "6000"]);
    let script = "systemctl --user start supervised.service || echo start-failed\n\
                  echo \"result=$(of supervised.service Result)\"";
    let unit = unit(&world, "").replace("TimeoutStartSec=20", "TimeoutStartSec=4");
    let Some(said) = managed(&world, &[("supervised.service", &unit)], script) else { return };
    assert_eq!(value(&said, "result"), "success", "{said:?}\n{}", world.journal());
    assert!(!said.out.contains("start-failed"), "{said:?}");
}

#[test]
fn a_call_wakes_the_supervisor_whose_socket_systemd_opened_and_a_reload_keeps_it() {
    let world = World::new();
    let socket = "[Socket]\nListenStream=%t/openclaw/supervisor.sock\nSocketMode=0600\nDirectoryMode=0700\n\
                  Service=supervised.service\n";
    let script = r#"systemctl --user start supervised.socket || echo socket-failed
inode=$(stat -c %i "$WORLD/run/openclaw/supervisor.sock")
echo "before=$(of supervised.service ActiveState)"
"$OC" supervisor status >/dev/null || echo status-failed
echo "woken=$(of supervised.service ActiveState)"
"$OC" supervisor reload >/dev/null || echo reload-failed
"$OC" supervisor reload >/dev/null || echo second-reload-failed
echo "same-socket=$([ "$(stat -c %i "$WORLD/run/openclaw/supervisor.sock")" = "$inode" ] && echo yes)"
systemctl --user stop supervised.service 2>/dev/null
echo "kept=$([ -S "$WORLD/run/openclaw/supervisor.sock" ] && echo yes)"
"$OC" supervisor status >/dev/null || echo second-status-failed
echo "again=$(of supervised.service ActiveState)""#;
    let units = [("supervised.service", &*unit(&world, "")), ("supervised.socket", socket)];
    let Some(said) = managed(&world, &units, script) else { return };
    assert!(!said.out.contains("-failed"), "{said:?}\n{}", world.journal());
    assert_eq!((value(&said, "before"), value(&said, "woken")), ("inactive", "active"), "{said:?}");
    assert_eq!((value(&said, "same-socket"), value(&said, "kept")), ("yes", "yes"), "{said:?}");
    assert_eq!(value(&said, "again"), "active", "{said:?}");
    wait_within(LONG, "its end", || world.running("supervisor run").is_empty().then_some(()));
}

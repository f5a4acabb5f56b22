//! G6 and G4 under a real user manager of systemd: `systemctl start` returns when the profiles are ready, a supervisor
//! that hangs is restarted, and one that becomes another program stays its unit's main process.

use super::user_units::{LONG, managed, unit, value};
use super::world::{World, wait_within};

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
fn incident_g6_under_the_unit_as_it_is_installed_a_hung_supervisor_is_restarted() {
    let world = World::new();
    world.fake("work", "", "autostart = true", &["--starts", "@starts"]);
    // Half a minute of silence, as it stands in the unit, and five seconds until the next start.
    let script = r#"unit=openclaw-supervisor.service
"$OC" service install >/dev/null || echo install-failed
echo "watchdog=$(of $unit WatchdogUSec)"
main=$(of $unit MainPID); kill -STOP "$main"
n=0; until [ "$(of $unit ActiveState) $(of $unit NRestarts)" = "active 1" ]; do
n=$((n+1)); [ $n -gt 500 ] && { echo never-failed; break; }; sleep 0.1; done
echo "another=$([ "$(of $unit MainPID)" != "$main" ] && echo yes)"
echo "after=$("$OC" profile show work --json | tr -d ' \n' | grep -o '"state":"[a-z]*"')"
"$OC" service uninstall >/dev/null || echo uninstall-failed"#;
    let Some(said) = managed(&world, &[], script) else { return };
    assert!(!said.out.contains("-failed"), "{said:?}\n{}", world.journal());
    assert_eq!((value(&said, "watchdog"), value(&said, "another")), ("30s", "yes"), "{said:?}");
    assert_eq!(value(&said, "after"), "\"state\":\"ready\"", "{said:?}\n{}", world.journal());
    let manager = std::fs::read_to_string(world.path("manager.log")).unwrap();
    assert!(manager.contains("Watchdog timeout") || manager.is_empty(), "{manager}");
    assert_eq!(world.lines("starts").len(), 2);
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

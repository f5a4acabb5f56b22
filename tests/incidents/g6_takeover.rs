//! G6 and C3: while its service is between two runs, or is not there yet, a command begins a supervisor on demand; the
//! service's own then found it running and was never itself again. That one gives way, and no gateway notices.

use nix::sys::signal::Signal;

use super::look;
use super::user_units::{generated, managed, value};
use super::world::{World, pid, said, wait_for};

/// Begins a supervisor as a service does; one that begins to serve is its pid, one that ends is what it said.
fn service(world: &World) -> std::process::Child {
    let mut command = world.command(&["supervisor", "run"]);
    command.env("NOTIFY_SOCKET", world.path("nobody-hears")).spawn().unwrap()
}

#[test]
fn incident_g6_a_supervisor_begun_on_demand_gives_way_to_the_services_own() {
    let world = World::new();
    let name = world.name("work");
    let gateway = world.start(&name);
    let status = || world.run(&["supervisor", "status", "--json"]).ok().json();
    let before = status();
    assert_eq!(before["onDemand"], true, "{before}");
    // A person's own does not push it aside, a service's does.
    let person = world.run(&["supervisor", "run"]);
    person.complains(1, &["runs already"]);
    let own = service(&world);
    wait_for("the service's own", || {
        let now = world.run(&["supervisor", "status", "--json"]);
        (now.code == Some(0) && pid(&now.json()) == own.id()).then_some(())
    });
    assert_eq!(status()["onDemand"], false);
    assert!(!look::is_alive(pid(&before)));
    let kept = world.until_state(&name, "ready");
    assert_eq!((pid(&kept), &kept["restarts"]), (pid(&gateway), &0.into()), "{}", world.journal());
    // It gives way to nobody: a second one of the same service is refused.
    let second = said(service(&world));
    second.complains(1, &["runs already"]);
    assert_eq!(pid(&status()), own.id());
    world.run(&["profile", "restart", &name]).ok();
    look::signal(own.id(), Signal::SIGTERM);
    assert_eq!(said(own).code, Some(0));
    assert!(!look::is_alive(pid(&gateway)));
}

/// Who serves, and how many there are.
const COUNT: &str = r#"
serving() { "$OC" supervisor status --json | tr -d ' \n' | grep -o '"pid":[0-9]*' | head -1 | cut -d: -f2; }
ours() { pgrep -f "$1" | while read p; do tr '\0' '\n' </proc/$p/environ | grep -qx "HOME=$HOME" && echo $p; done | wc -l; }
is_the_units() { main=$(of supervised.service MainPID); [ "$main" -gt 0 ] && [ "$(of supervised.service ActiveState)" = active ] && [ "$(serving)" = "$main" ]; }
gateway() { "$OC" profile show work --json | tr -d ' \n' | grep -o '"pid":[0-9]*' | head -1; }
"#;

#[test]
fn incident_g6_between_two_runs_of_the_unit_a_command_is_served_and_the_unit_comes_back() {
    let world = World::new();
    world.fake("work", "", "autostart = true", &["--alarm", "@alarm"]);
    let script = r#"systemctl --user start supervised.service || echo start-failed
kill -9 "$(of supervised.service MainPID)"
"$OC" profile start work >/dev/null || echo command-failed
"$OC" supervisor status --json | tr -d ' \n' | grep -q '"onDemand":true' || echo not-on-demand-failed
before=$(gateway)
until_true is_the_units
echo "same=$([ "$(gateway)" = "$before" ] && echo yes)"
echo "supervisors=$(ours "^$OC supervisor run")"
manager_off
"$OC" profile start work >/dev/null || echo second-command-failed
before=$(gateway)
manager_on
systemctl --user start supervised.service || echo second-start-failed
until_true is_the_units
echo "again=$([ "$(gateway)" = "$before" ] && echo yes) $(ours "^$OC supervisor run")""#;
    // Long enough for a command to come between.
    let unit = generated(&world, &[]).replace("\nRestartSec=100ms\n", "\nRestartSec=3s\n");
    let script = format!("{COUNT}{script}");
    let Some(said) = managed(&world, &[("supervised.service", &unit)], &script) else { return };
    assert!(!said.out.contains("-failed"), "{said:?}\n{}", world.journal());
    assert_eq!((value(&said, "same"), value(&said, "supervisors")), ("yes", "1"), "{said:?}");
    assert_eq!(value(&said, "again"), "yes 1", "{said:?}\n{}", world.journal());
    assert_eq!(world.lines("alarm"), [""; 0]);
}

#[test]
fn incident_c3_a_storm_of_commands_while_the_supervisor_is_killed_ends_with_the_units_own() {
    let world = World::new();
    for name in ["work", "home"] {
        let alarm = format!("@alarm-{name}");
        let knobs = ["--alarm", &*alarm];
        world.fake(name, "", "autostart = true\nrestart_delay_min = \"10ms\"", &knobs);
    }
    let script = r#"systemctl --user start supervised.service || echo start-failed
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
main=$(of supervised.service MainPID); [ "$main" -gt 0 ] && kill -9 "$main" 2>/dev/null
for name in work home; do "$OC" profile start $name >/dev/null 2>&1 & calls="${calls:-} $!"
"$OC" profile show $name >/dev/null 2>&1 & calls="$calls $!"; done
"$OC" profile restart work >/dev/null 2>&1 & calls="$calls $!"
until_true '[ "$(serving)" ]'
done
wait $calls
until_true is_the_units
for name in work home; do until_true '"$OC" profile show $name --json | tr -d " \n" | grep -q "\"state\":\"ready\""'; done
until_true is_the_units
echo "supervisors=$(ours "^$OC supervisor run")"
echo "gateways=$(ours "^[^ ]*fake-gateway --port")"
echo "end=$(of supervised.service ActiveState) $(of supervised.service Result)""#;
    let unit = generated(&world, &[]);
    let script = format!("{COUNT}{script}");
    let Some(said) = managed(&world, &[("supervised.service", &unit)], &script) else { return };
    assert_eq!((value(&said, "supervisors"), value(&said, "gateways")), ("1", "2"), "{said:?}");
    assert_eq!(value(&said, "end"), "active success", "{said:?}\n{}", world.journal());
    for name in ["work", "home"] {
        assert_eq!(world.lines(&format!("alarm-{name}")), [""; 0], "{}", world.journal());
    }
}

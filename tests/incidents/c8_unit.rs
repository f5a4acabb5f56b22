//! C8 and C3 under the unit that is printed: a stop is within what the unit allows, and restarts that come from two
//! sides at once end with one supervisor and each gateway once.

use super::user_units::{generated, managed, value};
use super::world::World;

const PROFILES: usize = 8;

/// Profiles that come up with their supervisor and take half a second to end in good order.
fn draining(world: &World, count: usize) -> Vec<String> {
    let names: Vec<String> = (0..count).map(|number| format!("drains-{number}")).collect();
    for name in &names {
        let knobs = ["--term-delay", "500", "--clean", "@clean", "--starts", "@starts"];
        world.fake(name, "", "autostart = true", &knobs);
    }
    names
}

#[test]
fn incident_c8_the_printed_unit_is_stopped_with_eight_draining_gateways_and_none_is_killed() {
    let world = World::new();
    draining(&world, PROFILES);
    let script = r#"systemctl --user start supervised.service || echo start-failed
systemctl --user stop supervised.service
echo "end=$(of supervised.service ActiveState) $(of supervised.service Result) $(of supervised.service ExecMainStatus)""#;
    let unit = generated(&world, &[]);
    let Some(said) = managed(&world, &[("supervised.service", &unit)], script) else { return };
    assert_eq!(value(&said, "end"), "inactive success 0", "{said:?}\n{}", world.journal());
    assert!(!said.out.contains("start-failed"), "{said:?}");
    assert_eq!(world.lines("starts").len(), PROFILES, "{}", world.journal());
    assert_eq!(world.lines("clean").len(), PROFILES, "{}", world.journal());
}

#[test]
fn incident_c3_restarts_from_two_sides_at_once_end_with_one_supervisor_and_each_gateway_once() {
    let world = World::new();
    let names = draining(&world, 3);
    let script = r#"systemctl --user start supervised.service || echo start-failed
for n in 1 2 3 4 5; do "$OC" profile restart NAMES >/dev/null 2>&1 & calls="${calls:-} $!"
systemctl --user restart supervised.service >/dev/null 2>&1 & calls="$calls $!"; done
wait $calls
until_true '[ -z "$(systemctl --user list-jobs --no-legend)" ]'
for name in NAMES; do until_true '"$OC" profile show $name --json | tr -d " \n" | grep -q "\"state\":\"ready\""'; done
echo "unit=$(of supervised.service ActiveState)"; echo "main=$(of supervised.service MainPID)"
echo "serving=$("$OC" supervisor status --json | tr -d ' \n' | grep -o '"pid":[0-9]*' | head -1)"
echo "supervisors=$(pgrep -f "^$OC supervisor run" | while read p; do tr '\0' '\n' </proc/$p/environ | grep -qx "HOME=$HOME" && echo $p; done | wc -l)"
echo "gateways=$(pgrep -f "^[^ ]*fake-gateway --port" | while read p; do tr '\0' '\n' </proc/$p/environ | grep -qx "HOME=$HOME" && echo $p; done | wc -l)""#;
    let unit = generated(&world, &[]);
    let script = script.replace("NAMES", &names.join(" "));
    let Some(said) = managed(&world, &[("supervised.service", &unit)], &script) else { return };
    assert_eq!((value(&said, "supervisors"), value(&said, "gateways")), ("1", "3"), "{said:?}");
    assert_eq!(value(&said, "unit"), "active", "{said:?}\n{}", world.journal());
    let main = format!("\"pid\":{}", value(&said, "main"));
    assert_eq!(value(&said, "serving"), main, "{said:?}\n{}", world.journal());
}

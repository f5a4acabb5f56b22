//! G6: which ends a service manager takes for a reason to start anew. Under the units that are printed, an end that
//! somebody asked for stays, 78 stays, and everything else is followed by the next start.

use super::user_units::{LONG, generated, managed, value};
use super::world::{World, wait_within};

/// Waits until a unit is at rest, and says as what; one that waits for its next start is `activating`.
const ENDS: &str = r#"
at_rest() { until_true "of $1 ActiveState | grep -qE '^(inactive|failed)$'"; [ -z "$(systemctl --user list-jobs --no-legend)" ] || echo jobs-failed
  echo "$2=$(of $1 ActiveState) $(of $1 Result) code $(of $1 ExecMainStatus) restarts $(of $1 NRestarts)"; }
begin() { systemctl --user start $1 || echo start-failed; }
"#;

/// What it says of one that ended because somebody asked: none waits for a restart, none was counted since.
const ASKED: &str = "inactive success code 0 restarts 0";

#[test]
fn incident_g6_a_supervisor_that_is_told_to_stop_stays_stopped_and_one_that_dies_comes_back() {
    let world = World::new();
    world.fake("work", "", "autostart = true", &["--starts", "@starts"]);
    let script = r#"begin supervised.service
"$OC" supervisor stop >/dev/null || echo stop-failed
at_rest supervised.service told
begin supervised.service
kill -TERM "$(of supervised.service MainPID)"
at_rest supervised.service signalled
begin supervised.service
kill -9 "$(of supervised.service MainPID)"
became supervised.service active 1
echo "back=$("$OC" profile show work --json | tr -d ' \n' | grep -o '"state":"[a-z]*"')"
"$OC" supervisor stop >/dev/null || echo stop-failed
at_rest supervised.service again"#;
    let unit = generated(&world, &[]);
    let script = format!("{ENDS}{script}");
    let Some(said) = managed(&world, &[("supervised.service", &unit)], &script) else { return };
    assert!(!said.out.contains("-failed"), "{said:?}\n{}", world.journal());
    for name in ["told", "signalled", "again"] {
        assert_eq!(value(&said, name), ASKED, "{name}: {said:?}\n{}", world.journal());
    }
    assert_eq!(value(&said, "back"), "\"state\":\"ready\"", "{said:?}");
    // Looked at after everything: one start by each supervisor, none behind an end that was asked for.
    assert_eq!(world.lines("starts").len(), 4, "{said:?}");
    wait_within(LONG, "its end", || world.running("supervisor run").is_empty().then_some(()));
}

#[test]
fn incident_g6_a_gateway_that_is_told_to_end_stays_ended_and_one_that_dies_comes_back() {
    let world = World::new();
    let port = world.embedded("work");
    let script = r#"begin supervised.service
kill -9 "$(of supervised.service MainPID)"
became supervised.service active 1
kill -TERM "$(of supervised.service MainPID)"
at_rest supervised.service told"#;
    let unit = generated(&world, &["--profile", "work"]);
    let script = format!("{ENDS}{script}");
    let Some(said) = managed(&world, &[("supervised.service", &unit)], &script) else { return };
    assert!(!said.out.contains("-failed"), "{said:?}");
    assert_eq!(value(&said, "told"), ASKED, "{said:?}");
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "nothing serves any more");
}

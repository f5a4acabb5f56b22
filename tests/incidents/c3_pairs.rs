//! C3 under the printed unit: whoever restarts at the same moment as somebody else, be it a command, the manager, an
//! upgrade or a crash, there is one supervisor in the end, which is the unit's, and never two gateways at once.

use super::user_units::{generated, managed, value};
use super::world::World;

/// Who restarts: a word, and how.
const RESTARTERS: [(&str, &str); 4] = [
    ("command", r#""$OC" profile restart work >/dev/null 2>>"$WORLD/told" && echo done >>"$WORLD/told""#),
    ("manager", "systemctl --user restart supervised.service >/dev/null 2>&1"),
    ("upgrade", "systemctl --user reload supervised.service >/dev/null 2>&1"),
    ("crash", "crash"),
];

const TRIAL: &str = r#"
crash() { main=$(of supervised.service MainPID); [ "${main:-0}" -gt 1 ] && kill -9 "$main"; }
ours() { pgrep -f "$1" | while read p; do tr '\0' '\n' <"/proc/$p/environ" | grep -qx "HOME=$HOME" && echo $p; done 2>/dev/null | wc -l; }
serves() { main=$(of supervised.service MainPID); [ "${main:-0}" -gt 1 ] && [ "$(of supervised.service ActiveState)" = active ] &&
"$OC" supervisor status --json 2>/dev/null | tr -d ' \n' | grep -q "\"pid\":$main," && "$OC" --profile work health >/dev/null 2>&1; }
trial() { before=$(wc -l <"$WORLD/starts"); :>"$WORLD/told"; ( eval "$2" ) & one=$!; sleep "$3"; ( eval "$4" ) & two=$!; wait $one $two
until_true '[ -z "$(systemctl --user list-jobs --no-legend)" ]' && until_true serves && until_true '[ "$(ours "^[^ ]*fake-gateway --port")" = 1 ]'
echo "$1=$(ours "^$OC supervisor run") $(ours "^[^ ]*fake-gateway --port") starts $(( $(wc -l <"$WORLD/starts") - before )) $(grep -c "^done" "$WORLD/told")"; }
systemctl --user start supervised.service || echo start-failed
"#;

#[test]
fn incident_c3_restarters_at_the_same_moment_end_with_one_supervisor_and_one_gateway() {
    pairs("0");
}

#[test]
fn incident_c3_restarters_while_the_gateway_drains_end_with_one_supervisor_and_one_gateway() {
    pairs("0.2");
}

/// Every pair of them, the second `later` by so many seconds.
fn pairs(later: &str) {
    let world = World::new();
    let knobs = ["--term-delay", "400", "--starts", "@starts", "--alarm", "@alarm"];
    world.fake("work", "", "autostart = true\nrestart_delay_min = \"10ms\"", &knobs);
    let mut script = TRIAL.to_owned();
    let mut trials = Vec::new();
    for (at, (first, how)) in RESTARTERS.iter().enumerate() {
        for (second, so) in &RESTARTERS[at..] {
            let name = format!("{first}-{second}");
            script += &format!("trial {name} '{how}' {later} '{so}'\n");
            trials.push(name);
        }
    }
    script += "echo \"end=$(of supervised.service ActiveState) $(of supervised.service Result)\"";
    let unit = generated(&world, &[]);
    let Some(said) = managed(&world, &[("supervised.service", &unit)], &script) else { return };
    assert!(!said.out.contains("start-failed"), "{said:?}");
    for name in &trials {
        let (ones, starts) = value(&said, name).split_once(" starts ").unwrap();
        let (starts, done) = starts.split_once(' ').unwrap();
        assert_eq!(ones, "1 1", "{name}: {said:?}\n{}", world.journal());
        // Each of the two may have had it restarted once; nobody did so a third time.
        let starts: u32 = starts.parse().unwrap();
        assert!(starts >= u32::from(done != "0"), "a restart that was told of was one: {name}: {said:?}");
        assert!(starts <= 2, "{name}: {said:?}\n{}", world.journal());
    }
    assert_eq!(value(&said, "end"), "active success", "{said:?}");
    assert_eq!(world.lines("alarm"), [""; 0], "{}", world.journal());
}

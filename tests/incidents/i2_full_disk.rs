//! I2: gateways filled the disk, and a full disk took the database, the service and every message about it. With no byte
//! free everything runs on and can be asked and stopped; nothing is truncated, and it recovers by itself.

use serde_json::Value;

use super::world::{World, wait_for};

/// Fills the home, asks everything, and makes room again. Standard output is one line a finding.
const SCRIPT: &str = r#"set -u
cp -a "$HOME" "$WORLD/copy" && mount -t tmpfs -o size=1m,mode=700 tmpfs "$HOME" && cp -a "$WORLD/copy/." "$HOME/" || { echo skipped; exit 0; }
kept="$HOME/.local/state/openclaw"
"$OC" profile start busy going >/dev/null || exit 1
before=$("$OC" profile show busy --json | tr -d "\n")
dd if=/dev/zero of="$HOME/fill" bs=4k >/dev/null 2>&1
dd if=/dev/zero of="$HOME/rest" bs=1 count=4096 >/dev/null 2>&1
config=$(cat "$HOME"/.config/openclaw/profiles/*.toml "$kept"/*/busy.json | cksum)
df -k --output=avail "$HOME" | tail -1 | sed 's/^ */avail /'
"$OC" profile list --json >/dev/null; echo "list $?"
"$OC" supervisor status >/dev/null; echo "status $?"
"$OC" profile stop going >/dev/null; echo "stop $?"
echo "start $("$OC" profile start fresh --json | tr -d "\n")"
[ "$config" = "$(cat "$HOME"/.config/openclaw/profiles/*.toml "$kept"/*/busy.json | cksum)" ]; echo "untouched $?"
echo "before $before"
echo "after $("$OC" profile show busy --json | tr -d "\n")"
rm "$HOME/fill" "$HOME/rest"
until grep -q '"down"' "$kept"/*/going.json; do :; done; echo "saved 0"
until grep -q 'lines are missing here' "$kept/logs/busy.log"; do :; done; echo "told 0"
"$OC" profile stop busy >/dev/null; echo "later $?"
"$OC" supervisor stop >/dev/null; echo "end $?"
"#;

#[test]
fn incident_i2_with_no_byte_free_everything_runs_on_and_recovers_by_itself() {
    let world = World::new();
    let line = "x".repeat(400);
    world.fake("busy", "", "", &["--log-line", &line, "--log-rate", "100"]);
    world.fake("going", "", "", &[]);
    let said = world.script(&["/usr/bin/unshare", "--mount", "--propagation", "private"], SCRIPT);
    if said.out.contains("skipped") || said.err.contains("unshare") {
        return eprintln!("skipped: no file system of its own can be had: {said:?}");
    }
    let found = |word: &str| {
        let line = said.out.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{word} is missing: {said:?}"))
    };
    for word in ["avail", "list", "status", "stop", "untouched", "saved", "told", "later", "end"] {
        assert_eq!(found(word), "0", "{word}: {said:?}");
    }
    let json = |word: &str| serde_json::from_str::<Value>(found(word)).unwrap();
    let (before, after, refused) = (json("before"), json("after"), json("start"));
    assert_eq!((&after["state"], &after["pid"]), (&"ready".into(), &before["pid"]), "{said:?}");
    assert_eq!(refused["error"]["code"], "disk_full", "{refused}");
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("the disk is full") && message.contains("home/"), "{message}");
}

#[test]
fn incident_i2_a_flood_is_taken_whole_while_the_supervisor_answers() {
    let world = World::new();
    world.fake("loud", "", "", &["--log-burst", "300000", "--logged", "@logged"]);
    world.start("loud");
    wait_for("the end of the flood", || {
        world.run(&["supervisor", "status"]).ok();
        world.lines("logged").first().map(|lines| assert_eq!(lines, "300000"))
    });
    wait_for("its last line", || {
        world.run(&["profile", "logs", "loud", "-n", "1"]).ok().out.contains("299999 of").then_some(())
    });
}

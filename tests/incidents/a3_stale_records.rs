//! A3: after a hard reboot the pid in a lock file belonged to another program, and the lock blocked for good; or it
//! belonged to another profile's gateway. What a file says is no claim, and nobody is signalled for its sake.

use std::fs;

use serde_json::{Value, json};

use super::foreground::{bystander, kill, lives};
use super::look;
use super::world::{World, pid};

/// Rounds of an unclean end and a new start.
const ROUNDS: usize = 30;

#[test]
fn incident_a3_no_record_blocks_a_start_and_nobody_it_names_is_harmed() {
    let world = World::new();
    let port = world.embedded("mine");
    let other = world.embedded("other");
    let file = world.state("mine").join("gateway.lock");
    kill(world.serve("mine", port));
    let record: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let neighbour = world.serve("other", other);
    let sleeper = bystander(&world);
    let named = |number: Value| {
        let mut record = record.clone();
        record["pid"] = number;
        record.to_string().into_bytes()
    };
    let mut elsewhen = record.clone();
    elsewhen["bootId"] = json!("00000000-0000-4000-8000-000000000000");
    elsewhen["pid"] = sleeper.id().into();
    for (what, text) in [
        ("a running program", named(sleeper.id().into())),
        ("another profile's gateway", named(neighbour.id().into())),
        ("this test", named(std::process::id().into())),
        ("pid 0", named(json!(0))),
        ("pid -1", named(json!(-1))),
        ("pid 1", named(json!(1))),
        ("10 MB of garbage", vec![b'{'; 10_000_000]),
        ("nothing", Vec::new()),
        ("another boot", elsewhen.to_string().into_bytes()),
    ] {
        fs::write(&file, &text).unwrap();
        let gateway = world.serve("mine", port);
        assert!(lives(&gateway), "{what}");
        kill(gateway);
        fs::write(&file, &text).unwrap();
        let gateway = pid(&world.start("mine"));
        world.run(&["profile", "stop", "mine"]).ok();
        assert!(!look::is_alive(gateway), "{what}");
        fs::write(&file, &text).unwrap();
        world.run(&["profile", "stop", "mine"]).ok();
        assert!(lives(&sleeper) && lives(&neighbour), "{what}");
    }
    kill(sleeper);
    kill(neighbour);
}

#[test]
fn incident_a3_thirty_unclean_ends_in_a_row() {
    let world = World::new();
    let port = world.embedded("mine");
    for _ in 0..ROUNDS {
        kill(world.serve("mine", port));
    }
    assert_eq!(world.start("mine")["state"], "ready");
}

/// Each round: a gateway dies, its number is given to a program of no concern, and the next gateway starts beside it.
const RECYCLE: &str = r#"
last=/proc/sys/kernel/ns_last_pid; [ -w $last ] || exit 9
record="$HOME/.openclaw-mine/gateway.lock"; round=0
while [ $round -lt 50 ]; do
  round=$((round+1))
  "$OC" --profile mine gateway run 2>/dev/null & gateway=$!
  until grep -qs "\"pid\": $gateway," "$record" && "$OC" --profile mine health >/dev/null 2>&1; do
    kill -0 $gateway 2>/dev/null || { echo "round $round: no start"; exit 1; }
  done
  if [ -n "$bystander" ]; then
    kill -0 $bystander || { echo "round $round: the bystander is gone"; exit 1; }
    kill -9 $bystander; wait $bystander
  fi
  kill -9 $gateway; wait $gateway
  echo $((gateway-1)) >$last; sleep 600 & bystander=$!
  [ $bystander = $gateway ] && recycled=$((recycled+1))
done 2>/dev/null
"$OC" profile start mine >/dev/null || exit 1
kill -0 $bystander || { echo "the bystander is gone"; exit 1; }
"$OC" supervisor stop >/dev/null; kill -9 $bystander
echo "$round rounds, $recycled recycled""#;

#[test]
fn incident_a3_a_recycled_pid_is_reclaimed_at_once_and_its_new_owner_unharmed() {
    let world = World::new();
    let Some(way) = super::a2_pid_namespaces::namespace(&world) else { return };
    world.embedded("mine");
    let wrapper: Vec<&str> = ["/usr/bin/unshare"].into_iter().chain(way.iter().copied()).collect();
    let said = world.script(&wrapper, RECYCLE);
    if said.code == Some(9) {
        eprintln!("skipped: the kernel lets nobody choose the next pid");
        return;
    }
    assert_eq!(said.out.trim(), "50 rounds, 50 recycled", "{said:?}");
}

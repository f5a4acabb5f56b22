//! A1 and G6: how a gateway of its own unit ends, under each way in which managers restart. What was refused for good
//! (78) is tried once wherever our rule stands, and what died is tried again wherever its manager restarts at all.

use std::net::TcpListener;

use super::user_units::{generated, managed, value};
use super::world::World;

/// The ways to restart: a word, and what stands in the unit in the place of `Restart=always`.
const WAYS: [(&str, &str); 3] = [
    ("always", "Restart=always"),
    ("on-failure", "Restart=on-failure"),
    ("on-any-exit", "Restart=no\nRestartForceExitStatus=0 1 78 SIGKILL"),
];

/// The ends: a word, the knobs of the gateway, and what its unit comes to.
const ENDS: [(&str, &[&str], &str); 3] = [
    ("refused", &[], "failed 0 78"),
    ("fails", &["--exit-after", "0", "--exit-code", "1", "--exit-runs", "2"], "active 2 0"),
    ("killed", &["--exit-after", "0", "--exit-signal", "9", "--exit-runs", "2"], "active 2 0"),
];

/// A world with these three profiles for each of `ways`, and who holds the ports of those that are to be refused.
fn prepare(ways: &[&str]) -> (World, Vec<TcpListener>) {
    let world = World::new();
    let mut holders = Vec::new();
    for way in ways {
        for (end, knobs, _) in ENDS {
            let name = format!("{end}-{way}");
            let starts = format!("@starts-{name}");
            let port = world.fake(&name, "", "", &[&["--starts", &starts], knobs].concat());
            holders.extend((end == "refused").then(|| TcpListener::bind(("127.0.0.1", port)).unwrap()));
        }
    }
    (world, holders)
}

#[test]
fn incident_a1_each_way_to_restart_honours_what_is_refused_and_begins_again_what_died() {
    let (world, _holders) = prepare(&WAYS.map(|(way, _)| way));
    let (mut units, mut waits) = (Vec::new(), String::new());
    for (way, rule) in WAYS {
        for (end, _, wanted) in ENDS {
            let name = format!("{end}-{way}");
            let text = generated(&world, &["--profile", &name]).replace("Restart=always", rule);
            units.push((format!("supervised-{name}.service"), text));
            let state = "$(of $u ActiveState) $(of $u NRestarts) $(of $u ExecMainStatus)";
            waits += &format!("u=supervised-{name}.service\nuntil_true '[ \"{state}\" = \"{wanted}\" ]'\n");
            waits += &format!("echo \"{name}={state} $(systemctl --user list-jobs --no-legend)\"\n");
        }
    }
    let names: Vec<&str> = units.iter().map(|(name, _)| name.as_str()).collect();
    let script = format!("systemctl --user start --no-block {}\n{waits}", names.join(" "));
    let units: Vec<(&str, &str)> = units.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let Some(said) = managed(&world, &units, &script) else { return };
    for (way, _) in WAYS {
        for (end, _, wanted) in ENDS {
            let name = format!("{end}-{way}");
            assert!(value(&said, &name).starts_with(wanted), "{name}: {said:?}");
            let starts = world.lines(&format!("starts-{name}")).len();
            assert_eq!(starts, if end == "refused" { 0 } else { 3 }, "{name}: {said:?}");
        }
    }
}

#[test]
fn incident_a1_a_shell_and_its_loop_hear_how_it_ended() {
    let (world, _holders) = prepare(&["shell"]);
    let script = r#"for end in refused fails killed; do codes=; for n in 1 2; do
"$OC" --profile $end-shell gateway run >/dev/null 2>&1; codes="$codes $?"; done; echo "$end=$codes"; done 2>/dev/null"#;
    let said = world.script(&[], script);
    for (end, codes) in [("refused", " 78 78"), ("fails", " 1 1"), ("killed", " 137 137")] {
        assert_eq!(value(&said, end), codes, "{said:?}");
    }
}

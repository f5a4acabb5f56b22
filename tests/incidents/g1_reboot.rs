//! G1, the other half: after a reboot, which starts whatever is switched on, there is one gateway of each profile; before
//! a registration was converted, and after.

use super::user_units::{managed, value};
use super::world::{OPENCLAW, World};

const SCRIPT: &str = r#"own=my-own.service ours=openclaw-gateway-work.service
gateways() { pgrep -f "^[^ ]*fake-gateway --port" | while read p; do tr '\0' '\n' <"/proc/$p/environ" | grep -qx "HOME=$HOME" && echo $p; done 2>/dev/null | wc -l; }
healthy() { until_true '"$OC" --profile work health >/dev/null 2>&1'; }
show() { echo "$1=$(gateways) $(of $own ActiveState) $(of $ours ActiveState)"; }
systemctl --user enable --now $own 2>/dev/null || echo enable-failed
healthy; "$OC" --profile work service install >/dev/null 2>&1; echo "refused=$?"
manager_off; manager_on; healthy; show refused-rebooted
"$OC" --profile work service install --replace --yes >/dev/null || echo install-failed
healthy; show converted
manager_off; manager_on; until_true '[ "$(of $ours ActiveState)" = active ]'; healthy; show rebooted
"$OC" --profile work service install >/dev/null; echo "again=$?"
"$OC" --profile work service uninstall >/dev/null || echo uninstall-failed
manager_off; manager_on; show gone"#;

#[test]
fn incident_g1_after_a_reboot_each_profile_has_one_gateway() {
    let world = World::new();
    world.fake("work", "", "", &["--alarm", "@alarm"]);
    let slot = world.path("host-slot").display().to_string();
    let unit = format!(
        "[Service]\nExecStart={OPENCLAW} --profile work gateway run\nRestart=always\n\
         Environment=OPENCLAW_HOST_LOCK={slot}\n[Install]\nWantedBy=default.target\n"
    );
    let Some(said) = managed(&world, &[("my-own.service", &unit)], SCRIPT) else { return };
    assert!(!said.out.contains("-failed"), "{said:?}");
    assert_eq!((value(&said, "refused"), value(&said, "again")), ("78", "0"), "{said:?}");
    assert_eq!(value(&said, "refused-rebooted"), "1 active inactive", "{said:?}");
    assert_eq!(value(&said, "converted"), "1 inactive active", "{said:?}");
    assert_eq!(value(&said, "rebooted"), "1 inactive active", "{said:?}");
    assert_eq!(value(&said, "gone"), "0 inactive inactive", "{said:?}");
    assert_eq!(world.lines("alarm"), [""; 0]);
}

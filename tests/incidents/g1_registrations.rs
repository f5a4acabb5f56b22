//! G1: an installation added a second registration of the same gateway, in another domain or under another name, and
//! both restarted each other for ever. Whatever would start the same profile is found, alone and in pairs; the
//! installation refuses and changes nothing, or switches off what it may once it is told to.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::world::{Said, World};

/// What may be there already: a word for it, how it is made, and whether the installation may switch it off.
const THERE: [(&str, &str, bool); 9] = [
    ("user-unit", r#"unit "$UNITS" my-own.service "$RUN" default.target"#, true),
    (
        "system-unit",
        r#"unit /run/systemd/system site.service "$RUN" multi-user.target "User=root
Environment=HOME=$HOME""#,
        true,
    ),
    (
        "instance",
        r#"unit "$UNITS" gw@.service "/usr/bin/openclaw --profile %i gateway run" -
mkdir -p "$UNITS/default.target.wants"; ln -s ../gw@.service "$UNITS/default.target.wants/gw@work.service""#,
        true,
    ),
    (
        "old-name",
        r#"unit "$UNITS" clawdbot-gateway-work.service "/usr/bin/clawdbot gateway" default.target "Environment=CLAWDBOT_PROFILE=work CLAWDBOT_STATE_DIR=$HOME/.openclaw-work""#,
        true,
    ),
    (
        "other-user",
        r#"unit "$WORLD/bo/.config/systemd/user" theirs.service "/usr/bin/openclaw gateway run" default.target "Environment=OPENCLAW_STATE_DIR=$HOME/.openclaw-work""#,
        false,
    ),
    (
        "cron",
        r#"mkdir -p /var/spool/cron/crontabs; echo "@reboot OPENCLAW_STATE_DIR=$HOME/.openclaw-work /usr/bin/openclaw gateway run >/dev/null 2>&1 &" >/var/spool/cron/crontabs/root"#,
        false,
    ),
    (
        "autostart",
        r#"mkdir -p "$HOME/.config/autostart"; printf '[Desktop Entry]\nType=Application\nName=Gateway\nExec=%s\n' "$RUN" >"$HOME/.config/autostart/gw.desktop""#,
        false,
    ),
    (
        "container",
        r#"c=/var/lib/docker/containers/0123456789ab; mkdir -p $c
echo '{"Name":"/gw","Config":{"Image":"openclaw","Cmd":["gateway"]}}' >$c/config.v2.json
echo '{"RestartPolicy":{"Name":"always"},"Binds":["'$HOME'/.openclaw-work:/home/node/.openclaw"]}' >$c/hostconfig.json"#,
        false,
    ),
    ("mask", r#"mkdir -p "$UNITS"; ln -s /dev/null "$UNITS/openclaw-gateway-work.service""#, false),
];

/// A machine of the script's own: nothing of this one's services is in it, and a second user.
const MACHINE: &str = r#"set -u
mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system /var/spool/cron /var/lib/docker
mount -t tmpfs tmpfs /var/spool/cron && mount -t tmpfs tmpfs /var/lib/docker || exit 9
mkdir -p "$WORLD/bo"; cat /etc/passwd >"$WORLD/passwd"; echo "bo:x:4242:4242::$WORLD/bo:/bin/sh" >>"$WORLD/passwd"
mount --bind "$WORLD/passwd" /etc/passwd || exit 9
UNITS="$HOME/.config/systemd/user"; RUN="/usr/bin/openclaw --profile work gateway run"
unit() { mkdir -p "$1"; printf '[Service]\nExecStart=%s\n%s\n[Install]\nWantedBy=%s\n' "$3" "${5:-}" "$4" >"$1/$2"
  [ "$4" = - ] || { mkdir -p "$1/$4.wants"; ln -s "../$2" "$1/$4.wants/$2"; }; }
snap() { { find "$HOME" "$WORLD/bo" /run/systemd /var/spool/cron /var/lib/docker -type f ! -path "*/.local/*" -exec sha256sum {} +
  find "$HOME" "$WORLD/bo" /run/systemd -type l -printf '%p -> %l\n'; } | sort >"$WORLD/snap.$1"; }
ask() { name=$1; shift; "$OC" --profile work service "$@" --json >"$WORLD/$name" 2>"$WORLD/$name.err"; echo "$name=$?"; snap "$name"; }
"#;

const QUESTIONS: &str = r#"
snap before
ask refused install
ask planned install --replace
ask done install --replace --yes
ask again install
ask repaired repair
ask removed uninstall
"#;

struct Outcome {
    world: World,
    said: Said,
}

impl Outcome {
    fn code(&self, name: &str) -> i32 {
        let line = self.said.out.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("{name}: {:?}", self.said)).parse().unwrap()
    }

    fn told(&self, name: &str) -> Value {
        let text = fs::read_to_string(self.world.path(name)).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}: {text}"))
    }

    fn files(&self, name: &str) -> BTreeSet<String> {
        let text = fs::read_to_string(self.world.path(&format!("snap.{name}"))).unwrap();
        let home = self.world.home("").display().to_string();
        text.lines().map(|line| line.replace(home.trim_end_matches('/'), "~")).collect()
    }

    /// What came (`+`) and went (`-`) between two moments, without checksums.
    fn changed(&self, before: &str, after: &str) -> Vec<String> {
        let (before, after) = (self.files(before), self.files(after));
        let path = |line: &String| line.split("  ").last().unwrap().to_owned();
        let gone = before.difference(&after).map(|line| format!("-{}", path(line)));
        let mut all: Vec<String> =
            gone.chain(after.difference(&before).map(|line| format!("+{}", path(line)))).collect();
        all.sort();
        all
    }
}

/// A machine on which what `which` names is there; `None` where no such machine can be had.
fn on_a_machine_with(which: &[usize]) -> Option<Outcome> {
    let world = World::new();
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root can make a machine of its own");
        return None;
    }
    world
        .run(&["profile", "create", "work", "--port", &world.block().to_string(), "--runtime", "embedded"])
        .ok();
    let made: Vec<&str> = which.iter().map(|at| THERE[*at].1).collect();
    let script = format!("{MACHINE}{}\n{QUESTIONS}", made.join("\n"));
    let said = world.script(&["/usr/bin/unshare", "--mount"], &script).ok();
    Some(Outcome { world, said })
}

const OWN: &str = "~/.config/systemd/user/openclaw-gateway-work.service";
const OWN_LINK: &str = "~/.config/systemd/user/default.target.wants/openclaw-gateway-work.service -> ";

/// What one case must show.
fn check(which: &[usize]) {
    let names: Vec<&str> = which.iter().map(|at| THERE[*at].0).collect();
    let Some(case) = on_a_machine_with(which) else { return };
    let nothing: [String; 0] = [];
    let masked = names.contains(&"mask");
    let code = if masked { "service_masked" } else { "duplicate_service" };
    assert_eq!(case.code("refused"), 78, "{names:?}: {:?}", case.told("refused"));
    let error = &case.told("refused")["error"];
    assert_eq!(error["code"], code, "{names:?}: {error}");
    assert!(error["remedy"].is_string(), "{names:?}: {error}");
    assert!(masked || error["holder"].is_object(), "{names:?}: {error}");
    assert_eq!(case.changed("before", "refused"), nothing, "{names:?}");
    assert_eq!(case.changed("before", "planned"), nothing, "{names:?}: a plan changes nothing");
    if masked || !which.iter().all(|at| THERE[*at].2) {
        for name in ["planned", "done", "again"] {
            assert_eq!(case.code(name), 78, "{names:?}");
        }
        assert_eq!(case.changed("before", "removed"), nothing, "{names:?}");
        return;
    }
    let plan = case.told("planned");
    assert_eq!((&plan["ok"], &plan["done"]), (&true.into(), &false.into()), "{names:?}: {plan}");
    assert!(plan["plan"].as_array().unwrap().len() > which.len(), "{names:?}: {plan}");
    assert_eq!(case.code("done"), 0, "{names:?}: {:?}", case.told("done"));
    // Each link that started something else is gone, no file of anybody's is, and the one registration is ours.
    let changed = case.changed("planned", "done");
    let came: Vec<&String> = changed.iter().filter(|line| line.starts_with('+')).collect();
    assert_eq!(came.len(), 2, "{names:?}: {changed:?}");
    assert!(came.iter().any(|line| line[1..] == *OWN), "{names:?}: {changed:?}");
    assert!(came.iter().any(|line| line[1..].starts_with(OWN_LINK)), "{names:?}: {changed:?}");
    let gone: Vec<&String> = changed.iter().filter(|line| line.starts_with('-')).collect();
    assert_eq!(gone.len(), which.len(), "{names:?}: {changed:?}");
    assert!(gone.iter().all(|line| line.contains(".wants/")), "{names:?}: {changed:?}");
    for (name, before) in [("again", "done"), ("repaired", "again")] {
        assert_eq!(case.code(name), 0, "{names:?}: {:?}", case.told(name));
        assert_eq!(case.changed(before, name), nothing, "{names:?}: {name}");
        assert_eq!(case.told(name)["changed"], false, "{names:?}");
        assert_eq!(case.told(name)["duplicates"], Value::Array(Vec::new()), "{names:?}");
    }
    assert_eq!(case.code("removed"), 0, "{names:?}: {:?}", case.told("removed"));
    let ours: Vec<String> = case.changed("repaired", "removed");
    assert_eq!(ours.len(), 2, "{names:?}: only its own files go: {ours:?}");
    assert!(ours.iter().all(|line| line.contains("openclaw-gateway-work.service")), "{names:?}: {ours:?}");
}

#[test]
fn incident_g1_each_registration_alone_is_found() {
    (0..THERE.len()).for_each(|at| check(&[at]));
}

#[test]
fn incident_g1_registrations_in_pairs_are_found() {
    for first in 0..THERE.len() {
        (first + 1..THERE.len()).for_each(|second| check(&[first, second]));
    }
}

#[test]
fn incident_g1_on_an_empty_machine_the_service_comes_and_goes_without_a_trace() {
    let Some(case) = on_a_machine_with(&[]) else { return };
    assert_eq!(case.code("refused"), 0, "{:?}", case.told("refused"));
    let first = case.told("refused");
    assert_eq!(
        (&first["changed"], &first["installed"], &first["enabled"]),
        (&true.into(), &true.into(), &true.into())
    );
    assert_eq!(case.changed("before", "refused").len(), 2);
    for name in ["planned", "done", "again", "repaired"] {
        assert_eq!((case.code(name), &case.told(name)["changed"]), (0, &false.into()), "{name}");
        assert_eq!(case.changed("refused", name), [""; 0], "{name}");
    }
    assert_eq!(case.changed("before", "removed"), [""; 0]);
}

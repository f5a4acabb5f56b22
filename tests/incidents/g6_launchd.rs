//! G6 and G1 under launchd, as far as another system can show it: a `launchctl` that answers as the real one does, and
//! what it is told. A service is begun by its file once, by its name from then on, and is let go of before its file is.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::world::{Said, World};

/// What the real one says and does: `print` of what is not loaded ends with 113, a second `bootstrap` with 5, as does that
/// of what is switched off; `bootout` of what takes its time ends with 36 and goes on behind that.
const LAUNCHCTL: &str = r#"#!/bin/sh
PATH=/usr/bin:/bin; cd @ || exit 9
echo "$*" >>asked
loaded() { [ -e loaded ] || { echo "Could not find service \"$1\" in domain for user gui" >&2; exit 113; }; }
case $1 in
print) loaded "$2"; [ -e draining ] && { rm draining loaded; }
  if [ -e running ]; then printf '%s = {\n\tstate = running\n\tpid = 4242\n\truns = 3\n}\n' "$2"
  else printf '%s = {\n\tstate = not running\n\truns = 3\n}\n' "$2"; fi;;
bootstrap) [ -e "$3" ] && [ ! -e loaded ] && [ ! -e disabled ] || { echo 'Bootstrap failed: 5: Input/output error' >&2; exit 5; }
  touch loaded running; cp "$3" read;;
kickstart) loaded "$2"; touch running;;
bootout) [ -e loaded ] || { echo 'Boot-out failed: 3: No such process' >&2; exit 3; }; rm -f running
  [ -e slow ] && { mv slow draining; echo 'Boot-out failed: 36: Operation now in progress' >&2; exit 36; }
  rm loaded;;
enable) rm -f disabled;;
*) exit 64;;
esac
"#;

struct Mac(World);

impl Mac {
    fn new() -> Mac {
        let world = World::new();
        world.embedded("work");
        let folder = world.path("launchd");
        world.private(&folder);
        let file = world.path("bin").join("launchctl");
        fs::write(&file, LAUNCHCTL.replace('@', &folder.display().to_string())).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        Mac(world)
    }

    /// What launchd has: `loaded`, `running`, `disabled`, `slow`.
    fn has(&self, what: &str) -> bool {
        self.0.path("launchd").join(what).exists()
    }

    fn make(&self, what: &str) {
        fs::write(self.0.path("launchd").join(what), "").unwrap();
    }

    /// Runs a verb of `service`, and returns with it what launchd was told by it; mere looks are left out.
    fn service(&self, words: &[&str]) -> (Said, Vec<String>) {
        let asked = self.0.path("launchd").join("asked");
        let _ = fs::remove_file(&asked);
        let said = self.0.run(&[&["service"], words, &["--manager", "launchd", "--json"]].concat());
        let told = fs::read_to_string(asked).unwrap_or_default();
        (said, told.lines().filter(|line| !line.starts_with("print ")).map(str::to_owned).collect())
    }

    fn file(&self) -> String {
        self.0.home("Library/LaunchAgents/ai.openclaw.supervisor.plist").display().to_string()
    }
}

/// The words with which launchd is told what `verb` means for the supervisor of whoever runs this.
fn told(verb: &str) -> String {
    format!("{verb} gui/{}/ai.openclaw.supervisor", nix::unistd::getuid())
}

fn warned(document: &Value, words: &str) -> bool {
    document["warnings"].to_string().contains(words)
}

#[test]
fn incident_g6_launchd_loads_a_service_once_and_begins_it_by_its_name_after_that() {
    let mac = Mac::new();
    // Switched off once by hand, which launchd remembers.
    mac.make("disabled");
    let (said, words) = mac.service(&["install"]);
    let bootstrap = format!("bootstrap gui/{} {}", nix::unistd::getuid(), mac.file());
    assert_eq!(words, [told("enable"), bootstrap], "{said:?}");
    let document = said.ok().json();
    assert_eq!(
        (&document["active"], &document["pid"], &document["restarts"]),
        (&"active".into(), &4242.into(), &3.into())
    );
    assert_eq!(document["durability"]["verdict"], "dies at logout", "{document}");
    for verb in ["install", "repair", "status"] {
        let (said, words) = mac.service(&[verb]);
        assert_eq!((said.code, words.len()), (Some(0), 0), "{verb} changes nothing: {said:?} {words:?}");
    }
    // It ended because somebody asked: launchd has it still, and does not begin it again by itself.
    fs::remove_file(mac.0.path("launchd").join("running")).unwrap();
    assert_eq!(mac.service(&["status"]).0.code, Some(3));
    let (said, words) = mac.service(&["repair"]);
    assert_eq!((said.code, words), (Some(0), vec![told("enable"), told("kickstart")]), "{said:?}");
    assert!(mac.has("running"));
}

#[test]
fn incident_g6_launchd_goes_over_to_another_file_only_with_consent() {
    let mac = Mac::new();
    mac.service(&["install"]).0.ok();
    let read = || fs::read_to_string(mac.0.path("launchd").join("read")).unwrap();
    let before = read();
    mac.0.manifest("slow", "[supervise]\nautostart = true\nstop_timeout = \"20m\"\n");
    let (said, words) = mac.service(&["repair"]);
    assert_eq!((words.len(), read()), (0, before), "{said:?}");
    assert!(warned(&said.ok().json(), "by the file as it was before"));
    mac.0.manifest("slow", "[supervise]\nautostart = true\nstop_timeout = \"40m\"\n");
    let (said, words) = mac.service(&["install", "--yes"]);
    let verbs: Vec<&str> = words.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(verbs, ["bootout", "enable", "bootstrap"], "{said:?}");
    assert_eq!(read(), fs::read_to_string(mac.file()).unwrap());
}

#[test]
fn incident_g1_launchd_lets_go_of_a_service_before_its_file_goes() {
    for (state, slow) in [("running", false), ("running", true), ("ended", false)] {
        let mac = Mac::new();
        mac.service(&["install"]).0.ok();
        if slow {
            mac.make("slow");
        }
        if state == "ended" {
            fs::remove_file(mac.0.path("launchd").join("running")).unwrap();
        }
        let (said, words) = mac.service(&["uninstall"]);
        assert_eq!((said.code, words), (Some(0), vec![told("bootout")]), "{state}: {said:?}");
        assert!(!mac.has("loaded") && !mac.has("draining") && !fs::exists(mac.file()).unwrap(), "{state}");
        let (said, words) = mac.service(&["uninstall"]);
        assert_eq!((said.code, words.len()), (Some(0), 0), "{said:?}");
    }
}

//! A real user manager of systemd for a script of a test's own, in control groups of its own, so that units of one name in
//! several worlds are none of each other's business.

use std::path::Path;
use std::time::Duration;

use super::world::{OPENCLAW, Said, World};

/// Longest time that all of it may take on a busy machine.
pub const LONG: Duration = Duration::from_secs(90);

/// What stands before a script: a user manager of this world's own, which ends with the script.
const MANAGER: &str = r#"set -u
mount --make-rprivate / && mkdir -p /run/systemd/system && mount -t tmpfs tmpfs /run/user 2>/dev/null
for tree in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
[ -e $tree/cgroup.procs ] && mkdir $tree/$GROUP && echo $$ >$tree/$GROUP/cgroup.procs; done
export XDG_RUNTIME_DIR=$WORLD/run
manager_on() { /lib/systemd/systemd --user >>$WORLD/manager.log 2>&1 & manager=$!
until_true 'systemctl --user is-system-running 2>/dev/null | grep -qE "running|degraded"'; }
manager_off() { systemctl --user exit; wait $manager; }
until_true() { n=0; until eval "$1"; do n=$((n+1)); [ $n -gt 300 ] && { echo "in vain: $1"; return 1; }; sleep 0.1; done; }
of() { systemctl --user show -P "$2" "$1"; }
became() { until_true "[ \"\$(of $1 ActiveState) \$(of $1 NRestarts)\" = \"$2 $3\" ]"; }
manager_on || { kill $manager; echo no-manager; exit 0; }
"#;

/// And behind it.
const FAREWELL: &str = "\nsystemctl --user stop supervised.socket 2>/dev/null\nsystemctl --user stop supervised.service\n\
                        manager_off\n";

/// Runs `script` beside a user manager that knows `units`, where `supervised` stands for a name of this world's own. In
/// the script `manager_off` and `manager_on` are the end of the manager and its next beginning. `None`, with the reason
/// printed, where no manager can be had.
pub fn managed(world: &World, units: &[(&str, &str)], script: &str) -> Option<Said> {
    managed_within(LONG, world, units, script)
}

/// The same for a script that may take as long as `patience`.
pub fn managed_within(
    patience: Duration,
    world: &World,
    units: &[(&str, &str)],
    script: &str,
) -> Option<Said> {
    if !Path::new("/lib/systemd/systemd").exists() || !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: no systemd here, or not root");
        return None;
    }
    let own = world.path("").file_name().unwrap().to_string_lossy().trim_start_matches('.').to_lowercase();
    let group = format!("openclaw-test-{own}");
    let named = |text: &str| text.replace("supervised", &group);
    let folder = world.home(".config/systemd/user");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in units {
        std::fs::write(folder.join(named(name)), named(text)).unwrap();
    }
    let script = named(&format!("{MANAGER}{script}{FAREWELL}"));
    let wrapper = ["/usr/bin/unshare", "--mount"];
    let mut command = std::process::Command::new(wrapper[0]);
    world.surround(&mut command).args(&wrapper[1..]).args(["/bin/sh", "-c", &script]);
    command
        .env("OC", &world.program)
        .env("GROUP", &group)
        .env("WORLD", world.path(""))
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let said = super::world::said_within(command.spawn().unwrap(), patience);
    for tree in ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"] {
        remove_group(&Path::new(tree).join(&group));
    }
    if said.out.contains("no-manager") {
        let log = std::fs::read_to_string(world.path("manager.log")).unwrap_or_default();
        eprintln!("skipped: no user manager can be had here: {log}");
        return None;
    }
    assert!(!said.out.contains("in vain"), "{said:?}\n{}", world.journal());
    Some(said)
}

/// Takes the groups of a manager away that has ended, the deepest first.
fn remove_group(group: &Path) {
    for entry in std::fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_group(&entry.path());
        }
    }
    let _ = std::fs::remove_dir(group);
}

/// A unit of the supervisor that is small, quick and tells its errors to a file; `more` stands behind it.
pub fn unit(world: &World, more: &str) -> String {
    format!(
        "[Service]\nType=notify\nNotifyAccess=main\nExecStart={OPENCLAW} supervisor run\n\
         ExecReload={OPENCLAW} supervisor reload\nTimeoutStopSec=20\nTimeoutStartSec=20\nRestartSec=100ms\n\
         Environment=PATH=/usr/bin:/bin OPENCLAW_HOST_LOCK={}\nStandardError=file:{}\n{more}\n",
        world.path("host-slot").display(),
        world.path("unit.err").display(),
    )
}

/// The value behind `name=` in what a script said.
#[track_caller]
pub fn value<'a>(said: &'a Said, name: &str) -> &'a str {
    let line = said.out.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("{name} is not said: {said:?}"))
}

/// What `service print` says with `words`, for this world, with restarts that follow at once.
pub fn generated(world: &World, words: &[&str]) -> String {
    let text = world.run(&[words, &["service", "print", "--manager", "systemd"]].concat()).ok().out;
    assert!(text.contains("\nRestartSec=5\n"), "{text}");
    text.replace("\nRestartSec=5\n", "\nRestartSec=100ms\n")
}

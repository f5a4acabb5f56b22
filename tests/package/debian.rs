//! The Debian package in a root of its own: this machine's system below, and on top a folder in which every change
//! shows. There it is installed, upgraded under a running supervisor, and removed again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::make::{LONG, make};
use super::world::{Said, World, said_within};

/// What stands before a script: `$ROOT` is this machine's system with everything written into `$TOP`, `inside` runs
/// there, and every process ends with the script.
const ROOT: &str = r#"set -u
mount --make-rprivate / || { echo no-root; exit 0; }
mkdir -p $WORLD/layers && mount -t tmpfs tmpfs $WORLD/layers || { echo no-root; exit 0; }
TOP=$WORLD/layers/top; ROOT=$WORLD/layers/root
mkdir -p $TOP $WORLD/layers/work $ROOT
mount -t overlay overlay -o lowerdir=/,upperdir=$TOP,workdir=$WORLD/layers/work $ROOT || { echo no-root; exit 0; }
mount -t proc proc $ROOT/proc && mount -t tmpfs tmpfs $ROOT/tmp && mount --rbind /dev $ROOT/dev || { echo no-root; exit 0; }
mkdir -p $ROOT/tmp/run $ROOT/home/ana && chmod 700 $ROOT/tmp/run && cp $WORLD/*.deb $ROOT/tmp/package.deb
# The pages of a whole system are not to be indexed anew for ours.
echo 'man-db man-db/auto-update boolean false' | chroot $ROOT debconf-set-selections 2>/dev/null; rm -f $ROOT/var/lib/man-db/auto-update
chown 4242:4242 $ROOT/home/ana $ROOT/tmp/run; chmod 1777 $ROOT/tmp
inside() { chroot $ROOT env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"; }
as_ana() { inside setpriv --reuid=4242 --regid=4242 --clear-groups env HOME=/home/ana XDG_RUNTIME_DIR=/tmp/run \
  OPENCLAW_HOST_LOCK=/tmp/run/slot PATH=/usr/bin:/bin "$@"; }
show() { as_ana openclaw profile show work --json | tr -d ' \n' | grep -o "\"$1\":[^,}]*" | head -n 1; }
# Everything that differs from before, but the package manager's own books.
changed() { (cd $TOP && find . \( -path ./var -o -path ./tmp -o -path ./proc -o -path ./dev -o -path ./run \) -prune -o ! -type d -print | sort); }
"#;

/// The package, built of the binary that is tested; `None`, with the reason printed, where it cannot be.
fn package(world: &World) -> Option<PathBuf> {
    let there = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let cargo_deb =
        Command::new("cargo").args(["deb", "--version"]).output().is_ok_and(|said| said.status.success());
    if !cargo_deb || !there("dpkg-deb") || !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: no cargo-deb (packaging/tools cargo-deb) or no dpkg here, or not root");
        return None;
    }
    make(world, &["deb", "DEB_FLAGS=--fast", &format!("DIST={}", world.path("").display())]).ok();
    let entries = fs::read_dir(world.path("")).unwrap().flatten().map(|entry| entry.path());
    entries.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "deb"))
}

/// Runs `script` in such a root; `None`, with the reason printed, where none can be had.
fn inside(world: &World, script: &str) -> Option<Said> {
    let script = format!("{ROOT}{script}");
    let mut command = Command::new("/usr/bin/unshare");
    let wrapper = ["--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", &script];
    world.surround(&mut command).args(wrapper).env("WORLD", world.path(""));
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let said = said_within(command.spawn().unwrap(), LONG);
    if said.out.contains("no-root") {
        eprintln!("skipped: no root of its own can be had here: {said:?}");
        return None;
    }
    assert!(!said.out.contains("-failed"), "{said:?}");
    Some(said)
}

/// What the script said between the lines `name:` and the next that ends in a colon.
fn part<'a>(said: &'a Said, name: &str) -> BTreeSet<&'a str> {
    let lines = said.out.lines().skip_while(|line| *line != format!("{name}:")).skip(1);
    lines.take_while(|line| !line.ends_with(':')).collect()
}

fn listed(package: &Path) -> BTreeSet<String> {
    let output = Command::new("dpkg-deb").arg("-c").arg(package).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let files = text.lines().filter(|line| !line.starts_with('d'));
    files.filter_map(|line| line.split_whitespace().nth(5)).map(str::to_owned).collect()
}

#[test]
fn the_package_installs_and_after_its_removal_only_what_is_the_users_is_left() {
    let world = World::new();
    let Some(package) = package(&world) else { return };
    let script = r#"changed >$WORLD/before
inside apt-get install -y -qq --no-install-recommends --no-download /tmp/package.deb >$WORLD/apt.log 2>&1 \
  || inside dpkg -i /tmp/package.deb >$WORLD/apt.log 2>&1 || { echo install-failed; cat $WORLD/apt.log; }
echo installed:; changed
echo verified:; inside dpkg --verify openclaw-supervisor
echo started:; as_ana openclaw profile start work >/dev/null || echo start-failed; show state
as_ana openclaw supervisor stop >/dev/null || echo stop-failed
echo users:; (cd $TOP/home/ana && find . -type f | sort)
(cd $TOP && find home -type f ! -path '*/run/*' -exec sha256sum {} + | sort) >$WORLD/homes
inside dpkg --purge openclaw-supervisor >$WORLD/purge.log 2>&1 || { echo purge-failed; cat $WORLD/purge.log; }
(cd $TOP && find home -type f ! -path '*/run/*' -exec sha256sum {} + | sort) | cmp - $WORLD/homes || echo homes-failed
echo left:; changed | grep -v '^./home/'
echo end:"#;
    let Some(said) = inside(&world, script) else { return };
    let before = fs::read_to_string(world.path("before")).unwrap();
    let installed: BTreeSet<String> = part(&said, "installed")
        .into_iter()
        .filter(|line| !before.lines().any(|old| old == *line))
        .map(str::to_owned)
        .collect();
    let mut wanted = listed(&package);
    // What a machine does with manual pages and desktops is its own affair.
    wanted.retain(|path| installed.contains(path) || !path.contains("/usr/share/"));
    assert_eq!(installed, wanted, "{said:?}");
    assert!(installed.contains("./usr/bin/openclaw"), "{installed:?}");
    assert_eq!(part(&said, "verified"), BTreeSet::new(), "{said:?}");
    assert_eq!(part(&said, "started"), BTreeSet::from(["\"state\":\"ready\""]), "{said:?}");
    assert!(part(&said, "users").contains("./.openclaw-work/openclaw.json"), "{said:?}");
    let left: BTreeSet<&str> =
        part(&said, "left").into_iter().filter(|line| !before.lines().any(|old| old == *line)).collect();
    assert_eq!(left, BTreeSet::new(), "{said:?}");
}

#[test]
fn incident_g4_an_upgrade_of_the_package_restarts_no_gateway() {
    let world = World::new();
    if package(&world).is_none() {
        return;
    }
    let script = r#"inside dpkg -i /tmp/package.deb >$WORLD/dpkg.log 2>&1 || { echo install-failed; cat $WORLD/dpkg.log; }
as_ana openclaw profile start work >/dev/null || echo start-failed
supervisor() { as_ana openclaw supervisor status --json | tr -d ' \n' | grep -o "\"$1\":[^,}]*"; }
pid=$(supervisor pid); started=$(supervisor startedAtMs); gateway=$(show pid)
echo upgraded:; inside dpkg -i /tmp/package.deb || echo upgrade-failed
echo same:
[ "$(supervisor pid)" = "$pid" ] && echo supervisor
[ "$(supervisor startedAtMs)" != "$started" ] && echo new-program
[ "$(show pid)" = "$gateway" ] && echo gateway
owner=$(stat -c %u $TOP/home/ana/.local/state/openclaw/supervisor.json); [ "$owner" = 4242 ] && echo owner
find $TOP/home/ana ! -user 4242 | grep . && echo foreign-file-failed
echo removed:; inside dpkg --remove openclaw-supervisor || echo remove-failed
echo end:; kill -TERM $(echo "$pid" | tr -dc 0-9)"#;
    let Some(said) = inside(&world, script) else { return };
    let upgraded: Vec<&str> = part(&said, "upgraded").into_iter().collect();
    assert!(upgraded.iter().any(|line| line.contains("profiles go on")), "{said:?}");
    assert_eq!(
        part(&said, "same"),
        BTreeSet::from(["gateway", "new-program", "owner", "supervisor"]),
        "{said:?}"
    );
    assert!(part(&said, "removed").iter().any(|line| line.contains("runs on with its gateways")), "{said:?}");
}

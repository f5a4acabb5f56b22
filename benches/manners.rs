//! How each supervisor is told about the tiny children: restarted at once and without limit, as far as it can.

use std::fs::{read_to_string, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::peer::{Child, Manner, Site};
use crate::table::Outcome;

/// The program that is measured.
pub struct Ours;
/// dinit.
pub struct Dinit;
/// A systemd user manager in a mount namespace and a control group of its own; that takes root.
pub struct Systemd;
/// supervisord.
pub struct Supervisord;
/// pm2.
pub struct Pm2;
/// runit, with one child; that it waits for the rest of a second after one that lived shorter cannot be set.
pub struct Runit;

impl Manner for Ours {
    fn name(&self) -> &'static str {
        "openclaw"
    }

    fn describe(&self, site: &Site<'_>, children: &[Child], new: usize) -> Outcome<()> {
        let policy = "restart_delay_min = \"1us\"\nrestart_delay_max = \"1us\"\nrestarts_per_hour = 60\n";
        children[new..].iter().try_for_each(|child| {
            site.world.write_manifest(&child.name, child.port, &child.argv(site.world), policy)
        })
    }

    fn start(&self, site: &Site<'_>, children: &[Child]) -> Vec<Command> {
        let names = children.iter().map(|child| child.name.as_str());
        vec![site.world.openclaw(&["profile", "start"].into_iter().chain(names).collect::<Vec<_>>())]
    }

    fn show(&self, site: &Site<'_>, child: &Child) -> Command {
        site.world.openclaw(&["profile", "show", &child.name, "--json"])
    }

    fn pid(&self, site: &Site<'_>) -> Outcome<u64> {
        site.world.pid(&["supervisor", "status"])
    }

    fn port(&self, site: &Site<'_>, _: u16) -> Outcome<u16> {
        site.world.port()
    }

    fn finish(&self, site: &Site<'_>) {
        // Where none runs there is nothing to stop.
        let _ = site.world.run(&["supervisor", "stop"]);
    }
}

impl Manner for Dinit {
    fn name(&self) -> &'static str {
        "dinit"
    }

    fn prepare(&self, site: &Site<'_>) -> Outcome<()> {
        site.save("boot", "type = internal\n")
    }

    fn daemon(&self, site: &Site<'_>) -> Option<(Command, PathBuf)> {
        let (folder, socket) = (site.path(""), site.path("control"));
        let words = ["dinit", "--user", "--quiet", "--services-dir", &folder, "--socket-path", &socket];
        Some((site.command(&words), socket.into()))
    }

    fn describe(&self, site: &Site<'_>, children: &[Child], new: usize) -> Outcome<()> {
        children[new..].iter().try_for_each(|child| {
            let command = child.argv(site.world).join(" ");
            let policy = "restart = true\nrestart-delay = 0\nrestart-limit-count = 0\n";
            site.save(&child.name, &format!("type = process\ncommand = {command}\n{policy}"))
        })
    }

    fn start(&self, site: &Site<'_>, children: &[Child]) -> Vec<Command> {
        let socket = site.path("control");
        let start = |child: &Child| {
            site.command(&["dinitctl", "--quiet", "--socket-path", &socket, "start", &child.name])
        };
        children.iter().map(start).collect()
    }

    fn show(&self, site: &Site<'_>, child: &Child) -> Command {
        site.command(&["dinitctl", "--socket-path", &site.path("control"), "status", &child.name])
    }
}

impl Systemd {
    /// A command for which the site's folder is the user's home.
    fn home(site: &Site<'_>, words: &[&str]) -> Command {
        let mut command = site.command(words);
        command.env("HOME", &site.folder).env("XDG_CONFIG_HOME", site.path("config"));
        command.env("XDG_RUNTIME_DIR", site.path("run"));
        command
    }
}

impl Manner for Systemd {
    fn name(&self) -> &'static str {
        "systemd --user"
    }

    fn prepare(&self, site: &Site<'_>) -> Outcome<()> {
        site.save("run/mark", "")?;
        set_permissions(site.folder.join("run"), PermissionsExt::from_mode(0o700))
            .map_err(|error| error.to_string())
    }

    fn daemon(&self, site: &Site<'_>) -> Option<(Command, PathBuf)> {
        // A control group of its own: it takes every process in the one that it finds itself in for its own.
        let script = "for tree in systemd unified .; do \
                        group=/sys/fs/cgroup/$tree; test -e $group/cgroup.procs || continue; \
                        mkdir -p $group/$0 && echo $$ >$group/$0/cgroup.procs || exit; \
                      done; \
                      mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && \
                      exec /lib/systemd/systemd --user";
        let words = ["unshare", "--mount", "sh", "-c", script, &site.world.group()];
        Some((Systemd::home(site, &words), site.folder.join("run/systemd/private")))
    }

    fn describe(&self, site: &Site<'_>, children: &[Child], new: usize) -> Outcome<()> {
        children[new..].iter().try_for_each(|child| {
            let command = child.argv(site.world).join(" ");
            let text = format!(
                "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart={command}\nRestart=always\nRestartSec=0\n"
            );
            site.save(format!("config/systemd/user/{}.service", child.name), &text)
        })
    }

    fn start(&self, site: &Site<'_>, children: &[Child]) -> Vec<Command> {
        let reload = Systemd::home(site, &["systemctl", "--user", "daemon-reload"]);
        let mut start = Systemd::home(site, &["systemctl", "--user", "start"]);
        start.args(children.iter().map(|child| &child.name));
        vec![reload, start]
    }

    fn show(&self, site: &Site<'_>, child: &Child) -> Command {
        Systemd::home(site, &["systemctl", "--user", "show", "--property", "MainPID", &child.name])
    }

    fn finish(&self, site: &Site<'_>) {
        for tree in ["systemd", "unified", "."] {
            remove_groups(&Path::new("/sys/fs/cgroup").join(tree).join(site.world.group()));
        }
    }
}

impl Manner for Supervisord {
    fn name(&self) -> &'static str {
        "supervisord"
    }

    fn prepare(&self, site: &Site<'_>) -> Outcome<()> {
        let (folder, socket) = (site.path(""), site.path("control"));
        let text = format!(
            "[supervisord]\nlogfile={folder}log\npidfile={folder}pid\nchildlogdir={folder}\n\
             [unix_http_server]\nfile={socket}\n[rpcinterface:supervisor]\n\
             supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\
             [supervisorctl]\nserverurl=unix://{socket}\n[include]\nfiles={folder}*.program\n"
        );
        site.save("supervisord.conf", &text)
    }

    fn daemon(&self, site: &Site<'_>) -> Option<(Command, PathBuf)> {
        let words = ["supervisord", "--nodaemon", "--configuration", &site.path("supervisord.conf")];
        Some((site.command(&words), site.folder.join("control")))
    }

    fn describe(&self, site: &Site<'_>, children: &[Child], new: usize) -> Outcome<()> {
        children[new..].iter().try_for_each(|child| {
            let (name, command) = (&child.name, child.argv(site.world).join(" "));
            let policy = "autostart=false\nautorestart=true\nstartsecs=0\nstartretries=100000";
            site.save(format!("{name}.program"), &format!("[program:{name}]\ncommand={command}\n{policy}\n"))
        })
    }

    fn start(&self, site: &Site<'_>, children: &[Child]) -> Vec<Command> {
        let config = site.path("supervisord.conf");
        let [update, mut start] = ["update", "start"]
            .map(|verb| site.command(&["supervisorctl", "--configuration", &config, verb]));
        start.args(children.iter().map(|child| &child.name));
        vec![update, start]
    }

    fn show(&self, site: &Site<'_>, child: &Child) -> Command {
        let config = site.path("supervisord.conf");
        site.command(&["supervisorctl", "--configuration", &config, "status", &child.name])
    }
}

impl Pm2 {
    /// A command of pm2 with everything below the site's folder.
    fn command(site: &Site<'_>, words: &[&str]) -> Command {
        let program = Pm2::program().unwrap_or_else(|| "pm2".into());
        let mut command = site.command(&[&program.to_string_lossy()]);
        command.args(words).env("PM2_HOME", site.path("pm2")).env("PM2_DISABLE_VERSION_CHECK", "true");
        command
    }

    /// The one on PATH, or in the npm folder of the tests, where somebody has installed it there. Asking it would
    /// start its background process.
    fn program() -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let npm = std::env::var_os("OPENCLAW_TEST_NPM").map(|npm| Path::new(&npm).join("node_modules/.bin"));
        let mut folders = std::env::split_paths(&path).chain(npm);
        folders.find_map(|folder| Some(folder.join("pm2")).filter(|program| program.exists()))
    }
}

impl Manner for Pm2 {
    fn name(&self) -> &'static str {
        "pm2"
    }

    fn prepare(&self, _: &Site<'_>) -> Outcome<()> {
        Pm2::program().map(|_| ()).ok_or_else(|| "no pm2 on PATH".to_owned())
    }

    fn describe(&self, site: &Site<'_>, children: &[Child], new: usize) -> Outcome<()> {
        let app = |child: &Child| {
            let argv = child.argv(site.world);
            serde_json::json!({
                "name": child.name, "script": argv[0], "args": argv[1..], "interpreter": "none",
                "restart_delay": 0, "min_uptime": 0, "max_restarts": 1_000_000,
            })
        };
        let apps: Vec<_> = children[new..].iter().map(app).collect();
        site.save("apps.json", &serde_json::json!({ "apps": apps }).to_string())
    }

    fn start(&self, site: &Site<'_>, _: &[Child]) -> Vec<Command> {
        vec![Pm2::command(site, &["start", &site.path("apps.json")])]
    }

    fn show(&self, site: &Site<'_>, child: &Child) -> Command {
        Pm2::command(site, &["pid", &child.name])
    }

    fn pid(&self, site: &Site<'_>) -> Outcome<u64> {
        let text = read_to_string(site.path("pm2/pm2.pid")).map_err(|error| error.to_string())?;
        text.trim().parse().map_err(|_| "no pid".to_owned())
    }
}

impl Manner for Runit {
    fn name(&self) -> &'static str {
        "runit"
    }

    fn prepare(&self, site: &Site<'_>) -> Outcome<()> {
        site.save("tiny-0/run", "#!/bin/sh\n")?;
        site.save("tiny-0/down", "")?;
        set_permissions(site.folder.join("tiny-0/run"), PermissionsExt::from_mode(0o755))
            .map_err(|error| error.to_string())
    }

    fn daemon(&self, site: &Site<'_>) -> Option<(Command, PathBuf)> {
        Some((site.command(&["runsv", &site.path("tiny-0")]), site.folder.join("tiny-0/supervise/ok")))
    }

    fn describe(&self, site: &Site<'_>, children: &[Child], new: usize) -> Outcome<()> {
        children[new..].iter().try_for_each(|child| {
            let command = child.argv(site.world).join(" ");
            site.save(format!("{}/run", child.name), &format!("#!/bin/sh\nexec {command}\n"))
        })
    }

    fn start(&self, site: &Site<'_>, children: &[Child]) -> Vec<Command> {
        children.iter().map(|child| site.command(&["sv", "start", &site.path(&child.name)])).collect()
    }

    fn show(&self, site: &Site<'_>, child: &Child) -> Command {
        site.command(&["sv", "status", &site.path(&child.name)])
    }
}

/// Removes a control group and those below; one that still has a process stays.
fn remove_groups(group: &Path) {
    for below in std::fs::read_dir(group).into_iter().flatten().flatten() {
        if below.path().is_dir() {
            remove_groups(&below.path());
        }
    }
    let _ = std::fs::remove_dir(group);
}

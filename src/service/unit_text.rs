//! The text of our systemd units. Each line that is no matter of course carries its reason, since whoever reads a unit
//! decides whether to override it.

use std::fmt::Write;

use super::{Form, Subject, mark};

/// A unit as it is installed, with the line that says whose it is.
pub fn installed(form: &Form) -> String {
    mark::unit(&service(form))
}

/// A service.
pub fn service(form: &Form) -> String {
    let mut text = String::new();
    unit_section(form, &mut text);
    service_section(form, &mut text);
    hardening(form, &mut text);
    let target = if form.account.is_some() { "multi-user.target" } else { "default.target" };
    let _ = write!(text, "\n[Install]\nWantedBy={target}\n");
    text
}

/// The socket of the supervisor of a user's manager.
pub fn socket() -> String {
    let lines = [
        "[Unit]",
        "Description=OpenClaw supervisor's control socket",
        "",
        "[Socket]",
        "ListenStream=%t/openclaw/supervisor.sock",
        "# Its peers are checked as well; these modes keep other users from trying.",
        "SocketMode=0600",
        "DirectoryMode=0700",
        "RemoveOnStop=yes",
        "",
        "[Install]",
        "WantedBy=sockets.target",
    ];
    lines.join("\n") + "\n"
}

fn unit_section(form: &Form, text: &mut String) {
    let description = form.subject.description();
    let _ = writeln!(text, "[Unit]\nDescription={description}");
    if let Some(account) = &form.account {
        // A user's manager knows no such target.
        text.push_str("After=network-online.target\nWants=network-online.target\n");
        text.push_str("# Its files must be there before it looks for them.\n");
        let _ = writeln!(text, "RequiresMountsFor={}", variable(&account.home));
    }
    text.push_str(
        "# A service that ends at once again and again is given up in the end; restarts by hand are far from it.\n\
         StartLimitIntervalSec=600\nStartLimitBurst=60\n",
    );
}

fn service_section(form: &Form, text: &mut String) {
    text.push_str("\n[Service]\n");
    text.push_str(
        "# Started means ready: what is to run runs, or is known not to. One that no longer tells that it lives\n\
         # is ended and begun again; no core is kept, since there may be tokens in it.\n\
         Type=notify\nNotifyAccess=main\nWatchdogSec=30\nWatchdogSignal=SIGKILL\n",
    );
    if let Some(account) = &form.account {
        let _ = writeln!(text, "User={}", account.name);
    }
    let words = form.subject.words();
    let words = std::iter::once(form.program.as_str()).chain(words.iter().map(String::as_str));
    let line: Vec<String> =
        words.map(|word| if word == "%i" { word.to_owned() } else { quoted(word) }).collect();
    let _ = writeln!(text, "ExecStart={}", line.join(" "));
    if form.subject == Subject::Supervisor {
        let _ = writeln!(
            text,
            "# It becomes what is installed by now; no gateway is restarted.\nExecReload={} supervisor reload",
            line.first().map_or("", String::as_str)
        );
    }
    let stop = form.stop_timeout().as_secs();
    let _ = write!(
        text,
        "# 78 says that no further try can help, so nothing tries; 0 is an end that somebody asked for, so it stays.\n\
         Restart=always\nRestartSec=5\nRestartPreventExitStatus=78 0\n\
         # The end is asked of the main process, which drains what it runs; what is left then is killed.\n\
         KillMode=mixed\nTimeoutStopSec={stop}\nTimeoutStartSec={}\n\
         # A gateway that needs too much memory ends alone.\nOOMPolicy=continue\n",
        form.start_timeout().as_secs()
    );
    if form.subject == Subject::Supervisor {
        text.push_str("# Each gateway gets a control group of its own, which none of its children can leave.\nDelegate=yes\n");
    }
    text.push_str(
        "# Nothing is taken from the shell that happened to install this: no PATH, no TMPDIR, no token.\n",
    );
    let _ = writeln!(text, "Environment={}", quoted_raw(&format!("PATH={}", form.systemd_path())));
    if let Some(account) = &form.account {
        let _ = writeln!(text, "Environment={}", variable(&format!("HOME={}", account.home)));
    }
    for (name, value) in &form.variables {
        let _ = writeln!(text, "Environment={}", variable(&format!("{name}={value}")));
    }
}

/// What holds for both managers: none of it needs a right that a user's manager lacks.
const FOR_ALL: &str = "\n\
# What a gateway and its tools never need. They do need: their home, /tmp (OpenClaw keeps logs and locks there),\n\
# devices, namespaces (browsers build their own sandbox) and pages that are written and run (JavaScript), so\n\
# ProtectHome=, PrivateTmp=, PrivateDevices=, RestrictNamespaces= and MemoryDenyWriteExecute= stay off.\n\
# No program that it starts gains rights; an agent that must use sudo, or a snap, needs a drop-in with =no.\n\
NoNewPrivileges=yes\n\
# No program that runs with somebody else's rights is made.\n\
RestrictSUIDSGID=yes\n\
# No task takes the processor for itself.\n\
RestrictRealtime=yes\n\
# No odd personality or foreign system calls, which are there for exploits only.\n\
LockPersonality=yes\n\
SystemCallArchitectures=native\n\
# What changes clock, kernel or swap is the administrator's.\n\
SystemCallFilter=~@clock @module @obsolete @raw-io @reboot @swap\n\
SystemCallErrorNumber=EPERM\n\
# Local sockets, the internet, and the kernel's answer to who listens where.\n\
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n\
# Files are for their owner.\n\
UMask=0077\n";

/// What only the system's manager can do.
const FOR_SYSTEM: &str = "\
# The system's own files are read only; the home is not among them.\n\
ProtectSystem=full\n\
ProtectKernelTunables=yes\n\
ProtectKernelModules=yes\n\
ProtectKernelLogs=yes\n\
ProtectHostname=yes\n";

fn hardening(form: &Form, text: &mut String) {
    text.push_str(FOR_ALL);
    if let Some(account) = &form.account {
        text.push_str(FOR_SYSTEM);
        if !account.is_root() {
            text.push_str("# An ordinary user has no capability, and gets none.\nCapabilityBoundingSet=\nAmbientCapabilities=\n");
        }
    }
}

/// An assignment that systemd takes as it stands: in these a dollar sign is only that.
fn variable(assignment: &str) -> String {
    quoted_raw(&assignment.replace('%', "%%"))
}

/// A word of a command line that systemd takes as it stands.
fn quoted(word: &str) -> String {
    quoted_raw(&word.replace('%', "%%").replace('$', "$$"))
}

/// The same where specifiers are meant.
fn quoted_raw(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._:=@,+-%$~".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

#[cfg(test)]
mod tests;

//! The few things a gateway says about the machine and the process it runs in.

use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

/// The machine's name; `localhost` where it has none that can be written.
pub fn hostname() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_else(|| "localhost".into())
}

/// The system and its kernel, as clients are shown it: `linux 6.18.44`.
pub fn platform() -> String {
    let system = std::env::consts::OS;
    match System::kernel_version() {
        Ok(release) => format!("{system} {release}"),
        Err(_) => system.to_owned(),
    }
}

/// The kind of device, as clients are shown it.
pub fn device_family() -> &'static str {
    match std::env::consts::OS {
        "linux" => "Linux",
        "macos" => "Mac",
        other => other,
    }
}

/// This process's number.
pub fn pid() -> i32 {
    nix::unistd::getpid().as_raw()
}

/// This process's resident memory in bytes; 0 where the system does not tell.
pub fn resident_bytes() -> u64 {
    let (Ok(pid), Ok(mut system)) = (sysinfo::get_current_pid(), System::new()) else { return 0 };
    let memory = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, memory);
    system.process(pid).map_or(0, sysinfo::Process::memory)
}

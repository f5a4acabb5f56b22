//! The few things a gateway says about the machine and the process it runs in.

use sysinfo::{MemoryRefreshKind, ProcessRefreshKind, ProcessesToUpdate, RefreshKind, System};

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

/// The processor's kind, as Node.js names it.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// What a machine is made of and how busy it is.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The kernel's version.
    pub release: String,
    /// The system, for people.
    pub label: String,
    /// Processors that work may be spread over.
    pub processors: usize,
    /// Work that waited, on average of one, five and fifteen minutes.
    pub load: [f64; 3],
    /// All memory, in bytes.
    pub memory_bytes: u64,
    /// Memory that programs may have, in bytes.
    pub free_bytes: u64,
}

impl Facts {
    /// Looks. What the system does not tell is zero or empty.
    pub fn look() -> Self {
        let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
        let system = System::new_with_specifics(memory).ok();
        let load = System::load_average().map(|load| [load.one, load.five, load.fifteen]);
        Facts {
            release: System::kernel_version().unwrap_or_default(),
            label: System::long_os_version().unwrap_or_default(),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            load: load.unwrap_or_default(),
            memory_bytes: system.as_ref().map_or(0, System::total_memory),
            free_bytes: system.as_ref().map_or(0, System::available_memory),
        }
    }
}

//! `system.info`: the machine and the process.

use serde_json::{Value, json};

use crate::gateway::machine;
use crate::gateway::method::Call;

/// The answer.
pub fn answer(call: &Call) -> Value {
    let (hub, host, machine) = (&call.hub, machine::hostname(), machine::Facts::look());
    json!({
        "machineName": host,
        "hostname": host,
        "platform": std::env::consts::OS,
        "release": machine.release,
        "arch": machine::architecture(),
        "osLabel": machine.label,
        // There is none in this process; the protocol wants the key.
        "nodeVersion": "",
        "pid": machine::pid(),
        "processInstanceId": hub.boot_id,
        "uptimeMs": hub.uptime_ms(),
        "cpuCount": machine.processors,
        "loadAverage": machine.load,
        "memoryTotalBytes": machine.memory_bytes,
        "memoryFreeBytes": machine.free_bytes,
    })
}

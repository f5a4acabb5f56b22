//! The gateway with scripted faults (`tests/fake`) as the program of a profile.

use std::path::PathBuf;
use std::sync::LazyLock;

use self::built::built;
use super::world::World;

/// Where the test programs are.
#[path = "../fake/built.rs"]
pub mod built;

/// Its binary, which stands beside the one under test; built once where a run of this test alone did not.
pub static FAKE: LazyLock<PathBuf> = LazyLock::new(|| built("fake-gateway"));

/// The smallest child, likewise.
pub static TINY: LazyLock<PathBuf> = LazyLock::new(|| built("tiny-child"));

impl World {
    /// A profile `name` that runs the fake gateway with `knobs` on a port of its own, which is returned. A knob
    /// that begins with `@` is a path in this world. `runtime` and `supervise` are lines of those tables.
    pub fn fake(&self, name: &str, runtime: &str, supervise: &str, knobs: &[&str]) -> u16 {
        let port = self.block();
        let mut command = vec![FAKE.display().to_string(), "--port".into(), "{port}".into()];
        command.extend(knobs.iter().map(|knob| match knob.strip_prefix('@') {
            Some(file) => self.path(file).display().to_string(),
            None => (*knob).to_owned(),
        }));
        let command = serde_json::to_string(&command).unwrap();
        let text = format!(
            "[runtime]\nkind = \"command\"\ncommand = {command}\n{runtime}\n\
             [gateway]\nport = {port}\n[supervise]\n{supervise}\n"
        );
        self.manifest(name, &text);
        port
    }

    /// The lines of a file that the fake gateway wrote; none while there is no file.
    pub fn lines(&self, file: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.path(file)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

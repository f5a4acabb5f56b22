//! What a command line is: a gateway, the supervisor, a node host, or something else that is nobody's business. The
//! words are followed as the machine would execute them, through wrappers, shells and runners, to an entry of
//! OpenClaw and its subcommand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::container::{self, Container};
use super::runner::Read;
use super::{entry, prefix, runner, shell};
use crate::base::port::{DEFAULT_PORT, derived_port};
use crate::base::{PortBlock, ProfileName};
use crate::profile::{Environment, paths};

/// How many wrappers are followed, one in the other, and how many commands in all.
const DEPTH_MAX: usize = 12;
const STEPS_MAX: usize = 400;

/// Before the program's present name, its variables began with the older ones.
const VARIABLE_PREFIXES: [&str; 3] = ["OPENCLAW_", "CLAWDBOT_", "MOLTBOT_"];

/// What a command line makes of its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A gateway.
    Gateway,
    /// The supervisor of this program.
    Supervisor,
    /// A node host: it connects to a gateway and owns none.
    NodeHost,
    /// A helper, a client, or something that has nothing to do with OpenClaw.
    Other,
}

/// A command line and what surrounds it.
#[derive(Clone, Copy)]
pub struct Command<'a> {
    /// Program and arguments.
    pub argv: &'a [String],
    /// Its variables; `None` when they cannot be read, which leaves more unsaid than an empty set.
    pub environment: Option<&'a Environment>,
    /// Its working directory, where known.
    pub directory: Option<&'a str>,
    /// The home of the user it runs as, where known.
    pub home: Option<&'a str>,
    /// The text of a script or environment file that the command names, where it can be read.
    pub read: &'a dyn Fn(&str) -> Option<String>,
}

/// What a command line is, and whose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What it makes of its process.
    pub role: Role,
    /// The profile it is for; `None` when the words do not say.
    pub profile: Option<ProfileName>,
    /// The host's port that it is told to listen on; `None` when nothing tells.
    pub port: Option<u16>,
    /// The host's state directory, where the words say it.
    pub state_dir: Option<PathBuf>,
    /// Whether the process that has this command line is itself the gateway, and not a wrapper that waits for it.
    pub direct: bool,
    /// Whether it runs in a container of its own.
    pub container: bool,
    /// How the verdict was reached, in sentences without any value that could be secret.
    pub why: Vec<String>,
}

impl Verdict {
    /// The verdict on what has nothing to do with OpenClaw.
    pub fn other() -> Verdict {
        Verdict {
            role: Role::Other,
            profile: None,
            port: None,
            state_dir: None,
            direct: true,
            container: false,
            why: Vec::new(),
        }
    }

    /// The port that a gateway has when only its profile says it; a configuration file may say otherwise.
    pub fn likely_port(&self) -> Option<u16> {
        self.port.or_else(|| self.profile.as_ref().filter(|_| !self.container).map(derived_port))
    }

    /// The ports that it may use, by [`Verdict::likely_port`].
    pub fn likely_block(&self) -> Option<PortBlock> {
        self.likely_port().map(PortBlock::at)
    }
}

/// What is known on the way through a command line.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) environment: BTreeMap<String, String>,
    pub(super) environment_known: bool,
    pub(super) directory: Option<String>,
    pub(super) direct: bool,
    pub(super) container: Option<Container>,
    pub(super) why: Vec<String>,
}

impl Default for Scene {
    fn default() -> Self {
        Scene {
            environment: BTreeMap::new(),
            environment_known: true,
            directory: None,
            direct: true,
            container: None,
            why: Vec::new(),
        }
    }
}

impl Scene {
    /// Behind a program that becomes what it runs.
    pub(super) fn becomes(self, name: &str) -> Scene {
        self.note(format!("`{name}` becomes what follows it"))
    }

    /// Behind a program that stays beside what it runs.
    pub(super) fn stays(mut self, name: &str) -> Scene {
        self.direct = false;
        self.note(format!("`{name}` runs what follows it"))
    }

    pub(super) fn note(mut self, sentence: String) -> Scene {
        self.why.push(sentence);
        self
    }

    /// A variable of OpenClaw by its name without prefix, under the present name or an older one.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        let value = |prefix: &&str| self.environment.get(&format!("{prefix}{name}"));
        let set = |value: &&String| !matches!(value.trim(), "" | "undefined" | "null");
        VARIABLE_PREFIXES.iter().filter_map(value).find(set).cloned()
    }
}

/// One step through a command line.
pub(super) enum Next {
    /// Other words are executed.
    Words(Vec<String>, Scene),
    /// A shell reads a text, with arguments.
    Script(String, Vec<String>, Scene),
    /// OpenClaw, with these arguments.
    Entry(Vec<String>, Scene),
    /// Something else.
    End,
}

/// The verdict on a command line.
pub fn judge(command: &Command<'_>) -> Verdict {
    let variables = command.environment.into_iter().flat_map(Environment::iter);
    let scene = Scene {
        environment: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        environment_known: command.environment.is_some(),
        directory: command.directory.map(ToOwned::to_owned),
        ..Scene::default()
    };
    let mut walk = Walk { read: command.read, home: command.home, steps: 0 };
    walk.words(command.argv, scene, 0).unwrap_or_else(Verdict::other)
}

struct Walk<'a> {
    read: Read<'a>,
    home: Option<&'a str>,
    steps: usize,
}

impl Walk<'_> {
    fn words(&mut self, words: &[String], scene: Scene, depth: usize) -> Option<Verdict> {
        self.steps += 1;
        if depth > DEPTH_MAX || self.steps > STEPS_MAX {
            return None;
        }
        match self.step(words, scene)? {
            Next::Words(words, scene) => self.words(&words, scene, depth + 1),
            Next::Entry(words, scene) => self.entry(&words, scene),
            Next::Script(text, arguments, scene) => self.script(&text, &arguments, &scene, depth),
            Next::End => None,
        }
    }

    fn step(&self, words: &[String], scene: Scene) -> Option<Next> {
        let (program, rest) = words.split_first()?;
        let name = base_name(program);
        if let Some(next) = prefix::step(words, &scene)
            .or_else(|| container::step(words, &scene))
            .or_else(|| runner::step(words, &scene, self.read))
            .or_else(|| runner::script(words, &scene, self.read))
        {
            return Some(next);
        }
        if entry::is_title(name) && (rest.first().is_none_or(|word| word.is_empty() || word.starts_with('-')))
        {
            let scene = scene.note(format!("the program is called `{name}`"));
            return Some(Next::Entry(
                std::iter::once("gateway".into()).chain(rest.iter().cloned()).collect(),
                scene,
            ));
        }
        entry::is_name(name)
            .then(|| Next::Entry(rest.to_vec(), scene.note(format!("the program is `{name}`"))))
    }

    /// The first command of a script that is OpenClaw's decides.
    fn script(&mut self, text: &str, arguments: &[String], scene: &Scene, depth: usize) -> Option<Verdict> {
        shell::commands(text, &scene.environment, arguments).into_iter().find_map(|simple| {
            let mut scene = scene.clone();
            scene.environment.extend(simple.assigned);
            self.words(&simple.words, scene, depth + 1)
        })
    }

    fn entry(&self, words: &[String], scene: Scene) -> Option<Verdict> {
        let asked = entry::asked(words);
        if asked.role == Role::Other {
            return None;
        }
        let home = scene.container.is_none().then(|| self.home_of(&scene)).flatten();
        let profile = named(asked.profile.as_deref()).or_else(|| named(scene.variable("PROFILE").as_deref()));
        let state_dir = state_dir(&scene, home.as_deref(), asked.profile.as_deref(), profile.as_ref());
        let profile = profile.or_else(|| match &state_dir {
            Some(dir) => projected(dir, home.as_deref()),
            None if scene.environment_known => Some(ProfileName::default_profile()),
            None => None,
        });
        let port = asked.port.or_else(|| scene.variable("GATEWAY_PORT").as_deref().and_then(port_of));
        let port = match &scene.container {
            Some(container) => container.host_port(port.unwrap_or(DEFAULT_PORT)),
            None => port,
        };
        let mut why = scene.why;
        why.push(format!("its subcommand is `{}`", asked.verb));
        Some(Verdict {
            role: asked.role,
            profile,
            port,
            state_dir,
            direct: scene.direct,
            container: scene.container.is_some(),
            why,
        })
    }

    fn home_of(&self, scene: &Scene) -> Option<String> {
        let pairs = scene.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let given = self.home.map(|home| ("HOME", home));
        let environment = Environment::from_pairs(given.into_iter().chain(pairs));
        environment.home().ok().and_then(|home| home.to_str().map(ToOwned::to_owned))
    }
}

fn named(text: Option<&str>) -> Option<ProfileName> {
    text?.parse().ok()
}

/// The state directory as the real program finds it (OPENCLAW.md 1.2): the variable, unless it was only inherited
/// from another profile than the one that the flag names; else the flag's own. A profile named by the environment
/// alone moves nothing there and everything here, so then it stays unsaid.
fn state_dir(
    scene: &Scene,
    home: Option<&str>,
    flag: Option<&str>,
    profile: Option<&ProfileName>,
) -> Option<PathBuf> {
    let set = scene.variable("STATE_DIR");
    if let Some(container) = &scene.container {
        return container.host_dir(set.as_deref()).map(PathBuf::from);
    }
    let set = set.map(|dir| match (dir.strip_prefix('~'), home) {
        (Some(rest), Some(home)) => PathBuf::from(format!("{home}{rest}")),
        _ => PathBuf::from(dir),
    });
    let inherited = |dir: &PathBuf| flag.is_some() && profile != projected(dir, home).as_ref().or(profile);
    if let Some(dir) = set.filter(|dir| !inherited(dir)) {
        return Some(dir);
    }
    let unsaid = flag.is_none() && (profile.is_some() || !scene.environment_known);
    let name = profile.cloned().unwrap_or_else(ProfileName::default_profile);
    home.filter(|_| !unsaid).map(|home| Path::new(home).join(format!(".openclaw{}", name.suffix())))
}

/// The profile whose directory this is by name, of the present program or an older one.
fn projected(dir: &Path, home: Option<&str>) -> Option<ProfileName> {
    if home.is_some_and(|home| dir.parent() != Some(Path::new(home))) {
        return None;
    }
    let name = dir.file_name()?.to_str()?;
    let older = |old: &str| name.strip_prefix(old).map(|rest| format!(".openclaw{rest}"));
    let name = older(".clawdbot").or_else(|| older(".moltbot")).unwrap_or_else(|| name.to_owned());
    paths::profile_of_dir(&name)
}

/// A port as the variable writes it: digits, or behind a host (OPENCLAW.md 1.5).
fn port_of(text: &str) -> Option<u16> {
    let text = text.trim();
    text.rsplit_once(':').map_or(text, |(_, port)| port).parse().ok().filter(|port| *port > 0)
}

/// Whether a word is the title that a running gateway gives itself, in full or as the kernel cuts it.
pub fn is_gateway_title(word: &str) -> bool {
    entry::is_title(base_name(word))
}

/// Whether an executable is one that a gateway can be: an interpreter of JavaScript, or OpenClaw itself. The kernel's
/// mark of a file that was replaced meanwhile does not matter.
pub fn runs_gateways(executable: &str) -> bool {
    let name = base_name(executable.strip_suffix(" (deleted)").unwrap_or(executable));
    runner::is_interpreter(name) || entry::is_name(name) || entry::is_title(name)
}

/// The last part of a path.
pub(super) fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests;

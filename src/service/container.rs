//! `docker run …` and its like: which image runs which command, which of its ports is the host's, and where its state
//! directory really lies.

use super::entry;
use super::shell::assignment;
use super::verdict::{Next, Scene, base_name};

const ENGINES: [&str; 4] = ["docker", "podman", "nerdctl", "finch"];

/// Options of `run` that take no word. Every other one takes the next, unless it is written with `=`.
const FLAGS: [&str; 16] = [
    "--detach",
    "--interactive",
    "--tty",
    "--rm",
    "--init",
    "--privileged",
    "--read-only",
    "--publish-all",
    "--quiet",
    "--replace",
    "--no-healthcheck",
    "--oom-kill-disable",
    "--sig-proxy",
    "--tls-verify",
    "--no-hosts",
    "--rmi",
];

/// Short options that take no word, alone or in a cluster.
const SHORT_FLAGS: &str = "ditPqD";

/// What of a container touches the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// Whether its image is OpenClaw's by name, so that its defaults are known.
    pub own_image: bool,
    /// Whether it has the host's network.
    pub host_network: bool,
    /// Ports of the host and what they lead to inside.
    pub published: Vec<(u16, u16)>,
    /// Folders of the host and where they are inside.
    pub mounts: Vec<(String, String)>,
}

impl Container {
    /// The host's port for a port inside; `None` when the host does not see it.
    pub fn host_port(&self, inside: u16) -> Option<u16> {
        let published = || self.published.iter().find(|(_, to)| *to == inside).map(|(port, _)| *port);
        if self.host_network { Some(inside) } else { published() }
    }

    /// Where a state directory inside lies on the host, when a mount tells; without a name, the one that OpenClaw
    /// has by default.
    pub fn host_dir(&self, inside: Option<&str>) -> Option<String> {
        let is_it = |target: &str| match inside {
            Some(dir) => target.trim_end_matches('/') == dir.trim_end_matches('/'),
            None => entry::is_state_dir_name(base_name(target.trim_end_matches('/'))),
        };
        self.mounts.iter().find(|(_, target)| is_it(target)).map(|(source, _)| source.clone())
    }
}

/// What a container engine's command line runs.
pub fn step(words: &[String], scene: &Scene) -> Option<Next> {
    let engine = base_name(words.first()?);
    if !ENGINES.contains(&engine) {
        return None;
    }
    let verb = words.iter().position(|word| matches!(word.as_str(), "run" | "exec"))?;
    // A verb stands behind global options only: `docker rm run` runs nothing.
    if words[1..verb].iter().any(|word| !word.starts_with('-') && word != "container") {
        return Some(Next::End);
    }
    let mut scene = scene.clone().stays(engine);
    let mut container = Container::default();
    let mut at = verb + 1;
    let mut entrypoint = None;
    while let Some(word) = words.get(at).filter(|word| word.starts_with('-')) {
        at += 1;
        let (option, value) = match word.split_once('=') {
            Some((option, value)) => (option, Some(value)),
            None if takes_none(word) => (word.as_str(), None),
            None if !word.starts_with("--") && word.len() > 2 && word.is_char_boundary(2) => {
                (&word[..2], Some(&word[2..]))
            }
            None => {
                at += 1;
                (word.as_str(), words.get(at - 1).map(String::as_str))
            }
        };
        if option == "--entrypoint" {
            entrypoint = value.map(ToOwned::to_owned);
        }
        take(option, value.unwrap_or_default(), &mut container, &mut scene);
    }
    let image = words.get(at)?;
    container.own_image = words[verb] == "run" && entry::is_name(image_name(image));
    let command: Vec<String> = entrypoint.into_iter().chain(words[at + 1..].iter().cloned()).collect();
    Some(inside(command, container, scene))
}

fn takes_none(word: &str) -> bool {
    let cluster = word.strip_prefix('-').unwrap_or_default();
    FLAGS.contains(&word)
        || (!cluster.is_empty() && cluster.chars().all(|letter| SHORT_FLAGS.contains(letter)))
}

fn take(option: &str, value: &str, container: &mut Container, scene: &mut Scene) {
    match option {
        "-e" | "--env" => scene.environment.extend(assignment(value)),
        "-w" | "--workdir" => scene.directory = Some(value.into()),
        "--network" | "--net" => container.host_network = value == "host",
        "-p" | "--publish" => container.published.extend(published(value)),
        "-v" | "--volume" => {
            let mut parts = value.split(':');
            if let (Some(source), Some(target)) = (parts.next(), parts.next()) {
                container.mounts.push((source.into(), target.into()));
            }
        }
        "--mount" => {
            let field = |names: &[&str]| {
                let fields = value.split(',').filter_map(|field| field.split_once('='));
                fields.filter(|(name, _)| names.contains(name)).map(|(_, value)| value.to_owned()).next()
            };
            let (source, target) = (field(&["source", "src"]), field(&["target", "dst", "destination"]));
            container.mounts.extend(source.zip(target));
        }
        _ => {}
    }
}

/// `[address:]host:inside[/tcp]`; without a host's port the engine picks one, and nobody can say which.
fn published(value: &str) -> Option<(u16, u16)> {
    let value = value.strip_suffix("/tcp").unwrap_or(value);
    let (before, inside) = value.rsplit_once(':')?;
    let host = before.rsplit_once(':').map_or(before, |(_, port)| port);
    Some((host.parse().ok()?, inside.parse().ok()?))
}

/// The image's own name, without registry, tag and digest.
fn image_name(image: &str) -> &str {
    let name = base_name(image.split('@').next().unwrap_or(image));
    name.split(':').next().unwrap_or(name)
}

fn inside(command: Vec<String>, container: Container, mut scene: Scene) -> Next {
    let own = container.own_image;
    scene.container = Some(container);
    match command.first() {
        // The image's own command is the gateway.
        None if own => Next::Entry(vec!["gateway".into()], scene),
        None => Next::End,
        Some(first) if own && (first.starts_with('-') || first == "gateway") => Next::Entry(command, scene),
        Some(_) => Next::Words(command, scene),
    }
}

#[cfg(test)]
mod tests {
    use super::super::shell;
    use super::*;

    #[test]
    fn an_image_is_known_by_its_own_name() {
        for (image, name) in [
            ("openclaw", "openclaw"),
            ("ghcr.io/openclaw/openclaw:latest", "openclaw"),
            ("localhost:5000/openclaw@sha256:1", "openclaw"),
            ("openclaw/backup:1", "backup"),
        ] {
            assert_eq!(image_name(image), name);
        }
    }

    #[test]
    fn ports_mounts_and_variables_are_the_hosts() {
        let line = "docker run -dit --rm --name openclaw -e OPENCLAW_PROFILE=work -p 127.0.0.1:19789:18789/tcp \
                    -v /srv/state:/home/node/.openclaw --memory 2g openclaw:local node dist/index.js gateway";
        let Some(Next::Words(words, scene)) = step(&shell::words(line), &Scene::default()) else {
            panic!("it runs a command")
        };
        assert_eq!(words, ["node", "dist/index.js", "gateway"]);
        let container = scene.container.unwrap();
        assert!(container.own_image && !scene.direct);
        assert_eq!((container.host_port(18789), container.host_port(1)), (Some(19789), None));
        assert_eq!(container.host_dir(None).as_deref(), Some("/srv/state"));
        assert_eq!(scene.environment["OPENCLAW_PROFILE"], "work");
    }

    #[test]
    fn other_verbs_run_nothing() {
        for line in ["docker rm run openclaw", "docker pull openclaw", "docker start openclaw", "docker run"]
        {
            let next = step(&shell::words(line), &Scene::default());
            assert!(matches!(next, None | Some(Next::End)), "{line}");
        }
    }
}

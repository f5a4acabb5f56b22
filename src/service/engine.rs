//! What a container engine starts again by itself, from what it writes about its containers: the same words as those of
//! `docker run`, so that one verdict serves both.

use serde_json::Value;

/// A container that its engine starts again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its name, without the slash that docker puts before it.
    pub name: String,
    /// The command line that would make such a container.
    pub argv: Vec<String>,
}

/// Reads what `docker inspect` or `podman inspect` says of one container, or both of docker's files put together.
/// `None` for one that is not started again by itself.
pub fn container(engine: &str, told: &Value) -> Option<Container> {
    let (config, host) = (&told["Config"], &told["HostConfig"]);
    let policy = host["RestartPolicy"]["Name"].as_str().unwrap_or_default();
    if !matches!(policy, "always" | "unless-stopped" | "on-failure") {
        return None;
    }
    let mut argv = vec![engine.to_owned(), "run".to_owned()];
    let mut option = |name: &str, value: String| argv.extend([name.to_owned(), value]);
    if host["NetworkMode"] == "host" {
        option("--network", "host".into());
    }
    for (inside, bindings) in host["PortBindings"].as_object().into_iter().flatten() {
        let inside = inside.split('/').next().unwrap_or_default();
        for outside in bindings.as_array().into_iter().flatten().filter_map(|one| one["HostPort"].as_str()) {
            option("-p", format!("{outside}:{inside}"));
        }
    }
    for bind in texts(&host["Binds"]) {
        option("-v", bind);
    }
    for variable in texts(&config["Env"]) {
        option("-e", variable);
    }
    // A script of this name prepares the container and then becomes its arguments.
    let mut entry = texts(&config["Entrypoint"]);
    entry.retain(|word| !word.ends_with("entrypoint.sh"));
    if let Some(first) = entry.first() {
        option("--entrypoint", first.clone());
    }
    argv.push(config["Image"].as_str().unwrap_or_default().to_owned());
    argv.extend(entry.into_iter().skip(1).chain(texts(&config["Cmd"])));
    let name = told["Name"].as_str().unwrap_or_default().trim_start_matches('/').to_owned();
    Some(Container { name, argv })
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        other => other.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(Into::into)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::super::verdict::{Command, Role, judge};
    use super::*;

    #[test]
    fn a_container_that_comes_back_is_judged_like_its_command_line() {
        let mut told = json!({
            "Name": "/gw",
            "Config": {"Image": "ghcr.io/openclaw/openclaw:latest", "Env": ["OPENCLAW_GATEWAY_PORT=18789"],
                       "Cmd": ["node", "openclaw.mjs", "gateway"], "Entrypoint": ["docker-entrypoint.sh"]},
            "HostConfig": {"RestartPolicy": {"Name": "unless-stopped"}, "NetworkMode": "bridge",
                           "PortBindings": {"18789/tcp": [{"HostIp": "", "HostPort": "28789"}]},
                           "Binds": ["/home/ana/.openclaw-work:/home/node/.openclaw"]},
        });
        let found = container("docker", &told).unwrap();
        assert_eq!(found.name, "gw");
        let verdict = judge(&Command {
            argv: &found.argv,
            environment: Some(&crate::profile::Environment::default()),
            directory: None,
            home: None,
            read: &|_| None,
        });
        assert_eq!((verdict.role, verdict.container), (Role::Gateway, true), "{found:?}");
        assert_eq!(verdict.port, Some(28789));
        assert_eq!(verdict.state_dir.as_deref(), Some(Path::new("/home/ana/.openclaw-work")));
        told["HostConfig"]["RestartPolicy"]["Name"] = json!("no");
        assert_eq!(container("docker", &told), None);
    }
}

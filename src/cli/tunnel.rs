//! A tunnel for one look at a gateway: the same SSH client with the same options as a supervised link has, on a port
//! that nobody else has, for as long as the look takes and never longer.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::Context;
use super::args::Probe;
use super::ask::Ask;
use crate::access::credential::for_remote;
use crate::access::{Found, lookup, reach, target};
use crate::base::port::DEFAULT_PORT;
use crate::base::record::Place as Whereabouts;
use crate::base::{Error, Kind, Result};
use crate::daemon::{DISK, known_key, ssh_client, ssh_variables};
use crate::host::clock::Stopwatch;
use crate::host::companion::Companion;
use crate::host::socket::{self, Answers};
use crate::profile::config::{Mode, RemoteConfig};
use crate::profile::remote::Remote;
use crate::profile::resolved::{HostKeyPolicy, Supervise, Transport};
use crate::profile::tunnel::{self, Cause, Place, SshTarget, Trouble};
use crate::profile::{Environment, GatewayConfig, GatewayUrl, Profile, child_env, own_env};

/// Distance of two looks at a tunnel that is being made.
const LOOK: Duration = Duration::from_millis(20);
/// How often another port is tried when somebody was quicker to take the one that was free.
const PORTS_TRIED: usize = 3;

/// A tunnel that is wanted.
pub struct Plan {
    /// Where it leads.
    pub remote: Remote,
    /// Where what opens the gateway is kept, when the target is the one that it was kept for: the place that is named,
    /// and whether the environment may add to it.
    kept: Option<(Remote, bool)>,
}

/// The target that was typed. To be asked before any file is read: what is wrong with it is wrong with every profile.
///
/// # Errors
/// [`Kind::Usage`], codes `ssh_target_invalid` and `ssh_identity_alone`.
pub fn typed(probe: &Probe) -> Result<Option<SshTarget>> {
    let invalid = |why: String| {
        Error::new(Kind::Usage, "ssh_target_invalid", format!("--ssh: {why}"))
            .remedy("openclaw gateway probe --ssh user@host[:port]")
    };
    let target = probe.ssh.as_deref().map(|text| text.trim().parse().map_err(invalid)).transpose()?;
    if target.is_none() && !probe.ssh_auto && probe.ssh_identity.is_some() {
        let what = "--ssh-identity has no meaning without --ssh or --ssh-auto";
        return Err(Error::new(Kind::Usage, "ssh_identity_alone", what).remedy("say where: --ssh user@host"));
    }
    Ok(target)
}

impl Plan {
    /// What the command line asks for, where it has `typed` a target; `None` for no tunnel. `own` is the selected
    /// profile with its configuration, where one is read. A typed target that is the configured one gets what is
    /// configured for it, any other nothing.
    ///
    /// # Errors
    /// [`Kind::Usage`], code `ssh_target_unknown`, where nothing configured names one; [`Kind::Config`] for a
    /// configured one that is none.
    pub fn of(
        context: &Context,
        probe: &Probe,
        typed: Option<SshTarget>,
        own: Option<(&Profile, &GatewayConfig)>,
    ) -> Result<Option<Plan>> {
        if typed.is_none() && !probe.ssh_auto {
            return Ok(None);
        }
        let mut configured = own.map_or_else(|| Ok(Vec::new()), |own| configured(context, own))?.into_iter();
        let mut plan = match typed {
            Some(typed) => configured
                .find(|plan| {
                    plan.remote.target.as_ref() == Some(&typed.destination)
                        && plan.remote.ssh_port == typed.port
                })
                .unwrap_or_else(|| Plan { remote: to(typed, DEFAULT_PORT), kept: None }),
            None => {
                let by_url = || own.and_then(|(profile, config)| by_url(profile, config));
                configured.next().or_else(by_url).ok_or_else(unknown)?
            }
        };
        let remote = &mut plan.remote;
        // Their near ends belong to the link that is supervised.
        remote.forwards.clear();
        remote.identity = probe.ssh_identity.clone().or(remote.identity.take());
        remote.remote_port = context.port.unwrap_or(remote.remote_port);
        Ok(Some(plan))
    }

    /// What is kept for the gateway at the far end.
    ///
    /// # Errors
    /// As [`for_remote`].
    fn credential(
        &self,
        context: &Context,
        own: Option<(&Profile, &GatewayConfig)>,
    ) -> Result<Option<Found>> {
        let (Some((place, with_environment)), Some((profile, config))) = (&self.kept, own) else {
            return Ok(None);
        };
        let env = &context.environment;
        let alone = if *with_environment { env.clone() } else { env.without_openclaw() };
        let config = GatewayConfig { mode: Some(Mode::Remote), ..config.clone() };
        let follow = |source: &_| lookup::look_up(source, &config, env, DISK.read);
        for_remote(place, &config, &alone, own_env(&profile.name, &alone), &follow).map(Some)
    }

    /// Whom to ask behind `made`: with what was typed, else with what is kept for that very place.
    ///
    /// # Errors
    /// As [`for_remote`]; what is wrong with the typed words.
    pub fn ask<'c>(
        &self,
        context: &'c Context,
        own: Option<(&Profile, &GatewayConfig)>,
        made: &Tunnel,
    ) -> Result<Ask<'c>> {
        let (asked, found) = (Ask::asked(context)?, self.credential(context, own)?);
        Ok(Ask::behind(context, target::for_tunnel(&self.remote, made.local_port, &asked, found)))
    }

    /// The tunnel in JSON, as far as it came.
    pub fn document(&self, made: Option<&Tunnel>) -> Value {
        json!({
            "kind": "ssh", "target": self.target(), "localPort": made.map(|made| made.local_port),
            "remotePort": self.remote.remote_port, "pid": made.map(|made| made.client.pid()),
        })
    }

    fn target(&self) -> &str {
        self.remote.target.as_deref().unwrap_or_default()
    }

    /// What the client's trouble means here.
    fn error(&self, trouble: &Trouble) -> Error {
        let (target, typed) = (self.target(), tunnel::typed(&self.remote));
        let place = Place {
            target,
            again: "the same probe".into(),
            identity: "with --ssh-identity".into(),
            settings: "the words behind --ssh",
            port: "name its port with --port",
            unreached: format!("see whether it runs and is reached from here: ssh {typed} true"),
            typed,
        };
        tunnel::explain(&place, trouble, known_key(trouble).as_deref())
    }
}

/// The tunnels that the files name: the profile's own link, and what `gateway.remote` says of SSH.
fn configured(context: &Context, (profile, config): (&Profile, &GatewayConfig)) -> Result<Vec<Plan>> {
    let mut plans = Vec::new();
    if let Some(remote) = profile.remote.as_ref().filter(|remote| remote.transport == Transport::Ssh) {
        plans.push(Plan { remote: remote.clone(), kept: Some((remote.clone(), true)) });
    }
    if config.remote.ssh_target.is_some() {
        let ssh = RemoteConfig { transport: Some(Transport::Ssh), url: None, ..config.remote.clone() };
        let remote = Remote::from_config(&profile.name, &ssh, &context.environment.user_home()?)?;
        plans.push(Plan { kept: Some((remote.clone(), false)), remote });
    }
    Ok(plans)
}

/// The host of a configured URL. What is kept for that goes along only to the very port that it names: what a proxy
/// with TLS hands on to is not known here.
fn by_url(profile: &Profile, config: &GatewayConfig) -> Option<Plan> {
    let written = config.remote.url.as_deref().and_then(|url| url.parse::<GatewayUrl>().ok());
    let url = profile.remote.as_ref().and_then(|remote| remote.url.clone()).or(written)?;
    let target: SshTarget = url.host().parse().ok()?;
    if reach::is_loopback(url.host()) {
        return None;
    }
    let far = config.remote.remote_port.or((!url.is_tls()).then(|| url.port())).unwrap_or(DEFAULT_PORT);
    let mut remote = to(target, far);
    remote.identity = config.remote.ssh_identity.as_deref().map(PathBuf::from);
    remote.host_key_policy = config.remote.ssh_host_key_policy.unwrap_or(HostKeyPolicy::Strict);
    let is_same = !url.is_tls() && far == url.port();
    let place = Remote { url: Some(url), ..profile.remote.clone().unwrap_or_else(|| remote.clone()) };
    Some(Plan { remote, kept: is_same.then_some((place, profile.remote.is_some())) })
}

/// A tunnel of which nothing but its target is known.
fn to(target: SshTarget, remote_port: u16) -> Remote {
    Remote {
        transport: Transport::Ssh,
        target: Some(target.destination),
        ssh_port: target.port,
        identity: None,
        known_hosts: None,
        host_key_policy: HostKeyPolicy::Strict,
        remote_port,
        forwards: Vec::new(),
        url: None,
        tls_fingerprint: None,
        token_file: None,
        password_file: None,
    }
}

fn unknown() -> Error {
    let what = "--ssh-auto: nothing that is configured names a host for SSH";
    Error::new(Kind::Usage, "ssh_target_unknown", what)
        .remedy("name it: --ssh user@host; or set gateway.remote.sshTarget in the profile's openclaw.json")
}

/// A tunnel that stands.
#[derive(Debug)]
pub struct Tunnel {
    client: Companion,
    /// Its near end, on 127.0.0.1.
    pub local_port: u16,
}

impl Tunnel {
    /// Makes it, within `limit`.
    ///
    /// # Errors
    /// [`Kind::Config`] and [`Kind::Unavailable`], as [`tunnel::explain`] has them; [`Kind::Unavailable`], codes
    /// `ssh_missing` and `ssh_failed`; [`Kind::Deadline`], code `ssh_slow`.
    pub async fn make(plan: &Plan, environment: &Environment, limit: Duration) -> Result<Tunnel> {
        let clock = Stopwatch::start();
        let mut tried = 1;
        loop {
            match attempt(plan, environment, limit.saturating_sub(clock.elapsed())).await {
                Err(error) if error.code() == Cause::ForwardTaken.code() && tried < PORTS_TRIED => tried += 1,
                outcome => return outcome,
            }
        }
    }

    /// What the client has said since, when it says why the gateway does not answer.
    pub fn trouble(&mut self, plan: &Plan) -> Option<Error> {
        let lines = self.client.lines();
        let trouble = tunnel::trouble(lines.iter().map(String::as_str))?;
        Some(plan.error(&trouble))
    }
}

async fn attempt(plan: &Plan, environment: &Environment, limit: Duration) -> Result<Tunnel> {
    let clock = Stopwatch::start();
    let failed = |error: std::io::Error| {
        Error::new(Kind::Unavailable, "ssh_failed", "the SSH client cannot be run").caused_by(error)
    };
    let local_port = socket::free_port().map_err(failed)?;
    let (client, pace) = (ssh_client(environment)?, Supervise::usual(Whereabouts::Remote));
    let argv = tunnel::command_line(&client, &plan.remote, local_port, &pace).unwrap_or_default();
    let mut variables = child_env::plain_env(environment);
    variables.extend(ssh_variables(environment));
    let mut client = Companion::spawn(&argv, &variables).map_err(failed)?;
    loop {
        // It listens only once the server has let it in.
        if socket::who_answers(local_port, Some(client.pid())) == Answers::Ours {
            return Ok(Tunnel { client, local_port });
        }
        let is_alive = client.is_alive();
        let lines = client.lines();
        if !is_alive {
            let trouble = tunnel::trouble(lines.iter().map(String::as_str));
            return Err(trouble.map_or_else(|| ended(plan, &lines), |trouble| plan.error(&trouble)));
        }
        if clock.elapsed() >= limit {
            let what = format!("no tunnel to {} within the time that there is", plan.target());
            return Err(Error::new(Kind::Deadline, "ssh_slow", what)
                .remedy("give it longer: --timeout 30s; or see what it waits for with ssh -v"));
        }
        sleep(LOOK).await;
    }
}

/// The client has ended for a reason that it does not tell in words that are known.
fn ended(plan: &Plan, lines: &[String]) -> Error {
    let last = lines.iter().rev().find(|line| !line.trim().is_empty());
    let said = last.map_or("it said nothing", |line| line.trim());
    let what = format!("the SSH client ended without a tunnel to {}", plan.target());
    Error::new(Kind::Unavailable, "ssh_failed", what)
        .caused_by(said)
        .remedy(format!("try it by hand: ssh -v {} true", tunnel::typed(&plan.remote)))
}

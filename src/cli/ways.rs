//! Every way to the gateway that is meant: the URL that was typed or exported, the remote one of the configuration,
//! and this host's loopback. Each gets what was kept for it and nothing else.

use std::time::Duration;

use super::ask::Ask;
use super::line::{Asker, selected};
use super::{Context, chosen, survey};
use crate::access::{Asked, EndpointSource};
use crate::base::Result;
use crate::profile::config::Mode;
use crate::profile::remote::Remote;
use crate::profile::{Flags, GatewayConfig, Profile, Source, resolve};

/// The ids and kinds of the ways, the real program's.
pub const EXPLICIT: &str = "explicit";
/// A tunnel of this very call.
pub const TUNNEL: &str = "sshTunnel";
/// What the configuration or the manifest names elsewhere.
pub const REMOTE: &str = "configRemote";
/// This host's own gateway.
pub const LOCAL: &str = "localLoopback";

/// One way.
pub struct Way<'a> {
    /// One of [`EXPLICIT`], [`TUNNEL`], [`REMOTE`] and [`LOCAL`].
    pub id: &'static str,
    /// Whether the other verbs go this way.
    pub is_active: bool,
    /// Whether the command fails when this way does: it was typed, or none was and the other verbs go it.
    pub is_meant: bool,
    /// Whom to ask, or why nobody can be asked.
    pub asker: Result<Asker<'a>>,
}

impl<'a> Way<'a> {
    /// A way; `usual` is the time a call may take where none was asked for.
    pub fn new(id: &'static str, is_active: bool, ask: Result<Ask<'a>>, usual: Duration) -> Self {
        Way { id, is_active, is_meant: is_active, asker: ask.map(|ask| Asker::through(ask, usual)) }
    }
}

/// The selected profile with its configuration; `None` where no file is read.
pub type Own = Option<(Profile, GatewayConfig)>;

/// All ways, the one that the other verbs go first. A typed URL stands alone, and no file is read for it, unless a
/// profile is named beside it. With `has_tunnel` what was typed goes through a tunnel that is made besides: the
/// profile's own ways get what is kept for them, and there need be none.
///
/// # Errors
/// What is wrong with a typed URL, or with the files of the profile.
pub fn all(context: &Context, usual: Duration, has_tunnel: bool) -> Result<(Own, Vec<Way<'_>>)> {
    let mut ways = Vec::new();
    let is_typed = context.global.url.is_some();
    if is_typed {
        ways.push(Way::new(EXPLICIT, true, Ok(Ask::of(context, None)?), usual));
        if context.global.profile.is_none() && !context.global.dev {
            return Ok((None, ways));
        }
    }
    let profile = match selected(context) {
        // Where nobody has a gateway of their own, nobody meant one.
        Err(error) if has_tunnel && error.code() == "profile_unknown" && !is_chosen(context) => {
            return Ok((None, ways));
        }
        selected => selected?,
    };
    let config = survey::registry(context)?.config(&profile.paths.config_path)?;
    let home_id = if profile.remote.is_some() { REMOTE } else { LOCAL };
    if !is_typed {
        // For a gateway elsewhere the port is that of the tunnel's far end.
        let port = context.port.filter(|_| profile.remote.is_none());
        let ask = if has_tunnel { Ask::untyped(context, port) } else { Ask::of(context, None) };
        let exported = |ask: &Ask<'_>| ask.target.endpoint.source == EndpointSource::Environment;
        let id = if ask.as_ref().is_ok_and(exported) { EXPLICIT } else { home_id };
        ways.push(Way { is_meant: !has_tunnel, ..Way::new(id, true, ask, usual) });
    }
    for (id, profile, config) in others(context, &profile, &config)? {
        if ways.iter().all(|way| way.id != id) {
            // What was typed or exported was meant for the way above.
            let env = context.environment.without_openclaw();
            let ask = Ask::through(context, &Asked::default(), profile, &config, &env);
            ways.push(Way::new(id, false, ask, usual));
        }
    }
    Ok((Some((profile, config)), ways))
}

/// Whether somebody has named a profile, in whatever way.
fn is_chosen(context: &Context) -> bool {
    chosen::selection(context).is_ok_and(|selection| selection.source != Source::Derived)
}

/// The profile as it is, as if its gateway were the remote one, and as if it were here.
fn others(
    context: &Context,
    profile: &Profile,
    config: &GatewayConfig,
) -> Result<Vec<(&'static str, Profile, GatewayConfig)>> {
    let mut others = Vec::new();
    let env = &context.environment;
    let in_mode = |mode| GatewayConfig { mode: Some(mode), ..config.clone() };
    match &profile.remote {
        Some(_) => {
            others.push((REMOTE, profile.clone(), config.clone()));
            // A manifest that says remote leaves nothing here.
            if !profile.managed {
                let here = in_mode(Mode::Local);
                let flags = Flags { port: None, ..chosen::flags(context) };
                others.push((LOCAL, resolve(&profile.name, None, &here, &flags, env)?, here));
            }
        }
        None => {
            if config.remote.url.is_some() {
                let remote = Remote::from_config(&profile.name, &config.remote, &env.user_home()?)?;
                if remote.url.is_some() {
                    let there = Profile { remote: Some(remote), ..profile.clone() };
                    others.push((REMOTE, there, in_mode(Mode::Remote)));
                }
            }
            others.push((LOCAL, profile.clone(), config.clone()));
        }
    }
    Ok(others)
}

//! By which door a probe gets in: plain, or TLS with the certificate that the gateway keeps (INCIDENTS F7). Verification
//! is never off; a door that is not as the configuration says is told, and is no reason to end anybody.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::timeout;

use crate::access::{Asked, Credential, lookup, own_tls, target};
use crate::base::Pins;
use crate::daemon::{DISK, Setup};
use crate::link::gateway::{Opening, Trouble};
use crate::link::http::{self, Answer};
use crate::link::tls::{Mistrust, Trust};
use crate::profile::resolved::Ready;
use crate::profile::{Environment, GatewayConfig, Profile, Registry, SecretSource};

/// As whom the gateway answers.
const HOST: &str = "127.0.0.1";

/// Which part of a layer's time one try may take: what is asked in a tongue that it does not speak may keep silent.
const TRIES: u32 = 3;

/// What the configuration says of the port.
#[derive(Clone, Debug)]
pub enum Door {
    /// Everything is plain.
    Plain,
    /// TLS, with the certificate in this file; where there is none, the system's authorities decide.
    Tls(PathBuf),
    /// TLS through a tunnel, with a certificate that one of these fits.
    Pinned(Pins),
}

/// What came of a try.
pub enum Knock {
    /// The way in.
    Open(Box<Opening>),
    /// It is up, but not as the configuration says: in words.
    Mismatch(String),
    /// Nothing came that could be understood.
    Silent,
}

impl Door {
    /// The way to the gateway of `profile`: what opens it, and by which door, as its configuration, read once, is now.
    /// One that cannot be read has neither: the gateway itself will say it better. Where `ready` asks for nothing that
    /// needs them, nobody looks.
    pub fn of(setup: &Setup, profile: &Profile, ready: Ready) -> (Credential, Door) {
        if ready == Ready::Tcp {
            return (Credential::None, Door::Plain);
        }
        let environment = &setup.environment;
        let registry = Registry::new(DISK, environment);
        let config = registry.and_then(|registry| registry.config(&profile.paths.config_path));
        let door = Door::read(profile, config.as_ref().ok(), environment);
        let credential = config.ok().filter(|_| ready == Ready::Gateway).and_then(|config| {
            let follow = |source: &SecretSource| lookup::look_up(source, &config, environment, DISK.read);
            target::for_profile(&Asked::default(), profile, &config, environment, None, &follow).ok()
        });
        (credential.map_or(Credential::None, |target| target.credential), door)
    }

    fn read(profile: &Profile, config: Option<&GatewayConfig>, environment: &Environment) -> Door {
        if let Some(remote) = &profile.remote {
            let pins = remote.tls_fingerprint.clone().filter(|_| profile.speaks_tls_here());
            return pins.map_or(Door::Plain, Door::Pinned);
        }
        match config.filter(|config| config.tls.enabled) {
            Some(config) => Door::Tls(own_tls::own_certificate(profile, config, environment)),
            None => Door::Plain,
        }
    }

    /// Goes through the door with `opening`, a connection to `port` that has not said anything yet.
    pub async fn knock(&self, opening: Opening, port: u16, limit: Duration) -> Knock {
        let file = match self {
            Door::Plain => return Knock::Open(Box::new(opening)),
            Door::Pinned(pins) => return through(opening, pins, limit).await,
            Door::Tls(file) => file,
        };
        let pins = pins(file);
        let secured = timeout(limit / TRIES, opening.secured(HOST, &Trust::of(pins.as_ref()))).await;
        match secured {
            Ok(Ok(opening)) => Knock::Open(Box::new(opening)),
            // It has just been made: the next round knows it.
            Ok(Err(_)) if self::pins(file) != pins => Knock::Silent,
            Ok(Err(Trouble::Mistrusted(Mistrust::Pin { shown, .. }))) => Knock::Mismatch(format!(
                "the gateway shows another certificate ({shown}) than that in {}; restart it if the file was changed",
                file.display()
            )),
            Ok(Err(Trouble::Mistrusted(Mistrust::Authorities(..)))) => Knock::Mismatch(format!(
                "the gateway speaks TLS, and {} holds no certificate to know it by; correct gateway.tls.certPath",
                file.display()
            )),
            _ => match timeout(limit / TRIES, http::get(port, "/healthz")).await {
                Ok(Ok(answer)) if answer.status == 200 => Knock::Mismatch(
                    "the gateway speaks no TLS although gateway.tls.enabled is true; restart it if the file was changed"
                        .into(),
                ),
                _ => Knock::Silent,
            },
        }
    }

    /// `GET path` through this door, on a connection of its own.
    ///
    /// # Errors
    /// In words, what went wrong on the way.
    pub async fn get(&self, port: u16, path: &str) -> std::result::Result<Answer, String> {
        let trust = match self {
            Door::Plain => return http::get(port, path).await,
            Door::Pinned(pins) => Trust::Pins(pins.clone()),
            Door::Tls(file) => Trust::of(pins(file).as_ref()),
        };
        let opening = Opening::to(port).await.map_err(|_| "nobody listens")?;
        let opening = opening.secured(HOST, &trust).await.map_err(|_| "no TLS")?;
        opening.get(path).await
    }

    /// Why nothing could be understood behind a door that should be plain: what is there may speak TLS.
    pub async fn explain(&self, port: u16, limit: Duration) -> Option<String> {
        if !matches!(self, Door::Plain) {
            return None;
        }
        let secured = async { Opening::to(port).await?.secured(HOST, &Trust::Authorities).await };
        let speaks = match timeout(limit / TRIES, secured).await {
            Ok(Ok(_) | Err(Trouble::Mistrusted(Mistrust::Authorities(..)))) => true,
            Ok(Err(_)) | Err(_) => false,
        };
        speaks.then(|| {
            "the gateway speaks TLS although gateway.tls.enabled is not true; restart it if the file was changed".into()
        })
    }
}

/// Through a tunnel to a gateway that shows one of `pins`.
async fn through(opening: Opening, pins: &Pins, limit: Duration) -> Knock {
    match timeout(limit, opening.secured(HOST, &Trust::Pins(pins.clone()))).await {
        Ok(Ok(opening)) => Knock::Open(Box::new(opening)),
        Ok(Err(Trouble::Mistrusted(Mistrust::Pin { shown, .. }))) => Knock::Mismatch(format!(
            "the gateway at the far end shows another certificate ({shown}) than remote.tls_fingerprint names; see what changed: openclaw profile trust"
        )),
        _ => Knock::Silent,
    }
}

/// The pin of what lies in `file` now; a gateway may make its certificate at its start.
fn pins(file: &Path) -> Option<Pins> {
    Pins::of_pem(&(DISK.read)(file).ok()??)
}

//! Showing the gateway to its tailnet: a listener of its own that only Tailscale's proxy is told of, and a foreground
//! session of the `tailscale` program that leads there. Whatever fails, the gateway itself runs on and serves its own
//! port; the exposure says what is wrong and is tried again, ever more rarely (INCIDENTS F6).

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use super::admission::Identity;
use super::door::{Door, Known};
use super::hub::Hub;
use super::{http, machine, ticker};
use crate::access::tailnet::{self, Claimed, Wish};
use crate::base::exposure::{Exposure, ExposureRecord, Standing};
use crate::base::{Error, Kind, Result};
use crate::host::clock::Stopwatch;
use crate::host::{files, socket};
use crate::link::tailnet::{Audience, Tailscale, Trouble, target};
use crate::profile::tailscale::{Tailnet, TailscaleMode};

/// Questions about identities that are under way at a time; a further caller waits for its turn.
const WHOIS_MAX: usize = 4;

/// How an exposure is made.
#[derive(Clone, Debug)]
pub struct Exposing {
    /// What is wanted.
    pub wish: Tailnet,
    /// Where the `tailscale` program may be, absolute.
    pub candidates: Vec<PathBuf>,
    /// The port of 127.0.0.1 that Tailscale's proxy is told of; 0 lets the system choose.
    pub listener: u16,
    /// Where it is written down for `host status`.
    pub record: PathBuf,
    /// How long things may take.
    pub pace: Pace,
}

/// How long things may take; only tests use others than the default.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// A question.
    pub ask: Duration,
    /// The question whose an address is.
    pub whois: Duration,
    /// From the session's begin until it shows among what is served.
    pub up: Duration,
    /// Distance of two looks for it.
    pub look: Duration,
    /// The first wait before another attempt.
    pub retry_min: Duration,
    /// The longest.
    pub retry_max: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            ask: Duration::from_secs(10),
            whois: Duration::from_secs(3),
            up: Duration::from_secs(20),
            look: Duration::from_millis(150),
            retry_min: Duration::from_secs(1),
            retry_max: Duration::from_secs(300),
        }
    }
}

/// The tailnet's side of a gateway.
#[derive(Debug)]
pub struct Front {
    exposing: Exposing,
    known: RefCell<Option<Known>>,
    told: RefCell<Exposure>,
    seats: Semaphore,
}

impl Front {
    /// One that is not shown yet.
    pub fn new(exposing: Exposing) -> Self {
        Front {
            exposing,
            known: RefCell::default(),
            told: RefCell::default(),
            seats: Semaphore::new(WHOIS_MAX),
        }
    }

    /// How the tailnet knows this gateway, while it does.
    pub fn known(&self) -> Option<Known> {
        self.known.borrow().clone()
    }

    /// Whether `login`, stated for a request from `address`, is that address's owner by the system's own word.
    pub async fn proved(&self, address: IpAddr, login: &str) -> Identity {
        let wish = &self.exposing.wish;
        if !wish.allow_identity || wish.mode != TailscaleMode::Serve {
            return Identity::None;
        }
        let limit = self.exposing.pace.whois;
        let asked = async {
            let _seat = self.seats.acquire().await;
            self.program(limit).whois(address).await
        };
        match timeout(limit, asked).await {
            Ok(Ok(whois)) if tailnet::login(&whois) == Some(login) => Identity::Proved(login.to_owned()),
            Ok(Ok(_)) => Identity::Contradicted,
            Ok(Err(Trouble::Complained(said))) if said.contains("not found") => Identity::Contradicted,
            Ok(Err(_)) | Err(_) => Identity::Unknown,
        }
    }

    fn program(&self, patience: Duration) -> Tailscale {
        Tailscale { candidates: self.exposing.candidates.clone(), patience }
    }

    /// Says how the exposure stands, where that is new.
    fn tell(&self, state: Standing, error: Option<&Error>) {
        let wish = &self.exposing.wish;
        let exposure = Exposure {
            kind: wish.mode.as_str().to_owned(),
            state,
            url: self.known.borrow().as_ref().map(|known| wish.url(&known.host)),
            error: error.map(Into::into),
        };
        if *self.told.borrow() == exposure {
            return;
        }
        match error {
            Some(error) => {
                tracing::warn!(target: "gateway/tailnet", code = error.code(), "not shown: {error}")
            }
            None => tracing::info!(target: "gateway/tailnet", url = exposure.url, "exposure {state:?}"),
        }
        self.told.replace(exposure.clone());
        let record = ExposureRecord { pid: machine::pid() as u32, exposure: vec![exposure] };
        let text = serde_json::to_string(&record).unwrap_or_default();
        if let Err(error) = files::write_volatile(&self.exposing.record, &text) {
            tracing::warn!(target: "gateway/tailnet", "the exposure cannot be written down: {error}");
        }
    }

    /// Takes away what was written down.
    pub fn forget(&self) {
        files::remove(&self.exposing.record);
    }
}

/// Shows the gateway, again and again, until it is dropped.
pub async fn run(hub: Rc<Hub>) {
    let Some(front) = hub.front.as_ref() else { return };
    let pace = front.exposing.pace;
    let mut pause = pace.retry_min;
    front.tell(Standing::Pending, None);
    loop {
        let clock = Stopwatch::start();
        let error = attempt(&hub, front).await;
        front.known.replace(None);
        front.tell(Standing::Failed, Some(&error));
        // One that stood for longer than the longest pause begins anew.
        pause = if clock.elapsed() > pace.retry_max { pace.retry_min } else { pause };
        sleep(pause).await;
        pause = (pause * 2).min(pace.retry_max);
    }
}

/// Why the gateway is not shown, or no longer.
async fn attempt(hub: &Rc<Hub>, front: &Front) -> Error {
    let port = front.exposing.listener;
    let bound = async {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        let own = listener.local_addr()?;
        std::io::Result::Ok((listener, own))
    };
    let (listener, own) = match bound.await {
        Ok(bound) => bound,
        Err(error) => {
            let what = format!("port {port} of 127.0.0.1, for the tailnet's traffic, cannot be bound");
            return Error::new(Kind::Unavailable, "tailnet_listener_taken", what)
                .caused_by(error)
                .remedy("see who has it: openclaw host status");
        }
    };
    tokio::select! {
        never = serve(hub, &listener, own) => never,
        held = hold(front, own.port()) => held.err().unwrap_or_else(|| tailnet::complained("")),
    }
}

/// Takes what comes from Tailscale's proxy, and from nobody else of this machine.
async fn serve(hub: &Rc<Hub>, listener: &TcpListener, own: SocketAddr) -> Error {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) if socket::is_from_a_service(peer, own) => {
                let _ = stream.set_nodelay(true);
                spawn_local(http::connection(Rc::clone(hub), stream, peer, Door::Tailnet));
            }
            Ok((_, peer)) => {
                tracing::warn!(target: "gateway/tailnet", %peer, "another user's program is no proxy of Tailscale's");
            }
            Err(_) => ticker::rest().await,
        }
    }
}

/// Makes the session and stays with it.
async fn hold(front: &Front, own: u16) -> Result<()> {
    let Exposing { wish, pace, .. } = &front.exposing;
    let (program, target) = (front.program(pace.ask), target(own));
    let wanted = Wish { https_port: wish.https_port, path: &wish.path, target: &target };
    let host = tailnet::own_name(&program.status().await.map_err(told)?)?;
    match tailnet::claimed(&program.served().await.map_err(told)?, wanted) {
        Claimed::Free => {}
        Claimed::Ours => {
            let what = "a session of this gateway's last run still stands";
            return Err(Error::new(Kind::Unavailable, "tailnet_session_left", what)
                .remedy("it ends by itself, and it is tried again"));
        }
        Claimed::Foreign { what, free } => return Err(tailnet::taken(&what, &free)),
    }
    let audience = if wish.mode == TailscaleMode::Funnel { Audience::Internet } else { Audience::Tailnet };
    let mut session = program.show(audience, wish.https_port, &wish.path, own).map_err(told)?;
    let stands = async {
        loop {
            tokio::select! {
                trouble = session.ended() => return Err(told(trouble)),
                () = sleep(pace.look) => {}
            }
            let served = program.served().await.map_err(told);
            match served.map(|served| tailnet::claimed(&served, wanted)) {
                Ok(Claimed::Ours) => return Ok(()),
                Ok(Claimed::Foreign { what, free }) => return Err(tailnet::taken(&what, &free)),
                // A program that is slow to answer is asked again while there is time.
                Ok(Claimed::Free) | Err(_) => {}
            }
        }
    };
    match timeout(pace.up, stands).await {
        Ok(stands) => stands?,
        Err(_) => return Err(stuck(&session.told(), pace.up)),
    }
    front.known.replace(Some(Known { host, port: wish.https_port }));
    front.tell(Standing::Up, None);
    Err(told(session.ended().await))
}

/// The error for a session that neither stands nor ends: mostly it waits for a person.
fn stuck(said: &str, limit: Duration) -> Error {
    if said.trim().is_empty() { told(Trouble::Late(limit)) } else { tailnet::complained(said) }
}

fn told(trouble: Trouble) -> Error {
    let error = |code, what: String| Error::new(Kind::Unavailable, code, what);
    match trouble {
        Trouble::Missing => error("tailscale_missing", "there is no `tailscale` program on PATH".into())
            .remedy("install Tailscale, then: tailscale up"),
        Trouble::Late(limit) => {
            let limit = limit.as_secs_f64();
            error("tailscale_late", format!("Tailscale did not answer within {limit} s"))
                .remedy("see whether it answers by hand: tailscale serve status")
        }
        Trouble::Complained(said) => tailnet::complained(&said),
        Trouble::Broken(what) => error("tailscale_failed", "the `tailscale` program cannot be used".into())
            .caused_by(what)
            .remedy("try it by hand: tailscale serve status --json"),
    }
}

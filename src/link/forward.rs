//! The near end of a link without SSH: connections to a port of this host go to a gateway elsewhere, over TLS where it
//! speaks that. Bytes are passed on as they are; nothing is added to them, least of all a credential.

use std::future::Future;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};

use super::gateway::{Opening, Trouble};
use super::tls::{Mistrust, Trust};
use crate::base::{Error, Kind};

/// How long reaching the far end may take, TLS included.
const REACH: Duration = Duration::from_secs(10);
/// Connections at a time; a browser with a few pages and a node need twenty.
const CONNECTIONS_MAX: usize = 256;
/// How long a connection may be silent before the other end is asked whether it is there.
const SILENCE: Duration = Duration::from_secs(15);
/// Pause after an accept that failed, mostly for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where the gateway is.
#[derive(Clone, Debug)]
pub struct Far {
    /// A name or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What its certificate must convince, where it speaks TLS.
    pub trust: Option<Trust>,
}

impl Far {
    /// Connects, and proves who is there.
    ///
    /// # Errors
    /// [`Trouble::Refused`], also when it takes too long; [`Trouble::Mistrusted`].
    pub async fn reach(&self) -> Result<Opening, Trouble> {
        let reach = async {
            let opening = Opening::reach(&self.host, self.port).await?;
            match &self.trust {
                Some(trust) => opening.secured(&self.host, trust).await,
                None => Ok(opening),
            }
        };
        let late = || Trouble::Refused(format!("no answer within {} s", REACH.as_secs()));
        timeout(REACH, reach).await.unwrap_or_else(|_| Err(late()))
    }
}

/// The near end, which listens.
pub struct Near(TcpListener);

impl Near {
    /// Listens on `port` of 127.0.0.1, and on no other address.
    ///
    /// # Errors
    /// [`Kind::Unavailable`], code `link_port_taken`.
    pub async fn bind(port: u16) -> crate::base::Result<Near> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map(Near).map_err(|error| {
            Error::new(
                Kind::Unavailable,
                "link_port_taken",
                format!("port {port} of 127.0.0.1 cannot be bound"),
            )
            .caused_by(error)
            .remedy("see who has it: openclaw host status")
        })
    }

    /// Passes connections on to `far` until `stop`, or until the far end shows a certificate that is not the one
    /// that is expected, which is returned. `told` hears of every connection that could not be made.
    pub async fn serve(
        self,
        far: Far,
        stop: impl Future<Output = ()>,
        told: impl Fn(&Trouble) + Send + Sync + 'static,
    ) -> Result<(), Mistrust> {
        let (far, told, room) = (Arc::new(far), Arc::new(told), Arc::new(Semaphore::new(CONNECTIONS_MAX)));
        let (mistrusts, mut mistrusted) = mpsc::channel(1);
        tokio::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => return Ok(()),
                Some(mistrust) = mistrusted.recv() => return Err(mistrust),
                accepted = self.0.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                sleep(ACCEPT_PAUSE).await;
                continue;
            };
            // Whoever finds no room is let go at once rather than kept waiting.
            let Ok(seat) = room.clone().try_acquire_owned() else { continue };
            let (far, told, mistrusts) = (far.clone(), told.clone(), mistrusts.clone());
            tokio::spawn(async move {
                if let Err(trouble) = pass(stream, &far).await {
                    told(&trouble);
                    if let Trouble::Mistrusted(mistrust @ Mistrust::Pin { .. }) = trouble {
                        let _ = mistrusts.try_send(mistrust);
                    }
                }
                drop(seat);
            });
        }
    }
}

async fn pass(mut near: TcpStream, far: &Far) -> Result<(), Trouble> {
    let _ = near.set_nodelay(true);
    keep_alive(&near);
    let mut stream = far.reach().await?.into_stream();
    keep_alive(stream.socket());
    // However it ends, both ends see it; why is their affair.
    let _ = copy_bidirectional(&mut near, &mut stream).await;
    Ok(())
}

/// Lets the kernel find out that nobody is there any more: a machine that slept, a network that was left.
fn keep_alive(socket: &TcpStream) {
    let pace = TcpKeepalive::new().with_time(SILENCE).with_interval(SILENCE / 3);
    if let Err(error) = SockRef::from(socket).set_tcp_keepalive(&pace) {
        tracing::debug!(%error, "a connection is not looked after");
    }
}

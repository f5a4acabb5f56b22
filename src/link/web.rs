//! Asking servers of the web: HTTPS against the authorities of this system, and plain HTTP where an address says so.
//! Every wait has its deadline and every answer its size; a redirection is never followed, so that what a request
//! carries goes to the address that was written down and to no other. No error repeats the address, since some
//! carry a token in their path.

use std::cell::OnceCell;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// How long a connection may take to come about.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long a connection is kept for the next request.
const KEEP_FOR: Duration = Duration::from_secs(30);

type Asking = Client<HttpsConnector<HttpConnector>, UnsyncBoxBody<Bytes, Infallible>>;

/// Why there is no answer, or not all of it. None of them holds the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The address is none that can be asked, in words.
    Address(String),
    /// Nobody answers there, in words: no such host, refused, not believed.
    Unreachable(String),
    /// It took longer than it may.
    TooSlow,
    /// The answer is larger than it may be.
    TooLarge,
    /// The connection ended in the middle, in words.
    Broken(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Address(why) => write!(f, "the address cannot be asked: {why}"),
            Trouble::Unreachable(why) => write!(f, "the server cannot be reached: {why}"),
            Trouble::TooSlow => f.write_str("the server took too long"),
            Trouble::TooLarge => f.write_str("the server's answer is too large"),
            Trouble::Broken(why) => write!(f, "the server's answer broke off: {why}"),
        }
    }
}

/// One request.
#[derive(Clone)]
pub struct Order {
    /// `GET`, `POST` and so on.
    pub method: &'static str,
    /// Where to, `https://…` or `http://…`; may hold a secret.
    pub url: String,
    /// Its header fields; their values may be secrets.
    pub headers: Vec<(&'static str, String)>,
    /// What it carries.
    pub body: Bytes,
    /// How long the first part of the answer, its status, may take, the connection included.
    pub within: Duration,
}

impl Order {
    /// `GET url`.
    pub fn get(url: impl Into<String>, within: Duration) -> Order {
        Order { method: "GET", url: url.into(), headers: Vec::new(), body: Bytes::new(), within }
    }

    /// `POST url` with JSON.
    pub fn post_json(url: impl Into<String>, json: &serde_json::Value, within: Duration) -> Order {
        let headers = vec![("content-type", "application/json".to_owned())];
        Order { method: "POST", url: url.into(), headers, body: json.to_string().into(), within }
    }

    /// The same with one more header field.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Order {
        self.headers.push((name, value.into()));
        self
    }
}

/// Shows neither address nor headers nor body.
impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Order({}, {} bytes)", self.method, self.body.len())
    }
}

/// Asks, over connections that it keeps for a while. Nothing is opened or read before the first question.
#[derive(Default)]
pub struct Web {
    client: OnceCell<Asking>,
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Web")
    }
}

impl Web {
    /// Sends `order` and waits for the status of the answer. Whoever drops this, or the reply, ends the connection.
    ///
    /// # Errors
    /// [`Trouble`]; any status at all is an answer.
    pub async fn ask(&self, order: Order) -> Result<Reply, Trouble> {
        let mut request = Request::builder().method(order.method).uri(order.url);
        for (name, value) in order.headers {
            request = request.header(name, value);
        }
        // What the builder says of a wrong address does not repeat it.
        let body = UnsyncBoxBody::new(Full::new(order.body));
        let request = request.body(body).map_err(|error| Trouble::Address(error.to_string()))?;
        match request.uri().scheme_str() {
            Some("http" | "https") => {}
            _ => return Err(Trouble::Address("it begins with neither https:// nor http://".into())),
        }
        let asked = self.client()?.request(request);
        match timeout(order.within, asked).await {
            Ok(Ok(response)) => Ok(Reply { response }),
            Ok(Err(error)) => Err(Trouble::Unreachable(reasons(&error))),
            Err(_) => Err(Trouble::TooSlow),
        }
    }

    fn client(&self) -> Result<&Asking, Trouble> {
        match self.client.get() {
            Some(client) => Ok(client),
            None => {
                let made = client().map_err(Trouble::Unreachable)?;
                Ok(self.client.get_or_init(|| made))
            }
        }
    }
}

/// An answer, its body still to come.
#[derive(Debug)]
pub struct Reply {
    response: Response<Incoming>,
}

impl Reply {
    /// The status.
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The value of a header field, where it is there once and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// [`Trouble`]: nothing came `within` that time, or the connection ended.
    pub async fn piece(&mut self, within: Duration) -> Result<Option<Bytes>, Trouble> {
        loop {
            let frame = timeout(within, self.response.body_mut().frame()).await;
            match frame.map_err(|_| Trouble::TooSlow)? {
                None => return Ok(None),
                Some(Err(error)) => return Err(Trouble::Broken(reasons(&error))),
                // Trailers say nothing that anyone here asks for.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => return Ok(Some(data)),
                    Err(_) => continue,
                },
            }
        }
    }

    /// The whole body, at most `max` bytes, `within` that time.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn whole(mut self, max: usize, within: Duration) -> Result<Vec<u8>, Trouble> {
        let read = async {
            let mut whole = Vec::new();
            while let Some(piece) = self.piece(within).await? {
                if whole.len() + piece.len() > max {
                    return Err(Trouble::TooLarge);
                }
                whole.extend_from_slice(&piece);
            }
            Ok(whole)
        };
        timeout(within, read).await.unwrap_or(Err(Trouble::TooSlow))
    }
}

fn client() -> Result<Asking, String> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_WITHIN));
    let mut roots = RootCertStore::empty();
    // A certificate that cannot be read convinces nobody; where none is left, TLS says so by itself.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new())
        .pool_idle_timeout(KEEP_FOR)
        .pool_timer(TokioTimer::new())
        .build(connector))
}

/// The reasons of an error, outermost first. Those of this library name hosts, and never a path.
fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(reason) = next {
        let words = reason.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = reason.source();
    }
    text
}

//! One HTTP request, for the health paths of a gateway: plain to a port on loopback, or over a stream that is there.

use std::net::{Ipv4Addr, SocketAddr};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Largest answer that is read, in bytes; a readiness document with all details is a few hundred.
const ANSWER_MAX: usize = 64 * 1024;

/// Status and body of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, as far as it is text.
    pub body: String,
}

/// `GET path` from `port` on loopback, on a connection of its own.
///
/// # Errors
/// In words, what went wrong on the way.
pub async fn get(port: u16, path: &str) -> Result<Answer, String> {
    get_at(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), path).await
}

/// `GET path` from `address`, on a connection of its own.
///
/// # Errors
/// In words, what went wrong on the way.
pub async fn get_at(address: SocketAddr, path: &str) -> Result<Answer, String> {
    let stream = TcpStream::connect(address).await.map_err(|e| e.to_string())?;
    get_over(stream, &address.to_string(), path).await
}

/// `GET path` over `stream`, which `authority`, host and port, answers.
///
/// # Errors
/// In words, what went wrong on the way.
pub async fn get_over(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    authority: &str,
    path: &str,
) -> Result<Answer, String> {
    let (mut sender, connection) =
        http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let request = Request::get(path)
        .header("host", authority)
        .header("connection", "close")
        .body(Empty::new())
        .map_err(|error| error.to_string())?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), ANSWER_MAX).collect().await.map_err(|e| e.to_string())?;
        Ok(Answer { status, body: String::from_utf8_lossy(&body.to_bytes()).into_owned() })
    };
    tokio::pin!(connection);
    let mut over = false;
    tokio::pin!(exchange);
    loop {
        tokio::select! {
            answer = &mut exchange => return answer,
            _ = &mut connection, if !over => over = true,
        }
    }
}

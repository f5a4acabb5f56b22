//! The control socket's stream: one frame a line over a Unix socket, with the peer's user checked at both
//! ends and the length of a line bounded before it is read.

use std::io;
use std::path::Path;

use futures_util::{SinkExt, StreamExt};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::codec::{Framed, LinesCodec, LinesCodecError};

use crate::base::{Error, Kind, Result};
use crate::host::{files, inherit};
use crate::wire::Frame;
use crate::wire::limits::CONTROL_LINE_MAX;

/// Longest path of a Unix socket, in bytes, on the systems we run on (104 on macOS, 108 on Linux, with the
/// closing zero).
pub const SOCKET_PATH_MAX: usize = 103;

/// A stream of frames to a peer of this very user.
pub struct Wire {
    peer: Option<u32>,
    lines: Framed<UnixStream, LinesCodec>,
}

impl Wire {
    /// Connects to the socket at `path`; `None` when nobody listens there.
    ///
    /// # Errors
    /// [`Kind::Denied`] `socket_foreign` when another user listens there; [`Kind::Unavailable`] otherwise.
    pub async fn connect(path: &Path) -> Result<Option<Wire>> {
        match UnixStream::connect(path).await {
            Ok(stream) => Wire::over(stream).map(Some),
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                Ok(None)
            }
            // A path longer than the system allows: nobody can listen there.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(None),
            Err(error) => Err(Error::new(
                Kind::Unavailable,
                "supervisor_unreachable",
                format!("the control socket {} cannot be reached", path.display()),
            )
            .caused_by(error)
            .remedy(format!("check owner and mode: ls -l {}", path.display()))),
        }
    }

    /// Takes a connected stream after checking that its peer is this user.
    ///
    /// # Errors
    /// [`Kind::Denied`] `socket_foreign` when it is not.
    pub fn over(stream: UnixStream) -> Result<Wire> {
        let me = nix::unistd::geteuid().as_raw();
        let peer = stream.peer_cred().ok();
        let user = peer.map(|peer| peer.uid());
        if user != Some(me) {
            let whose = user.map_or("an unknown user".to_owned(), |uid| format!("user {uid}"));
            return Err(Error::new(
                Kind::Denied,
                "socket_foreign",
                format!("the control socket belongs to {whose}, not to user {me}"),
            )
            .remedy("run the command as the user who owns the supervisor"));
        }
        let pid = peer.and_then(|peer| u32::try_from(peer.pid()?).ok()).filter(|pid| *pid != 0);
        let lines = Framed::new(stream, LinesCodec::new_with_max_length(CONTROL_LINE_MAX));
        Ok(Wire { peer: pid, lines })
    }

    /// The process that connected; `None` for one in a namespace that this process does not see.
    pub fn peer(&self) -> Option<u32> {
        self.peer
    }

    /// Sends one frame.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] when the peer is gone.
    pub async fn send(&mut self, frame: &Frame) -> Result<()> {
        self.lines.send(frame.to_text()).await.map_err(broken)
    }

    /// The next frame; `None` when the peer has closed. Safe to abandon half way.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] when the line is too long or no frame.
    pub async fn receive(&mut self) -> Result<Option<Frame>> {
        let Some(line) = self.lines.next().await else { return Ok(None) };
        let line = line.map_err(broken)?;
        serde_json::from_str(&line).map(Some).map_err(|error| {
            Error::new(
                Kind::Unavailable,
                "control_garbled",
                "the control socket carried something that is no frame",
            )
            .caused_by(error)
        })
    }
}

fn broken(error: LinesCodecError) -> Error {
    Error::new(Kind::Unavailable, "supervisor_gone", "the supervisor closed the connection").caused_by(error)
}

/// Listens at `path`, mode 0600. The caller holds the supervisor's claim, so a file that is there is a
/// leftover and is replaced; unless it belongs to a socket whose descriptor one of `inherited` names.
///
/// # Errors
/// [`Kind::Config`] `socket_path_too_long` or `socket_unusable`.
pub fn listen(path: &Path, inherited: &[String]) -> Result<UnixListener> {
    let length = path.as_os_str().len();
    if length > SOCKET_PATH_MAX {
        return Err(Error::new(
            Kind::Config,
            "socket_path_too_long",
            format!(
                "the socket path {} has {length} bytes; the system allows {SOCKET_PATH_MAX}",
                path.display()
            ),
        )
        .remedy("set XDG_RUNTIME_DIR or XDG_STATE_HOME to a shorter directory"));
    }
    let inherited = inherited.iter().find_map(|value| inherit::take_listener(value, path));
    let listener = match inherited {
        Some(listener) => listener.set_nonblocking(true).and_then(|()| UnixListener::from_std(listener)),
        None => {
            files::remove(path);
            UnixListener::bind(path)
        }
    };
    listener.map_err(|error| {
        Error::new(Kind::Config, "socket_unusable", format!("{} cannot be created", path.display()))
            .caused_by(error)
            .remedy("check owner and mode of its directory")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_cross_and_a_closed_peer_is_seen() {
        let (left, right) = UnixStream::pair().unwrap();
        let (mut left, mut right) = (Wire::over(left).unwrap(), Wire::over(right).unwrap());
        let frame = Frame::request("1", "supervisor.status", serde_json::json!({"text": "line\nbreak"}));
        left.send(&frame).await.unwrap();
        assert_eq!(right.receive().await.unwrap(), Some(frame));
        drop(left);
        assert_eq!(right.receive().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_path_that_is_too_long_is_refused_by_name() {
        let error = listen(Path::new(&format!("/tmp/{}", "x".repeat(120))), &[]).unwrap_err();
        assert_eq!((error.code(), error.kind()), ("socket_path_too_long", Kind::Config));
    }

    #[tokio::test]
    async fn a_missing_socket_is_none_and_a_left_over_one_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sock");
        assert!(Wire::connect(&path).await.unwrap().is_none());
        drop(listen(&path, &[]).unwrap());
        assert!(Wire::connect(&path).await.unwrap().is_none(), "the file is there, nobody listens");
        let _listener = listen(&path, &[]).unwrap();
        assert!(Wire::connect(&path).await.unwrap().is_some());
    }
}

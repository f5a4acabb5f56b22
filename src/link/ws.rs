//! A WebSocket over any byte stream. It exists beside the library's own stream because a gateway's limit for
//! one frame changes once its peer has proved who it is, because an idle connection must cost a few kilobytes,
//! and because reading and writing must be one future that can be dropped at any moment without losing a byte.
//! It negotiates nothing: the upgrade has been done, and there are no extensions.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::error::{Error as Trouble, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig, WebSocketContext};

use crate::wire::limits;

/// Bytes read from the stream at once, and kept per connection.
const READ_BUFFER: usize = 4 * 1024;
/// Most bytes thrown away while waiting for the peer to take a close.
const LINGER_BYTES: usize = limits::FRAME_MAX;

/// Something that came from the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A whole message; text and binary are told apart by nobody in this protocol.
    Data(Bytes),
    /// A ping; it has been answered.
    Ping,
    /// The answer to our ping.
    Pong,
    /// The peer closes, with code and reason; 1005 stands for none.
    Close(u16, String),
}

/// Why nothing more will come.
#[derive(Debug)]
pub enum Broken {
    /// The stream ended, with or without a closing handshake.
    Ended,
    /// A frame or message is larger than allowed; close with 1009.
    TooLarge,
    /// A text message is not UTF-8; close with 1007.
    NotText,
    /// The peer broke the rules of WebSocket; close with 1002.
    Protocol(String),
    /// The stream failed.
    Io(io::Error),
}

impl From<Trouble> for Broken {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::ConnectionClosed
            | Trouble::AlreadyClosed
            | Trouble::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Broken::Ended,
            Trouble::Utf8(_) => Broken::NotText,
            Trouble::Capacity(_) => Broken::TooLarge,
            Trouble::Io(error) => Broken::Io(error),
            other => Broken::Protocol(other.to_string()),
        }
    }
}

/// One end of a WebSocket.
#[derive(Debug)]
pub struct Ws<S> {
    stream: S,
    context: WebSocketContext,
    outbox: VecDeque<Message>,
    queued: usize,
    under_way: usize,
    unflushed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Ws<S> {
    /// The server's end. `read_ahead` is what came behind the upgrade request; `max_frame` is the largest
    /// frame and message in bytes, inclusive.
    pub fn server(stream: S, read_ahead: Vec<u8>, max_frame: usize) -> Self {
        Ws::new(stream, read_ahead, max_frame, Role::Server)
    }

    /// The client's end; the same, behind the response to the upgrade.
    pub fn client(stream: S, read_ahead: Vec<u8>, max_frame: usize) -> Self {
        Ws::new(stream, read_ahead, max_frame, Role::Client)
    }

    fn new(stream: S, read_ahead: Vec<u8>, max_frame: usize, role: Role) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_frame_size(Some(max_frame))
            .max_message_size(Some(max_frame));
        let context = WebSocketContext::from_partially_read(read_ahead, role, Some(config));
        Ws { stream, context, outbox: VecDeque::new(), queued: 0, under_way: 0, unflushed: false }
    }

    /// Changes the largest frame and message, in bytes, inclusive; it counts from the next frame's header on.
    pub fn set_max_frame(&mut self, bytes: usize) {
        self.context.set_config(|config| {
            config.max_frame_size = Some(bytes);
            config.max_message_size = Some(bytes);
        });
    }

    /// Queues a text message. It travels while [`Ws::recv`] or [`Ws::flush`] is awaited.
    pub fn push(&mut self, text: String) {
        self.queued += text.len();
        self.outbox.push_back(Message::text(text));
    }

    /// Queues an empty ping.
    pub fn ping(&mut self) {
        self.outbox.push_back(Message::Ping(Bytes::new()));
    }

    /// Forgets what is queued but not under way: for a peer that does not read, before it is closed.
    pub fn discard_queued(&mut self) {
        self.outbox.clear();
        self.queued = self.under_way;
    }

    /// Bytes of text that were pushed and have not left this process; the frame under way counts whole.
    pub fn queued_bytes(&self) -> usize {
        self.queued
    }

    /// The next thing from the peer; sends what is queued meanwhile. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Broken`] when nothing more will come.
    pub async fn recv(&mut self) -> Result<Incoming, Broken> {
        poll_fn(|cx| {
            // The reader's side alone decides the end: a peer that stops reading may still have spoken.
            if let Poll::Ready(Err(broken)) = self.poll_flush(cx) {
                return Poll::Ready(Err(broken));
            }
            self.poll_recv(cx)
        })
        .await
    }

    /// Waits until everything queued has been handed to the stream. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Broken`] when the stream takes no more.
    pub async fn flush(&mut self) -> Result<(), Broken> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Sends what is queued and a close frame, then waits for the peer to go; the caller sets the deadline.
    /// `reason` is cut at 123 bytes, on a character's edge. What the peer still sends is thrown away unread:
    /// it may be waiting to be rid of it, and unread bytes would make the operating system answer with a
    /// reset that overtakes the close frame.
    pub async fn close(mut self, code: u16, reason: &str) {
        let mut frame = Some(CloseFrame { code: code.into(), reason: cut_reason(reason).into() });
        let (mut said, mut left, mut ended) = (false, LINGER_BYTES, false);
        poll_fn(|cx| {
            while !ended && left > 0 {
                let mut bin = [MaybeUninit::uninit(); 2048];
                let mut bin = ReadBuf::uninit(&mut bin);
                match Pin::new(&mut self.stream).poll_read(cx, &mut bin) {
                    Poll::Ready(Ok(())) if !bin.filled().is_empty() => {
                        left = left.saturating_sub(bin.filled().len());
                    }
                    Poll::Ready(_) => ended = true,
                    Poll::Pending => break,
                }
            }
            if !said {
                match self.poll_say_close(cx, &mut frame) {
                    Poll::Ready(Ok(())) => said = true,
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
            if ended || left == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Flushes what is queued, then the close frame once, then ends our side of the stream.
    fn poll_say_close(
        &mut self,
        cx: &mut Context<'_>,
        frame: &mut Option<CloseFrame>,
    ) -> Poll<Result<(), Broken>> {
        if frame.is_some() {
            match self.poll_flush(cx) {
                Poll::Ready(Ok(())) => {}
                other => return other,
            }
        }
        let mut shim = Shim { stream: &mut self.stream, cx };
        let done = match frame.take() {
            Some(frame) => self.context.close(&mut shim, Some(frame)),
            None => self.context.flush(&mut shim),
        };
        match ready(done) {
            Poll::Ready(Ok(())) => Pin::new(&mut self.stream).poll_shutdown(cx).map_err(Broken::Io),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        loop {
            if self.unflushed {
                let mut shim = Shim { stream: &mut self.stream, cx };
                match ready(self.context.flush(&mut shim)) {
                    Poll::Ready(Ok(())) => self.unflushed = false,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                    Poll::Pending => return Poll::Pending,
                }
                self.queued -= std::mem::take(&mut self.under_way);
            }
            let Some(message) = self.outbox.pop_front() else { return Poll::Ready(Ok(())) };
            self.unflushed = true;
            self.under_way = text_len(&message);
            let mut shim = Shim { stream: &mut self.stream, cx };
            // A write that would block has still taken the frame; the flush above carries it on.
            if let Poll::Ready(Err(error)) = ready(self.context.write(&mut shim, message)) {
                return Poll::Ready(Err(error.into()));
            }
        }
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, Broken>> {
        let mut shim = Shim { stream: &mut self.stream, cx };
        let message = match ready(self.context.read(&mut shim)) {
            Poll::Ready(Ok(message)) => message,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
            Poll::Pending => return Poll::Pending,
        };
        Poll::Ready(Ok(match message {
            Message::Text(text) => Incoming::Data(text.into()),
            Message::Binary(bytes) => Incoming::Data(bytes),
            Message::Ping(_) => {
                // The library answers by itself, but only when it is called again; so does a close below.
                self.unflushed = true;
                let _ = self.poll_flush(cx);
                Incoming::Ping
            }
            Message::Pong(_) | Message::Frame(_) => Incoming::Pong,
            Message::Close(frame) => {
                self.unflushed = true;
                let _ = self.poll_flush(cx);
                frame.map_or(Incoming::Close(1005, String::new()), |frame| {
                    Incoming::Close(frame.code.into(), frame.reason.to_string())
                })
            }
        }))
    }
}

fn text_len(message: &Message) -> usize {
    if let Message::Text(text) = message { text.len() } else { 0 }
}

/// "Would block" is what the library calls pending; the shim has left the waker with the stream.
fn ready<T>(result: Result<T, Trouble>) -> Poll<Result<T, Trouble>> {
    match result {
        Err(Trouble::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        other => Poll::Ready(other),
    }
}

/// At most 123 bytes of `reason`, on a character's edge.
pub fn cut_reason(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(limits::CLOSE_REASON_MAX)]
}

/// The stream as the library sees it during one poll.
struct Shim<'a, 'b, S> {
    stream: &'a mut S,
    cx: &'a mut Context<'b>,
}

impl<S: AsyncRead + Unpin> Read for Shim<'_, '_, S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut into = ReadBuf::new(into);
        match Pin::new(&mut *self.stream).poll_read(self.cx, &mut into) {
            Poll::Ready(Ok(())) => Ok(into.filled().len()),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl<S: AsyncWrite + Unpin> Write for Shim<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        blocking(Pin::new(&mut *self.stream).poll_write(self.cx, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        blocking(Pin::new(&mut *self.stream).poll_flush(self.cx))
    }
}

fn blocking<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

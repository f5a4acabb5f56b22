//! Sizes and times of protocol v4, as the real gateway keeps them (OPENCLAW.md 4.4).

use std::time::Duration;

/// The protocol version that a server speaks.
pub const PROTOCOL: u32 = 4;
/// The lowest version that a client of this program speaks: the one before.
pub const PROTOCOL_MIN_CLIENT: u32 = PROTOCOL - 1;
/// The lowest version that probes and nodes may offer.
pub const PROTOCOL_MIN_PROBE: u32 = 3;
/// Largest frame before authentication, inclusive, in bytes.
pub const PREAUTH_FRAME_MAX: usize = 65_536;
/// Largest frame after authentication, inclusive, in bytes.
pub const FRAME_MAX: usize = 26_214_400;
/// Most bytes that may wait for a slow reader.
pub const BUFFERED_MAX: usize = 52_428_800;
/// How long a client may take from the upgrade to `connect`.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);
/// Sockets that may wait unauthenticated, per client address.
pub const PREAUTH_SOCKETS_MAX: usize = 32;
/// Distance of `tick` events.
pub const TICK_INTERVAL: Duration = Duration::from_secs(30);
/// Distance of `health` events.
pub const HEALTH_INTERVAL: Duration = Duration::from_secs(60);
/// Distance of WebSocket pings; a pong must come within one more.
pub const PING_INTERVAL: Duration = Duration::from_secs(25);
/// Consecutive calls of the wrong role that are answered; the next one closes the connection.
pub const WRONG_ROLE_MAX: u32 = 10;
/// Longest reason of a close frame, in bytes (RFC 6455, 5.5).
pub const CLOSE_REASON_MAX: usize = 123;
/// Longest line on the control socket, in bytes: a list of every profile with its last lines fits many times over.
pub const CONTROL_LINE_MAX: usize = 4 * 1024 * 1024;

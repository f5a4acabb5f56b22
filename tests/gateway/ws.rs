//! The WebSocket adapter over a pipe of eight bytes: nothing depends on where the stream is cut.

use std::time::Duration;

use bytes::Bytes;
use openclaw_supervisor::link::ws::{Broken, Incoming, Ws, cut_reason};
use proptest::prelude::*;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

type Pair = (Ws<DuplexStream>, Ws<DuplexStream>);

fn pair(bytes: usize, max_frame: usize) -> Pair {
    let (server, client) = duplex(bytes);
    (Ws::server(server, Vec::new(), max_frame), Ws::client(client, Vec::new(), max_frame))
}

fn on_a_runtime<T>(future: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(60), future).await.expect("it ends by itself")
    })
}

fn data(text: &str) -> Incoming {
    Incoming::Data(Bytes::from(text.to_owned()))
}

#[test]
fn messages_pass_whole_and_in_order_through_eight_bytes() {
    on_a_runtime(async {
        let (mut server, mut client) = pair(8, 1000);
        let long = "ß".repeat(500);
        for text in ["{}", &long, ""] {
            server.push(text.to_owned());
            client.push(text.to_owned());
        }
        assert_eq!(server.queued_bytes(), 1002);
        // Both write before either reads, and each finishes only because reading goes on meanwhile.
        let both = |mut ws: Ws<DuplexStream>, long: String| async move {
            for text in ["{}", &long, ""] {
                assert_eq!(ws.recv().await.unwrap(), data(text));
            }
            ws.flush().await.unwrap();
            assert_eq!(ws.queued_bytes(), 0);
            ws
        };
        let (server, mut client) = tokio::join!(both(server, long.clone()), both(client, long.clone()));
        // The client's end falls with the block, which is what the server waits for.
        let closing = async move {
            let close = client.recv().await.unwrap();
            assert_eq!(close, Incoming::Close(1012, "service restart".into()));
            assert!(matches!(client.recv().await, Err(Broken::Ended)));
        };
        tokio::join!(server.close(1012, "service restart"), closing);
    });
}

#[test]
fn a_dropped_recv_loses_nothing() {
    on_a_runtime(async {
        let (mut server, mut client) = pair(8, 1000);
        let text = "x".repeat(300);
        client.push(text.clone());
        let mut received = None;
        while received.is_none() {
            tokio::select! {
                biased;
                incoming = server.recv() => received = Some(incoming.unwrap()),
                // Ends whenever the pipe has taken or given a little.
                () = tokio::task::yield_now() => {}
            }
            tokio::select! {
                biased;
                flushed = client.flush() => flushed.unwrap(),
                () = tokio::task::yield_now() => {}
            }
        }
        assert_eq!(received.unwrap(), data(&text));
    });
}

#[test]
fn pings_are_answered_while_reading() {
    on_a_runtime(async {
        let (mut server, mut client) = pair(64, 1000);
        server.ping();
        server.flush().await.unwrap();
        assert_eq!(client.recv().await.unwrap(), Incoming::Ping);
        assert_eq!(server.recv().await.unwrap(), Incoming::Pong);
    });
}

#[test]
fn the_limit_can_be_raised_and_counts_the_whole_message() {
    on_a_runtime(async {
        let (mut server, mut client) = pair(4096, 10);
        client.push("x".repeat(10));
        client.flush().await.unwrap();
        assert_eq!(server.recv().await.unwrap(), data(&"x".repeat(10)));
        server.set_max_frame(20);
        client.push("x".repeat(20));
        client.push("x".repeat(21));
        client.flush().await.unwrap();
        assert_eq!(server.recv().await.unwrap(), data(&"x".repeat(20)));
        assert!(matches!(server.recv().await, Err(Broken::TooLarge)));
        let closing = async move { client.recv().await };
        let ((), end) = tokio::join!(server.close(1009, ""), closing);
        assert_eq!(end.unwrap(), Incoming::Close(1009, String::new()));
    });
}

#[test]
fn a_message_in_fragments_is_held_to_the_limit_too() {
    on_a_runtime(async {
        let (server, mut raw) = duplex(4096);
        let mut server = Ws::server(server, Vec::new(), 10);
        // Three masked text fragments of eight bytes, none of them final.
        for first in [0x01, 0x00, 0x00] {
            raw.write_all(&[first, 0x88, 0, 0, 0, 0, b'x', b'x', b'x', b'x', b'x', b'x', b'x', b'x'])
                .await
                .unwrap();
        }
        assert!(matches!(server.recv().await, Err(Broken::TooLarge)));
    });
}

#[test]
fn a_header_that_promises_too_much_is_refused_before_anything_is_allocated() {
    on_a_runtime(async {
        let (server, mut raw) = duplex(4096);
        let mut server = Ws::server(server, Vec::new(), 65_536);
        // 2^62 bytes: reserving them would abort the process.
        raw.write_all(&[0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]).await.unwrap();
        assert!(matches!(server.recv().await, Err(Broken::TooLarge)));
    });
}

#[test]
fn what_came_behind_the_upgrade_is_read_first() {
    on_a_runtime(async {
        let (mut server, mut raw) = {
            let (server, raw) = duplex(64);
            (Ws::server(server, vec![0x81, 0x82, 0, 0, 0, 0, b'h'], 10), raw)
        };
        raw.write_all(b"i").await.unwrap();
        assert_eq!(server.recv().await.unwrap(), data("hi"));
    });
}

#[test]
fn who_does_not_take_the_close_is_left_behind() {
    on_a_runtime(async {
        let (mut server, client) = pair(8, 1000);
        server.push("x".repeat(100));
        server.discard_queued();
        assert_eq!(server.queued_bytes(), 0);
        let linger = Duration::from_secs(1);
        assert!(tokio::time::timeout(linger, server.close(1008, "slow consumer")).await.is_err());
        drop(client);
    });
}

#[test]
fn reasons_are_cut_on_a_characters_edge() {
    assert_eq!(cut_reason("short"), "short");
    assert_eq!(cut_reason(&"x".repeat(200)).len(), 123);
    assert_eq!(cut_reason(&"ß".repeat(100)), "ß".repeat(61));
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), cut in 1usize..16) {
        on_a_runtime(async {
            let (server, mut raw) = duplex(cut);
            let mut server = Ws::server(server, Vec::new(), 65_536);
            let write = async {
                let _ = raw.write_all(&bytes).await;
                let _ = raw.shutdown().await;
                let mut bin = Vec::new();
                let _ = tokio::io::AsyncReadExt::read_to_end(&mut raw, &mut bin).await;
            };
            let read = async {
                while server.recv().await.is_ok() {}
                server.close(1002, "").await;
            };
            tokio::join!(write, read);
        });
    }
}

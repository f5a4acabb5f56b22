//! Sizes and times: what is too large, too slow, too often or too many.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use openclaw_supervisor::base::Secret;
use openclaw_supervisor::gateway::{Auth, Limits};
use openclaw_supervisor::wire::limits;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;

use super::harness::{Gateway, TOKEN, connect, within};

/// A first frame of exactly so many bytes.
fn padded(bytes: usize) -> String {
    let head = r#"{"type":"req","id":"a","method":"connect","params":{"x":""#;
    let tail = r#""}}"#;
    format!("{head}{}{tail}", "x".repeat(bytes - head.len() - tail.len()))
}

#[test]
fn the_defaults_are_those_of_the_protocol() {
    let seconds = Duration::from_secs;
    let expected =
        (seconds(15), seconds(30), seconds(60), seconds(25), 52_428_800, Duration::from_millis(250));
    let has = Limits::default();
    assert_eq!((has.handshake, has.tick, has.health, has.ping, has.buffered, has.penalty), expected);
}

#[tokio::test]
async fn a_frame_before_hello_has_65536_bytes_at_most() {
    let gateway = Gateway::start().await;
    let (mut client, _) = gateway.challenged().await;
    client.send_text(padded(limits::PREAUTH_FRAME_MAX)).await;
    let reason =
        "invalid connect params: must have required property 'minProtocol'; at root: unexpected property 'x'";
    assert_eq!(client.answer("a").await["error"]["message"], reason);
    assert_eq!(client.closed().await, Some((1008, reason.into())));
    for bytes in [65_537, 65_596, 4 << 20] {
        let (mut client, _) = gateway.challenged().await;
        client.send_text(padded(bytes)).await;
        assert_eq!(client.closed().await, Some((1009, String::new())), "{bytes}");
    }
}

#[tokio::test]
async fn a_frame_after_hello_has_26214400_bytes_at_most() {
    let gateway = Gateway::start().await;
    let (mut client, _) = gateway.connected(&[]).await;
    let frame = |bytes: usize| {
        let (head, tail) = (r#"{"type":"req","id":"a","method":"health","params":{"x":""#, r#""}}"#);
        format!("{head}{}{tail}", "x".repeat(bytes - head.len() - tail.len()))
    };
    client.send_text(frame(limits::FRAME_MAX)).await;
    assert_eq!(client.answer("a").await["ok"], true);
    client.send_text(frame(limits::FRAME_MAX + 1)).await;
    assert_eq!(client.closed().await, Some((1009, String::new())));
}

#[tokio::test]
async fn silence_before_connect_ends_the_connection() {
    let gateway = Gateway::with(|options| options.limits.handshake = Duration::from_millis(50)).await;
    let (mut client, _) = gateway.challenged().await;
    assert_eq!(client.closed().await, Some((1000, String::new())));
    // Slow bytes of a frame that never ends do not count as a sign of life.
    let (mut client, _) = gateway.challenged().await;
    client.socket.get_mut().write_all(&[0x81, 0xfe]).await.unwrap();
    assert_eq!(client.closed().await, Some((1000, String::new())));
}

#[tokio::test]
async fn at_most_32_strangers_are_let_in_at_once() {
    let gateway = Gateway::start().await;
    let mut waiting = Vec::new();
    for _ in 0..limits::PREAUTH_SOCKETS_MAX {
        waiting.push(gateway.challenged().await.0);
    }
    let (status, body) = gateway.open("/", &json!({})).await.err().expect("a refusal");
    assert_eq!((status.as_u16(), body.as_str()), (503, "Too many unauthenticated sockets"));
    // Whoever says hello makes room.
    waiting[0].send(&connect("cli", "cli", &[], json!({"token": TOKEN}))).await;
    assert_eq!(waiting[0].answer("c").await["ok"], true);
    let mut next = gateway.challenged().await.0;
    // So does whoever leaves.
    next.socket.close(None).await.unwrap();
    assert!(next.closed().await.is_some());
    within("room for one more", async {
        while gateway.open("/", &json!({})).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn frames_behind_a_wrong_token_are_counted() {
    let gateway = Gateway::with(|options| options.limits.penalty = Duration::from_secs(5)).await;
    let (mut client, _) = gateway.challenged().await;
    client.send(&connect("cli", "cli", &[], json!({"token": "wrong"}))).await;
    for number in 0..16 {
        client.send(&json!({"type": "req", "id": number.to_string(), "method": "health"})).await;
    }
    assert_eq!(client.closed().await, Some((1008, "too many pending handshake frames".into())));
}

#[tokio::test]
async fn wrong_tokens_cost_time_until_a_right_one() {
    let gateway = Gateway::with(|options| options.limits.penalty = Duration::from_millis(20)).await;
    let wrong = connect("cli", "cli", &[], json!({"token": "wrong"}));
    for (round, least) in [(0, 20), (1, 40), (2, 80)] {
        let (mut client, _) = gateway.challenged().await;
        let begun = tokio::time::Instant::now();
        client.send(&wrong).await;
        assert_eq!(client.answer("c").await["error"]["details"]["code"], "AUTH_TOKEN_MISMATCH");
        assert!(begun.elapsed() >= Duration::from_millis(least), "round {round}");
    }
    gateway.connected(&[]).await;
    assert!(gateway.log().contains("gateway token mismatch"));
}

#[tokio::test]
async fn a_page_is_locked_out_even_with_the_right_token() {
    let gateway = Gateway::start().await;
    let headers = json!({"Origin": format!("http://localhost:{}", gateway.port)});
    for round in 0..12 {
        let token = if round == 11 { TOKEN } else { "wrong" };
        let mut client = gateway.open("/", &headers).await.unwrap();
        client.send(&connect("webchat", "webchat", &[], json!({"token": token}))).await;
        let error = client.answer("c").await["error"].clone();
        let code = if round < 10 { "AUTH_TOKEN_MISMATCH" } else { "AUTH_RATE_LIMITED" };
        assert_eq!(error["details"]["code"], code, "round {round}");
        if round >= 10 {
            assert!(
                error["retryable"] == true && error["retryAfterMs"].as_u64().unwrap() > 290_000,
                "{error}"
            );
        }
    }
    gateway.connected(&[]).await;
}

#[tokio::test]
async fn a_password_is_asked_for_where_one_is_set() {
    let gateway =
        Gateway::with(|options| options.access.auth = Auth::Password(Secret::new("pass word"))).await;
    for (auth, outcome) in [
        (json!({"password": "pass word"}), None),
        (json!({"token": "pass word"}), None),
        (
            json!({"password": "no"}),
            Some("unauthorized: gateway password mismatch (use this gateway's gateway.auth.password)"),
        ),
    ] {
        let (mut client, _) = gateway.challenged().await;
        client.send(&connect("cli", "cli", &[], auth)).await;
        assert_eq!(client.answer("c").await["error"]["message"].as_str(), outcome);
    }
}

#[tokio::test]
async fn ticks_and_health_come_by_themselves() {
    let gateway = Gateway::with(|options| {
        options.limits.tick = Duration::from_millis(10);
        options.limits.health = Duration::from_millis(15);
    })
    .await;
    let (mut client, hello) = gateway.connected(&[]).await;
    assert_eq!(hello["policy"]["tickIntervalMs"], 10);
    let mut last = 0;
    for name in ["health", "tick", "tick", "health", "health"] {
        let event = client.event(name).await;
        let seq = event["seq"].as_u64().unwrap();
        assert!(seq > last, "{name}");
        last = seq;
    }
}

#[tokio::test]
async fn who_does_not_answer_pings_is_dropped() {
    let gateway = Gateway::with(|options| options.limits.ping = Duration::from_millis(100)).await;
    let (mut lively, _) = gateway.connected(&[]).await;
    let (mut deaf, _) = gateway.connected(&[]).await;
    // The deaf one is polled by nobody until the lively one has answered several pings.
    let mut pings = 0;
    while pings < 4 {
        if let Message::Ping(_) = within("a ping", lively.socket.next()).await.unwrap().unwrap() {
            lively.socket.flush().await.unwrap();
            pings += 1;
        }
    }
    assert_eq!(deaf.closed().await, None);
    assert_eq!(lively.call("health", json!({})).await["ok"], true);
    assert!(gateway.log().contains("no pong"));
}

#[tokio::test]
async fn who_does_not_read_is_closed() {
    let gateway = Gateway::with(|options| {
        options.limits.buffered = 200_000;
        options.limits.linger = Duration::from_millis(50);
    })
    .await;
    let (mut client, _) = gateway.connected(&["operator.admin"]).await;
    let call = json!({"type": "req", "id": "s", "method": "status"}).to_string();
    within("the close", async {
        // Bounded by what the kernel and the gateway hold; far more would mean that nothing is bounded.
        for _ in 0..200_000 {
            if client.socket.send(Message::text(call.clone())).await.is_err() {
                return;
            }
        }
        panic!("the gateway goes on buffering");
    })
    .await;
    within("a line in the log", async {
        while !gateway.log().contains("slow consumer") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let (mut other, _) = gateway.connected(&[]).await;
    assert_eq!(other.call("health", json!({})).await["ok"], Value::Bool(true));
}

#[tokio::test]
async fn who_reads_slowly_misses_events_sees_the_gap_and_goes_on() {
    let gateway = Gateway::with(|options| options.limits.buffered = 300_000).await;
    let (mut speaker, _) = gateway.connected(&["operator.admin"]).await;
    let (mut slow, _) = gateway.connected(&["operator.read"]).await;
    assert_eq!(speaker.call("sessions.create", json!({"key": "loud"})).await["ok"], true);
    // Far more than the kernel holds for the one that does not read.
    let loud = json!({"sessionKey": "loud", "message": "x".repeat(100_000)});
    for _ in 0..150 {
        assert_eq!(speaker.call("chat.inject", loud.clone()).await["ok"], true);
    }
    slow.send(&json!({"type": "req", "id": "h", "method": "health"})).await;
    let (mut seqs, mut told) = (Vec::new(), 0);
    loop {
        let frame = slow.recv().await.expect("it is slow, and no reason to close");
        if frame["id"] == "h" {
            assert_eq!(frame["ok"], true);
            break;
        }
        seqs.extend(frame["seq"].as_u64());
        told += usize::from(frame["event"] == "chat");
    }
    assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
    assert!((1..150).contains(&told), "{told} of 150 were told");
    speaker.call("chat.inject", json!({"sessionKey": "loud", "message": "end"})).await;
    let last = slow.event("chat").await["seq"].as_u64().unwrap();
    assert!(last - seqs[0] >= seqs.len() as u64 + 2, "no gap tells of what was missed: {seqs:?}, {last}");
}

//! Requests that two readers could take for different ones: whoever stands before the gateway must not have let one
//! through that the gateway then reads as another, or as two.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::harness::{Gateway, within};
use super::hooks;

/// All that is answered to `request` before the gateway closes.
async fn answers(gateway: &Gateway, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", gateway.port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // It may be reset where something was sent behind its end.
    let _ = within("the end of the connection", stream.read_to_end(&mut bytes)).await;
    String::from_utf8(bytes).unwrap()
}

fn is_bad(answer: &str) -> bool {
    let old = answer.replace("HTTP/1.0 ", "HTTP/1.1 ");
    old.starts_with("HTTP/1.1 400 Bad Request\r\n") && old.matches("HTTP/1.1 ").count() == 1
}

#[tokio::test]
async fn a_request_names_one_host() {
    let gateway = Gateway::start().await;
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
                   Sec-WebSocket-Version: 13\r\n";
    let (one, two) = ("Host: 127.0.0.1\r\n", "Host: 127.0.0.1\r\nHost: evil.test\r\n");
    for (start, head) in [
        ("GET /healthz HTTP/1.1", two.to_owned()),
        ("GET /healthz HTTP/1.1", one.repeat(2)),
        ("GET /healthz HTTP/1.0", two.to_owned()),
        ("GET /healthz HTTP/1.1", String::new()),
        ("GET / HTTP/1.1", two.to_owned()),
        ("GET / HTTP/1.1", format!("{two}{upgrade}")),
        ("GET http://evil.test/readyz HTTP/1.1", one.to_owned()),
        ("GET http://evil.test/ HTTP/1.1", format!("{one}{upgrade}")),
    ] {
        let answer = answers(&gateway, &format!("{start}\r\n{head}\r\n")).await;
        assert!(is_bad(&answer), "{start}\r\n{head}\n{answer}");
    }
    for (start, head) in [
        ("GET /healthz HTTP/1.0", ""),
        ("GET http://127.0.0.1/healthz HTTP/1.1", "Host: 127.0.0.1\r\nConnection: close\r\n"),
    ] {
        let answer = answers(&gateway, &format!("{start}\r\n{head}\r\n")).await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") || answer.starts_with("HTTP/1.0 200 OK\r\n"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_body_has_one_length() {
    let gateway = hooks::gateway(json!({}), json!({"enabled": false})).await;
    let inner = r#"{"text":"hidden"}"#;
    let bearer = hooks::bearer();
    let hidden = format!(
        "POST /hooks/wake HTTP/1.1\r\nHost: h\r\n{bearer}Content-Length: {}\r\n\r\n{inner}",
        inner.len()
    );
    let start = format!("POST /hooks/wake HTTP/1.1\r\nHost: h\r\n{bearer}");
    for lengths in [
        "Content-Length: 17\r\nContent-Length: 0\r\n",
        "Content-Length: 0\r\nContent-Length: 17\r\n",
        "Content-Length: 17, 0\r\n",
        "Content-Length: +17\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x11\r\n",
        "Content-Length : 17\r\n",
        "Content-Length: 17\r\n Content-Length: 0\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding\r\n: chunked\r\n",
    ] {
        let answer = answers(&gateway, &format!("{start}{lengths}\r\n{inner}{hidden}")).await;
        assert!(is_bad(&answer), "{lengths}\n{answer}");
    }
    // Of both, the chunks count, as RFC 9112 has it, and nothing behind them: one answer, and the end.
    let chunks = format!("11\r\n{}\r\n0\r\n\r\n", inner.replace("hidden", "shown!"));
    for lengths in [
        format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", chunks.len() + hidden.len()),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {}\r\n", chunks.len() + hidden.len()),
    ] {
        let answer = answers(&gateway, &format!("{start}{lengths}\r\n{chunks}{hidden}")).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{lengths}{answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{lengths}{answer}");
    }
    let old = start.replace("HTTP/1.1", "HTTP/1.0");
    let answer =
        answers(&gateway, &format!("{old}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}")).await;
    assert!(is_bad(&answer), "{answer}");
    let (mut client, _) = gateway.connected(&["operator.read"]).await;
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await;
    let history = history.to_string();
    assert!(history.contains("shown!") && !history.contains("hidden"), "{history}");
}

//! The HTTP side, byte by byte.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::harness::{Gateway, within};

/// Sends a request and reads one whole response.
pub async fn ask(gateway: &Gateway, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", gateway.port)).await.unwrap();
    let host = if request.contains("Host:") { "" } else { "Host: 127.0.0.1\r\n" };
    stream.write_all(format!("{request}\r\n{host}\r\n").as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    within("a response", async {
        while !is_whole(&bytes, request.starts_with("HEAD")) {
            if stream.read_buf(&mut bytes).await.unwrap() == 0 {
                break;
            }
        }
    })
    .await;
    String::from_utf8(bytes).unwrap()
}

fn is_whole(bytes: &[u8], head_only: bool) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    head_only || body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

pub fn body(response: &str) -> &str {
    response.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// Without what differs from run to run: date, version, age, and the load with the length that follows from them.
fn settled(response: &str) -> String {
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let moving = body.contains("uptimeMs");
    let head: Vec<_> = head
        .lines()
        .map(|line| match line.split_once(": ") {
            Some(("Date", date)) => {
                assert_eq!((date.len(), date.ends_with(" GMT")), (29, true), "{date}");
                "Date".into()
            }
            Some(("Content-Length", length)) if moving => {
                assert_eq!(length, body.len().to_string());
                "Content-Length".into()
            }
            _ => line.to_owned(),
        })
        .collect();
    let body = match body.split_once(r#","eventLoop""#) {
        Some((before, _)) => before,
        None => body,
    };
    let version = body.replace("2026.9.6", "0.1.0-test");
    let end = version.rfind(r#""uptimeMs":"#).map_or(version.len(), |at| at + r#""uptimeMs":"#.len());
    format!("{}\n\n{}", head.join("\n"), &version[..end])
}

#[tokio::test]
async fn responses_equal_the_recorded_ones() {
    let gateway = Gateway::start().await;
    let forwarded = "X-Forwarded-For: 192.0.2.9";
    let table = [
        ("GET /healthz HTTP/1.1", include_str!("data/http/healthz.txt")),
        ("GET /health HTTP/1.1", include_str!("data/http/healthz.txt")),
        ("HEAD /healthz HTTP/1.1", include_str!("data/http/healthz-head.txt")),
        ("POST /healthz HTTP/1.1", include_str!("data/http/healthz-post.txt")),
        ("DELETE /ready HTTP/1.1", include_str!("data/http/healthz-post.txt")),
        ("GET /healthz?x=1 HTTP/1.1", include_str!("data/http/healthz-query.txt")),
        ("GET /healthz/ HTTP/1.1", include_str!("data/http/healthz-slash.txt")),
        ("GET /healthz HTTP/1.1\r\nHost: evil.example", include_str!("data/http/healthz-evil-host.txt")),
        ("GET /startupz HTTP/1.1", include_str!("data/http/startupz.txt")),
        ("GET /startup HTTP/1.1", include_str!("data/http/startupz.txt")),
        ("GET /readyz HTTP/1.1", include_str!("data/http/readyz.txt")),
        ("GET /ready HTTP/1.1", include_str!("data/http/readyz.txt")),
        (&format!("GET /readyz HTTP/1.1\r\n{forwarded}"), include_str!("data/http/readyz-xff.txt")),
        (&format!("GET /healthz HTTP/1.1\r\n{forwarded}"), include_str!("data/http/healthz.txt")),
        ("POST /hooks/x HTTP/1.1", include_str!("data/http/hooks.txt")),
    ];
    for (request, recorded) in table {
        assert_eq!(settled(&ask(&gateway, request).await), settled(recorded), "{request}");
    }
}

#[tokio::test]
async fn the_page_stands_wherever_no_program_asks() {
    let gateway = Gateway::start().await;
    for path in ["/", "/nothere", "/chat/x?y=1"] {
        let page = ask(&gateway, &format!("GET {path} HTTP/1.1")).await;
        assert!(
            page.starts_with("HTTP/1.1 200 OK\r\n") && body(&page).starts_with("<!doctype html>"),
            "{path}"
        );
        let head = ask(&gateway, &format!("HEAD {path} HTTP/1.1")).await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && body(&head).is_empty(), "{head}");
        for header in [
            "X-Frame-Options: DENY\r\n",
            "X-Content-Type-Options: nosniff\r\n",
            "Referrer-Policy: no-referrer\r\n",
            "Content-Security-Policy: default-src 'none'; script-src 'sha256-",
            "connect-src 'self' ws://127.0.0.1 wss://127.0.0.1;",
            "frame-ancestors 'none'",
            "Cache-Control: no-cache\r\n",
        ] {
            assert!(head.contains(header), "{header}\n{head}");
        }
        let etag = head.lines().find_map(|line| line.strip_prefix("Etag: ")).unwrap();
        let again = ask(&gateway, &format!("GET {path} HTTP/1.1\r\nIf-None-Match: {etag}")).await;
        assert!(again.starts_with("HTTP/1.1 304 Not Modified\r\n") && body(&again).is_empty(), "{again}");
    }
    for request in ["GET /favicon.ico", "GET /v1/models", "GET /api/metrics", "POST /nothere", "GET /hooks/x"]
    {
        let none = ask(&gateway, &format!("{request} HTTP/1.1")).await;
        assert!(
            none.starts_with("HTTP/1.1 404 Not Found\r\n") && body(&none) == "Not Found",
            "{request}\n{none}"
        );
    }
    let post = ask(&gateway, "POST / HTTP/1.1").await;
    assert!(post.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{post}");
    let last = ask(&gateway, "GET /healthz HTTP/1.1\r\nConnection: close").await;
    assert!(last.contains("Connection: close\r\n") && !last.contains("Keep-Alive"), "{last}");
}

#[tokio::test]
async fn upgrades_are_refused_where_they_must_be() {
    let gateway = Gateway::start().await;
    for header in ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Tailscale-User-Login"] {
        let (status, text) = gateway.open("/", &json!({header: "192.0.2.9"})).await.err().expect(header);
        assert_eq!((status.as_u16(), text.len()), (403, 212), "{header}");
    }
    let key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13";
    for request in [
        "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c".to_owned(),
        "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket".to_owned(),
        format!("POST / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{key}"),
        format!("GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{}", key.replace("13", "8")),
    ] {
        let answer = ask(&gateway, &request).await;
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{request}\n{answer}");
    }
}

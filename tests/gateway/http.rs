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

/// Recorded responses, and requests that bring the same.
const ALIKE: [(&str, &[&str]); 24] = [
    ("healthz", &["GET /healthz HTTP/1.1", "GET /healthz HTTP/1.1\r\nX-Forwarded-For: 192.0.2.9"]),
    ("health", &["GET /health HTTP/1.1"]),
    ("healthz-head", &["HEAD /healthz HTTP/1.1"]),
    ("healthz-post", &["POST /healthz HTTP/1.1", "DELETE /ready HTTP/1.1"]),
    ("healthz-query", &["GET /healthz?x=1 HTTP/1.1"]),
    ("healthz-slash", &["GET /healthz/ HTTP/1.1"]),
    ("healthz-evil-host", &["GET /healthz HTTP/1.1\r\nHost: evil.example"]),
    ("startupz", &["GET /startupz HTTP/1.1"]),
    ("startup", &["GET /startup HTTP/1.1"]),
    ("startupz-evil-host", &["GET /startupz HTTP/1.1\r\nHost: evil.example"]),
    ("readyz", &["GET /readyz HTTP/1.1"]),
    ("ready", &["GET /ready HTTP/1.1"]),
    ("readyz-evil-host", &["GET /readyz HTTP/1.1\r\nHost: evil.example"]),
    (
        "readyz-evil-host-auth",
        &["GET /readyz HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer the-shared-token"],
    ),
    ("readyz-xff", &["GET /readyz HTTP/1.1\r\nX-Forwarded-For: 192.0.2.9"]),
    ("options", &["OPTIONS / HTTP/1.1", "OPTIONS /healthz HTTP/1.1"]),
    ("hooks", &["POST /hooks/x HTTP/1.1", "GET /hooks/x HTTP/1.1"]),
    ("adminrpc", &["POST /api/v1/admin/rpc HTTP/1.1"]),
    ("apimetrics", &["GET /api/metrics HTTP/1.1"]),
    ("chatcompl", &["POST /v1/chat/completions HTTP/1.1"]),
    ("trace", &["GET /api/trace HTTP/1.1"]),
    ("v1models", &["GET /v1/models HTTP/1.1"]),
    ("v1models-auth", &["GET /v1/models HTTP/1.1\r\nAuthorization: Bearer the-shared-token"]),
    ("worker", &["GET /__openclaw__/worker HTTP/1.1"]),
];

/// Recorded responses that ours differ from on purpose: the request, what is said in place of it, and the row of
/// `docs/compatibility.md` that says why.
const UNLIKE: [(&str, &str, &str, &str); 13] = [
    ("root", "GET / HTTP/1.1", "200 OK", "`/`"),
    ("nothere", "GET /nothere HTTP/1.1", "200 OK", "`/`"),
    ("metrics", "GET /metrics HTTP/1.1", "200 OK", "`/`"),
    ("favicon", "GET /favicon.ico HTTP/1.1", "404 Not Found", "`/favicon.ico`"),
    (
        "controlui-config",
        "GET /control-ui-config.json HTTP/1.1",
        "404 Not Found",
        "`/control-ui-config.json`",
    ),
    (
        "openclaw-cfg",
        "GET /__openclaw__/control-ui-config.json HTTP/1.1",
        "404 Not Found",
        "`/control-ui-config.json`",
    ),
    ("a2ui", "GET /__openclaw__/a2ui/ HTTP/1.1", "404 Not Found", "`/__openclaw__/…`"),
    ("canvas", "GET /__openclaw__/canvas/ HTTP/1.1", "404 Not Found", "`/__openclaw__/…`"),
    ("sess", "GET /sessions/main/history HTTP/1.1", "404 Not Found", "`/sessions/…/history`"),
    (
        "tools-invoke",
        "POST /tools/invoke HTTP/1.1\r\nAuthorization: Bearer the-shared-token",
        "404 Not Found",
        "`/tools/invoke`",
    ),
    ("tools-invoke-noauth", "POST /tools/invoke HTTP/1.1", "404 Not Found", "`/tools/invoke`"),
    ("tools-invoke-get", "GET /tools/invoke HTTP/1.1", "404 Not Found", "`/tools/invoke`"),
    ("wellknown", "GET /.well-known/x HTTP/1.1", "404 Not Found", "`/.well-known/…`"),
];

fn recorded(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gateway/data/http");
    std::fs::read_to_string(format!("{folder}/{name}.txt")).unwrap()
}

/// The names of all recorded responses that are asked for here.
pub fn replayed() -> Vec<&'static str> {
    let mut names: Vec<_> = ALIKE.iter().map(|row| row.0).chain(UNLIKE.iter().map(|row| row.0)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[tokio::test]
async fn responses_equal_the_recorded_ones() {
    let gateway = Gateway::start().await;
    for (name, requests) in ALIKE {
        let recorded = settled(&recorded(name));
        for request in requests {
            assert_eq!(settled(&ask(&gateway, request).await), recorded, "{name}: {request}");
        }
    }
}

#[tokio::test]
async fn responses_differ_from_the_recorded_ones_where_the_page_says_so() {
    let gateway = Gateway::start().await;
    let page = include_str!("../../docs/compatibility.md");
    for (name, request, status, place) in UNLIKE {
        let ours = ask(&gateway, request).await;
        assert!(ours.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{name}: {ours}");
        assert_ne!(settled(&ours), settled(&recorded(name)), "{name} differs no more");
        let row =
            |line: &str| line.starts_with("| ") && line.contains(place) && line.matches(" | ").count() == 2;
        assert!(page.lines().any(row), "{place} is not on the page");
        if status.starts_with("200") {
            let kind = "Content-Type: text/html; charset=utf-8\r\n";
            assert!(ours.contains(kind) && recorded(name).contains(kind), "{name}");
        }
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

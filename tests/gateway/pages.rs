//! H3: web pages in a browser on this very machine, for which loopback is no protection. None of them gets further
//! than the connect, and no answer lets a page read it.

use openclaw_supervisor::gateway::Auth;
use serde_json::json;

use super::harness::{Gateway, TOKEN, connect};
use super::http::ask;

#[tokio::test]
async fn incident_h3_a_page_from_elsewhere_never_connects() {
    let gateway = Gateway::start().await;
    let port = gateway.port;
    for origin in [
        "https://evil.test".to_owned(),
        "null".into(),
        "http://127.0.0.1:1".into(),
        format!("http://localhost.evil.test:{port}"),
        format!("http://127.0.0.1.:{port}"),
    ] {
        let mut client =
            gateway.open("/?token=x&gatewayUrl=ws://evil.test", &json!({"Origin": origin})).await.unwrap();
        client
            .send(&connect("gateway-client", "backend", &["operator.admin"], json!({"token": TOKEN})))
            .await;
        let error = client.answer("c").await["error"].clone();
        assert_eq!(error["details"]["code"], "CONTROL_UI_ORIGIN_NOT_ALLOWED", "{origin}");
        let (code, reason) = client.closed().await.unwrap();
        assert_eq!((code, reason.as_str()), (1008, error["message"].as_str().unwrap()));
    }
    for origin in [format!("http://127.0.0.1:{port}"), format!("http://localhost:{port}")] {
        let mut client = gateway.open("/", &json!({"Origin": origin})).await.unwrap();
        client.send(&connect("webchat", "webchat", &[], json!({"token": TOKEN}))).await;
        assert_eq!(client.answer("c").await["ok"], true, "{origin}");
    }
}

#[tokio::test]
async fn incident_h3_a_name_that_was_made_to_mean_this_machine_gets_no_upgrade() {
    let gateway = Gateway::with(|options| {
        options.access.fence.allowed_origins = vec!["https://ui.test".into()];
    })
    .await;
    for host in ["evil.test", "127.0.0.1.", "localhost.evil.test"] {
        let headers = json!({"Host": host, "Origin": format!("http://{host}")});
        let (status, body) = gateway.open("/", &headers).await.err().expect(host);
        assert_eq!(status.as_u16(), 403, "{host}");
        assert!(body.contains("host_not_allowed"), "{body}");
        let answer =
            ask(&gateway, &format!("GET /readyz HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Site: same-origin"))
                .await;
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n") && !answer.contains("uptimeMs"), "{answer}");
    }
    let mut client =
        gateway.open("/", &json!({"Host": "ui.test", "Origin": "https://ui.test"})).await.unwrap();
    client.send(&connect("webchat", "webchat", &[], json!({"token": TOKEN}))).await;
    assert_eq!(client.answer("c").await["ok"], true, "what is allowed by name");
}

#[tokio::test]
async fn incident_h3_no_answer_may_be_read_by_a_page_and_nothing_is_done_by_one() {
    let gateway = Gateway::with(|options| options.access.auth = Auth::None).await;
    let page = "Host: 127.0.0.1\r\nOrigin: https://evil.test";
    for request in [
        format!("OPTIONS / HTTP/1.1\r\n{page}\r\nAccess-Control-Request-Method: POST"),
        format!("POST / HTTP/1.1\r\n{page}\r\nContent-Type: text/plain\r\nContent-Length: 0"),
        format!("POST /tools/invoke HTTP/1.1\r\n{page}\r\nContent-Type: text/plain\r\nContent-Length: 0"),
        format!("GET /?token={TOKEN} HTTP/1.1\r\n{page}"),
    ] {
        let answer = ask(&gateway, &request).await.to_lowercase();
        assert!(!answer.contains("access-control-") && !answer.contains("set-cookie"), "{answer}");
        assert!(request.starts_with("GET") || answer.starts_with("http/1.1 40"), "{answer}");
    }
    // Without a credential, too, a page is asked for its origin first.
    let mut client = gateway.open("/", &json!({"Origin": "https://evil.test"})).await.unwrap();
    client.send(&connect("gateway-client", "backend", &["operator.admin"], json!({}))).await;
    assert_eq!(client.answer("c").await["error"]["details"]["code"], "CONTROL_UI_ORIGIN_NOT_ALLOWED");
}

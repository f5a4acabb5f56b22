//! The page at `/`: one document that needs nothing else, made of the files beside this one. It speaks the Gateway
//! protocol over WebSocket with the gateway that it came from, and the policy that travels with it lets it do nothing
//! more: no foreign address, no script but its own by its hash, no frame around it.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::profile::PageRules;

/// The parts of the script, in the order in which they build on each other; they share one scope.
const SCRIPT: &str = concat!(
    include_str!("dom.js"),
    include_str!("units.js"),
    include_str!("keeper.js"),
    include_str!("device.js"),
    include_str!("words.js"),
    include_str!("wire.js"),
    include_str!("markdown.js"),
    include_str!("gate.js"),
    include_str!("sessions.js"),
    include_str!("chat.js"),
    include_str!("nodes.js"),
    include_str!("devices.js"),
    include_str!("approvals.js"),
    include_str!("log.js"),
    include_str!("fleet.js"),
    include_str!("keys.js"),
    include_str!("main.js"),
);
const STYLE: &str = concat!(include_str!("page.css"), include_str!("parts.css"));
const FRAME: &str = include_str!("page.html");

/// First parts of paths that belong to programs: what is not found there is no page.
const PROGRAMS: &[&str] = &[
    "__openclaw__",
    "api",
    "health",
    "healthz",
    "hooks",
    "ready",
    "readyz",
    "sessions",
    "startup",
    "startupz",
    "tools",
    "v1",
];

/// The document and what is said of it.
#[derive(Debug)]
pub struct Page {
    /// The document.
    pub body: Bytes,
    /// Its name among its versions, for `ETag`.
    pub etag: String,
    hashes: [String; 2],
}

static PAGE: LazyLock<Page> = LazyLock::new(|| {
    let fill = |frame: &str, mark: &str, text: &str| match frame.split_once(mark) {
        Some((before, behind)) => format!("{before}{text}{behind}"),
        None => frame.to_owned(),
    };
    let body = fill(&fill(FRAME, "{style}", STYLE), "{script}", SCRIPT);
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    let etag = format!("\"{}\"", hash(&body));
    Page { hashes: [hash(SCRIPT), hash(STYLE)], body: body.into(), etag }
});

/// The page.
pub fn page() -> &'static Page {
    &PAGE
}

impl Page {
    /// The `Content-Security-Policy` for a browser that reached the gateway as `host`. Its WebSocket is named beside
    /// `'self'`, which not every browser takes to mean it.
    pub fn policy(&self, host: Option<&str>) -> String {
        let [script, style] = &self.hashes;
        let is_plain =
            |host: &&str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:-[]".contains(&byte));
        let own = host
            .filter(is_plain)
            .filter(|host| !host.is_empty())
            .map(|host| format!(" ws://{host} wss://{host}"))
            .unwrap_or_default();
        format!(
            "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; img-src data:; \
             connect-src 'self'{own}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'"
        )
    }
}

/// Whether the page stands at `path`: at its root and, as its own places are no files, at whatever looks like one of
/// them.
pub fn is_at(path: &str, rules: &PageRules) -> bool {
    let Some(inside) = path.strip_prefix(rules.base_path.as_str()).filter(|_| rules.enabled) else {
        return false;
    };
    if !inside.is_empty() && !inside.starts_with('/') {
        return false;
    }
    let mut parts = inside.split('/').skip(1);
    let first = parts.next().unwrap_or_default();
    let last = inside.rsplit('/').next().unwrap_or_default();
    let of_programs = rules.base_path.is_empty() && PROGRAMS.contains(&first);
    !(of_programs || first.starts_with('.') || last.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_whole_and_needs_nothing_else() {
        let text = std::str::from_utf8(&page().body).unwrap();
        assert!(text.starts_with("<!doctype html>") && text.ends_with("</html>\n"));
        assert!(text.contains(SCRIPT) && text.contains(STYLE), "both are inside as they are hashed");
        assert!(!SCRIPT.contains("</script") && !STYLE.contains("</style"));
        for foreign in ["http://", "https://", "//cdn", "src=", "@import", " url("] {
            let hits = text.matches(foreign).count();
            // The name space of drawings is a name, and so is what a link may begin with.
            let names = match foreign {
                "http://" => text.matches("http://www.w3.org/2000/svg").count(),
                _ => 0,
            };
            assert_eq!(hits, names, "{foreign}");
        }
        for risky in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("]
        {
            assert!(!SCRIPT.contains(risky), "{risky}");
        }
        assert!(
            !FRAME.contains("style=\"") && !FRAME.contains("onclick"),
            "the policy lets no such thing run"
        );
    }

    #[test]
    fn the_policy_names_nothing_but_its_own() {
        let plain = page().policy(Some("127.0.0.1:18789"));
        assert!(plain.contains("connect-src 'self' ws://127.0.0.1:18789 wss://127.0.0.1:18789;"), "{plain}");
        assert!(!plain.contains("unsafe"));
        for host in [None, Some(""), Some("a b"), Some("a; script-src *"), Some("a\r\nX: y"), Some("*")] {
            assert!(page().policy(host).contains("connect-src 'self'; "), "{host:?}");
        }
    }

    #[test]
    fn it_stands_where_no_program_asks() {
        let rules = PageRules::default();
        for path in ["/", "/nothere", "/metrics", "/chat/x"] {
            assert!(is_at(path, &rules), "{path}");
        }
        for path in [
            "/healthz/",
            "/api/metrics",
            "/v1/models",
            "/hooks/x",
            "/sessions/main/history",
            "/favicon.ico",
            "/.well-known/x",
            "/__openclaw__/cap/x",
            "/a/b.js",
            "/tools/invoke",
        ] {
            assert!(!is_at(path, &rules), "{path}");
        }
        let moved = PageRules { base_path: "/ui".into(), ..PageRules::default() };
        for (path, there) in [("/ui", true), ("/ui/", true), ("/ui/api", true), ("/", false), ("/uix", false)]
        {
            assert_eq!(is_at(path, &moved), there, "{path}");
        }
        assert!(!is_at("/", &PageRules { enabled: false, ..PageRules::default() }));
    }
}

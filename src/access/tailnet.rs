//! What Tailscale's own words mean for an exposure: whether the wanted port is free, whose handler is there, why a
//! session failed, and whether a stated identity is proved. Tailscale lets a foreground session have a port only when
//! nobody else has it, whatever the path, so a port with a foreign handler is left to it (INCIDENTS F6).

use serde_json::Value;

use crate::base::{Error, Kind};
use crate::profile::tailscale::HTTPS_PORTS;

/// What is wanted of a tailnet's port.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The https port.
    pub https_port: u16,
    /// The path.
    pub path: &'a str,
    /// Where it leads to.
    pub target: &'a str,
}

/// Who has the wanted port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// Nobody.
    Free,
    /// A foreground session that leads to this very gateway and to nothing else.
    Ours,
    /// Somebody else.
    Foreign {
        /// What is there, in words.
        what: String,
        /// Https ports that nobody has.
        free: Vec<u16>,
    },
}

/// Who has the wanted port, by `tailscale serve status --json`.
pub fn claimed(served: &Value, wish: Wish<'_>) -> Claimed {
    let sessions = || served["Foreground"].as_object().into_iter().flat_map(|all| all.values());
    if let Some(session) = sessions().find(|session| has_port(session, wish.https_port)) {
        let handlers = handlers(session, wish.https_port);
        if handlers == [(wish.path, format!("proxy {}", wish.target))] {
            return Claimed::Ours;
        }
        return foreign(served, wish.https_port, &handlers, "another program's foreground session");
    }
    if has_port(served, wish.https_port) {
        let handlers = handlers(served, wish.https_port);
        return foreign(served, wish.https_port, &handlers, "configured in the background");
    }
    Claimed::Free
}

fn foreign(served: &Value, port: u16, handlers: &[(&str, String)], how: &str) -> Claimed {
    let one = |(path, what): &(&str, String)| format!("{path} -> {what}");
    let what = match handlers {
        [] => "a TCP forward".to_owned(),
        handlers => handlers.iter().map(one).collect::<Vec<_>>().join(", "),
    };
    let sessions = || served["Foreground"].as_object().into_iter().flat_map(|all| all.values());
    let taken = |port: u16| has_port(served, port) || sessions().any(|session| has_port(session, port));
    Claimed::Foreign {
        what: format!("https port {port} has {what} ({how})"),
        free: HTTPS_PORTS.into_iter().filter(|port| !taken(*port)).collect(),
    }
}

fn has_port(config: &Value, port: u16) -> bool {
    let suffix = format!(":{port}");
    let web = config["Web"].as_object().into_iter().flat_map(|all| all.keys());
    config["TCP"].get(port.to_string()).is_some() || web.into_iter().any(|host| host.ends_with(&suffix))
}

fn handlers(config: &Value, port: u16) -> Vec<(&str, String)> {
    let suffix = format!(":{port}");
    let web = config["Web"].as_object().into_iter().flatten().filter(|(host, _)| host.ends_with(&suffix));
    web.flat_map(|(_, server)| server["Handlers"].as_object().into_iter().flatten())
        .map(|(path, handler)| (path.as_str(), described(handler)))
        .collect()
}

fn described(handler: &Value) -> String {
    let kinds = [("Proxy", "proxy"), ("Path", "files"), ("Redirect", "redirect"), ("Text", "text")];
    let known = kinds.into_iter().find_map(|(key, word)| Some(format!("{word} {}", handler[key].as_str()?)));
    known.unwrap_or_else(|| "something".into())
}

/// The name of this machine in its tailnet, by `tailscale status --json`.
///
/// # Errors
/// [`Kind::Unavailable`] when the machine is in no tailnet now.
pub fn own_name(status: &Value) -> Result<String, Error> {
    let state = status["BackendState"].as_str().unwrap_or("unknown");
    if state != "Running" {
        let (message, remedy) = match state {
            "NeedsLogin" | "NoState" => ("this machine is not logged in to a tailnet", "tailscale up"),
            "NeedsMachineAuth" => {
                ("this machine waits for the tailnet's administrator", "approve it in the admin console")
            }
            _ => ("Tailscale is not running on this machine", "tailscale up"),
        };
        let message = format!("{message} (state {state})");
        return Err(Error::new(Kind::Unavailable, "tailscale_not_up", message).remedy(remedy));
    }
    let name = status["Self"]["DNSName"].as_str().unwrap_or_default().trim_end_matches('.');
    if name.is_empty() {
        let what = "this machine has no name in its tailnet";
        return Err(Error::new(Kind::Unavailable, "tailscale_nameless", what)
            .remedy("switch MagicDNS and HTTPS certificates on in the tailnet's admin console"));
    }
    Ok(name.to_ascii_lowercase())
}

/// The error for a port that somebody else has.
pub fn taken(what: &str, free: &[u16]) -> Error {
    let remedy = match free.first() {
        Some(port) => {
            format!("set `tailnet_port = {port}` under [gateway] in the manifest; what is there stays")
        }
        None => {
            "set `tailnet_port` under [gateway] in the manifest to a free port; what is there stays".into()
        }
    };
    Error::new(Kind::Unavailable, "tailnet_port_taken", what).remedy(remedy)
}

/// Complaints of the program and what they mean. The first that is contained counts.
const COMPLAINTS: [(&str, &str, &str, &str); 12] = [
    (
        "already exists",
        "tailnet_port_taken",
        "somebody took the https port a moment ago",
        "see: tailscale serve status",
    ),
    (
        "already serving",
        "tailnet_port_taken",
        "the https port serves something else",
        "see: tailscale serve status",
    ),
    (
        "etag mismatch",
        "tailscale_raced",
        "another program changed the configuration at the same moment",
        "it is tried again by itself",
    ),
    (
        "another client is changing",
        "tailscale_raced",
        "another program changed the configuration at the same moment",
        "it is tried again by itself",
    ),
    (
        "access denied",
        "tailscale_denied",
        "this user may not configure Tailscale",
        "once, as the administrator: tailscale set --operator=USER",
    ),
    (
        "operator",
        "tailscale_denied",
        "this user may not configure Tailscale",
        "once, as the administrator: tailscale set --operator=USER",
    ),
    (
        "not enabled on your tailnet",
        "tailscale_feature_off",
        "the tailnet does not allow it yet",
        "switch it on under the address that the message names, or in the admin console",
    ),
    (
        "funnel not available",
        "tailscale_feature_off",
        "the tailnet does not allow funnels on this machine",
        "give it the attribute `funnel` in the tailnet's policy",
    ),
    (
        "failed to connect to local",
        "tailscale_not_up",
        "Tailscale's service does not run",
        "start it, for example: systemctl start tailscaled",
    ),
    (
        "flag provided but not defined",
        "tailscale_too_old",
        "this Tailscale is too old",
        "install 1.52 or newer",
    ),
    ("unknown subcommand", "tailscale_too_old", "this Tailscale is too old", "install 1.52 or newer"),
    ("invalid argument format", "tailscale_too_old", "this Tailscale is too old", "install 1.52 or newer"),
];

/// The error for what the program `said` when it failed.
pub fn complained(said: &str) -> Error {
    let lower = said.to_ascii_lowercase();
    // Where it waits for a person it names an address; else its last line says what is wrong.
    let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let address = lines.clone().find(|line| line.contains("https://"));
    let last = address.or_else(|| lines.next_back()).unwrap_or("nothing at all");
    let last: String = last.chars().filter(|letter| !letter.is_control()).take(300).collect();
    match COMPLAINTS.iter().find(|(words, ..)| lower.contains(words)) {
        Some((_, code, message, remedy)) => {
            Error::new(Kind::Unavailable, code, format!("{message}: {last}")).remedy(*remedy)
        }
        None => Error::new(Kind::Unavailable, "tailscale_failed", format!("Tailscale says: {last}"))
            .remedy("try it by hand: tailscale serve status"),
    }
}

/// The login that `tailscale whois --json` gives an address; none for a machine that is nobody's own.
pub fn login(whois: &Value) -> Option<&str> {
    let tagged = whois["Node"]["Tags"].as_array().is_some_and(|tags| !tags.is_empty());
    whois["UserProfile"]["LoginName"].as_str().filter(|login| !login.is_empty() && !tagged)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WISH: Wish<'_> = Wish { https_port: 8443, path: "/", target: "http://127.0.0.1:19792" };

    fn web(port: u16, path: &str, target: &str) -> Value {
        let host = format!("h.t.ts.net:{port}");
        json!({ "TCP": { port.to_string(): { "HTTPS": true } },
            "Web": { host: { "Handlers": { path: { "Proxy": target } } } } })
    }

    #[test]
    fn incident_f6_only_a_foreground_session_that_leads_here_is_ours() {
        for nothing in [Value::Null, json!({}), web(443, "/", "http://127.0.0.1:1")] {
            assert_eq!(claimed(&nothing, WISH), Claimed::Free, "{nothing}");
        }
        let session = |config: Value| json!({ "Foreground": { "s": config } });
        assert_eq!(claimed(&session(web(8443, "/", WISH.target)), WISH), Claimed::Ours);
        for other in [
            web(8443, "/", WISH.target),
            session(web(8443, "/", "http://127.0.0.1:3000")),
            session(web(8443, "/other", WISH.target)),
            web(8443, "/other", "http://127.0.0.1:3000"),
            json!({ "TCP": { "8443": { "TCPForward": "127.0.0.1:22" } } }),
            json!({ "Web": { "h:8443": { "Handlers": { "/": { "Text": "x" } } } } }),
        ] {
            assert!(matches!(claimed(&other, WISH), Claimed::Foreign { .. }), "{other}");
        }
    }

    #[test]
    fn incident_f6_what_is_there_is_named_and_free_ports_are_offered() {
        let mut served = web(8443, "/notes", "http://127.0.0.1:3000");
        served["Foreground"] = json!({ "s": web(10000, "/", "http://127.0.0.1:1") });
        let Claimed::Foreign { what, free } = claimed(&served, WISH) else { panic!("foreign") };
        assert_eq!(
            what,
            "https port 8443 has /notes -> proxy http://127.0.0.1:3000 (configured in the background)"
        );
        assert_eq!(free, [443]);
        assert!(taken(&what, &free).remedy_text().unwrap().contains("tailnet_port = 443"));
    }

    #[test]
    fn a_machine_that_is_in_no_tailnet_is_told_what_to_do() {
        let status = |state: &str, name: &str| json!({ "BackendState": state, "Self": { "DNSName": name } });
        assert_eq!(own_name(&status("Running", "Host.tail1.ts.net.")).unwrap(), "host.tail1.ts.net");
        for state in ["NeedsLogin", "Stopped", "NoState", "NeedsMachineAuth", "?"] {
            assert_eq!(own_name(&status(state, "h.")).unwrap_err().code(), "tailscale_not_up", "{state}");
        }
        assert_eq!(own_name(&status("Running", "")).unwrap_err().code(), "tailscale_nameless");
        assert_eq!(own_name(&Value::Null).unwrap_err().code(), "tailscale_not_up");
    }

    #[test]
    fn complaints_are_told_apart() {
        for (said, code) in [
            (
                "sending serve config: updating config: listener already exists for port 443",
                "tailnet_port_taken",
            ),
            ("foreground already exists under this port", "tailnet_port_taken"),
            ("sending serve config: Access denied: serve config denied", "tailscale_denied"),
            ("Another client is changing the serve config; please try again.", "tailscale_raced"),
            (
                "Serve is not enabled on your tailnet.\nTo enable, visit:\n\n  https://x",
                "tailscale_feature_off",
            ),
            ("failed to connect to local tailscaled; it doesn't appear to be running", "tailscale_not_up"),
            ("flag provided but not defined: -https", "tailscale_too_old"),
            ("", "tailscale_failed"),
        ] {
            let error = complained(said);
            assert_eq!(error.code(), code, "{said}");
            assert!(error.remedy_text().is_some());
        }
    }

    #[test]
    fn a_login_is_a_persons() {
        let whois =
            |tags: Value| json!({ "Node": { "Tags": tags }, "UserProfile": { "LoginName": "ana@x" } });
        assert_eq!(login(&whois(Value::Null)), Some("ana@x"));
        assert_eq!(login(&whois(json!(["tag:server"]))), None);
        assert_eq!(login(&json!({})), None);
    }
}

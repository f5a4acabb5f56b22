//! F1 and I8, every verb against somebody who must learn nothing: a URL without a credential of its own, hosts that only
//! look like this one, a redirect, proxies, an edited address with a token kept for the one before, and an impostor on
//! the profile's port. What came is read at the other end, byte by byte.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::served::SECRET;
use super::verbs::{ALL, each, words};
use super::world::{Said, World, said};

/// What nobody may ever see but the gateway that it belongs to.
const CANARY: &str = "canary-5ecret/of+every~verb";

/// A user who is not this one.
const NOBODY: u32 = 65534;

/// A text as tools would write it.
fn forms(secret: &str) -> [String; 4] {
    let percent = secret.replace('/', "%2F").replace('+', "%2B");
    [secret.to_owned(), STANDARD.encode(secret), URL_SAFE_NO_PAD.encode(secret), percent]
}

/// A listener that keeps every byte that it is sent; it serves until the test ends.
struct Trap {
    port: u16,
    connects: Arc<AtomicUsize>,
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Trap {
    /// One that answers every request with `answer`, or not at all.
    fn new(answer: Option<String>) -> Trap {
        Trap::of(None, 0, answer)
    }

    /// One on `port` whose socket belongs to `user`.
    fn of(user: Option<u32>, port: u16, answer: Option<String>) -> Trap {
        let (opened, listener) = channel();
        let (connects, bytes) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (count, kept) = (Arc::clone(&connects), Arc::clone(&bytes));
        std::thread::spawn(move || {
            // A thread has a user of its own for what it opens.
            if let Some(user) = user {
                nix::unistd::setfsuid(nix::unistd::Uid::from_raw(user));
            }
            let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
            opened.send(listener.local_addr().unwrap().port()).unwrap();
            for mut stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let (kept, answer) = (Arc::clone(&kept), answer.clone());
                std::thread::spawn(move || {
                    let mut part = [0; 4096];
                    while let Ok(count @ 1..) = stream.read(&mut part) {
                        kept.lock().unwrap().extend_from_slice(&part[..count]);
                        let Some(answer) = &answer else { continue };
                        if stream.write_all(answer.as_bytes()).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Trap { port: listener.recv().unwrap(), connects, bytes }
    }

    fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    fn connects(&self) -> usize {
        self.connects.load(Ordering::SeqCst)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }
}

/// Runs a verb with everything that could be sent lying around; what it prints holds no secret.
fn hostile(world: &World, words: &[&str], proxy: &Trap, more: &[(&str, &str)]) -> Said {
    let mut command = world.command(words);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        command.env(name, format!("http://127.0.0.1:{}", proxy.port));
    }
    for name in ["OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_PASSWORD", "CLAWDBOT_GATEWAY_TOKEN"] {
        command.env(name, CANARY);
    }
    command.env("OPENCLAW_PROFILE", "default").env("OPENCLAW_ALLOW_INSECURE_PRIVATE_WS", "1");
    let said = said(command.envs(more.iter().copied()).spawn().unwrap());
    for form in forms(CANARY).iter().chain(&forms(SECRET)) {
        assert!(!said.out.contains(form) && !said.err.contains(form), "{words:?}: {form}: {said:?}");
    }
    said
}

/// The configuration and the `.env` of the default profile.
fn configure(world: &World, gateway: &Value) {
    let folder = world.home(".openclaw");
    world.private(&folder);
    fs::write(folder.join("openclaw.json"), json!({ "gateway": gateway }).to_string()).unwrap();
    fs::write(folder.join(".env"), format!("OPENCLAW_GATEWAY_TOKEN={CANARY}\n")).unwrap();
}

/// Every verb with every one of `items`.
fn cross(items: &[String]) -> Vec<(&'static [String], &String)> {
    ALL.iter().flat_map(|verb| items.iter().map(move |item| (verb.as_slice(), item))).collect()
}

/// The code of an error that stands in the one document, wherever the verb puts it.
#[track_caller]
fn is_refused(verb: &[String], said: &Said, codes: &[&str]) {
    assert!(matches!(said.code, Some(2 | 77)), "{verb:?}: {said:?}");
    let code = said.json()["error"]["code"].as_str().unwrap_or_default().to_owned();
    assert!(codes.contains(&code.as_str()), "{verb:?}: {said:?}");
}

#[test]
fn incident_f1_no_verb_calls_anybody_without_the_credential_typed_beside_its_url() {
    let (world, trap) = (World::new(), Trap::new(None));
    let (url, own) = (trap.url(), world.block());
    let kept = json!({"token": CANARY, "password": CANARY});
    let remote = json!({"url": url, "token": CANARY, "password": CANARY});
    configure(&world, &json!({"port": own, "auth": kept, "remote": remote}));
    let port = trap.port;
    let urls = [
        url.clone(),
        format!("wss://127.0.0.1:{port}"),
        format!("ws://localhost.:{port}"),
        format!("ws://127.evil.test:{port}"),
        format!("ws://[::ffff:127.0.0.1]:{port}"),
        format!("ws://user:{CANARY}@127.0.0.1:{port}"),
        format!("{url}/?token={CANARY}"),
        format!("{url}/#token={CANARY}"),
    ];
    let other = [("OPENCLAW_GATEWAY_URL", "ws://127.0.0.1:1")];
    each(&cross(&urls), |(verb, url)| {
        let said = hostile(&world, &words(&[], verb, &["--json", "--url", url]), &trap, &other);
        is_refused(verb, &said, &["gateway_credentials_required", "url_invalid", "url_not_private"]);
    });
    // One from the environment gets nothing of what stands in files.
    configure(&world, &json!({"port": own, "auth": kept}));
    each(&ALL, |verb| {
        let mut command = world.command(&words(&[], verb, &["--json"]));
        let said = said(command.env("OPENCLAW_GATEWAY_URL", &url).spawn().unwrap());
        assert!(said.code.is_some_and(|code| code != 0), "{verb:?}: {said:?}");
        assert!(!said.out.contains(CANARY) && !said.err.contains(CANARY), "{verb:?}: {said:?}");
    });
    assert_eq!(trap.connects(), 0, "somebody connected: {}", trap.text());
}

#[test]
fn incident_f1_with_a_credential_every_verb_refuses_what_only_looks_like_this_host() {
    let (world, trap) = (World::new(), Trap::new(None));
    let secret = world.secret();
    let hosts = [
        "ws://localhost.:PORT",
        "ws://localhost.evil.test:PORT",
        "ws://127.evil.test:PORT",
        "ws://127.0.0.1.evil.test:PORT",
        "ws://[::ffff:127.0.0.1]:PORT",
        "ws://user:pass@127.0.0.1:PORT",
        "ws://127.0.0.1:PORT/?token=x",
        "ws://127.0.0.1:PORT/#token=x",
    ];
    let urls = hosts.map(|host| host.replace("PORT", &trap.port.to_string()));
    each(&cross(&urls), |(verb, url)| {
        let typed = ["--json", "--url", url, "--token-file", &secret];
        let mut command = world.command(&words(&[], verb, &typed));
        let said = said(command.spawn().unwrap());
        is_refused(verb, &said, &["url_invalid", "url_not_private"]);
        assert!(!said.out.contains(SECRET) && !said.out.contains("pass@"), "{verb:?}: {said:?}");
    });
    assert_eq!(trap.connects(), 0, "somebody connected: {}", trap.text());
}

#[test]
fn incident_f1_with_a_token_file_every_verb_shows_exactly_that_token_and_follows_no_redirect() {
    let (world, proxy) = (World::new(), Trap::new(None));
    let (served, secret) = (world.served(&[]), world.secret());
    configure(&world, &json!({"auth": {"token": CANARY, "password": CANARY}}));
    let ask = |url: &str| {
        each(&ALL, |verb| {
            let typed = ["--json", "--timeout", "5s", "--url", url, "--token-file", &secret];
            hostile(&world, &words(&[], verb, &typed), &proxy, &[]);
        });
    };
    ask(&served.url());
    let came: Vec<Value> = served.heard("connect").into_iter().map(|params| params["auth"].clone()).collect();
    assert!(came.len() >= ALL.len(), "{}", came.len());
    assert!(came.iter().all(|auth| *auth == json!({ "token": SECRET })), "what was typed, alone: {came:?}");
    assert!(!forms(CANARY).iter().any(|form| served.text().contains(form)));
    let further = Trap::new(None);
    let to = format!(
        "HTTP/1.1 302 Found\r\nLocation: {}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        further.url()
    );
    let door = Trap::new(Some(to));
    ask(&door.url());
    assert!(door.connects() >= ALL.len(), "{}", door.connects());
    let text = door.text();
    assert!(!forms(CANARY).iter().chain(&forms(SECRET)).any(|form| text.contains(form)), "{text}");
    assert_eq!((further.connects(), proxy.connects()), (0, 0), "{}{}", further.text(), proxy.text());
}

#[test]
fn incident_f1_nothing_kept_for_one_address_goes_to_the_one_that_took_its_place() {
    let world = World::new();
    let told = ["--device-token", "the-token-that-this-device-was-given"];
    let (old, new) = (world.served(&told), world.served(&[]));
    let in_config = |url: &str| {
        configure(
            &world,
            &json!({"mode": "remote", "auth": {"token": CANARY, "password": CANARY}, "remote": {"url": url}}),
        );
        let _ = fs::remove_file(world.home(".openclaw/.env"));
    };
    let in_manifest = |url: &str| {
        let text = format!("kind = \"remote\"\n[remote]\ntransport = \"direct\"\nurl = \"{url}\"\n");
        world.manifest("far", &text);
    };
    for name in ["default", "far"] {
        let write = |url: &str| if name == "far" { in_manifest(url) } else { in_config(url) };
        write(&old.url());
        let call = ["--profile", name, "gateway", "call", "health", "--json"];
        world.run(&call).ok();
        world.run(&call).ok();
        let last = old.heard("connect").pop().unwrap();
        assert_eq!(last["auth"], json!({"deviceToken": told[1]}), "{name}: it is kept, and used there");
        write(&new.url());
        each(&ALL, |verb| {
            world.run(&words(&["--profile", name], verb, &["--json", "--timeout", "5s"]));
        });
    }
    let came = new.heard("connect");
    assert!(came.len() >= ALL.len(), "{}", came.len());
    assert!(came.iter().all(|params| params["auth"].is_null()), "{came:?}");
    let text = new.text();
    assert!(!forms(CANARY).iter().chain(&forms(told[1])).any(|form| text.contains(form)));
}

/// Asserts that no verb says a word to the impostor on the port of `work`.
fn is_told_nothing(world: &World, impostor: &Trap) {
    let ask = |verb: &Vec<String>| {
        let said = world.run(&words(&["--profile", "work"], verb, &["--json", "--timeout", "5s"]));
        assert_eq!(said.code, Some(77), "{verb:?}: {said:?}");
        assert!(said.out.contains("no credential was sent"), "{verb:?}: {said:?}");
        assert!(!said.out.contains(CANARY) && !said.err.contains(CANARY), "{verb:?}: {said:?}");
    };
    let (looks, asks): (Vec<_>, Vec<_>) =
        ALL.iter().cloned().partition(|verb| verb[..] == ["status", "--deep"]);
    each(&asks, ask);
    assert!(impostor.connects() > 0, "it is there to be asked");
    assert_eq!(impostor.text(), "", "not a byte");
    // This one asks everything on the host that may be a gateway whether it is one.
    each(&looks, ask);
    let text = impostor.text().to_lowercase();
    let says_more = ["authorization", "token", "password"].iter().any(|word| text.contains(word));
    assert!(!says_more, "{text}");
    assert!(!forms(CANARY).iter().any(|form| impostor.text().contains(form)), "{text}");
}

/// The profile `work` with a secret.
fn with_secret(world: &World) {
    world.private(&world.state("work"));
    let config = json!({"gateway": {"auth": {"token": CANARY, "password": CANARY}}});
    fs::write(world.state("work").join("openclaw.json"), config.to_string()).unwrap();
}

#[test]
fn incident_f1_another_users_process_on_the_profiles_port_is_told_nothing() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root can be two users");
        return;
    }
    let world = World::new();
    with_secret(&world);
    let impostor = Trap::of(Some(NOBODY), world.fake("work", "", "", &[]), None);
    is_told_nothing(&world, &impostor);
}

#[test]
fn incident_f1_another_process_of_this_user_on_a_managed_profiles_port_is_told_nothing() {
    let world = World::new();
    with_secret(&world);
    let port = world.fake("work", "", "", &[]);
    world.run(&["profile", "start", "work"]).ok();
    // Its gateway lives; who has the port that the profile names now is another one.
    let impostor = Trap::new(None);
    let file = world.home(".config/openclaw/profiles/work.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(file, text.replace(&format!("port = {port}"), &format!("port = {}", impostor.port))).unwrap();
    is_told_nothing(&world, &impostor);
}

#[test]
fn incident_f1_a_process_of_this_user_on_the_port_of_a_managed_profile_that_does_not_run_is_told_nothing() {
    let world = World::new();
    with_secret(&world);
    let impostor = Trap::of(None, world.fake("work", "", "", &[]), None);
    is_told_nothing(&world, &impostor);
}

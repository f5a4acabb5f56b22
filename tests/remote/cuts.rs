//! Cut links (INCIDENTS F2): whatever happens to the cable, the server, the client or the whole near machine is found,
//! and healed once it is over, on the same port, with one client at a time and none left behind.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::look;
use super::net::Cut;
use super::server::Pair;
use super::world::{pid, wait_for};

/// A pace at which seconds stand for the half minute that the usual one takes.
pub const FAST: &str = "restart_delay_min = '100ms'\nrestart_delay_max = '1s'\nstart_timeout = '6s'\n\
                        stop_timeout = '1s'\nprobe_interval = '500ms'\nhang_timeout = '3s'";
/// Distance of two counts of the clients.
const SAMPLE: Duration = Duration::from_millis(40);

/// A link that is up, on two machines.
struct Linked {
    pair: Pair,
    name: String,
    link: Value,
}

impl Linked {
    fn new() -> Option<Linked> {
        let pair = Pair::apart()?;
        let name = pair.name("home");
        pair.create(&name, &[]).ok();
        pair.pace(&name, FAST);
        let link = pair.near.start(&name)["link"].clone();
        Some(Linked { pair, name, link })
    }

    fn client(&self) -> u32 {
        self.link["pid"].as_u64().unwrap() as u32
    }

    fn until_down(&self) {
        self.pair.near.until(&self.name, "down", |status| status["link"]["up"] == false);
    }

    /// `cut` is found, and healed after `mend`; that took so long.
    fn heals(&self, what: &str, cut: impl FnOnce(&Linked), mend: impl FnOnce(&Linked)) {
        let (done, most) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    most.fetch_max(self.pair.clients().len(), Ordering::Relaxed);
                    std::thread::park_timeout(SAMPLE);
                }
            });
            let _done = Done(&done);
            cut(self);
            self.until_down();
            mend(self);
            let began = Instant::now();
            let up = self.pair.until_up(&self.name, None);
            eprintln!("{what}: up {:.1} s after the mend", began.elapsed().as_secs_f64());
            assert_eq!(up["link"]["localPort"], self.link["localPort"], "{what}");
            self.pair.health(&self.name).ok();
        });
        assert_eq!(most.load(Ordering::Relaxed), 1, "{what}: one client at a time");
        self.pair.near.run(&["profile", "stop", &self.name]).ok();
        assert_eq!(self.pair.clients(), Vec::<u32>::new(), "{what}");
    }
}

/// Ends the count also when the test fails.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What is stopped goes on also when the test fails: nothing could be ended in order.
struct Thaw<'a>(&'a [u32]);

impl Drop for Thaw<'_> {
    fn drop(&mut self) {
        signal_all(self.0, Signal::SIGCONT);
    }
}

/// Signals those that are still there.
fn signal_all(pids: &[u32], signal: Signal) {
    for pid in pids {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(*pid as i32), signal);
    }
}

/// Cuts the cable in this way.
fn cable(cut: Cut, what: &str) {
    let Some(linked) = Linked::new() else { return };
    let net = |linked: &Linked, f: &dyn Fn(&super::net::Net)| f(linked.pair.net.as_ref().unwrap());
    linked.heals(what, |linked| net(linked, &|net| net.cut(cut)), |linked| net(linked, &|net| net.mend()));
}

/// Runs scenes at the same time: they mostly wait.
fn together(scenes: &[&(dyn Fn() + Sync)]) {
    std::thread::scope(|scope| {
        for scene in scenes {
            scope.spawn(scene);
        }
    });
}

#[test]
fn incident_f2_whatever_is_cut_or_frozen_is_found_and_heals() {
    together(&[
        &|| cable(Cut::Drop, "dropped"),
        &|| cable(Cut::Deaf, "half open"),
        &|| cable(Cut::Refuse, "refused"),
        &|| cable(Cut::Unplugged, "unplugged"),
        &frozen_server,
        &frozen_client,
        &frozen_laptop,
    ]);
}

#[test]
fn incident_f2_no_tunnel_is_ended_for_the_gateway_and_no_old_attempt_wins() {
    together(&[&frozen_gateway, &slow_network, &stopped_while_it_connects, &turned_while_it_connects]);
}

/// The server stops and goes on.
fn frozen_server() {
    let Some(linked) = Linked::new() else { return };
    let servers = linked.pair.servers();
    let _thaw = Thaw(&servers);
    linked.heals(
        "server frozen",
        |_| signal_all(&servers, Signal::SIGSTOP),
        |_| signal_all(&servers, Signal::SIGCONT),
    );
}

/// The client stops for good, and is replaced.
fn frozen_client() {
    let Some(linked) = Linked::new() else { return };
    linked.heals("client frozen", |linked| look::signal(linked.client(), Signal::SIGSTOP), |_| ());
    assert!(!look::is_alive(linked.client()));
}

/// The near machine slept while the server forgot it.
fn frozen_laptop() {
    let Some(linked) = Linked::new() else { return };
    let near = [linked.pair.near.supervisor(), linked.client()];
    let sessions = linked.pair.servers().split_off(1);
    let _thaw = Thaw(&near);
    signal_all(&near, Signal::SIGSTOP);
    // The far end gives up meanwhile, and its goodbye is lost.
    linked.pair.net.as_ref().unwrap().cut(Cut::Drop);
    signal_all(&sessions, Signal::SIGKILL);
    wait_for("the sessions' end", || (!sessions.iter().any(|pid| look::is_alive(*pid))).then_some(()));
    let asleep = Instant::now();
    wait_for("the night", || (asleep.elapsed() > Duration::from_secs(4)).then_some(()));
    linked.pair.net.as_ref().unwrap().mend();
    linked.heals("asleep", |_| signal_all(&near, Signal::SIGCONT), |_| ());
}

/// A stop during an attempt wins, and the neighbour heals.
fn stopped_while_it_connects() {
    let Some(linked) = Linked::new() else { return };
    let pair = &linked.pair;
    let other = pair.name("other");
    pair.create(&other, &[]).ok();
    pair.pace(&other, FAST);
    let second = pair.near.start(&other)["link"].clone();
    assert_ne!(second["localPort"], linked.link["localPort"]);
    pair.net.as_ref().unwrap().cut(Cut::Drop);
    // Another attempt than the one that stood.
    pair.near.until(&linked.name, "connecting", |status| {
        status["state"] == "starting" && status["link"]["pid"].as_u64() != linked.link["pid"].as_u64()
    });
    pair.near.run(&["profile", "stop", &linked.name]).ok();
    pair.net.as_ref().unwrap().mend();
    let handshakes = RefCell::new(BTreeSet::new());
    pair.near.until(&other, "up for a while", |status| {
        assert!(pair.clients().len() <= 1, "what was stopped stays stopped");
        let up = status["link"]["up"] == true;
        if up {
            handshakes.borrow_mut().insert(status["link"]["lastHandshakeAtMs"].as_u64());
        }
        up && handshakes.borrow().len() > 3
    });
    assert_eq!(pair.near.show(&linked.name)["state"], "stopped");
    assert_eq!(pair.near.show(&other)["link"]["localPort"], second["localPort"]);
}

/// A target that changes during an attempt is the one that comes.
fn turned_while_it_connects() {
    let Some(linked) = Linked::new() else { return };
    let pair = &linked.pair;
    let second = pair.far.name("second");
    let port = pair.far.start(&second)["port"].as_u64().unwrap();
    pair.net.as_ref().unwrap().cut(Cut::Drop);
    let attempt = pair.near.until(&linked.name, "connecting", |status| {
        status["state"] == "starting" && status["link"]["pid"].as_u64() != linked.link["pid"].as_u64()
    });
    let (old, new) = (format!("remote_port = {}", pair.gateway_port), format!("remote_port = {port}"));
    let config = fs::read(pair.far.state(&second).join("openclaw.json")).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    fs::write(pair.file("token"), config["gateway"]["auth"]["token"].as_str().unwrap()).unwrap();
    pair.rewrite(&linked.name, &old, &new);
    pair.net.as_ref().unwrap().mend();
    let up = pair.until_up(&linked.name, None);
    assert_ne!(up["link"]["pid"], attempt["link"]["pid"], "{up}");
    let client = up["link"]["pid"].as_u64().unwrap() as u32;
    assert!(look::command_line(client).contains(&format!(":127.0.0.1:{port}")));
    assert_eq!(up["link"]["localPort"], linked.link["localPort"]);
    assert_eq!(pair.clients(), [client]);
}

/// The gateway stops behind its tunnel.
fn frozen_gateway() {
    let pair = Pair::new();
    let name = pair.name("home");
    pair.create(&name, &[]).ok();
    pair.pace(&name, FAST);
    let client = pair.near.start(&name)["link"]["pid"].clone();
    let gateway = pid(&pair.far.show(&pair.gateway));
    let began = Instant::now();
    let _thaw = Thaw(&[gateway]);
    look::signal(gateway, Signal::SIGSTOP);
    pair.near.until(&name, "degraded for twice the time that makes a hang", |status| {
        assert_eq!(status["link"]["pid"], client, "{status}");
        status["state"] == "degraded" && began.elapsed() > Duration::from_secs(7)
    });
    look::signal(gateway, Signal::SIGCONT);
    assert_eq!(pair.until_up(&name, None)["link"]["pid"], client);
}

/// Passes connections on to `port`, each byte so much later; gives its own port.
fn delayed(port: u16, delay: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    let later = move |mut from: TcpStream, mut to: TcpStream| {
        let (send, receive) = channel::<(Instant, Vec<u8>)>();
        std::thread::spawn(move || {
            let mut buffer = [0; 1 << 16];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                let _ = send.send((Instant::now() + delay, buffer[..count].to_vec()));
            }
        });
        std::thread::spawn(move || {
            for (due, bytes) in receive {
                while Instant::now() < due {
                    std::thread::park_timeout(due - Instant::now());
                }
                let _ = to.write_all(&bytes);
            }
            let _ = to.shutdown(Shutdown::Both);
        });
    };
    std::thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let far = TcpStream::connect(("127.0.0.1", port)).unwrap();
            later(near.try_clone().unwrap(), far.try_clone().unwrap());
            later(far, near);
        }
    });
    own
}

/// Every byte comes late.
fn slow_network() {
    let mut pair = Pair::new();
    let name = pair.name("home");
    // Four ways there and back, which a handshake takes, are longer than a look may take at this pace.
    pair.port = delayed(pair.port, Duration::from_millis(250));
    pair.know_host();
    pair.create(&name, &[]).ok();
    pair.pace(&name, &FAST.replace("start_timeout = '6s'", "start_timeout = '30s'"));
    let client = pair.near.start(&name)["link"]["pid"].clone();
    let began = Instant::now();
    pair.near.until(&name, "watched for twice the time that makes a hang", |status| {
        assert_eq!(status["link"]["pid"], client, "{status}");
        began.elapsed() > Duration::from_secs(7)
    });
    pair.health(&name).ok();
}

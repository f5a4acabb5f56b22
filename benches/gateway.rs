//! The embedded gateway beside the real one, each asked by the same client in one run: calls on one connection and on
//! many, new connections, what an open one weighs, the way from exec to `hello-ok`, and events told to a thousand
//! subscribers. A bare echo over the same WebSocket library is the limit of what any gateway could do here.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::call::{self, Connection};
use crate::health::Npm;
use crate::process::{Running, resident, timed, until_port, until_refused, wait_until};
use crate::table::{Bound, Outcome, Row, Unit};
use crate::world::World;

/// How long each rate is counted.
const WINDOW: Duration = Duration::from_secs(3);
/// Connections that ask at once.
const MANY: usize = 64;
/// Connections that are weighed.
const WEIGHED: usize = 500;
/// Connections that hear an event.
const SUBSCRIBERS: usize = 1000;
/// Events that each of them hears.
const EVENTS: usize = 20;
/// How long all of those may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The two profiles.
const OWN: &str = "own";
const REAL: &str = "real";

/// A gateway that runs.
#[derive(Clone)]
struct Place {
    port: u16,
    token: String,
    pid: u64,
}

/// All lines.
pub fn rows(world: &World) -> Vec<Row> {
    raise_file_limit();
    crate::say("both gateways");
    let npm = Npm::find();
    let created =
        [world.create_embedded(OWN), npm.as_ref().map_err(Clone::clone).and_then(|npm| real(world, npm))];
    let names = [OWN, REAL];
    let each = |what: &dyn Fn(&str, u16) -> Outcome<f64>| {
        [0, 1].map(|index| what(names[index], created[index].clone()?))
    };
    let first = each(&|name, port| foreground(world, &npm, name, port));
    let both = [0, 1].map(|index| place(world, &npm, names[index], created[index].clone()?));
    let measure = |what: fn(&Place) -> Outcome<f64>| both.clone().map(|place| what(&place?));
    let row = |what, unit, [ours, theirs]: [Outcome<f64>; 2], bound, how: String| Row {
        what,
        unit,
        ours,
        against: "the real gateway",
        theirs: Some(theirs),
        bound,
        how,
    };
    let none = Bound::None;
    let window = WINDOW.as_secs();
    crate::say("calls, connections and events");
    let one = measure(|place| per_call(place, 1));
    let echoed = echo().and_then(echoes);
    vec![
        Row {
            what: "gateway: a health call, 1 connection",
            unit: Unit::Us,
            ours: one[0].clone(),
            against: "bare tokio-tungstenite echo",
            theirs: Some(echoed),
            bound: Bound::Times(2.0),
            how: format!("one after the other for {window} s; the echo gives the request back"),
        },
        row("gateway: a health call, 1 connection", Unit::Us, one, none, format!("the same for {window} s")),
        row(
            "gateway: a health call, 64 connections",
            Unit::Us,
            measure(|place| per_call(place, MANY)),
            none,
            format!("time by calls answered, {MANY} threads for {window} s"),
        ),
        row(
            "gateway: a new connection",
            Unit::Us,
            measure(per_connection),
            none,
            format!("from connect(2) to hello-ok, one after the other for {window} s"),
        ),
        row(
            "gateway: memory of an open connection",
            Unit::KB,
            measure(weight),
            none,
            format!("growth of the resident memory by {WEIGHED} connections"),
        ),
        row(
            "gateway: an event to one of 1,000 subscribers",
            Unit::Us,
            measure(fan_out),
            none,
            format!(
                "{EVENTS} times voicewake.set, from the first call until the last one is heard, by deliveries"
            ),
        ),
        row("gateway: exec to hello-ok", Unit::Ms, first, none, "in the foreground, once".to_owned()),
    ]
}

/// Lets this process hold a thousand connections.
fn raise_file_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// Creates the profile of the real gateway; gives its port.
fn real(world: &World, npm: &Npm) -> Outcome<u16> {
    let port = world.port()?;
    let number = port.to_string();
    let mut command =
        world.openclaw(&["profile", "create", REAL, "--runtime", "openclaw", "--port", &number]);
    command.env("PATH", npm.path());
    timed(command, &world.errors())?;
    Ok(port)
}

/// The program, in an environment in which both gateways are found: the supervisor has that of whoever was first.
fn openclaw(world: &World, npm: &Outcome<Npm>, words: &[&str]) -> Command {
    let mut command = world.openclaw(words);
    if let Ok(npm) = npm {
        command.env("PATH", npm.path());
    }
    command
}

/// Runs a gateway without a supervisor, from exec until a client is in; milliseconds.
fn foreground(world: &World, npm: &Outcome<Npm>, name: &str, port: u16) -> Outcome<f64> {
    let token = world.token(name)?;
    let mut command = openclaw(world, npm, &["gateway", "run", "--profile", name]);
    let began = Instant::now();
    let (_, child) = until_port(&mut command, port, &world.errors())?;
    let gateway = Running(child);
    let mut last = String::new();
    wait_until(|| call::open(port, &token).map_err(|error| last = error.to_string()).is_ok())
        .map_err(|()| last)?;
    let time = began.elapsed();
    drop(gateway);
    until_refused(port)?;
    Ok(time.as_secs_f64() * 1e3)
}

/// Starts the profile's gateway under the supervisor.
fn place(world: &World, npm: &Outcome<Npm>, name: &str, port: u16) -> Outcome<Place> {
    timed(openclaw(world, npm, &["profile", "start", name, "--timeout", "150s"]), &world.errors())?;
    let status = world.ask(&["profile", "show", name])?;
    match status["pid"].as_u64() {
        Some(pid) => Ok(Place { port, token: world.token(name)?, pid }),
        None => Err(format!("{name} does not run: {status}")),
    }
}

fn open(place: &Place) -> Outcome<Connection> {
    call::open(place.port, &place.token).map_err(|error| error.to_string())
}

/// Asks for the health on `connections` at once; microseconds by call answered.
fn per_call(place: &Place, connections: usize) -> Outcome<f64> {
    let open: Outcome<Vec<Connection>> = (0..connections).map(|_| open(place)).collect();
    let asking = open?.into_iter().map(|mut connection| {
        thread::spawn(move || {
            let (began, mut calls) = (Instant::now(), 0_u64);
            while began.elapsed() < WINDOW {
                connection.exchange("health", &json!({})).map_err(|error| error.to_string())?;
                calls += 1;
            }
            Ok::<u64, String>(calls)
        })
    });
    let asking: Vec<_> = asking.collect();
    let mut calls = 0;
    for asked in asking {
        calls += asked.join().map_err(|_| "a client has panicked".to_owned())??;
    }
    Ok(WINDOW.as_secs_f64() * 1e6 / calls as f64)
}

/// Opens connections one after the other; microseconds by connection.
fn per_connection(place: &Place) -> Outcome<f64> {
    let (began, mut count) = (Instant::now(), 0_u32);
    while began.elapsed() < WINDOW {
        open(place)?;
        count += 1;
    }
    Ok(began.elapsed().as_secs_f64() * 1e6 / f64::from(count))
}

/// What an open connection adds to the gateway's memory; kilobytes.
fn weight(place: &Place) -> Outcome<f64> {
    let before = resident(place.pid)?;
    let open: Outcome<Vec<Connection>> = (0..WEIGHED).map(|_| open(place)).collect();
    let open = open?;
    let after = resident(place.pid)?;
    drop(open);
    Ok((after - before) * 1e3 / WEIGHED as f64)
}

/// Lets a thousand subscribers hear events; microseconds by event and subscriber.
fn fan_out(place: &Place) -> Outcome<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        let mut heard = Vec::new();
        for _ in 0..SUBSCRIBERS {
            heard.push(subscribe(place).await?);
        }
        let mut speaker = subscribe(place).await?;
        let began = Instant::now();
        let listening = heard.into_iter().map(|mut socket| async move {
            let mut count = 0;
            while count < EVENTS {
                match socket.next().await {
                    Some(Ok(Message::Text(text))) if text.contains(r#""event":"voicewake.changed""#) => {
                        count += 1
                    }
                    Some(Ok(_)) => {}
                    other => return Err(format!("a subscriber lost its connection: {other:?}")),
                }
            }
            Ok(())
        });
        let speaking = async {
            for number in 0..EVENTS {
                let params = json!({ "triggers": [format!("word {number}")] });
                let id = format!("e{number}");
                let event = json!({"type": "req", "id": id, "method": "voicewake.set", "params": params});
                let sent = speaker.send(Message::text(event.to_string())).await;
                sent.map_err(|error| error.to_string())?;
                loop {
                    match speaker.next().await {
                        Some(Ok(Message::Text(text))) if text.contains(&format!(r#""id":"{id}""#)) => {
                            if text.contains(r#""ok":false"#) {
                                return Err(text.to_string());
                            }
                            break;
                        }
                        Some(Ok(_)) => {}
                        other => return Err(format!("the speaker lost its connection: {other:?}")),
                    }
                }
            }
            Ok(())
        };
        let all = async {
            let (heard, spoken) = tokio::join!(futures_util::future::join_all(listening), speaking);
            spoken.and(heard.into_iter().collect::<Outcome<()>>())
        };
        tokio::time::timeout(PATIENCE, all).await.map_err(|_| "not all events were heard".to_owned())??;
        Ok(began.elapsed().as_secs_f64() * 1e6 / (SUBSCRIBERS * EVENTS) as f64)
    })
}

type Socket = tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>;

/// A connection that hears whatever an admin may.
async fn subscribe(place: &Place) -> Outcome<Socket> {
    let stream = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, place.port)).await;
    let url = format!("ws://127.0.0.1:{}/", place.port);
    let stream = stream.map_err(|error| error.to_string())?;
    let socket = tokio_tungstenite::client_async(url, stream).await;
    let (mut socket, _) = socket.map_err(|error| error.to_string())?;
    let connect = call::connect(&place.token, &["operator.admin", "operator.read"]);
    socket.send(Message::text(connect.to_string())).await.map_err(|error| error.to_string())?;
    while let Some(Ok(frame)) = socket.next().await {
        if let Message::Text(text) = frame
            && text.contains(r#""hello-ok""#)
        {
            return Ok(socket);
        }
    }
    Err("no hello-ok".to_owned())
}

/// A server that gives back what it gets, and its port.
fn echo() -> Outcome<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    listener.set_nonblocking(true).map_err(|error| error.to_string())?;
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let serving = async {
            let listener = tokio::net::TcpListener::from_std(listener).map_err(|error| error.to_string())?;
            let (stream, _) = listener.accept().await.map_err(|error| error.to_string())?;
            stream.set_nodelay(true).map_err(|error| error.to_string())?;
            let socket = tokio_tungstenite::accept_async(stream).await;
            let mut socket = socket.map_err(|error| error.to_string())?;
            while let Some(Ok(message)) = socket.next().await {
                if message.is_text() && socket.send(message).await.is_err() {
                    break;
                }
            }
            Ok::<(), String>(())
        };
        // The client sees whatever goes wrong here.
        let _ = runtime.map(|runtime| runtime.block_on(serving));
    });
    Ok(port)
}

/// Has the same request echoed, one after the other; microseconds by echo.
fn echoes(port: u16) -> Outcome<f64> {
    let mut connection = call::bare(port).map_err(|error| error.to_string())?;
    let (began, mut count) = (Instant::now(), 0_u64);
    while began.elapsed() < WINDOW {
        connection.exchange("health", &json!({})).map_err(|error| error.to_string())?;
        count += 1;
    }
    Ok(WINDOW.as_secs_f64() * 1e6 / count as f64)
}

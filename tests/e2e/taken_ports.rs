//! A profile's port in another's hands: refused with the holder's name before anything is spawned, the holder
//! unharmed, and forgotten once the port is free.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::Command;

use serde_json::Value;

use super::fake::FAKE;
use super::look;
use super::world::{World, pid, wait_for};

/// A profile whose port is `port`, not started.
fn profile(world: &World, name: &str) -> u16 {
    let port = world.block();
    world.run(&["profile", "create", name, "--port", &port.to_string(), "--runtime", "embedded"]).ok();
    port
}

/// A command is refused for `holder`'s sake. A child that this process forks at that very moment has its sockets
/// until it becomes its program, and may be named instead; then it is asked again.
fn refusal(world: &World, words: &[&str], holder: u32) -> Value {
    wait_for("the holder's name", || {
        let error = world.run(words).refused(78, "port_in_use");
        (error["holder"]["pid"] == holder).then_some(error)
    })
}

/// Waits until such a child has let go of `port` too.
fn free(port: u16) {
    wait_for("a free port", || TcpListener::bind(("0.0.0.0", port)).ok());
    if TcpListener::bind("[::1]:0").is_ok() {
        wait_for("a free port", || TcpListener::bind(("::", port)).ok());
    }
}

/// The two ends of an outgoing connection that uses `port` as its own, the far one first: who closes first keeps the
/// port for a while. `None` where an earlier test's connection still keeps it.
fn outgoing(port: u16) -> Option<(TcpStream, TcpStream)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let connection = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((std::net::Ipv4Addr::LOCALHOST, port).into()).ok()?;
        Some(socket.connect(peer.local_addr().unwrap()).await.unwrap().into_std().unwrap())
    })?;
    Some((peer.accept().unwrap().0, connection))
}

#[test]
fn an_outgoing_connection_on_its_port_is_waited_out_within_the_ordinary_budget() {
    let quick = "restart_delay_min = \"5ms\"\nrestart_delay_max = \"200ms\"\nrestarts_per_hour = 60";
    let world = World::new();
    // Met before the launch.
    let (port, ends) = wait_for("a port", || {
        let port = world.fake("early", "", quick, &["--starts", "@early"]);
        Some((port, outgoing(port)?))
    });
    let error = world.run(&["profile", "start", "early", "--json"]).refused(1, "port_busy");
    assert!(error["message"].as_str().unwrap().contains(&port.to_string()), "{error}");
    assert_eq!(world.lines("early"), [""; 0], "looked before it was loaded");
    drop(ends);
    world.until_state("early", "ready");
    // Met by the gateway itself, which calls it a fault of the configuration.
    let knobs = ["--never-listen", "--exit-after", "500", "--exit-code", "78", "--starts", "@late"];
    let port = wait_for("a port", || {
        let port = world.fake("late", "", quick, &knobs);
        outgoing(port).map(|_| port)
    });
    let start = world.spawn(&["profile", "start", "late", "--json"]);
    wait_for("the launch", || (world.lines("late").len() == 1).then_some(()));
    let ends = outgoing(port).unwrap();
    super::world::said(start).refused(1, "port_busy");
    assert!(["backoff", "starting"].contains(&world.show("late")["state"].as_str().unwrap()));
    drop(ends);
    // Without it, the same exit code is what it says.
    world.until_state("late", "failed");
    assert!(world.lines("late").len() >= 2);
}

/// A start is refused for `holder`'s sake, and nothing was spawned or written.
fn is_refused(world: &World, name: &str, port: u16, holder: u32) -> Value {
    let before = look::tree(&world.state(name));
    let error = refusal(world, &["profile", "start", name, "--json"], holder);
    assert!(error["holder"]["program"].is_string() && error["holder"]["user"].is_string(), "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(&port.to_string()) && message.contains(&holder.to_string()), "{message}");
    assert!(error["remedy"].is_string());
    assert!(!world.journal().contains("gateway spawned"), "looked before it was loaded");
    assert_eq!(look::tree(&world.state(name)), before, "nothing of the profile changed");
    error
}

#[test]
fn whichever_address_the_holder_has_it_is_named_and_goes_on() {
    for address in ["127.0.0.1", "0.0.0.0", "::1", "::"] {
        let world = World::new();
        let port = profile(&world, "held");
        let Ok(holder) = TcpListener::bind((address, port)) else {
            eprintln!("no {address} on this machine: skipped");
            continue;
        };
        is_refused(&world, "held", port, std::process::id());
        let human = world.run(&["profile", "start", "held"]);
        human.complains(78, &[&format!("port {port} (gateway)"), "held by: ", "try: "]);
        let mut caller = TcpStream::connect((address.replace("0.0.0.0", "127.0.0.1"), port)).unwrap();
        let (mut answer, _) = holder.accept().unwrap();
        // What the program itself had connected would be accepted first.
        caller.write_all(b"hello").unwrap();
        let mut heard = [0; 5];
        answer.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"hello", "the holder was not talked to");
        assert_eq!(world.show("held")["state"], "failed");
        drop((answer, caller, holder));
        free(port);
        assert_eq!(world.start("held")["state"], "ready", "{address}");
    }
}

#[test]
fn another_gateway_is_called_one_and_is_not_taken_over() {
    let world = World::new();
    let port = profile(&world, "held");
    let mut command = Command::new(&*FAKE);
    // The title by which the real program's gateway is known.
    let command = world.surround(&mut command).arg0("openclaw-gateway").args(["--port", &port.to_string()]);
    let mut gateway = command.spawn().unwrap();
    wait_for("the other gateway", || TcpStream::connect(("127.0.0.1", port)).ok());
    let error = is_refused(&world, "held", port, gateway.id());
    assert_eq!(error["holder"]["kind"], "gateway");
    assert!(error["remedy"].as_str().unwrap().contains("where it was started"), "{error}");
    world.run(&["profile", "stop", "held"]).ok();
    assert!(look::is_alive(gateway.id()), "a stop ends only what is ours");
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    assert_eq!(world.start("held")["state"], "ready");
}

#[test]
fn a_port_that_is_taken_while_the_gateway_is_down_refuses_its_restart_too() {
    let world = World::new();
    let port = profile(&world, "held");
    world.start("held");
    world.run(&["profile", "stop", "held"]).ok();
    let holder = TcpListener::bind(("127.0.0.1", port)).unwrap();
    refusal(&world, &["profile", "restart", "held", "--json"], std::process::id());
    drop(holder);
    free(port);
    world.run(&["profile", "restart", "held"]).ok();
}

#[test]
fn in_the_foreground_it_is_the_same() {
    let world = World::new();
    let port = profile(&world, "held");
    let _holder = TcpListener::bind(("127.0.0.1", port)).unwrap();
    refusal(&world, &["gateway", "run", "--profile", "held", "--json"], std::process::id());
    assert!(!world.state("held").join("gateway.lock").exists());
}

#[test]
fn a_new_profile_goes_out_of_the_way_of_a_port_in_use_and_says_so() {
    let world = World::new();
    let name = world.name("moved");
    let derived = openclaw_supervisor::base::port::derived_port(&name.parse().unwrap());
    let _holder = TcpListener::bind(("127.0.0.1", derived + 11)).unwrap();
    let created = world.run(&["profile", "create", &name, "--json"]).ok();
    let port = created.json()["port"].as_u64().unwrap();
    let further = port.checked_sub(u64::from(derived)).unwrap();
    assert!(further > 0 && further.is_multiple_of(120), "a block further up: {port}");
    assert!(
        created.err.contains(&format!("port {} of the block at {derived} is in use", derived + 11)),
        "{created:?}"
    );
    drop(_holder);
    assert_eq!(world.show(&name)["port"], port, "chosen once");
}

#[test]
fn what_runs_on_a_port_is_said_of_its_own_profile_alone() {
    let world = World::new();
    let port = profile(&world, "held");
    let before = pid(&world.start("held"));
    world.manifest("twin", &format!("[runtime]\nkind = \"embedded\"\n[gateway]\nport = {port}\n"));
    let twin = world.show("twin");
    assert_eq!((twin["state"].as_str(), &twin["pid"]), (Some("stopped"), &serde_json::Value::Null), "{twin}");
    assert_eq!(pid(&world.show("held")), before);
    // Why it cannot be started is said as long as that is so, and not how an earlier run ended.
    world.run(&["profile", "start", "twin", "--json"]).refused(78, "port_block_overlap");
    let told = world.show("twin")["warnings"].to_string();
    assert!(told.contains("not started: the ports") && told.contains("overlap; give `"), "{told}");
}

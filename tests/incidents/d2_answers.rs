//! D1 and D2: a port is asked what it is before anything is guessed from names. A gateway under another name is found,
//! one that is seen through a second door counts once, and nothing but the question is said to it.

use std::fs;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::thread;

use serde_json::Value;

use super::fake::FAKE;
use super::foreground::{kill, listening, lives};
use super::world::World;

/// The fake gateway under a name that says nothing, on `port`; what it is sent is kept in `notes.frames`.
fn unnamed(world: &World, port: u16) -> Child {
    let program = world.path("bin").join("notes");
    fs::copy(&*FAKE, &program).unwrap();
    let mut command = Command::new(program);
    world.surround(&mut command).args(["--port", &port.to_string(), "--record"]);
    listening(command.arg(world.path("notes.frames")).spawn().unwrap(), port)
}

fn gateways(world: &World) -> Vec<Value> {
    world.run(&["host", "status", "--json"]).ok().json()["gateways"].as_array().unwrap().clone()
}

#[test]
fn incident_d2_a_gateway_without_a_name_is_found_by_its_answer_and_told_nothing() {
    let world = World::new();
    let port = world.embedded("work");
    let gateway = unnamed(&world, port);
    let found = gateways(&world);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["pid"], &found[0]["port"]), (&gateway.id().into(), &port.into()), "{found:?}");
    assert_eq!((&found[0]["program"], &found[0]["ours"]), (&"notes".into(), &false.into()));
    assert_eq!(found[0]["identity"], format!("handshake on port {port}"));
    assert_eq!(world.run(&["host", "conflicts"]).code, Some(4));
    let error = world.refused_in_front("work", "port_in_use");
    assert_eq!(error["holder"]["pid"], gateway.id(), "{error}");
    assert_eq!(world.lines("notes.frames"), Vec::<String>::new(), "no word, and so no credential");
    assert!(lives(&gateway));
    kill(gateway);
}

/// Passes on what comes in on `door` to `port`, for as long as this process lives.
fn forward(door: u16, port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", door)).unwrap();
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else { continue };
            for (mut from, mut to) in [
                (near.try_clone().unwrap(), far.try_clone().unwrap()),
                (far.try_clone().unwrap(), near.try_clone().unwrap()),
            ] {
                thread::spawn(move || {
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
}

#[test]
fn incident_d2_a_gateway_seen_through_a_forward_counts_once_and_a_silent_port_is_none() {
    let world = World::new();
    let (name, door, silent) = (world.name("work"), world.embedded("door"), world.embedded("silent"));
    let port = world.start(&name)["port"].as_u64().unwrap() as u16;
    forward(door, port);
    let _silent = TcpListener::bind(("127.0.0.1", silent)).unwrap();
    let found = gateways(&world);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["port"], &found[0]["ours"]), (&port.into(), &true.into()), "{found:?}");
}

#[test]
fn incident_d2_where_the_kernel_hides_processes_sockets_and_answers_still_count() {
    let world = World::new();
    let script = format!(
        "mount -t proc -o hidepid=2 proc /proc && ip link set lo up && mount --bind \"${{OC%/*}}\" /mnt || exit 99\n\
         nobody() {{ HOME=/mnt/none setpriv --reuid 65534 --regid 65534 --clear-groups \"/mnt/${{OC##*/}}\" \"$@\"; }}\n\
         nobody host conflicts --json >/dev/null || exit 98\n\
         {} --port 21999 & gateway=$!\n\
         n=0; until nobody host conflicts --json >$WORLD/found; [ -s $WORLD/found ] && grep -q 21999 $WORLD/found\n\
         do n=$((n+1)); [ $n -lt 300 ] || break; done\n\
         nobody host status; kill $gateway",
        FAKE.display()
    );
    let words = ["/usr/bin/unshare", "--mount", "--pid", "--net", "--fork"];
    let said = world.script(&words, &script);
    if said.code == Some(99) || said.err.contains("unshare failed") {
        eprintln!("skipped: the kernel gives no namespaces or no hidepid: {}", said.err);
        return;
    }
    let text = fs::read_to_string(world.path("found")).unwrap_or_default();
    let found: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    let gateway = &found["gateways"][0];
    assert_eq!(gateway["port"], 21999, "{found} {said:?}");
    assert_eq!((&gateway["pid"], &gateway["program"]), (&Value::Null, &Value::Null), "{found}");
    assert_eq!((&gateway["user"], &gateway["identity"]), (&"root".into(), &"handshake on port 21999".into()));
    assert!(said.out.contains("21999"), "{said:?}");
}

//! D1 and B6: whoever sits on a profile's port is told apart from a gateway, by what it is and by name.

use std::net::TcpListener;
use std::process::Command;

use serde_json::Value;

use super::look;
use super::world::{World, said, wait_for};

/// The one finding about `name`'s port, after it was told by `host conflicts`.
fn finding(world: &World, name: &str) -> Value {
    let told = world.run(&["host", "conflicts", "--json"]);
    let report = told.json();
    let about = |conflict: &&Value| conflict["code"] == "port_in_use" && conflict["profile"] == *name;
    let found: Vec<&Value> = report["conflicts"].as_array().unwrap().iter().filter(about).collect();
    let [one] = &found[..] else { panic!("{told:?}") };
    assert_eq!((told.code, &report["ok"]), (Some(4), &false.into()));
    (*one).clone()
}

#[test]
fn incident_d1_another_program_on_a_profiles_port_is_named_by_the_host_report() {
    let world = World::new();
    let name = world.name("work");
    let created = world.run(&["profile", "create", &name, "--json"]).ok().json();
    let port = created["port"].as_u64().unwrap() as u16;
    let _taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let found = finding(&world, &name);
    assert_eq!((&found["severity"], &found["port"]), (&"error".into(), &port.into()));
    assert_eq!(
        (&found["holder"]["kind"], &found["holder"]["pid"]),
        (&"other".into(), &std::process::id().into())
    );
    let explained = world.run(&["host", "conflicts", "--explain", "--json"]).json();
    assert!(explained.to_string().contains("gave no gateway's answer"), "{explained}");
}

#[test]
fn incident_d1_a_forward_on_a_profiles_port_is_told_as_one() {
    let world = World::new();
    let name = world.name("work");
    let created = world.run(&["profile", "create", &name, "--json"]).ok().json();
    let port = created["port"].as_u64().unwrap().to_string();
    // Any listener under the name of the client: the name is what people would see, too.
    let folder = world.path("bin");
    std::os::unix::fs::symlink("/usr/bin/python3", folder.join("ssh")).unwrap();
    let script = "import socket,sys,time\ns=socket.create_server(('127.0.0.1',int(sys.argv[2])))\nprint(1,flush=True)\ntime.sleep(600)";
    let mut command = Command::new(folder.join("ssh"));
    let mut forward = world.surround(&mut command).args(["-c", script, "-L", &port]).spawn().unwrap();
    wait_for("the forward", || std::net::TcpStream::connect(("127.0.0.1", port.parse().unwrap())).ok());
    let found = finding(&world, &name);
    assert_eq!(found["holder"]["kind"], "ssh-tunnel", "{found}");
    assert!(found["message"].as_str().unwrap().contains("an SSH forward of this port"), "{found}");
    world.run(&["profile", "start", &name, "--json"]).refused(78, "port_in_use");
    assert!(look::is_alive(forward.id()), "it is not touched");
    forward.kill().unwrap();
    said(forward);
}

#[test]
fn incident_b4_what_two_profiles_share_stands_in_the_host_report_too() {
    let world = World::new();
    let [one, two] = ["one", "two"].map(|stem| world.name(stem));
    world.run(&["profile", "create", &one]).ok();
    world.run(&["profile", "create", &two]).ok();
    assert_eq!(world.run(&["host", "conflicts", "--json"]).ok().json()["conflicts"], serde_json::json!([]));
    let shared = world.state(&one).join("workspace");
    let config =
        format!("{{\"agents\":{{\"defaults\":{{\"workspace\":{:?}}}}}}}", shared.display().to_string());
    std::fs::write(world.state(&two).join("openclaw.json"), config).unwrap();
    let told = world.run(&["host", "conflicts", "--json"]);
    assert_eq!(told.code, Some(4), "{told:?}");
    assert!(told.json()["conflicts"].to_string().contains("workspace_shared"), "{told:?}");
}

//! B6: a second gateway failed on a port that it had never been told of. A port that the runtime binds is looked at
//! on every address before a start, and a refusal changes nothing. The embedded gateway binds the base of its
//! block and nothing else, so a holder elsewhere in the block is no reason to refuse it.

use std::net::{TcpListener, TcpStream};

use super::look;
use super::world::World;

#[test]
fn incident_b6_a_holder_of_the_port_on_any_address_is_named_and_nothing_changes() {
    for address in ["127.0.0.1", "0.0.0.0", "::1", "::"] {
        let world = World::new();
        let port = world.embedded("held");
        let Ok(_holder) = TcpListener::bind((address, port)) else {
            eprintln!("no {address} on this machine: skipped");
            continue;
        };
        let before = look::tree(&world.home(""));
        let error = world.refused_in_front("held", "port_in_use");
        assert!(error["message"].as_str().unwrap().contains(&format!("port {port} (gateway)")), "{error}");
        assert_eq!(error["holder"]["pid"], std::process::id());
        assert_eq!(look::tree(&world.home("")), before, "{address}: nothing is written");
        let manifest = std::fs::read(world.home(".config/openclaw/profiles/held.toml")).unwrap();
        let error = world.run(&["profile", "start", "held", "--json"]).refused(78, "port_in_use");
        assert!(error["message"].as_str().unwrap().contains(&format!("port {port} (gateway)")), "{error}");
        let after = std::fs::read(world.home(".config/openclaw/profiles/held.toml")).unwrap();
        assert_eq!(after, manifest, "{address}: the configuration is what it was");
        assert_eq!(world.show("held")["port"], port);
    }
}

#[test]
fn incident_b6_a_holder_elsewhere_in_the_block_does_not_stop_what_binds_the_base_alone() {
    let world = World::new();
    let port = world.embedded("held");
    let _holders: Vec<_> =
        [2, 3, 4, 10, 11, 110].map(|offset| TcpListener::bind(("0.0.0.0", port + offset)).unwrap()).into();
    let status = world.start("held");
    assert_eq!((&status["state"], &status["port"]), (&"ready".into(), &port.into()));
}

#[test]
fn incident_b6_an_outgoing_connection_that_has_the_port_is_no_holder_for_ever() {
    let world = World::new();
    let port = world.embedded("held");
    let server = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let caller = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let answer = server.accept().unwrap().0;
    // The side that closes first keeps the port in TIME_WAIT, which a listener may step over.
    drop((server, answer, caller));
    assert_eq!(world.start("held")["state"], "ready");
}

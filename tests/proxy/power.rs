//! `gateway stop` and `gateway restart` go to whoever runs the selected profile's gateway, and touch no other.

use super::world::{World, pid, said, wait_for};

#[test]
fn the_supervisors_gateways_are_ended_by_the_supervisor_and_no_other_is_touched() {
    let world = World::new();
    let (a, b) = (world.name("a"), world.name("ab"));
    let before = [pid(&world.start(&a)), pid(&world.start(&b))];
    world.run(&["--profile", &a, "gateway", "restart"]).ok();
    let after = [pid(&world.show(&a)), pid(&world.show(&b))];
    assert_ne!(after[0], before[0]);
    assert_eq!(after[1], before[1]);
    world.run(&["profile", "use", &a]).ok();
    world.run(&["gateway", "stop"]).ok();
    assert_eq!(world.show(&a)["state"], "stopped");
    assert_eq!(pid(&world.show(&b)), before[1]);
    world.run(&["gateway", "stop"]).ok();
    world.run(&["--profile", "nobody", "gateway", "stop", "--json"]).refused(3, "profile_unknown");
}

#[test]
fn of_a_gateway_in_a_terminal_the_command_is_named_and_nothing_is_done() {
    let world = World::new();
    let name = world.name("front");
    world.run(&["profile", "create", &name, "--runtime", "embedded"]).ok();
    let gateway = world.spawn(&["gateway", "run", "--profile", &name]);
    wait_for("the gateway", || (world.run(&["--profile", &name, "health"]).code == Some(0)).then_some(()));
    for verb in ["stop", "restart"] {
        let error =
            world.run(&["--profile", &name, "gateway", verb, "--json"]).refused(1, "gateway_unsupervised");
        let remedy = error["remedy"].as_str().unwrap();
        assert!(remedy.starts_with(&format!("kill -TERM {}", gateway.id())), "{error}");
        assert_eq!(error["holder"]["pid"], gateway.id(), "{error}");
    }
    assert_eq!(world.run(&["--profile", &name, "health"]).code, Some(0));
    super::look::signal(gateway.id(), nix::sys::signal::Signal::SIGTERM);
    assert_eq!(said(gateway).code, Some(0));
}

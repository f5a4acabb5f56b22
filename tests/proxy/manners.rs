//! What a gateway may do and how it is met: it speaks the version before, it still starts, it falls silent, it points
//! elsewhere.

use std::time::Instant;

use super::served::{SECRET, Served};
use super::world::{Said, World, said};

fn health(world: &World, served: &Served, words: &[&str]) -> Said {
    let (url, secret) = (served.url(), world.secret());
    let given = ["gateway", "call", "health", "--json", "--url", &url, "--token-file", &secret];
    world.run(&[&given[..], words].concat())
}

#[test]
fn the_version_before_is_spoken_without_what_it_does_not_know() {
    let world = World::new();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (protocol, code, traced) in [("4", 0, true), ("3", 0, false), ("5", 69, false), ("2", 69, false)] {
        let served = world.served(&["--protocol", protocol]);
        let (url, secret) = (served.url(), world.secret());
        let mut command = world.command(&["health", "--json", "--url", &url, "--token-file", &secret]);
        let said = said(command.env("TRACEPARENT", trace).spawn().unwrap());
        assert_eq!(said.code, Some(code), "{protocol}: {said:?}");
        assert_eq!(served.text().contains(trace), traced, "{protocol}");
        if code != 0 {
            said.refused(69, "gateway_protocol");
        }
    }
}

#[test]
fn a_gateway_whose_sidecars_start_is_asked_again_until_the_time_is_over() {
    let world = World::new();
    let served = world.served(&["--faults=startup-sidecars,startup-sidecars"]);
    health(&world, &served, &[]).ok();
    assert_eq!(served.heard("connect").len(), 3);
    let always = format!("--faults={}", ["startup-sidecars"; 100].join(","));
    let served = world.served(&[&always]);
    health(&world, &served, &["--timeout", "2s"]).refused(69, "gateway_starting");
    assert!(served.heard("connect").len() >= 2);
}

#[test]
fn silence_is_told_from_slowness() {
    let world = World::new();
    let served = world.served(&["--mute", "health", "--tick", "1000"]);
    let began = Instant::now();
    health(&world, &served, &["--timeout", "25s"]).refused(69, "gateway_silent");
    assert!(began.elapsed().as_secs() < 20, "two ticks are enough");
    health(&world, &served, &["--timeout", "300ms"]).refused(5, "gateway_slow");
}

#[test]
fn incident_f1_a_redirect_is_not_followed() {
    let world = World::new();
    let other = world.served(&[]);
    let served = world.served(&["--redirect", &other.url()]);
    health(&world, &served, &[]).refused(69, "gateway_foreign");
    assert!(!served.text().contains(SECRET) && other.text().is_empty());
}

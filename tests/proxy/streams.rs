//! What an agent says is printed as it comes; a run that starts late is asked for again, and Ctrl-C ends it.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;

use serde_json::{Value, json};

use super::scripted::{Gateway, Script, fault, ok};
use super::world::{World, wait_for};

fn said(delta: &str) -> Value {
    json!({"event": "agent", "payload": {"runId": "KEY", "stream": "assistant", "data": {"delta": delta}}})
}

fn accepted() -> Value {
    ok(json!({"runId": "r", "sessionKey": "agent:main:s", "status": "accepted"}))
}

fn world(script: Script) -> (World, Gateway) {
    let world = World::new();
    let gateway = Gateway::of(&world, "work", script);
    (world, gateway)
}

#[test]
fn a_late_start_is_asked_again_and_what_is_said_comes_in_order() {
    let (world, gateway) = world(|_, nth| match nth {
        0 => vec![json!({"ok": false, "error": {"code": "UNAVAILABLE", "message": "starting",
            "retryAfterMs": 100, "details": {"reason": "startup-sidecars"}}})],
        _ => {
            let other = json!({"event": "agent", "payload":
                {"runId": "other", "stream": "assistant", "data": {"delta": "no"}}});
            let done =
                json!({"runId": "r", "status": "ok", "result": {"payloads": [{"text": "Hello, you"}]}});
            vec![said("He"), accepted(), other, said("llo, "), ok(done)]
        }
    });
    let asked = ["--profile", "work", "agent", "-m", "x"];
    assert_eq!(world.run(&asked).ok().out, "Hello, you\n");
    assert_eq!(gateway.calls().len(), 2);
    let document = world.run(&[&asked[..], &["--json"]].concat()).ok().json();
    assert_eq!(document["result"]["payloads"][0]["text"], "Hello, you");
}

#[test]
fn a_run_that_fails_is_told_behind_what_it_said() {
    let (world, _gateway) =
        world(|_, _| vec![accepted(), said("Well"), fault("UNAVAILABLE", "no model", json!(null))]);
    let said = world.run(&["--profile", "work", "agent", "-m", "x"]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), "Well\n"));
    assert!(said.err.contains("no model"), "{said:?}");
}

#[test]
fn an_interrupt_ends_the_run_and_the_program_by_its_signal() {
    let (world, gateway) = world(|method, _| match method {
        "agent" => vec![accepted(), said("One moment\n")],
        _ => vec![ok(json!({"ok": true, "aborted": true}))],
    });
    let mut child = world.spawn(&["--profile", "work", "agent", "-m", "x"]);
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "One moment\n", "it is printed while the run goes on");
    super::look::signal(child.id(), nix::sys::signal::Signal::SIGINT);
    let status = wait_for("its end", || child.try_wait().unwrap());
    assert_eq!(status.signal(), Some(2));
    let abort = gateway.calls().pop().unwrap();
    assert_eq!((abort.method.as_str(), abort.scopes.as_str()), ("chat.abort", "operator.write"));
    assert_eq!(abort.params, json!({"sessionKey": "agent:main:s", "runId": "r"}));
}

#[test]
fn a_run_that_takes_too_long_is_ended() {
    let (world, gateway) = world(|method, _| match method {
        "agent" => vec![accepted()],
        _ => vec![ok(json!({"ok": true}))],
    });
    let asked = ["--profile", "work", "--json", "agent", "-m", "x", "--timeout", "300ms"];
    world.run(&asked).refused(5, "gateway_slow");
    assert_eq!(gateway.calls().pop().unwrap().method, "chat.abort");
}

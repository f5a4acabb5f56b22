//! Names, numbers and command lines that cannot be: refused with exit 2 or 3 before anything is made.

use super::look;
use super::world::World;

/// Commands that take a profile's name, with the place of the name left open.
const VERBS: [&[&str]; 8] = [
    &["profile", "start"],
    &["profile", "stop"],
    &["profile", "restart"],
    &["profile", "create"],
    &["profile", "show"],
    &["profile", "adopt"],
    &["profile", "logs"],
    &["profile", "env"],
];

/// What an untouched home looks like.
fn untouched(world: &World) {
    let found = look::tree(&world.home(""));
    assert_eq!(found.len(), 1, "{:?}", found.keys());
    assert!(world.processes().is_empty());
}

#[test]
fn a_profile_that_nobody_knows_is_told_with_those_that_exist() {
    let world = World::new();
    let nothing = world.run(&["profile", "stop", "nobody", "--json"]).refused(3, "profile_unknown");
    assert!(nothing["message"].as_str().unwrap().contains("there are none"), "{nothing}");
    untouched(&world);
    let port = world.block();
    world.run(&["profile", "create", "known", "--port", &port.to_string()]).ok();
    for verb in ["stop", "restart", "show", "logs", "env", "adopt", "check"] {
        let refused = world.run(&["profile", verb, "nobody", "--json"]).refused(3, "profile_unknown");
        assert!(refused["message"].as_str().unwrap().contains("known"), "{verb}: {refused}");
        assert_eq!(refused["profile"], "nobody");
        world.run(&["profile", verb, "nobody"]).complains(3, &["no profile `nobody`", "known"]);
    }
    for command in [&["health"][..], &["gateway", "run"], &["gateway", "call", "status"]] {
        let words = [&["--profile", "nobody", "--json"], command].concat();
        world.run(&words).refused(3, "profile_unknown");
    }
    let exec = world.run(&["profile", "exec", "nobody", "--json", "--", "/bin/true"]);
    exec.refused(3, "profile_unknown");
    assert!(!world.state("nobody").exists());
    assert!(world.processes().is_empty(), "no supervisor was started to say so");
}

#[test]
fn names_that_cannot_be_are_refused_by_every_verb() {
    let world = World::new();
    let long = "x".repeat(65);
    let names = [
        "../x",
        "x/../y",
        "/etc",
        ".",
        "..",
        "-x",
        "_x",
        "",
        " ",
        "a b",
        "wörk",
        "wоrk",
        "a\nb",
        "a;b",
        long.as_str(),
    ];
    for name in names {
        for verb in VERBS {
            // Behind a `--`, `create` takes a program.
            let create = verb[1] == "create";
            if create && name.starts_with('-') {
                continue;
            }
            let rest: &[&str] = if create { &["--json", name] } else { &["--json", "--", name] };
            let words = [verb, rest].concat();
            let error = world.run(&words).refused(2, "usage");
            let message = error["message"].as_str().unwrap();
            assert!(message.contains("invalid profile name"), "{words:?}: {message}");
        }
        let selected = world.run(&[&format!("--profile={name}"), "health", "--json"]);
        selected.refused(2, "profile_name_invalid");
        let exported = world.command(&["health", "--json"]).env("OPENCLAW_PROFILE", name).spawn().unwrap();
        let exported = super::world::said(exported);
        // Blank counts as unset, and then the default profile is meant.
        let code = if name.trim().is_empty() { 3 } else { 2 };
        assert_eq!(exported.code, Some(code), "{name:?}: {exported:?}");
    }
    untouched(&world);
}

#[test]
fn names_that_belong_to_the_program_or_differ_by_case_are_not_created() {
    let world = World::new();
    for name in ["gateway", "node", "Supervisor", "GATEWAY"] {
        world.run(&["profile", "create", name, "--json"]).refused(2, "profile_name_reserved");
        world.run(&["profile", "start", name, "--json"]).refused(2, "profile_name_reserved");
        assert!(!world.state(name).exists());
    }
    let port = world.block();
    world.run(&["profile", "create", "work", "--port", &port.to_string()]).ok();
    for name in ["Work", "WORK"] {
        let error = world.run(&["profile", "create", name, "--json"]).refused(2, "profile_name_collides");
        assert!(error["message"].as_str().unwrap().contains("`work`"), "{error}");
        world.run(&["profile", "start", name, "--json"]).refused(2, "profile_name_collides");
        assert!(!world.state(name).exists());
    }
    world.run(&["profile", "create", "work", "--json"]).refused(2, "profile_exists");
    // However it is written, the unnamed profile is one.
    let all = world.run(&["profile", "show", "DEFAULT", "--json"]).refused(3, "profile_unknown");
    assert_eq!(all["profile"], "default");
}

#[test]
fn ports_that_cannot_be_are_refused() {
    let world = World::new();
    for (port, code) in [
        ("0", "port_invalid"),
        ("65426", "port_invalid"),
        ("65536", "usage"),
        ("-1", "usage"),
        ("x", "usage"),
    ] {
        let error =
            world.run(&["profile", "create", "p", "--json", &format!("--port={port}")]).refused(2, code);
        assert!(error["message"].as_str().unwrap().contains(port), "{error}");
    }
    world.run(&["profile", "show", "p", "--json"]).refused(3, "profile_unknown");
    assert!(!world.state("p").exists());
}

#[test]
fn a_command_line_that_cannot_be_is_explained_and_exits_2() {
    let world = World::new();
    for words in [
        &["profile"][..],
        &["profile", "start"],
        &["profile", "start", "a", "--bogus"],
        &["profile", "create", "a", "b"],
        &["profile", "exec", "a"],
        &["profile", "logs", "a", "-n", "many"],
        &["profile", "create", "a", "--runtime", "magic"],
        &["supervisor", "dance"],
        &["health", "--timeout", "soon"],
        &["health", "--profile"],
        &["completions", "tcsh"],
    ] {
        let human = world.run(words);
        assert_eq!((human.code, human.out.as_str()), (Some(2), ""), "{human:?}");
        assert!(!human.err.is_empty());
        let error = world.run(&[words, &["--json"]].concat());
        // A word that swallows the flag (`--profile --json`) leaves the sentence for people.
        if !error.out.is_empty() {
            let error = error.refused(2, "usage");
            assert!(!error["message"].as_str().unwrap().ends_with(':'), "it says what: {error}");
        }
    }
    assert_eq!(world.run(&[]).code, Some(2));
    untouched(&world);
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let world = World::new();
    world.run(&["--dev", "--profile", "x", "health", "--json"]).refused(2, "profile_and_dev");
    let program = world.run(&["profile", "create", "p", "--json", "--", "/bin/true"]);
    program.refused(2, "runtime_command");
    let nothing = world.run(&["profile", "create", "p", "--json", "--runtime", "command"]);
    nothing.refused(2, "runtime_command");
    let template =
        world.run(&["profile", "create", "p", "--json", "--from", "resque"]).refused(2, "template_unknown");
    assert!(template["message"].as_str().unwrap().contains("`rescue`"), "{template}");
    assert!(!world.state("p").exists());
    let port = world.block();
    world.run(&["profile", "create", "p", "--port", &port.to_string()]).ok();
    for params in ["[]", "{", "5"] {
        let call = world.run(&["--profile", "p", "gateway", "call", "status", "--json", "--params", params]);
        call.refused(2, "params_invalid");
    }
}

#[test]
fn words_that_are_no_text_are_no_reason_to_panic() {
    use std::os::unix::ffi::OsStrExt;
    let world = World::new();
    let raw = std::ffi::OsStr::from_bytes(b"w\xffrk");
    for words in [&["profile", "start"][..], &["--profile"]] {
        let mut command = world.command(words);
        let said = super::world::said(command.arg(raw).arg("--json").spawn().unwrap());
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(!said.err.contains("panicked"), "{said:?}");
    }
    let mut command = world.command(&["profile", "list"]);
    let said = super::world::said(command.env("STRANGE", raw).env("LANG", raw).spawn().unwrap());
    assert_eq!(said.code, Some(0), "{said:?}");
    untouched(&world);
}

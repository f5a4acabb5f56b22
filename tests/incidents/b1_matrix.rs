//! B1 and B2, every verb for every profile: each gateway records what it is asked, and only the one that was meant is
//! asked, however it was selected, also with another one's variables around; a profile that is stopped or whose port
//! another one has is asked nowhere.

use std::fs;

use super::verbs::{ALL, each, words};
use super::world::{Said, World, said};

/// Names that begin alike, and the one without a name.
const NAMES: [&str; 5] = ["default", "a", "b", "a-b", "batch2"];

/// What the gateways answer.
const ANSWERS: &str = include_str!("../proxy/samples/answers.json");

/// Five gateways that run, each with a secret of its own; their ports.
fn five() -> (World, [u16; 5]) {
    let world = World::new();
    fs::write(world.path("answers.json"), ANSWERS).unwrap();
    let ports = NAMES.map(|name| {
        let folder = state(&world, name);
        world.private(&folder);
        let config = format!("{{gateway: {{auth: {{token: '{}'}}}}}}", secret(name));
        fs::write(folder.join("openclaw.json"), config).unwrap();
        let record = format!("@{name}.frames");
        world.fake(name, "", "", &["--answers", "@answers.json", "--record", &record])
    });
    world.run(&[&["profile", "start"][..], &NAMES].concat()).ok();
    (world, ports)
}

fn state(world: &World, name: &str) -> std::path::PathBuf {
    if name == "default" { world.home(".openclaw") } else { world.state(name) }
}

fn secret(name: &str) -> String {
    format!("the-5ecret-of-{name}-alone")
}

/// How many frames came that are not the supervisor's: a connection of its own says so.
fn asked(world: &World) -> [usize; 5] {
    NAMES.map(|name| {
        let frames = world.lines(&format!("{name}.frames"));
        frames.iter().filter(|frame| !frame.contains("supervisor:probe")).count()
    })
}

/// Runs every verb with `variables` and `before`; `check` sees what each said. Gives how much each gateway was asked.
fn all_verbs(
    world: &World,
    variables: &[(&str, &str)],
    before: &[&str],
    check: impl Fn(&str, &Said) + Sync,
) -> [usize; 5] {
    let earlier = asked(world);
    each(&ALL, |verb| {
        let words = words(before, verb, &["--json", "--timeout", "20s"]);
        let said = said(world.command(&words).envs(variables.iter().copied()).spawn().unwrap());
        check(&verb.join(" "), &said);
    });
    let later = asked(world);
    std::array::from_fn(|at| later[at] - earlier[at])
}

/// Asserts that every verb reaches `name` and nobody else.
#[track_caller]
fn only(world: &World, name: &str, variables: &[(&str, &str)], before: &[&str]) {
    let about = format!("{name} by {before:?} {variables:?}");
    let came = all_verbs(world, variables, before, |verb, said| {
        // A verb that is refused here asks nobody, and would prove nothing.
        assert!(!matches!(said.code, None | Some(2 | 3 | 5 | 69 | 78)), "{about}: {verb}: {said:?}");
    });
    for (other, came) in NAMES.iter().zip(came) {
        // All but the page's address take a handshake.
        let expected = if *other == name { came.max(ALL.len() - 1) } else { 0 };
        assert_eq!(came, expected, "{about}, seen by {other}");
    }
}

/// Asserts that no gateway ever saw another one's secret.
#[track_caller]
fn secrets_stayed(world: &World) {
    for name in NAMES {
        let frames = world.lines(&format!("{name}.frames")).concat();
        assert!(frames.contains(&secret(name)), "{name} was opened by its own");
        for other in NAMES.iter().filter(|other| **other != name) {
            assert!(!frames.contains(&secret(other)), "{name} saw the secret of {other}");
        }
    }
}

#[test]
fn incident_b1_matrix_of_every_verb_and_profile_is_diagonal() {
    let (world, _) = five();
    for name in NAMES {
        only(&world, name, &[], &["--profile", name]);
    }
    world.run(&["profile", "stop", "a-b"]).ok();
    let came = all_verbs(&world, &[], &["--profile", "a-b"], |verb, said| {
        assert_eq!(said.code, Some(3), "{verb}: {said:?}");
        assert!(said.out.contains("a-b") || said.err.contains("a-b"), "{verb}: {said:?}");
    });
    assert_eq!(came, [0; 5], "a stopped one is asked nowhere");
    secrets_stayed(&world);
}

#[test]
fn incident_b1_matrix_with_swapped_ports_asks_nobody_and_names_the_other() {
    let (world, ports) = five();
    for (name, port) in [("a", ports[2]), ("b", ports[1])] {
        let file = world.home(format!(".config/openclaw/profiles/{name}.toml"));
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines();
        let swapped: Vec<String> = lines
            .map(|line| if line.starts_with("port = ") { format!("port = {port}") } else { line.to_owned() })
            .collect();
        fs::write(file, swapped.join("\n")).unwrap();
    }
    for (name, other) in [("a", "b"), ("b", "a")] {
        let came = all_verbs(&world, &[], &["--profile", name], |verb, said| {
            assert_eq!(said.code, Some(77), "{verb}: {said:?}");
            assert!(said.out.contains(&format!("answers as profile `{other}`")), "{verb}: {said:?}");
        });
        assert_eq!(came, [0; 5], "{name}");
    }
    secrets_stayed(&world);
}

#[test]
fn incident_b2_matrix_of_every_verb_follows_the_selection_and_nothing_inherited() {
    let (world, ports) = five();
    only(&world, "b", &[("OPENCLAW_PROFILE", "b")], &[]);
    world.run(&["profile", "use", "batch2"]).ok();
    only(&world, "batch2", &[], &[]);
    let (folder, port, token) = (state(&world, "b").display().to_string(), ports[2].to_string(), secret("b"));
    let url = format!("ws://127.0.0.1:{port}");
    let config = format!("{folder}/openclaw.json");
    let exported = [
        ("OPENCLAW_PROFILE", "b"),
        ("OPENCLAW_STATE_DIR", folder.as_str()),
        ("OPENCLAW_CONFIG_PATH", &config),
        ("OPENCLAW_GATEWAY_PORT", &port),
        ("OPENCLAW_GATEWAY_URL", &url),
        ("OPENCLAW_GATEWAY_TOKEN", &token),
    ];
    only(&world, "a", &exported, &["--profile", "a"]);
    only(&world, "default", &exported, &["--profile", "default"]);
    // Without the name too, as an older gateway's children have it.
    only(&world, "a", &exported[1..4], &["--profile", "a"]);
    secrets_stayed(&world);
}

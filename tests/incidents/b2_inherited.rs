//! B2: from a shell that another gateway had started, `--profile x` read and changed that gateway. A flag beats every
//! inherited variable; what cannot be followed is refused, and the other gateway is not asked.

use super::world::{World, said};

/// A profile `x`, the one that is meant, and `y`, whose variables are inherited; both run.
fn pair() -> (World, u16, u16) {
    let world = World::new();
    let [x, y] = ["x", "y"].map(|name| world.fake(name, "", "", &["--record", &format!("@{name}.frames")]));
    world.run(&["profile", "start", "x", "y"]).ok();
    (world, x, y)
}

#[test]
fn incident_b2_no_inherited_variable_leads_a_named_profile_to_another_gateway() {
    let (world, x, y) = pair();
    let state = world.state("y").display().to_string();
    let config = world.state("y").join("openclaw.json").display().to_string();
    let (port, base) = (y.to_string(), world.home("").display().to_string());
    let cells: [&[(&str, &str)]; 9] = [
        &[],
        &[("OPENCLAW_PROFILE", "y")],
        &[("OPENCLAW_STATE_DIR", &state)],
        &[("OPENCLAW_CONFIG_PATH", &config)],
        &[("OPENCLAW_GATEWAY_PORT", &port)],
        &[("OPENCLAW_HOME", &base)],
        &[("OPENCLAW_WORKSPACE_DIR", &state)],
        &[("CLAWDBOT_STATE_DIR", &state), ("CLAWDBOT_GATEWAY_PORT", &port)],
        &[
            ("OPENCLAW_PROFILE", "y"),
            ("OPENCLAW_STATE_DIR", &state),
            ("OPENCLAW_CONFIG_PATH", &config),
            ("OPENCLAW_GATEWAY_PORT", &port),
        ],
    ];
    for (number, variables) in cells.iter().enumerate() {
        let run =
            |words: &[&str]| said(world.command(words).envs(variables.iter().copied()).spawn().unwrap());
        let params = format!("{{\"mark\":\"cell-{number}-end\"}}");
        let call = run(&["--profile", "x", "gateway", "call", "health", "--params", &params, "--json"]);
        let asked = |name: &str| {
            let mark = format!("cell-{number}-end");
            world.lines(&format!("{name}.frames")).iter().filter(|frame| frame.contains(&mark)).count()
        };
        assert_eq!((call.code, asked("x"), asked("y")), (Some(0), 1, 0), "{variables:?}: {call:?}");
        for (name, port) in [("x", x), ("y", y)] {
            for words in [
                &["profile", "show", name, "--json"][..],
                &["--profile", "x", "profile", "show", name, "--json"],
            ] {
                let shown = run(words).ok().json();
                assert_eq!(shown["port"], port, "{words:?} {variables:?}");
                assert_eq!(shown["stateDir"], world.state(name).display().to_string(), "{variables:?}");
            }
        }
    }
}

#[test]
fn incident_b2_without_a_flag_the_variable_names_the_profile() {
    let (world, ..) = pair();
    for (name, other) in [("x", "y"), ("y", "x")] {
        let params = format!("{{\"mark\":\"mark-{name}-end\"}}");
        let words = ["gateway", "call", "health", "--params", &params];
        said(world.command(&words).env("OPENCLAW_PROFILE", name).spawn().unwrap()).ok();
        let asked = |name_of: &str| {
            let frames = world.lines(&format!("{name_of}.frames"));
            frames.iter().filter(|frame| frame.contains(&format!("mark-{name}-end"))).count()
        };
        assert_eq!((asked(name), asked(other)), (1, 0), "{name}");
    }
    for name in ["X", "x/../y", "-x", &"x".repeat(200), "х"] {
        let refused = said(world.command(&["health"]).env("OPENCLAW_PROFILE", name).spawn().unwrap());
        assert!(matches!(refused.code, Some(2 | 3 | 78)), "{name}: {refused:?}");
    }
}

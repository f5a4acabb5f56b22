//! Which profile is meant: `--profile`, then `OPENCLAW_PROFILE`, then `profile use`, then the default one.

use serde_json::{Value, json};

use super::world::{Said, World};

fn world() -> World {
    let world = World::new();
    for name in ["flagged", "exported", "used", "default"] {
        world.manifest(name, "");
    }
    world
}

fn with_env(world: &World, exported: Option<&str>, words: &[&str]) -> Said {
    let mut command = world.command(words);
    command.envs(exported.map(|name| ("OPENCLAW_PROFILE", name)));
    super::world::said(command.spawn().unwrap())
}

#[test]
fn a_flag_goes_before_the_environment_before_use_before_the_default() {
    let table = [
        (Some("flagged"), Some("exported"), Some("used"), "flagged", "flag"),
        (Some("flagged"), Some("exported"), None, "flagged", "flag"),
        (Some("flagged"), None, Some("used"), "flagged", "flag"),
        (Some("flagged"), None, None, "flagged", "flag"),
        (None, Some("exported"), Some("used"), "exported", "env"),
        (None, Some("exported"), None, "exported", "env"),
        (None, None, Some("used"), "used", "used"),
        (None, None, None, "default", "default"),
        (Some("default"), Some("exported"), Some("used"), "default", "flag"),
        (None, Some("default"), Some("used"), "default", "env"),
        (None, Some("undefined"), Some("used"), "used", "used"),
    ];
    let world = world();
    for (flag, exported, used, name, by) in table {
        let set = used.map_or(vec!["profile", "use", "--clear"], |used| vec!["profile", "use", used]);
        world.run(&set).ok();
        let mut words = vec!["profile", "list", "--json"];
        words.extend(flag.iter().flat_map(|name| ["--profile", name]));
        let listed = with_env(&world, exported, &words).ok().json();
        let told = format!("{flag:?} {exported:?} {used:?}");
        assert_eq!(listed["selected"], json!({ "name": name, "by": by }), "{told}");
        for row in listed["profiles"].as_array().unwrap() {
            let expected = if row["name"] == name { json!(by) } else { Value::Null };
            assert_eq!(row["selected"], expected, "{told}: {row}");
        }
        // A call goes to the same one: nobody listens, and the error names whom it meant.
        let mut words = vec!["health", "--json"];
        words.extend(flag.iter().flat_map(|name| ["--profile", name]));
        let error = with_env(&world, exported, &words).refused(3, "gateway_not_running");
        assert_eq!(error["profile"], name, "{told}");
    }
}

#[test]
fn the_list_marks_the_selected_one_and_says_why() {
    let world = world();
    world.run(&["profile", "use", "used"]).ok();
    let marked = |out: &str| {
        let rows: Vec<String> = out
            .lines()
            .map(str::trim)
            .filter(|line| line.contains(" * "))
            .map(|row| row[..row.find(' ').unwrap()].into())
            .collect();
        (rows, out.lines().last().unwrap_or_default().to_owned())
    };
    let listed = |exported: Option<&str>| marked(&with_env(&world, exported, &["profile", "ls"]).ok().out);
    assert_eq!(listed(None), (vec!["used".into()], "* selected by profile use".into()));
    assert_eq!(listed(Some("exported")), (vec!["exported".into()], "* selected by OPENCLAW_PROFILE".into()));
    let said = with_env(&world, Some("exported"), &["profile", "use", "flagged"]).ok();
    assert!(said.out.contains("flagged is used from now on; here exported is selected"), "{said:?}");
    let absent = with_env(&world, Some("nobody"), &["profile", "list"]).ok();
    assert!(absent.err.contains("`nobody`, selected by OPENCLAW_PROFILE, does not exist"), "{absent:?}");
}

#[test]
fn only_a_profile_that_exists_can_be_used_and_none_stays_used_when_it_goes() {
    let world = world();
    world.run(&["profile", "use", "nobody", "--json"]).refused(3, "profile_unknown");
    assert!(!world.home(".config/openclaw/used-profile").exists());
    world.run(&["profile", "use", "used"]).ok();
    assert_eq!(world.run(&["profile", "use"]).ok().out, "used is selected by profile use\n");
    world.run(&["profile", "rm", "used", "--yes"]).ok();
    assert_eq!(world.run(&["profile", "use"]).ok().out, "default is selected by default\n");

    let file = world.home(".config/openclaw/used-profile");
    std::fs::write(&file, "gone\n").unwrap();
    let error = world.run(&["health", "--json"]).refused(3, "profile_unknown");
    assert_eq!(error["remedy"], "openclaw profile use --clear");
    std::fs::write(&file, "../x\n").unwrap();
    let error = world.run(&["health", "--json"]).refused(78, "used_profile_invalid");
    assert!(error["message"].as_str().unwrap().contains("used-profile"), "{error}");
    assert_eq!(world.run(&["profile", "list"]).code, Some(0));
    world.run(&["profile", "use", "--clear"]).ok();
    assert!(!file.exists());
    assert_eq!(world.run(&["profile", "use", "--clear", "--json"]).ok().json()["selected"]["by"], "default");
}

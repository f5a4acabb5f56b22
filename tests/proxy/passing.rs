//! What is not ours goes to the real OpenClaw CLI: the same words, the selected profile's environment, its own exit.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::world::{OPENCLAW, Said, World};

/// Stands for Node.js: runs the entry file, which is a script of `sh` here.
const NODE: &str = "#!/bin/sh\nexec /bin/sh \"$@\"\n";
/// Stands for the real CLI: tells what it was given and ends as it is told.
const CLI: &str = "#!/bin/sh\nfor word in \"$@\"; do echo \"word <$word>\"; done\n/usr/bin/env | /usr/bin/sort\n\
    case \"$1\" in fail) exit 42;; die) kill -TERM $$;; esac\n";

fn executable(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// An npm package `openclaw` below `folder`; returns its entry file.
fn package(folder: &Path, cli: &str) -> PathBuf {
    let package = folder.join("lib/node_modules/openclaw");
    executable(&package.join("openclaw.mjs"), cli);
    fs::write(package.join("package.json"), r#"{"name":"openclaw","bin":{"openclaw":"openclaw.mjs"}}"#)
        .unwrap();
    package.join("openclaw.mjs")
}

/// A world with the stub where npm puts the real one, and this program before it on PATH under the same name.
fn world() -> World {
    let world = World::new();
    executable(&world.path("bin/node"), NODE);
    symlink(OPENCLAW, world.path("bin/openclaw")).unwrap();
    let entry = package(&world.path("npm"), CLI);
    fs::create_dir_all(world.path("npm/bin")).unwrap();
    symlink(entry, world.path("npm/bin/openclaw")).unwrap();
    for name in ["work", "play", "default"] {
        world.manifest(name, "");
    }
    world
}

fn run(world: &World, variables: &[(&str, &str)], words: &[&str]) -> Said {
    let mut command = world.command(words);
    let path = format!("{}:{}", world.path("bin").display(), world.path("npm/bin").display());
    command.env("PATH", path).envs(variables.iter().copied());
    super::world::said(command.spawn().unwrap())
}

#[track_caller]
fn has(said: &Said, lines: &[String]) {
    for line in lines {
        assert!(said.out.lines().any(|told| told == line), "{line} is missing: {said:?}");
    }
}

#[test]
fn the_words_are_unchanged_and_the_profile_is_the_selected_one() {
    let world = world();
    world.run(&["profile", "use", "work"]).ok();
    let state = |name: &str| format!("OPENCLAW_STATE_DIR={}", world.state(name).display());
    let play = |said: &Said| has(said, &[state("play"), "OPENCLAW_PROFILE=play".into()]);
    let said =
        run(&world, &[("PAGER", "less")], &["config", "set", "a b", "", "--json", "--", "--profile", "x"])
            .ok();
    let words: Vec<&str> = said.out.lines().filter(|line| line.starts_with("word ")).collect();
    let typed =
        ["config", "set", "a b", "", "--json", "--", "--profile", "x"].map(|word| format!("word <{word}>"));
    assert_eq!(words, typed);
    has(&said, &[state("work"), "OPENCLAW_PROFILE=work".into(), "PAGER=less".into()]);
    play(&run(&world, &[], &["onboard", "--profile", "play"]).ok());
    play(&run(&world, &[], &["--profile=play", "onboard"]).ok());
    play(&run(&world, &[("OPENCLAW_PROFILE", "play")], &["onboard"]).ok());
    // What another profile's gateway exported decides nothing and betrays nothing.
    let inherited = [("OPENCLAW_PROFILE", "play"), ("OPENCLAW_GATEWAY_TOKEN", "hunter2")];
    let said = run(&world, &inherited, &["--profile", "work", "onboard"]).ok();
    has(&said, &[state("work")]);
    assert!(!said.out.contains("hunter2"), "{said:?}");
    let said = run(&world, &inherited, &["onboard"]).ok();
    has(&said, &["OPENCLAW_GATEWAY_TOKEN=hunter2".into()]);
}

#[test]
fn its_exit_is_its_own() {
    let world = world();
    assert_eq!(run(&world, &[], &["fail"]).code, Some(42));
    assert_eq!(run(&world, &[], &["die"]).signal, Some(15));
    // A verb that both have, with an option that only the real one has.
    assert!(run(&world, &[], &["health", "--theirs"]).ok().out.contains("word <--theirs>"));
    // What would start or end a gateway past every check is not handed over.
    for words in
        [&["gateway", "--force"][..], &["gateway", "run", "--auth", "none"], &["profile", "strat", "x"]]
    {
        let said = run(&world, &[], words);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
    }
}

#[test]
fn a_verb_of_both_with_words_that_only_the_real_one_has_goes_there_and_odd_bytes_survive() {
    let world = world();
    for line in [
        "status --usage",
        "sessions --active 60",
        "sessions",
        "nodes camera snap --node x --facing front",
        "logs --plain",
        "sessions list --limit all",
        "devices approve",
        "--profile work --json cron add --name x",
        "models",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let said = run(&world, &[], &words).ok();
        let given: Vec<&str> = said.out.lines().filter(|told| told.starts_with("word ")).collect();
        let typed: Vec<String> = words.iter().map(|word| format!("word <{word}>")).collect();
        assert_eq!(given, typed, "{line}");
    }
    let odd = world.path("odd");
    let script =
        format!("#!/bin/sh\nfor word in \"$@\"; do printf '%s\\0' \"$word\"; done >'{}'\n", odd.display());
    package(&world.path("npm"), &script);
    let mut command = world.command(&["--profile", "work", "plugins", "--"]);
    command.arg(OsStr::from_bytes(b"\xff\xfe")).args(["", "a\nb", "--profile=x", "$(id)"]);
    let path = format!("{}:{}", world.path("bin").display(), world.path("npm/bin").display());
    super::world::said(command.env("PATH", path).spawn().unwrap()).ok();
    let expected: &[u8] = b"--profile\0work\0plugins\0--\0\xff\xfe\0\0a\nb\0--profile=x\0$(id)\0";
    assert_eq!(fs::read(odd).unwrap(), expected);
}

#[test]
fn the_real_one_is_found_by_what_it_is() {
    let world = world();
    let found = |path: String, manifest: &str| {
        world.manifest("work", manifest);
        let mut command = world.command(&["--profile", "work", "onboard", "--json"]);
        super::world::said(command.env("PATH", path).spawn().unwrap())
    };
    let bin = world.path("bin").display().to_string();
    // Its link was overwritten, and the package is still beside it.
    fs::remove_file(world.path("npm/bin/openclaw")).unwrap();
    symlink(OPENCLAW, world.path("npm/bin/openclaw")).unwrap();
    found(format!("{bin}:{}", world.path("npm/bin").display()), "").ok();
    // A package manager's shim.
    executable(
        &world.path("pnpm/openclaw"),
        &format!("#!/bin/sh\nexec node \"{}\" \"$@\"\n", package(&world.path("store"), CLI).display()),
    );
    found(format!("{bin}:{}", world.path("pnpm").display()), "").ok();
    // Copies of this program and wrappers around it are not it.
    fs::copy(OPENCLAW, world.path("copy")).unwrap();
    executable(&world.path("wrapped/openclaw"), &format!("#!/bin/sh\nexec {OPENCLAW} \"$@\"\n"));
    fs::create_dir_all(world.path("copied")).unwrap();
    fs::rename(world.path("copy"), world.path("copied/openclaw")).unwrap();
    let path = format!("{bin}:{}:{}", world.path("wrapped").display(), world.path("copied").display());
    let error = found(path, "").refused(69, "openclaw_missing");
    assert!(error["remedy"].as_str().unwrap().contains("npm install -g openclaw"), "{error}");
    assert!(error["message"].as_str().unwrap().contains("`onboard`"), "{error}");
    let pinned = format!("runtime.program = \"{OPENCLAW}\"");
    found(bin, &pinned).refused(69, "openclaw_is_this");
}

#[test]
fn aliases_do_not_loop_and_a_loop_ends() {
    let world = world();
    let said = run(&world, &[], &["profile", "exec", "work", "--", "openclaw", "config", "unset", "x"]).ok();
    has(&said, &["word <config>".into(), "OPENCLAW_PROFILE=work".into()]);
    // Wrappers that come back here, at once, through `profile exec`, and as children.
    for again in [
        "exec openclaw \"$@\"",
        "exec openclaw profile exec work -- openclaw \"$@\"",
        "openclaw \"$@\"; exit $?",
    ] {
        let wrapper = world.path("wrapper");
        executable(&wrapper, &format!("#!/bin/sh\n{again}\n"));
        world.manifest("work", &format!("runtime.program = \"{}\"", wrapper.display()));
        run(&world, &[], &["--profile", "work", "onboard", "--json"]).refused(69, "openclaw_loops");
    }
}

#[test]
fn without_a_real_one_a_typo_of_ours_is_still_told() {
    let world = World::new();
    let typo = world.run(&["helth"]);
    typo.complains(2, &["unrecognized subcommand", "health"]);
    world.run(&["profil", "start", "work"]).complains(2, &["unrecognized subcommand", "'profile'"]);
    world.run(&["sessions"]).complains(2, &["sessions", "list"]);
    world.run(&["status", "--usage"]).complains(69, &["`status --usage` is for the real OpenClaw CLI"]);
    world
        .run(&["onboard"])
        .complains(69, &["`onboard` is for the real OpenClaw CLI", "npm install -g openclaw"]);
    world.run(&["gateway", "install", "--json"]).refused(69, "openclaw_missing");
}

//! What the shells offer at TAB: commands, options and the profiles that there are.

use std::path::Path;

use super::world::World;

/// Asks in each shell for the words behind every line, and compares.
const LINES: [(&str, &str); 5] = [
    ("openclaw profile start w", "work"),
    ("openclaw health --profile w", "work"),
    ("openclaw --profile work heal", "health"),
    ("openclaw profile clone work x", ""),
    ("openclaw profile create w", ""),
];

/// A world with two profiles, one of which only lies there, and a folder with the binary under its name.
fn world() -> World {
    let world = World::new();
    world.run(&["profile", "create", "work", "--port", "30000"]).ok();
    world.private(&world.state("play"));
    std::os::unix::fs::symlink(&world.program, world.path("bin/openclaw")).unwrap();
    for shell in ["bash", "zsh", "fish"] {
        std::fs::write(world.path(shell), world.run(&["completions", shell]).ok().out).unwrap();
    }
    world
}

/// What a shell says to a script in which `LINE` stands for the words of each line.
fn offered(world: &World, shell: &str, script: impl Fn(&[&str]) -> String) {
    let is_there = ["/bin", "/usr/bin"].iter().any(|folder| Path::new(folder).join(shell).exists());
    assert!(is_there, "{shell} is missing; `make test` installs it");
    for (line, expected) in LINES {
        let words: Vec<&str> = line.split(' ').collect();
        std::fs::write(world.path("script"), script(&words)).unwrap();
        let asked = format!("PATH=\"$WORLD/bin:$PATH\"; export PATH; exec {shell} \"$WORLD/script\"");
        let said = world.script(&["/usr/bin/env"], &asked).ok();
        let found: Vec<&str> = said.out.split_whitespace().filter(|word| !word.starts_with('-')).collect();
        assert_eq!(found.join(" "), expected, "{shell}: {line}: {said:?}");
    }
}

#[test]
fn bash_offers_profiles_and_commands() {
    let world = world();
    offered(&world, "bash", |words| {
        let last = words.len() - 1;
        format!(
            "source \"$WORLD/bash\"; complete -p openclaw >/dev/null || exit 1\n\
             COMP_WORDS=({}); COMP_CWORD={last}; COMP_TYPE=9\n\
             _clap_complete_openclaw openclaw '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.join(" "),
            words[last],
            words[last - 1]
        )
    });
}

#[test]
fn zsh_offers_them_at_the_first_tab_too() {
    let world = world();
    std::fs::copy(world.path("zsh"), world.path("bin/_openclaw")).unwrap();
    // The two functions of its completion system that the script calls, with what they are given shown.
    offered(&world, "zsh", |words| {
        format!(
            "fpath=(\"$WORLD/bin\"); autoload -U _openclaw; compdef() {{ :; }}\n\
             _describe() {{ print -l \"${{(@)${{(@P)3}}%%:*}}\" }}\n\
             words=({}); CURRENT={}; _openclaw; true",
            words.join(" "),
            words.len()
        )
    });
}

#[test]
fn fish_offers_profiles_and_commands() {
    let world = world();
    offered(&world, "fish", |words| {
        format!("source $WORLD/fish; complete -C '{}' | string replace -r '\\t.*' ''; true", words.join(" "))
    });
}

#[test]
fn nothing_but_the_scripts_makes_an_ordinary_call_one_that_completes() {
    let world = World::new();
    let environment = ["/usr/bin/env", "OPENCLAW_COMPLETE=bash"];
    assert!(world.script(&environment, "\"$OC\" profile list --json").ok().out.contains("profiles"));
    let odd = ["/usr/bin/env", "OPENCLAW_COMPLETE=tcsh"];
    assert_eq!(world.script(&odd, "\"$OC\" -- openclaw pro").ok().out, "");
    let far = ["/usr/bin/env", "OPENCLAW_COMPLETE=bash", "_CLAP_COMPLETE_INDEX=99"];
    assert_eq!(world.script(&far, "\"$OC\" -- openclaw pro").ok().out, "");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let environment = format!("OPENCLAW_COMPLETE={shell}");
        world.script(&["/usr/bin/env", &environment], "\"$OC\" --").ok();
    }
}

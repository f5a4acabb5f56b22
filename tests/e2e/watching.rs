//! `status --watch`: one picture after the other, each whole, until somebody has seen enough; and tables on screens of
//! every width.

use nix::sys::signal::Signal;
use serde_json::{Deserializer, Value};

use super::look;
use super::terminal::Terminal;
use super::world::{World, said, wait_for};

/// Home, and away with what was there.
const CLEAN: &str = "\u{1b}[H\u{1b}[J";

#[test]
fn at_a_terminal_each_picture_replaces_the_last_and_an_interrupt_ends_it() {
    let world = World::new();
    let name = world.name("watched");
    world.start(&name);
    let words = ["--profile", &name, "status", "--watch=20ms"];
    for (variables, cleaned) in [(&[][..], true), (&[("NO_COLOR", "1")], true), (&[("TERM", "dumb")], false)]
    {
        let (terminal, mut watch) = Terminal::run(&world, &words, variables);
        let shown = || terminal.text().matches(" STATUS").count();
        wait_for("three pictures", || (shown() >= 3).then_some(()));
        assert_eq!(terminal.text().starts_with(CLEAN), cleaned, "{variables:?}");
        assert!(!terminal.text().replace(CLEAN, "").contains('\u{1b}'), "{:?}", terminal.text());
        terminal.press(b"\x03");
        let ended = watch.wait().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended), Some(Signal::SIGINT as i32));
        terminal.close();
    }
}

#[test]
fn elsewhere_it_is_a_row_of_documents_and_ends_with_its_reader() {
    let world = World::new();
    let name = world.name("watched");
    world.start(&name);
    let read = |words: &str, lines: u32| {
        let script = format!("\"$OC\" --profile {name} status --watch=10ms {words} | head -n {lines}");
        world.script(&["/usr/bin/env"], &script).ok().out
    };
    assert!(read("", 30).contains("\n\n STATUS"), "a blank line between two");
    let documents = read("--json", 1000);
    let whole = Deserializer::from_str(&documents).into_iter::<Value>().take_while(Result::is_ok).count();
    assert!(whole >= 2, "{documents}");
    // A gateway that goes away is watched on; what cannot be shown ends it.
    let watch = world.spawn(&["--profile", &name, "status", "--watch=10ms", "--json"]);
    world.run(&["profile", "stop", &name]).ok();
    look::signal(watch.id(), Signal::SIGINT);
    assert_eq!(said(watch).signal, Some(Signal::SIGINT as i32));
    world.run(&["--profile", "nobody", "status", "--watch", "--json"]).refused(3, "profile_unknown");
}

#[test]
fn no_word_of_a_profile_is_cut_on_a_narrow_screen() {
    let world = World::new();
    let name = world.name("narrow");
    let port = world.start(&name)["port"].to_string();
    for columns in [30, 40, 80, 120] {
        for words in
            [&["profile", "list"][..], &["host", "status"], &["--profile", &name, "status", "--deep"]]
        {
            let (terminal, list) = Terminal::wide(&world, columns, words, &[("NO_COLOR", "1")]);
            said(list).ok();
            wait_for("the port", || terminal.text().contains(&port).then_some(()));
            let text = terminal.text();
            terminal.close();
            for line in text.lines() {
                assert!(line.chars().count() <= columns.into(), "{columns}: {words:?}: {text}");
            }
            assert!(text.contains(&name), "{columns}: {words:?}: {text}");
        }
    }
}

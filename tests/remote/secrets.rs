//! The token of a far gateway goes to that gateway and nowhere else (INCIDENTS H1, tunnel): while links come up, heal
//! and fail, no process of this machine has it in its arguments or environment, and no file of ours holds it.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::look;
use super::server::Pair;

/// Distance of two samples.
const SAMPLE: Duration = Duration::from_millis(1);

#[test]
fn incident_h1_the_token_is_in_no_argument_environment_log_or_record() {
    let pair = Pair::new();
    let name = pair.name("home");
    let canary = fs::read_to_string(pair.file("token")).unwrap();
    pair.create(&name, &[]).ok();
    pair.pace(&name, super::cuts::FAST);
    let done = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let sampler = scope.spawn(|| {
            let (mut seen, mut hits) = (BTreeSet::new(), Vec::new());
            while !done.load(Ordering::Relaxed) {
                for pid in pair.near.processes() {
                    let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
                    for text in [read("cmdline"), read("environ")] {
                        if String::from_utf8_lossy(&text).contains(&canary) {
                            hits.push(look::command_line(pid));
                        }
                    }
                    seen.insert(pid);
                }
                std::thread::park_timeout(SAMPLE);
            }
            (seen, hits)
        });
        let mut up = pair.near.start(&name);
        for _ in 0..3 {
            let old = up["link"]["pid"].as_u64();
            look::signal(old.unwrap() as u32, Signal::SIGKILL);
            up = pair.until_up(&name, old);
            pair.health(&name).ok();
        }
        fs::write(pair.file("authorized"), "").unwrap();
        look::signal(up["link"]["pid"].as_u64().unwrap() as u32, Signal::SIGKILL);
        pair.near.until_state(&name, "failed");
        done.store(true, Ordering::Relaxed);
        let (seen, hits) = sampler.join().unwrap();
        assert_eq!(hits, Vec::<String>::new());
        seen
    });
    assert!(seen.len() > 5, "the sampler saw {seen:?}");
    for (path, (_, text)) in look::tree(&pair.near.home("")) {
        assert!(!String::from_utf8_lossy(&text).contains(&canary), "{path}");
    }
    for words in
        [&["profile", "show", &name, "--json"][..], &["profile", "logs", &name], &["profile", "list"]]
    {
        let said = pair.near.run(words);
        assert!(!said.out.contains(&canary) && !said.err.contains(&canary), "{words:?}");
    }
}

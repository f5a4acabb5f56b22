//! The commands in README.md and docs are run as they stand there, each page in a home of its own.
//!
//! A fence of the kind `console` is run: a line that begins with `$ ` is a command, which ends with 0 or with the code
//! behind `# exit`; each line below it has to stand in what the command says: numbers and widths may differ, the home is
//! `/home/ana`, and of a line with `…` the parts stand in their order. A fence with `skip="why"` is shown only, and the test says why. Any other fence that has a command in it is a finding.

// Tests may fail loudly and say why they skip something; their deadlines need a clock. Of the end-to-end world only
// a part is used here.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods, dead_code)]

#[path = "../e2e/look.rs"]
mod look;
#[path = "../e2e/ports.rs"]
mod ports;
#[path = "../e2e/world.rs"]
mod world;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use world::{OPENCLAW, World, said_within};

/// Longest time that all commands of one page may take on a busy machine.
const LONG: Duration = Duration::from_secs(120);

/// A command of a page.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    line: usize,
    command: String,
    exit: i32,
    said: Vec<String>,
}

/// What a page has: commands to run, reasons why others are not, and what is wrong with it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Page {
    commands: Vec<Shown>,
    skipped: Vec<String>,
    wrong: Vec<String>,
}

fn read(text: &str) -> Page {
    let mut page = Page::default();
    let mut fence: Option<&str> = None;
    for (number, line) in text.lines().enumerate().map(|(number, line)| (number + 1, line)) {
        match (fence, line.strip_prefix("```")) {
            (None, Some(kind)) => {
                fence = Some(kind.trim());
                let reason = kind.split_once("skip=\"").and_then(|(_, rest)| rest.split('"').next());
                page.skipped.extend(reason.map(|reason| format!("line {number}: {reason}")));
            }
            (Some(_), Some(_)) => fence = None,
            (Some("console"), None) => take(&mut page, number, line),
            (Some(kind), None) if !kind.starts_with("console") && has_command(line) => {
                page.wrong.push(format!("line {number}: a command outside of a `console` fence: {line}"));
            }
            _ => {}
        }
    }
    page
}

fn has_command(line: &str) -> bool {
    ["openclaw ", "$ openclaw "].iter().any(|begin| line.starts_with(begin))
}

fn take(page: &mut Page, number: usize, line: &str) {
    match (line.strip_prefix("$ "), page.commands.last_mut()) {
        (Some(command), _) => {
            let (command, exit) = command.split_once("  # exit ").unwrap_or((command, "0"));
            let exit = exit.trim().parse().unwrap();
            page.commands.push(Shown { line: number, command: command.to_owned(), exit, said: Vec::new() });
        }
        (None, Some(shown)) if !line.trim().is_empty() => shown.said.push(line.trim().to_owned()),
        (None, _) => {}
    }
}

/// `text` without what differs from run to run: numbers, and the width of columns.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for letter in text.chars() {
        match (plain.chars().last(), letter) {
            (Some('0'), '0'..='9') | (Some(' '), ' ') => {}
            (_, '0'..='9') => plain.push('0'),
            (_, letter) => plain.push(letter),
        }
    }
    plain.replace("0.0", "0")
}

/// Whether `text` has the parts of `line` between `…`, in their order.
fn says(text: &str, line: &str) -> bool {
    let (text, line) = (plain(text), plain(line));
    line.split('…')
        .try_fold(&*text, |rest, part| rest.split_once(part.trim()).map(|(_, rest)| rest))
        .is_some()
}

/// Runs the commands of a page one after the other, in one home and on a loopback of their own.
fn run(world: &World, commands: &[Shown]) -> Vec<String> {
    symlink(OPENCLAW, world.path("bin/openclaw")).unwrap();
    let mut script = String::from("ip link set lo up 2>/dev/null; cd \"$HOME\"\n");
    for (at, shown) in commands.iter().enumerate() {
        let file = world.path(&format!("said-{at}")).display().to_string();
        script += &format!("( {} ) >{file} 2>&1 </dev/null; echo $? >{file}.code\n", shown.command);
    }
    script += "openclaw supervisor stop >/dev/null 2>&1; true\n";
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", world.path("bin").display());
    let apart = ["/usr/bin/unshare", "--net"];
    let can = nix::unistd::geteuid().is_root() && Path::new(apart[0]).exists();
    let words: Vec<&str> = if can { apart.to_vec() } else { Vec::new() };
    let words: Vec<&str> = words.into_iter().chain(["/bin/sh", "-c", &script]).collect();
    let mut command = Command::new(words[0]);
    world.surround(&mut command).args(&words[1..]).env("PATH", path);
    said_within(command.spawn().unwrap(), LONG).ok();
    commands.iter().enumerate().filter_map(|(at, shown)| complaint(world, at, shown)).collect()
}

fn complaint(world: &World, at: usize, shown: &Shown) -> Option<String> {
    let read = |end: &str| fs::read_to_string(world.path(&format!("said-{at}{end}"))).unwrap_or_default();
    let home = world.home("").display().to_string();
    let (text, code) = (read("").replace(home.trim_end_matches('/'), "/home/ana"), read(".code"));
    let Shown { line, command, exit, said } = shown;
    if code.trim() != exit.to_string() {
        return Some(format!("line {line}: `{command}` ends with {} and not {exit}: {text}", code.trim()));
    }
    let missing = said.iter().find(|wanted| !says(&text, wanted))?;
    Some(format!("line {line}: `{command}` does not say {missing:?}: {text}"))
}

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap().flatten().map(|entry| entry.path());
    let mut pages: Vec<PathBuf> =
        docs.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect();
    pages.push(root.join("README.md"));
    pages.sort();
    pages
}

#[test]
fn every_command_in_the_documents_does_what_is_said_there() {
    let mut wrong = Vec::new();
    for path in pages() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let page = read(&fs::read_to_string(&path).unwrap());
        page.skipped.iter().for_each(|why| eprintln!("skipped: {name}, {why}"));
        let found = if page.commands.is_empty() { Vec::new() } else { run(&World::new(), &page.commands) };
        wrong.extend(page.wrong.into_iter().chain(found).map(|what| format!("{name}, {what}")));
    }
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn fences_are_read_and_a_command_that_nobody_runs_is_a_finding() {
    let text = "```console\n$ openclaw x  # exit 3\nerror … there\n\n$ true\n```\n```\nopenclaw y\n```\n\
                ```console skip=\"needs a server\"\n$ openclaw z\n```\n";
    let page = read(text);
    let first =
        Shown { line: 2, command: "openclaw x".into(), exit: 3, said: vec!["error … there".into()] };
    assert_eq!((page.commands.len(), &page.commands[0]), (2, &first));
    assert_eq!((page.skipped.len(), page.wrong.len()), (1, 1), "{page:?}");
    assert!(says("work  ready 17 MiB 0s", "work     ready  6.0 MiB  41s"));
    assert!(says("an error is there", "error … there") && !says("there is an error", "error … there"));
}

//! A long text as messages that Telegram takes: at most 4096 UTF-16 units each, cut where a reader would pause, and
//! blocks of code kept whole or closed and opened again, so that no message shows half a fence.

/// UTF-16 units of one message at most.
pub const UNITS_MAX: usize = 4096;
/// What opens and closes a block of code.
const FENCE: &str = "```";
/// A message that is cut at a better border is at least this part of the largest one.
const SHORTEST: usize = 4;

/// The messages of `text`, in order, none empty and none longer than `max` units; `max` is at least 32.
pub fn chunks(text: &str, max: usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text.trim_end().to_owned();
    while units(&rest) > max {
        let (chunk, behind) = split(&rest, max);
        push(&mut found, chunk);
        rest = behind;
    }
    push(&mut found, rest);
    found
}

fn push(found: &mut Vec<String>, chunk: String) {
    let chunk = chunk.trim_matches('\n').trim_end();
    if !chunk.is_empty() {
        found.push(chunk.to_owned());
    }
}

/// UTF-16 units of `text`.
fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// The longest beginning of `text` of at most `max` units.
fn fitting(text: &str, max: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|(_, letter)| {
        used += letter.len_utf16();
        used > max
    });
    &text[..end.map_or(text.len(), |(at, _)| at)]
}

/// The first message of `text`, which is too long for one, and what is left.
fn split(text: &str, max: usize) -> (String, String) {
    // A fence that is closed early takes its own line.
    let window = fitting(text, max - FENCE.len() - 1);
    let at = border(window, text);
    let (head, tail) = (&text[..at], &text[at..]);
    let Some((opened, line)) = open_fence(head) else {
        return (head.to_owned(), tail.trim_start_matches('\n').to_owned());
    };
    let before = &head[..opened];
    if !before.trim().is_empty() && is_whole_within(&text[opened..], max) {
        return (before.to_owned(), text[opened..].to_owned());
    }
    // A line that names the language of a whole page of text names none.
    let line = if line.len() > max / 2 { FENCE } else { line };
    let head = head.trim_end_matches('\n');
    (format!("{head}\n{FENCE}"), format!("{line}\n{}", tail.strip_prefix('\n').unwrap_or(tail)))
}

/// Where to cut inside `window`: behind a paragraph, a line, a sentence, a word, or else at its end. Inside code only
/// lines count.
fn border(window: &str, text: &str) -> usize {
    let least = window.len() / SHORTEST;
    let found = |mark: &str| window.rfind(mark).map(|at| at + mark.len()).filter(|at| *at > least);
    let borders: &[&str] =
        if open_fence(window).is_some() { &["\n"] } else { &["\n\n", "\n", ". ", "! ", "? ", " "] };
    let at = borders.iter().find_map(|mark| found(mark)).unwrap_or(window.len());
    // A line that only opens a fence is no place to cut behind: the fence would be empty, and where the text begins
    // with it, it would be opened again for ever.
    match open_fence(&text[..at]) {
        Some((opened, line)) if text[opened + line.len()..at].trim().is_empty() => match opened {
            0 => window.len(),
            _ => opened,
        },
        _ => at,
    }
}

/// Where the fence begins that `text` leaves open, and its line.
fn open_fence(text: &str) -> Option<(usize, &str)> {
    let mut open = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with(FENCE) {
            open = if open.is_some() { None } else { Some((at, line.trim_end())) };
        }
        at += line.len();
    }
    open
}

/// Whether the block of code at the beginning of `text` ends within `max` units.
fn is_whole_within(text: &str, max: usize) -> bool {
    let end = text.match_indices('\n').map(|(at, _)| at + 1).find(|at| text[*at..].starts_with(FENCE));
    end.is_some_and(|end| units(&text[..end]) + FENCE.len() <= max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_is_cut_where_a_reader_would_pause() {
        assert_eq!(chunks("short", 40), ["short"]);
        assert!(chunks(" \n ", 40).is_empty());
        let text = "The first paragraph is here.\n\nThe second one follows it and is longer.";
        assert_eq!(
            chunks(text, 50),
            ["The first paragraph is here.", "The second one follows it and is longer."]
        );
        assert_eq!(
            chunks("One sentence stands. Another one stands behind it, see.", 36),
            ["One sentence stands.", "Another one stands behind it, see."]
        );
        let long = "x".repeat(100);
        assert_eq!(chunks(&long, 40).concat(), long);
    }

    #[test]
    fn code_is_kept_whole_or_opened_again() {
        let text = "Look at this, please:\n\n```sh\nls -l /tmp\n```\nDone.";
        assert_eq!(chunks(text, 32), ["Look at this, please:", "```sh\nls -l /tmp\n```\nDone."]);
        let lines: String = (0..20).map(|line| format!("line number {line}\n")).collect();
        let parts = chunks(&format!("```rust\n{lines}```"), 80);
        assert!(parts.len() > 3);
        for part in &parts {
            assert!(part.starts_with("```rust\n") && part.ends_with("\n```"), "{part:?}");
            assert!(units(part) <= 80, "{part:?}");
        }
        let back: String =
            parts.iter().map(|part| part["```rust\n".len()..part.len() - 3].to_owned()).collect();
        assert_eq!(back, lines);
    }

    #[test]
    fn a_long_line_behind_a_fence_is_cut_and_comes_to_an_end() {
        let text = format!("```{}\n{}", "l".repeat(15), "x".repeat(300));
        let parts = chunks(&text, 32);
        assert!(parts.iter().all(|part| units(part) <= 32), "{parts:?}");
        assert_eq!(parts.concat().matches('x').count(), 300);
    }

    #[test]
    fn letters_outside_the_basic_plane_count_twice() {
        let text = "😀".repeat(5000);
        let parts = chunks(&text, UNITS_MAX);
        assert!(parts.iter().all(|part| units(part) <= UNITS_MAX));
        assert_eq!(parts.concat(), text);
    }

    proptest! {
        #[test]
        fn nothing_is_too_long_and_no_letter_is_lost(text in "([a-z😀 .\n]|```|\n```\n){0,400}", max in 32usize..90) {
            let parts = chunks(&text, max);
            for part in &parts {
                prop_assert!(units(part) <= max, "{part:?}");
                prop_assert!(!part.trim().is_empty());
            }
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace() && *c != '`').collect::<String>();
            // A language that is named again comes twice; here are none but words on the line of a fence.
            if !text.contains("```") {
                prop_assert_eq!(letters(&parts.join("")), letters(&text));
            }
        }
    }
}

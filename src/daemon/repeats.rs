//! Identical lines in a row, on their way into a log: a few are kept, the others are counted. A line that repeats for
//! hours would otherwise push everything out that says why.

use std::mem;

/// Copies of a line that are kept.
const KEPT: u64 = 3;
/// Longest line that is compared, in bytes; longer ones pass as they are.
const COMPARED_BYTES: usize = 4 * 1024;
/// A count of copies that is told although they go on; then each tenfold one.
const TOLD_FIRST: u64 = 1_000;

/// Passes output on and leaves out what repeats.
#[derive(Debug, Default)]
pub struct Repeats {
    /// The last whole line with its end; empty when there is none to compare with.
    last: Vec<u8>,
    /// How often it came.
    times: u64,
    /// The count at which it is told next.
    tell_at: u64,
    /// How much of it the line that now comes has in common with it.
    held: usize,
    /// The line that now comes, once it is known to be another.
    line: Vec<u8>,
    /// Whether that is so.
    other: bool,
}

impl Repeats {
    /// Takes `bytes`, whole lines or not, and appends to `out` what is to be kept. Only what begins like the line
    /// before is held back until it shows.
    pub fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !self.other && !self.last.is_empty() && self.last[self.held..].starts_with(piece) {
                self.held += piece.len();
                if self.held == self.last.len() {
                    self.repeat(out);
                }
                continue;
            }
            if !self.other {
                self.settle(out);
                self.other = true;
            }
            out.extend_from_slice(piece);
            let room = (COMPARED_BYTES + 1).saturating_sub(self.line.len());
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                self.end_line();
            }
        }
    }

    /// Appends to `out` what was counted and held back.
    pub fn settle(&mut self, out: &mut Vec<u8>) {
        if self.times > KEPT {
            tell(self.times, "", out);
            self.times = 0;
        }
        let held = mem::take(&mut self.held);
        if held > 0 {
            out.extend_from_slice(&self.last[..held]);
            self.line.extend_from_slice(&self.last[..held]);
            self.other = true;
        }
    }

    fn repeat(&mut self, out: &mut Vec<u8>) {
        self.held = 0;
        self.times += 1;
        if self.times <= KEPT {
            out.extend_from_slice(&self.last);
        } else if self.times == self.tell_at {
            tell(self.times, " so far", out);
            self.tell_at = self.tell_at.saturating_mul(10);
        }
    }

    fn end_line(&mut self) {
        mem::swap(&mut self.last, &mut self.line);
        self.line.clear();
        if self.last.len() > COMPARED_BYTES {
            self.last.clear();
        }
        (self.times, self.tell_at, self.other) = (1, TOLD_FIRST, false);
    }
}

fn tell(times: u64, so_far: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("(the line above came {times} times{so_far})\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is kept of `text` when it comes in chunks of `size` bytes.
    fn kept(text: &str, size: usize) -> String {
        let (mut repeats, mut out) = (Repeats::default(), Vec::new());
        text.as_bytes().chunks(size).for_each(|chunk| repeats.take(chunk, &mut out));
        repeats.settle(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn incident_i2_what_repeats_is_counted_and_all_else_passes_however_it_is_cut() {
        let long = "y".repeat(2 * COMPARED_BYTES) + "\n";
        for (text, wanted) in [
            ("a\nb\na\n".to_owned(), "a\nb\na\n".to_owned()),
            ("a\n".repeat(3) + "b\n", "a\na\na\nb\n".into()),
            (
                "same\n".repeat(12_345) + "last words",
                "same\n".repeat(3)
                    + "(the line above came 1000 times so far)\n(the line above came 10000 times so far)\n"
                    + "(the line above came 12345 times)\nlast words",
            ),
            ("same\n".repeat(5) + "sam", "same\n".repeat(3) + "(the line above came 5 times)\nsam"),
            ("same\nsameness\nsa\n".into(), "same\nsameness\nsa\n".into()),
            ("\n\n\n\n\nx\n".into(), "\n\n\n(the line above came 5 times)\nx\n".into()),
            (long.repeat(5), long.repeat(5)),
            ("no end".into(), "no end".into()),
        ] {
            for size in [1, 2, 3, 7, 4096, 1 << 20] {
                assert_eq!(kept(&text, size), wanted, "chunks of {size}");
            }
        }
    }

    #[test]
    fn what_is_told_before_its_end_goes_on_as_the_same_line() {
        let (mut repeats, mut out) = (Repeats::default(), Vec::new());
        repeats.take(b"same\nsa", &mut out);
        repeats.settle(&mut out);
        repeats.take(b"me\nsame\nother\n", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "same\nsame\nsame\nother\n");
    }
}

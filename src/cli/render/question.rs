//! A question to whoever sits at the terminal.

use std::io::{BufRead, IsTerminal, Read, Write};

use super::Render;

/// Longest answer that is read, in bytes.
const ANSWER_MAX: u64 = 1024;

impl Render {
    /// Asks, and gives the answer; `None` where nobody can be asked: no terminal, or a document is wanted.
    pub fn question(self, text: &str) -> Option<String> {
        let (input, mut output) = (std::io::stdin(), std::io::stderr());
        if self.json || !input.is_terminal() || !output.is_terminal() {
            return None;
        }
        write!(output, "{text} ").and_then(|()| output.flush()).ok()?;
        let mut answer = String::new();
        input.lock().take(ANSWER_MAX).read_line(&mut answer).ok()?;
        Some(answer.trim().to_owned())
    }
}

//! What is seen while a command waits: a spinner with the current step on a terminal, one line a step
//! elsewhere, nothing with `--json`.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::Render;

/// Distance of two pictures of the spinner.
const TICK: Duration = Duration::from_millis(100);

/// The line that shows what is waited for.
pub struct Progress {
    render: Render,
    bar: Option<ProgressBar>,
    last: String,
}

impl Progress {
    /// Nothing is shown until the first step.
    pub fn new(render: Render) -> Self {
        Progress { render, bar: None, last: String::new() }
    }

    /// Shows `step`; the same one again changes nothing.
    pub fn step(&mut self, step: &str) {
        if self.render.is_json() || step == self.last {
            return;
        }
        step.clone_into(&mut self.last);
        if !self.render.is_lively() {
            return self.render.notice(step);
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                // Signs that every terminal and every locale has.
                bar.set_style(style.tick_chars("|/-\\ "));
            }
            bar.enable_steady_tick(TICK);
            bar
        });
        bar.set_message(step.to_owned());
    }

    /// Takes the spinner away.
    pub fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

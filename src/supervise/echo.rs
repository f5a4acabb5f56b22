//! The same last line again and again: a gateway that always ends with the same words will not end otherwise
//! when it is launched once more. Pure: lines come in, a count comes out.

use crate::base::Exit;

/// How often the last run ended with the same words, without one that lasted in between.
#[derive(Clone, Debug, Default)]
pub struct Echo {
    /// What the run that is over said last; taken by the next [`Echo::ended`].
    heard: Option<String>,
    last: Option<(Exit, String)>,
    times: u32,
}

impl Echo {
    /// Notes what the run that is about to be over said last; nothing, if it said nothing.
    pub fn hear(&mut self, line: Option<&str>) {
        self.heard = line.map(normalised).filter(|line| !line.is_empty());
    }

    /// Notes that the run ended by `exit`, a failure, and says how often in a row it ended just so. An end by a
    /// signal counts for nothing: its last line does not tell why it came.
    pub fn ended(&mut self, exit: Exit) -> u32 {
        let told = self.heard.take().filter(|_| exit.signal.is_none()).map(|line| (exit, line));
        self.times = match (&told, &self.last) {
            (None, _) => 0,
            (Some(now), Some(before)) if now == before => self.times.saturating_add(1),
            (Some(_), _) => 1,
        };
        self.last = told;
        self.times
    }

    /// Begins anew: it lasted, or somebody asked for another try.
    pub fn clear(&mut self) {
        *self = Echo::default();
    }
}

/// The line that says what is wrong: an indented one goes on with the one before it, a remedy or a stack.
pub fn telling(lines: &[String]) -> Option<&String> {
    lines.iter().rfind(|line| !line.starts_with([' ', '\t'])).or(lines.last())
}

/// `line` without what differs from run to run: each word that has a digit (times, pids, ports, ids) becomes `#`.
fn normalised(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    for piece in line.split_inclusive(|character: char| !character.is_alphanumeric()) {
        let word = piece.trim_end_matches(|character: char| !character.is_alphanumeric());
        plain.push_str(if word.contains(|character: char| character.is_ascii_digit()) { "#" } else { word });
        plain.push_str(&piece[word.len()..]);
    }
    plain.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(lines: &[(Exit, Option<&str>)]) -> Vec<u32> {
        let mut echo = Echo::default();
        let mut ended = |(exit, line): &(Exit, Option<&str>)| {
            echo.hear(*line);
            echo.ended(*exit)
        };
        lines.iter().map(&mut ended).collect()
    }

    #[test]
    fn the_same_words_count_whatever_the_time_pid_and_port_in_them() {
        let one = Exit::code(1);
        assert_eq!(
            times(&[
                (one, Some("2026-09-23T10:00:00.123Z [17] port 18789: unknown key `colour`")),
                (one, Some("2026-09-23T10:00:07.001Z [18] port 18789: unknown key `colour`")),
                (one, Some("2026-10-01T00:00:00.5Z [9999] port 1: unknown key `colour`")),
                (one, Some("something else")),
                (Exit::code(2), Some("something else")),
            ]),
            [1, 2, 3, 1, 1]
        );
    }

    #[test]
    fn silence_and_signals_say_nothing() {
        let killed = Exit::signal(9);
        assert_eq!(times(&[(killed, Some("listening")), (killed, Some("listening"))]), [0, 0]);
        assert_eq!(times(&[(Exit::code(1), None), (Exit::code(1), Some("  "))]), [0, 0]);
        let one = Exit::code(1);
        assert_eq!(times(&[(one, Some("x")), (one, Some("x")), (one, None), (one, Some("x"))]), [1, 2, 0, 1]);
    }

    #[test]
    fn an_indented_line_goes_on_with_the_one_before() {
        let lines = ["one", "error: two", "  try: three"].map(str::to_owned);
        assert_eq!(telling(&lines).unwrap(), "error: two");
        assert_eq!(telling(&["  only".to_owned()]).unwrap(), "  only");
        assert_eq!(telling(&[]), None);
    }
}

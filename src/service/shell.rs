//! Simple commands of a shell script or of `sh -c "…"`: words, quotes, assignments, variables. It is no shell: what
//! only a running one could know (conditions, output of commands) is passed over, so both ways of an `if` count.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// Longest text that is read, in bytes; a start script is a page, not a book.
const TEXT_MAX: usize = 64 * 1024;

/// Words that stand before a command and leave it one.
const BEFORE: [&str; 9] = ["if", "then", "elif", "else", "while", "until", "do", "!", "{"];

/// Stands for `$@` inside a word; no text that people write has it.
const ARGUMENTS: char = '\u{1}';

/// One command of a script with the variables that it is given.
#[derive(Clone, PartialEq, Eq)]
pub struct Simple {
    /// Program and arguments, expanded as far as the text tells.
    pub words: Vec<String>,
    /// What was assigned up to here, by the script or in front of the command.
    pub assigned: BTreeMap<String, String>,
}

/// The commands of `text`, in order. `known` are variables that the shell is started with, `arguments` what `$1` and
/// the following stand for.
pub fn commands(text: &str, known: &BTreeMap<String, String>, arguments: &[String]) -> Vec<Simple> {
    let mut end = text.len().min(TEXT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut reader = Reader {
        rest: text[..end].chars().peekable(),
        variables: known.clone(),
        assigned: BTreeMap::new(),
        arguments,
        words: Vec::new(),
        word: None,
        quoted: false,
        drop_next: false,
        documents: Vec::new(),
        found: Vec::new(),
    };
    reader.run();
    reader.found
}

/// The words of one command, with nothing expanded; for `env -S` and the like.
pub fn words(text: &str) -> Vec<String> {
    commands(text, &BTreeMap::new(), &[]).into_iter().next().map(|first| first.words).unwrap_or_default()
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    variables: BTreeMap<String, String>,
    assigned: BTreeMap<String, String>,
    arguments: &'a [String],
    words: Vec<String>,
    word: Option<String>,
    quoted: bool,
    /// The next word is the target of a redirection.
    drop_next: bool,
    /// End marks of here-documents that begin with the next line.
    documents: Vec<String>,
    found: Vec<Simple>,
}

impl Reader<'_> {
    fn run(&mut self) {
        while let Some(letter) = self.rest.next() {
            match letter {
                '\n' => {
                    self.end_command();
                    self.skip_documents();
                }
                ';' | '|' | '(' | ')' => self.end_command(),
                '&' if self.rest.peek() == Some(&'>') => self.end_word(),
                '&' => self.end_command(),
                '>' | '<' => self.redirection(letter),
                '#' if self.word.is_none() => while self.rest.next_if(|next| *next != '\n').is_some() {},
                _ if letter.is_whitespace() => self.end_word(),
                '\'' => self.single(),
                '"' => self.double(),
                '\\' => {
                    let next = self.rest.next();
                    if next != Some('\n') {
                        self.quoted = true;
                        self.push(next.unwrap_or('\\'));
                    }
                }
                '$' => self.dollar(),
                '`' => self.substitution('`'),
                _ => self.push(letter),
            }
        }
        self.end_command();
    }

    fn push(&mut self, letter: char) {
        self.word.get_or_insert_default().push(letter);
    }

    fn single(&mut self) {
        self.quoted = true;
        let word = self.word.get_or_insert_default();
        word.extend(self.rest.by_ref().take_while(|letter| *letter != '\''));
    }

    fn double(&mut self) {
        self.quoted = true;
        self.word.get_or_insert_default();
        while let Some(letter) = self.rest.next() {
            match letter {
                '"' => return,
                '\\' => match self.rest.next() {
                    Some('\n') => {}
                    Some(next @ ('"' | '\\' | '$' | '`')) => self.push(next),
                    next => {
                        self.push('\\');
                        next.into_iter().for_each(|next| self.push(next));
                    }
                },
                '$' => self.dollar(),
                '`' => self.substitution('`'),
                _ => self.push(letter),
            }
        }
    }

    fn dollar(&mut self) {
        match self.rest.peek().copied() {
            Some('(') => {
                self.rest.next();
                self.substitution(')');
            }
            Some('{') => {
                self.rest.next();
                let body: String = self.rest.by_ref().take_while(|letter| *letter != '}').collect();
                let end = body.find(|letter: char| !is_name(letter)).unwrap_or(body.len());
                let (name, rest) = body.split_at(end);
                let otherwise = rest.strip_prefix(':').unwrap_or(rest).strip_prefix(['-', '=']);
                let value = self.value(name).filter(|value| !value.is_empty());
                self.insert(&value.unwrap_or_else(|| otherwise.unwrap_or_default().to_owned()));
            }
            Some('@' | '*') => {
                self.rest.next();
                self.push(ARGUMENTS);
            }
            Some(letter) if is_name(letter) => {
                let mut name = String::new();
                while let Some(letter) = self.rest.next_if(|next| is_name(*next)) {
                    name.push(letter);
                }
                let value = self.value(&name).unwrap_or_default();
                self.insert(&value);
            }
            _ => self.push('$'),
        }
    }

    /// An unset variable adds nothing, so a word of it alone vanishes, as in a shell.
    fn insert(&mut self, value: &str) {
        if !value.is_empty() {
            self.word.get_or_insert_default().push_str(value);
        }
    }

    fn value(&self, name: &str) -> Option<String> {
        match name.parse::<usize>() {
            Ok(0) => None,
            Ok(place) => self.arguments.get(place - 1).cloned(),
            Err(_) => self.variables.get(name).cloned(),
        }
    }

    /// `$(command -v X)` is X; the output of any other command is nobody's guess.
    fn substitution(&mut self, end: char) {
        let (mut body, mut depth) = (String::new(), 0);
        for letter in self.rest.by_ref() {
            if letter == end && depth == 0 {
                break;
            }
            depth += i32::from(end == ')' && letter == '(') - i32::from(letter == ')');
            body.push(letter);
        }
        let words: Vec<&str> = body.split_whitespace().collect();
        match words[..] {
            ["command", "-v", program, ..] | ["which", program, ..] => self.insert(program),
            _ => self.insert("?"),
        }
    }

    fn redirection(&mut self, sign: char) {
        if self.word.as_deref().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit())) {
            self.word = None;
        }
        self.end_word();
        let mut document = false;
        while let Some(next) = self.rest.next_if(|next| matches!(next, '<' | '>' | '&' | '|' | '-')) {
            document |= sign == '<' && next == '<';
        }
        if document {
            let mark: String =
                std::iter::from_fn(|| self.rest.next_if(|next| !next.is_whitespace())).collect();
            self.documents.push(mark.trim_matches(['\'', '"']).to_owned());
        } else {
            self.drop_next = true;
        }
    }

    fn skip_documents(&mut self) {
        for mark in std::mem::take(&mut self.documents) {
            loop {
                let line: String = self.rest.by_ref().take_while(|letter| *letter != '\n').collect();
                if line.trim() == mark || self.rest.peek().is_none() {
                    break;
                }
            }
        }
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        let quoted = std::mem::take(&mut self.quoted);
        if std::mem::take(&mut self.drop_next)
            || (self.words.is_empty() && !quoted && BEFORE.contains(&&*word))
        {
            return;
        }
        if word.contains(ARGUMENTS) {
            self.words.extend(self.arguments.iter().cloned());
        } else {
            self.words.push(word);
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        self.drop_next = false;
        let mut words = std::mem::take(&mut self.words);
        if words.first().is_some_and(|word| word == "export" || word == "local" || word == "readonly") {
            words.remove(0);
        }
        let leading = words.iter().take_while(|word| assignment(word).is_some()).count();
        let own: Vec<(String, String)> =
            words.drain(..leading).filter_map(|word| assignment(&word)).collect();
        if words.is_empty() {
            self.variables.extend(own.iter().cloned());
            self.assigned.extend(own);
            return;
        }
        let mut assigned = self.assigned.clone();
        assigned.extend(own);
        self.found.push(Simple { words, assigned });
    }
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// `NAME=value` in its two parts, when the word is an assignment.
pub fn assignment(word: &str) -> Option<(String, String)> {
    let (name, value) = word.split_once('=')?;
    let first = name.chars().next()?;
    (name.chars().all(is_name) && !first.is_ascii_digit()).then(|| (name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let known = BTreeMap::from([("HOME".to_owned(), "/home/ana".to_owned())]);
        let arguments = ["--port".to_owned(), "1".to_owned()];
        let all = commands(text, &known, &arguments);
        all.into_iter().map(|simple| simple.words.join("|")).collect()
    }

    #[test]
    fn words_and_commands_are_those_of_a_shell() {
        for (text, expected) in [
            ("exec openclaw gateway", vec!["exec|openclaw|gateway"]),
            ("a 'b c' \"d $HOME\" e\\ f", vec!["a|b c|d /home/ana|e f"]),
            ("a; b && c || d & e | f", vec!["a", "b", "c", "d", "e", "f"]),
            ("a >/dev/null 2>&1 b < x", vec!["a|b"]),
            ("a &>log b", vec!["a|b"]),
            ("# openclaw gateway\na # b\nb#c", vec!["a", "b#c"]),
            ("if a; then\n  b\nfi", vec!["a", "b", "fi"]),
            ("A=1 b ${A:-2} ${HOME}/x $NONE \"$NONE\"", vec!["b|2|/home/ana/x|"]),
            ("P=7\nexport Q=8\nb $P $Q", vec!["b|7|8"]),
            ("exec gw \"$@\"", vec!["exec|gw|--port|1"]),
            ("gw $1=$2", vec!["gw|--port=1"]),
            ("cat <<EOF\nopenclaw gateway\nEOF\nb", vec!["cat", "b"]),
            ("$(command -v openclaw) gateway", vec!["openclaw|gateway"]),
            ("a \\\n b", vec!["a|b"]),
            ("f() { a; }", vec!["f", "a", "}"]),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn a_command_is_given_what_was_assigned_before_it() {
        let all = commands("export A=1\nB=2 c", &BTreeMap::new(), &[]);
        let assigned: Vec<_> =
            all[0].assigned.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(assigned, ["A=1", "B=2"]);
    }
}

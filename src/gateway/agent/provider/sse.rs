//! Server-sent events: bytes in, in whatever pieces they come, the data of each event out. Pure.

/// Largest event, in bytes.
const EVENT_MAX: usize = 1024 * 1024;

/// What is kept between two pieces.
#[derive(Debug, Default)]
pub struct Events {
    line: Vec<u8>,
    data: String,
    has_data: bool,
    after_return: bool,
}

/// An event was larger than it may be.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLarge;

impl Events {
    /// Takes a piece and gives the data of the events that it completes.
    ///
    /// # Errors
    /// [`TooLarge`]; the stream is of no use from there on.
    pub fn take(&mut self, piece: &[u8]) -> Result<Vec<String>, TooLarge> {
        let mut complete = Vec::new();
        for &byte in piece {
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => complete.extend(self.end_line()),
                _ if self.line.len() + self.data.len() >= EVENT_MAX => return Err(TooLarge),
                _ => self.line.push(byte),
            }
        }
        Ok(complete)
    }

    /// What came without the empty line that should have followed it.
    pub fn rest(&mut self) -> Option<String> {
        let ended = self.end_line();
        ended.or_else(|| self.end_event())
    }

    fn end_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return self.end_event();
        }
        // Other fields say nothing that is needed here; so do comments, which begin with the colon.
        if let Some(value) = line.strip_prefix(b"data:") {
            if self.has_data {
                self.data.push('\n');
            }
            self.has_data = true;
            self.data.push_str(&String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value)));
        }
        None
    }

    fn end_event(&mut self) -> Option<String> {
        std::mem::take(&mut self.has_data).then(|| std::mem::take(&mut self.data))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(pieces: &[&[u8]]) -> Vec<String> {
        let mut events = Events::default();
        let mut all: Vec<String> = pieces.iter().flat_map(|piece| events.take(piece).unwrap()).collect();
        all.extend(events.rest());
        all
    }

    #[test]
    fn fields_line_ends_and_comments_are_read_as_written() {
        let text = b": hello\r\nevent: x\r\ndata: one\r\ndata:two\r\n\r\n\n\ndata: three\n\ndata: four\r\rdata: rest";
        assert_eq!(all(&[text]), ["one\ntwo", "three", "four", "rest"]);
        assert_eq!(all(&[b"data:\n\n"]), [""]);
    }

    #[test]
    fn an_event_has_its_limit() {
        let mut events = Events::default();
        assert_eq!(events.take(&vec![b'x'; EVENT_MAX]), Ok(vec![]));
        assert_eq!(events.take(b"x"), Err(TooLarge));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_pieces_are_cut(
            texts in prop::collection::vec("[^\r\n]{0,12}", 1..8),
            ends in prop::sample::select(vec!["\n", "\r\n", "\r"]),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let stream: String = texts.iter().map(|text| format!("data: {text}{ends}{ends}")).collect();
            let bytes = stream.as_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            prop_assert_eq!(all(&pieces), texts);
        }

        #[test]
        fn any_bytes_at_all_are_taken(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8)) {
            let mut events = Events::default();
            for piece in &pieces {
                let _ = events.take(piece);
            }
            let _ = events.rest();
        }
    }
}

//! Tables on a screen that is too narrow for them: one block a row, a value a line, rather than words cut to pieces.

use comfy_table::{Cell, ContentArrangement, Table, TableStyle};

use super::table::trimmed;

/// From this many columns on a word that is cut is the lesser evil: what is long there is an id or a path.
const NARROW: u16 = 60;
/// Blanks on both sides of a value.
const PADDING: usize = 2;
/// A value that says nothing.
const NOTHING: &str = "-";

/// One value: its text, and how it is shown.
pub type Value = (String, Cell);

/// A value without colour.
pub fn plain(text: impl ToString) -> Value {
    let text = text.to_string();
    let cell = Cell::new(&text);
    (text, cell)
}

/// The rows as a table of at most `columns`, or of the terminal's width, or as blocks where no table fits.
pub fn laid_out(header: &[&str], rows: Vec<Vec<Value>>, columns: Option<u16>) -> String {
    let mut table = table(columns);
    if table.width().is_some_and(|width| width < NARROW && least(header, &rows) > usize::from(width)) {
        return blocks(header, rows, columns);
    }
    table.set_header(header.to_vec());
    for row in rows {
        table.add_row(row.into_iter().map(|(_, cell)| cell));
    }
    trimmed(&table)
}

fn table(columns: Option<u16>) -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Dynamic);
    if let Some(columns) = columns {
        table.set_width(columns);
    }
    table
}

/// The width of the table in which no word is cut.
fn least(header: &[&str], rows: &[Vec<Value>]) -> usize {
    let longest = |text: &str| text.split(' ').map(|word| word.chars().count()).max().unwrap_or(0);
    let column = |at: usize| {
        let values = rows.iter().filter_map(|row| row.get(at)).map(|(text, _)| longest(text));
        values.chain([longest(header[at])]).max().unwrap_or(0) + PADDING
    };
    (0..header.len()).map(column).sum()
}

fn blocks(header: &[&str], rows: Vec<Vec<Value>>, columns: Option<u16>) -> String {
    let block = |row: Vec<Value>| {
        let mut table = table(columns);
        for (name, (text, cell)) in header.iter().zip(row) {
            if text != NOTHING && !text.is_empty() {
                table.add_row([Cell::new(name), cell]);
            }
        }
        trimmed(&table)
    };
    rows.into_iter().map(block).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(columns: u16) -> String {
        let rows = [["work", "ready", "41984", "-"], ["a-rather-long-name", "stopped", "19789", "2 days"]];
        let rows = rows.iter().map(|row| row.iter().map(plain).collect()).collect();
        laid_out(&["PROFILE", "STATE", "PORT", "UPTIME"], rows, Some(columns))
    }

    #[test]
    fn a_table_that_fits_stays_one_and_words_are_never_cut() {
        for columns in [20, 30, 40, 50, 60, 80] {
            let text = shown(columns);
            assert!(text.lines().all(|line| line.chars().count() <= columns.into()), "{columns}: {text}");
            for word in ["stopped", "41984", "PROFILE"] {
                assert!(text.contains(word), "{columns}: {text}");
            }
        }
        assert_eq!(shown(80).lines().count(), 3);
        assert_eq!(
            shown(30).lines().collect::<Vec<_>>(),
            [
                " PROFILE  work",
                " STATE    ready",
                " PORT     41984",
                "",
                " PROFILE  a-rather-long-name",
                " STATE    stopped",
                " PORT     19789",
                " UPTIME   2 days"
            ]
        );
    }
}

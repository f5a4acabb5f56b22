//! What a gateway answered, as a table: a header, rows, and what is said when there are none.

use super::narrow;

/// A table in the making.
#[derive(Debug)]
pub struct Listing {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    empty: &'static str,
}

impl Listing {
    /// A table with these columns; `empty` is the sentence for one without rows.
    pub fn new(header: &[&'static str], empty: &'static str) -> Self {
        Listing { header: header.to_vec(), rows: Vec::new(), empty }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table, no wider than `columns` where that is known.
    pub fn text(&self, columns: Option<u16>) -> String {
        if self.rows.is_empty() {
            return format!("{}\n", self.empty);
        }
        let rows = self.rows.iter().map(|row| row.iter().map(narrow::plain).collect()).collect();
        narrow::laid_out(&self.header, rows, columns)
    }
}

//! What a gateway answered, as a table: a header, rows, and what is said when there are none.

use comfy_table::{ContentArrangement, Table, TableStyle};

use super::table::trimmed;

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
        let mut table = Table::new();
        table.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Dynamic);
        if let Some(columns) = columns {
            table.set_width(columns);
        }
        table.set_header(self.header.clone());
        for row in &self.rows {
            table.add_row(row);
        }
        trimmed(&table)
    }
}

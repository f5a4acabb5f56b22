//! The one table: each line has what was measured, ours, theirs, the ratio, the bound that it must keep and how
//! it was measured. A measurement that failed shows a dash, and why stands below the table.

use std::fmt;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// A number, or why there is none.
pub type Outcome<T> = Result<T, String>;

/// What a number counts.
#[derive(Clone, Copy)]
pub enum Unit {
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Kilobytes.
    KB,
    /// Megabytes.
    MB,
    /// Times a second.
    PerSecond,
    /// Milliseconds of processor time a second.
    MsPerSecond,
    /// Whole things.
    Count,
}

/// What a line must keep.
#[derive(Clone, Copy)]
pub enum Bound {
    /// Nothing; it stands here for comparison.
    None,
    /// Ours is at most this.
    AtMost(f64),
    /// Ours is at most this many times theirs.
    Times(f64),
    /// Theirs is at least this many times ours.
    Faster(f64),
}

/// One line of the table.
pub struct Row {
    /// What is measured.
    pub what: &'static str,
    /// What the numbers count.
    pub unit: Unit,
    /// Our median.
    pub ours: Outcome<f64>,
    /// What it is compared with.
    pub against: &'static str,
    /// The median of that; `None` where nothing is compared.
    pub theirs: Option<Outcome<f64>>,
    /// What must hold.
    pub bound: Bound,
    /// How it was measured.
    pub how: String,
}

impl Row {
    /// Ours in parts of theirs.
    fn ratio(&self) -> Option<f64> {
        match (&self.ours, &self.theirs) {
            (Ok(_), Some(Ok(0.0))) => None,
            (Ok(ours), Some(Ok(theirs))) => Some(ours / theirs),
            _ => None,
        }
    }

    /// Whether the bound holds, where it can be said.
    fn holds(&self) -> Option<bool> {
        match self.bound {
            Bound::None => None,
            Bound::AtMost(limit) => self.ours.as_ref().ok().map(|ours| *ours <= limit),
            Bound::Times(limit) => self.ratio().map(|ratio| ratio <= limit),
            Bound::Faster(limit) => self.ratio().map(|ratio| ratio * limit <= 1.0),
        }
    }

    /// A number with its unit, or a dash.
    fn number(&self, value: &Outcome<f64>) -> String {
        match (value, self.unit) {
            (Ok(value), Unit::Ms) => format!("{value:.2} ms"),
            (Ok(value), Unit::Us) => format!("{value:.1} µs"),
            (Ok(value), Unit::KB) => format!("{value:.1} KB"),
            (Ok(value), Unit::MB) => format!("{value:.1} MB"),
            (Ok(value), Unit::PerSecond) => format!("{value:.2} /s"),
            (Ok(value), Unit::MsPerSecond) => format!("{value:.3} ms/s"),
            (Ok(value), Unit::Count) => format!("{value:.0}"),
            (Err(_), _) => "-".to_owned(),
        }
    }

    /// What could not be measured, and why.
    fn reasons(&self) -> impl Iterator<Item = String> {
        let ours = self.ours.as_ref().err().map(|why| format!("{}: {why}", self.what));
        let theirs = self.theirs.as_ref().and_then(|theirs| theirs.as_ref().err());
        ours.into_iter().chain(theirs.map(|why| format!("{}: {why}", self.against)))
    }

    /// The line's cells.
    fn cells(&self) -> [String; 8] {
        let theirs = self.theirs.as_ref().map_or(String::new(), |theirs| self.number(theirs));
        let ratio = match self.ratio() {
            None => String::new(),
            Some(0.0) => "0".to_owned(),
            Some(ratio) if ratio < 0.1 => format!("1/{:.0}", 1.0 / ratio),
            Some(ratio) => format!("{ratio:.2}"),
        };
        let verdict = match self.holds() {
            None => "",
            Some(true) => "yes",
            Some(false) => "NO",
        };
        let bound = match (self.bound, self.unit) {
            (Bound::None, _) => String::new(),
            (Bound::AtMost(limit), Unit::Ms) => format!("<= {limit} ms"),
            (Bound::AtMost(limit), Unit::Us) => format!("<= {limit} µs"),
            (Bound::AtMost(limit), Unit::KB) => format!("<= {limit} KB"),
            (Bound::AtMost(limit), Unit::MB) => format!("<= {limit} MB"),
            (Bound::AtMost(limit), Unit::PerSecond) => format!("<= {limit} /s"),
            (Bound::AtMost(limit), Unit::MsPerSecond) => format!("<= {limit} ms/s"),
            (Bound::AtMost(limit), Unit::Count) => format!("<= {limit}"),
            (Bound::Times(limit), _) => format!("<= {limit} x"),
            (Bound::Faster(limit), _) => format!("<= 1/{limit}"),
        };
        let ours = self.number(&self.ours);
        let words = [self.what, self.against].map(str::to_owned);
        let [what, against] = words;
        [what, ours, against, theirs, ratio, bound, verdict.to_owned(), self.how.clone()]
    }
}

/// All lines, printed as one table.
pub struct Report(pub Vec<Row>);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(["what", "ours", "compared with", "theirs", "ratio", "must", "holds", "how"]);
        for row in &self.0 {
            table.add_row(row.cells());
        }
        for column in [1, 3, 4, 5] {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let bound = self.0.iter().filter(|row| !matches!(row.bound, Bound::None));
        let verdicts: Vec<_> = bound.map(Row::holds).collect();
        let count = |verdict| verdicts.iter().filter(|found| **found == verdict).count();
        let (kept, broken, open) = (count(Some(true)), count(Some(false)), count(None));
        writeln!(f, "{table}\n")?;
        let reasons = self.0.iter().flat_map(Row::reasons).collect::<std::collections::BTreeSet<_>>();
        for reason in reasons {
            writeln!(f, "not measured: {reason}")?;
        }
        write!(f, "bounds: {kept} kept, {broken} broken, {open} not measured")
    }
}

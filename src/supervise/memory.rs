//! When a run's memory passes its mark: a crossing is told once, and again only after it fell well below.

/// What a look at the memory says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crossing {
    /// It rose above the mark.
    Rose,
    /// It fell well below it again.
    Fell,
    /// Nothing new.
    Same,
}

/// The memory of one run against its mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// Bytes at the last look; `None` before the first.
    pub last: Option<u64>,
    above: bool,
}

impl Watch {
    /// Takes a look that found `bytes`, with the mark at `high` bytes; 0 stands for no mark.
    pub fn look(&mut self, bytes: u64, high: u64) -> Crossing {
        self.last = Some(bytes);
        let above = match self.above {
            false => bytes > high,
            // A tenth below the mark: what swings around it is one crossing, not many.
            true => bytes > high - high / 10,
        } && high > 0;
        let crossing = match (self.above, above) {
            (false, true) => Crossing::Rose,
            (true, false) => Crossing::Fell,
            _ => Crossing::Same,
        };
        self.above = above;
        crossing
    }

    /// Whether it is above its mark.
    pub fn is_above(&self) -> bool {
        self.above
    }
}

#[cfg(test)]
mod tests {
    use super::Crossing::{Fell, Rose, Same};
    use super::*;

    #[test]
    fn incident_c10_a_crossing_is_told_once_and_again_only_after_it_fell_well_below() {
        let mut watch = Watch::default();
        let seen = [50, 101, 95, 105, 91, 90, 100, 101].map(|bytes| watch.look(bytes, 100));
        assert_eq!(seen, [Same, Rose, Same, Same, Same, Fell, Same, Rose]);
        assert_eq!((watch.last, watch.is_above()), (Some(101), true));
    }

    #[test]
    fn without_a_mark_nothing_crosses() {
        assert_eq!(Watch::default().look(u64::MAX, 0), Same);
    }
}

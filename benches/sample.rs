//! Repeating and taking the median. Contestants run in turns, so that what else the machine does meets all alike.

use std::time::Duration;

use crate::table::Outcome;

/// Something that is measured: a name for the reader of this code, and one run of it.
pub type Contestant<'a> = Box<dyn FnMut() -> Outcome<Duration> + 'a>;

/// Lets the contestants run in turns, `runs` times each, after one run that does not count; gives their medians
/// in milliseconds. One that fails is out, and its reason is its result.
pub fn race(runs: usize, contestants: Vec<Outcome<Contestant<'_>>>) -> Vec<Outcome<f64>> {
    let mut lanes: Vec<_> = contestants.into_iter().map(|lane| lane.map(|run| (run, Vec::new()))).collect();
    for round in 0..=runs {
        for lane in &mut lanes {
            let Ok((run, times)) = lane else { continue };
            match run() {
                Ok(time) if round > 0 => times.push(time.as_secs_f64() * 1e3),
                Ok(_) => {}
                Err(why) => *lane = Err(why),
            }
        }
    }
    lanes.into_iter().map(|lane| lane.map(|(_, times)| median(times))).collect()
}

/// The median of what one measurement gives, in its own unit.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

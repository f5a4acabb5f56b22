//! Dates as protocol and log write them.

use std::fmt::Write as _;

use time::OffsetDateTime;

/// As the `Date` header writes it: `Sun, 22 Nov 2026 22:03:02 GMT`.
pub fn http_date(epoch_ms: u64) -> String {
    let date = date(epoch_ms);
    let (weekday, month) = (date.weekday().to_string(), date.month().to_string());
    format!(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        &weekday[..3],
        date.day(),
        &month[..3],
        date.year(),
        date.hour(),
        date.minute(),
        date.second()
    )
}

/// As the log writes it, in UTC and without zone: `2026-11-22T21:53:08.973`.
pub fn log_date(epoch_ms: u64) -> String {
    let date = date(epoch_ms);
    let mut out = String::with_capacity(24);
    // Writing to a string cannot fail.
    let _ = write!(out, "{:04}-{:02}-{:02}T", date.year(), u8::from(date.month()), date.day());
    let _ =
        write!(out, "{:02}:{:02}:{:02}.{:03}", date.hour(), date.minute(), date.second(), date.millisecond());
    out
}

/// As JavaScript writes it: `2026-11-22T21:53:08.973Z`.
pub fn iso(epoch_ms: u64) -> String {
    format!("{}Z", log_date(epoch_ms))
}

fn date(epoch_ms: u64) -> OffsetDateTime {
    let nanos = i128::from(epoch_ms) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_dates_as_the_captures_do() {
        let at = 1_795_384_982_973;
        assert_eq!(http_date(at), "Sun, 22 Nov 2026 22:03:02 GMT");
        assert_eq!(iso(at), "2026-11-22T22:03:02.973Z");
        assert_eq!(log_date(at), "2026-11-22T22:03:02.973");
    }
}

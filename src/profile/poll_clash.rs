//! What a gateway's output says when another program logs in with the same bot: Telegram answers 409 to the second
//! poller, again and again, while both look healthy (INCIDENTS B5).

use crate::base::ProfileName;

/// How many such lines of one run are a clash: a single one may be the last breath of the run before.
pub const REPEATED: u32 = 2;

/// The channel that a line of output says is polled by another program too. Lines in which the number merely occurs
/// say nothing.
pub fn channel_of(line: &str) -> Option<&'static str> {
    // Nearly every line ends here; a gateway may write many.
    if !line.contains("409") && !line.contains("getUpdates") {
        return None;
    }
    let line = line.to_ascii_lowercase();
    let polls = line.contains("getupdates") && (line.contains("409") || line.contains("conflict"));
    let says = line.contains("terminated by other getupdates request")
        || (line.contains("409: conflict") && line.contains("telegram"));
    (polls || says).then_some("telegram")
}

/// A sentence about `times` such lines of `name`; `shared` are the channels whose credential another profile has too,
/// with that profile. `None` while it may be chance.
pub fn warning(name: &ProfileName, times: u32, shared: &[(String, ProfileName)]) -> Option<String> {
    if times < REPEATED {
        return None;
    }
    let others: Vec<String> = shared
        .iter()
        .filter(|(channel, _)| channel == "telegram")
        .map(|(_, other)| format!("`{other}`"))
        .collect();
    let who = match others.as_slice() {
        [] => "another program".to_owned(),
        others => others.join(" and "),
    };
    Some(format!(
        "Telegram answers `{name}` with 409: {who} polls with the same bot, so messages get lost or doubled"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_of_telegram_are_recognised_and_mere_numbers_are_not() {
        for line in [
            "[telegram] getUpdates conflict: 409: Conflict: terminated by other getUpdates request; make sure that \
             only one bot instance is running",
            "GrammyError: Call to 'getUpdates' failed! (409: Conflict: terminated by other getUpdates request)",
            "telegram: polling failed with 409: Conflict",
            "error 409 from getUpdates",
        ] {
            assert_eq!(channel_of(line), Some("telegram"), "{line}");
        }
        for line in [
            "",
            "listening on port 40999",
            "http 409: Conflict on PUT /files/a",
            "getUpdates returned 3 updates",
            "telegram message 409 delivered",
        ] {
            assert_eq!(channel_of(line), None, "{line}");
        }
    }

    #[test]
    fn the_warning_names_the_other_profile_where_that_is_known() {
        let name: ProfileName = "work".parse().unwrap();
        let shared =
            [("telegram".into(), "home".parse().unwrap()), ("discord".into(), "play".parse().unwrap())];
        assert_eq!(warning(&name, 1, &shared), None);
        let told = warning(&name, 2, &shared).unwrap();
        assert!(told.contains("`home` polls") && !told.contains("play"), "{told}");
        assert!(warning(&name, 9, &[]).unwrap().contains("another program"));
    }
}

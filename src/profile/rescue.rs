//! What a rescue profile may see and do of the others: the table `[rescue]` of its manifest, decided. The gateway asks
//! here before it gives an order, and the supervisor once more before it carries it out.

use std::collections::BTreeSet;

use super::resolved::words;
use crate::base::ProfileName;

words! {
    /// Something that a rescue profile may do.
    #[derive(PartialOrd, Ord)]
    May {
        /// Hear which profiles there are and how they are.
        Status = "status",
        /// See every gateway of the host and what conflicts.
        Conflicts = "conflicts",
        /// Read what their gateways wrote.
        Logs = "logs",
        /// Bring one up.
        Start = "start",
        /// Bring one down.
        Stop = "stop",
        /// Down and up as one.
        Restart = "restart",
        /// Put back the files with which one last worked.
        Rollback = "rollback",
    }
}

impl May {
    /// Whether it changes nothing.
    pub const fn is_look(self) -> bool {
        matches!(self, May::Status | May::Conflicts | May::Logs)
    }

    /// What holds where the manifest says nothing: looking alone.
    pub fn looks() -> BTreeSet<May> {
        May::WORDS.iter().map(|(_, may)| *may).filter(|may| may.is_look()).collect()
    }
}

/// The word for all profiles.
pub const ALL: &str = "*";

/// Which profiles are seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Every one.
    All,
    /// These.
    Only(BTreeSet<ProfileName>),
}

impl Sight {
    /// Whether `name` is seen; the others do not exist for who asks.
    pub fn sees(&self, name: &str) -> bool {
        match self {
            Sight::All => true,
            Sight::Only(names) => names.iter().any(|seen| seen.as_str() == name),
        }
    }
}

/// The table `[rescue]`, decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rescue {
    /// Which profiles it sees.
    pub profiles: Sight,
    /// What it may do with them.
    pub may: BTreeSet<May>,
    /// Who may order it by a channel, `CHANNEL:SENDER`.
    pub operators: BTreeSet<String>,
}

impl Rescue {
    /// Whether this sender of this channel may give it orders.
    pub fn is_operator(&self, channel: &str, sender: &str) -> bool {
        // A sender's id has no say in where its channel ends.
        !channel.contains(':') && self.operators.contains(&format!("{channel}:{sender}"))
    }

    /// The people of one channel who may give it orders.
    pub fn operators_of<'a>(&'a self, channel: &'a str) -> impl Iterator<Item = &'a str> {
        self.operators.iter().filter_map(move |known| known.strip_prefix(channel)?.strip_prefix(':'))
    }
}

/// Whether `text` names a channel's sender.
///
/// # Errors
/// A reason in words.
pub fn check_operator(text: &str) -> Result<(), String> {
    let whole = |part: &str| !part.is_empty() && !part.contains(char::is_whitespace);
    match text.split_once(':') {
        Some((channel, sender)) if whole(channel) && whole(sender) && sender != ALL => Ok(()),
        _ => Err(format!("{text:?} is not CHANNEL:SENDER, for example \"telegram:12345\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_seen_by_all_or_by_its_list_and_a_sender_is_known_whole() {
        let only = Sight::Only(["main".parse().unwrap()].into());
        assert!(Sight::All.sees("work") && only.sees("main") && !only.sees("mai") && !only.sees("work"));
        let rescue = Rescue {
            profiles: Sight::All,
            may: May::looks(),
            operators: ["telegram:12", "mail:a:b"].map(str::to_owned).into(),
        };
        assert!(rescue.is_operator("telegram", "12") && rescue.is_operator("mail", "a:b"));
        for (channel, sender) in [("telegram", "1"), ("telegram", "123"), ("mail:a", "b"), ("slack", "12")] {
            assert!(!rescue.is_operator(channel, sender), "{channel}:{sender}");
        }
        assert_eq!(rescue.operators_of("telegram").collect::<Vec<_>>(), ["12"]);
        assert_eq!(May::looks().len(), 3);
    }

    #[test]
    fn an_operator_is_a_channel_and_somebody_there() {
        assert!(check_operator("telegram:12345").is_ok());
        for wrong in ["12345", "telegram:", ":1", "telegram:*", "tele gram:1", ""] {
            assert!(check_operator(wrong).is_err(), "{wrong}");
        }
    }
}

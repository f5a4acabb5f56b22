//! `/stop`: ends what the agent does for a chat. It goes past everything that waits.

use std::rc::Rc;

use crate::gateway::agent;
use crate::gateway::hub::Hub;

/// Whether `text` is the order to stop, also when it names a bot.
pub fn is_meant(text: &str) -> bool {
    let order = text.trim().split('@').next().unwrap_or_default();
    order.eq_ignore_ascii_case("/stop") || order.eq_ignore_ascii_case("/abort")
}

/// Ends the runs of a session, and says whether there were any.
pub fn answer(hub: &Rc<Hub>, session_key: &str) -> &'static str {
    if agent::abort(hub, session_key, None).is_empty() { "Nothing was running." } else { "Stopped." }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_order_itself_stops() {
        for (text, stops) in [
            ("/stop", true),
            (" /STOP@gate_bot ", true),
            ("/abort", true),
            ("/stop work", false),
            ("stop", false),
            ("", false),
        ] {
            assert_eq!(is_meant(text), stops, "{text}");
        }
    }
}

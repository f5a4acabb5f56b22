//! The one table of the keys that a manifest may have, and the nearest word to a misspelt one.

/// The tables of a manifest and their keys; the first, unnamed one is the top level.
pub(super) const TABLES: [(&str, &[&str]); 8] = [
    (
        "",
        &[
            "kind",
            "description",
            "isolation",
            "allow_shared_channels",
            "runtime",
            "gateway",
            "paths",
            "supervise",
            "confine",
            "rescue",
            "remote",
        ],
    ),
    ("runtime", &["kind", "command", "ready", "node", "program", "doctor_on_78", "pass_env"]),
    ("gateway", &["port", "bind", "tailnet_port", "tailnet_path"]),
    ("paths", &["state_dir", "config_path", "workspace"]),
    (
        "supervise",
        &[
            "autostart",
            "restart",
            "start_timeout",
            "stop_timeout",
            "restarts_per_hour",
            "restart_delay_min",
            "restart_delay_max",
            "stable_after",
            "probe_interval",
            "hang_timeout",
            "rollback",
            "probation",
            "after",
            "memory_high",
            "on_memory_high",
            "alert",
        ],
    ),
    ("confine", &["level", "fallback"]),
    ("rescue", &["profiles", "may", "operators"]),
    (
        "remote",
        &[
            "transport",
            "target",
            "ssh_port",
            "identity",
            "known_hosts",
            "host_key_policy",
            "remote_port",
            "local_port",
            "forwards",
            "url",
            "tls_fingerprint",
            "token_file",
            "password_file",
        ],
    ),
];

/// The known keys of a table; empty for a table that no manifest has.
pub(super) fn known(table: &str) -> &'static [&'static str] {
    TABLES.iter().find(|(name, _)| *name == table).map_or(&[], |(_, keys)| keys)
}

/// The word of `known` that `word` is likely to be a misspelling of.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase().replace('-', "_");
    let distance = |candidate: &str| {
        strsim::damerau_levenshtein(&word, &candidate.to_ascii_lowercase().replace('-', "_"))
    };
    known
        .into_iter()
        .map(|candidate| (distance(candidate), candidate))
        // A word that shares less than half its letters is no misspelling.
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Where else a key is known: the table that `key` was probably meant for.
pub(super) fn home_of(key: &str) -> Option<&'static str> {
    TABLES.iter().skip(1).find(|(_, keys)| keys.contains(&key)).map(|(table, _)| *table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_finds_its_neighbour_and_a_foreign_one_none() {
        let keys = known("supervise");
        assert_eq!(nearest("start-timeout", keys.iter().copied()), Some("start_timeout"));
        assert_eq!(nearest("memoryhigh", keys.iter().copied()), Some("memory_high"));
        assert_eq!(nearest("prot", known("gateway").iter().copied()), Some("port"));
        assert_eq!(nearest("colour", known("gateway").iter().copied()), None);
        assert_eq!(home_of("port"), Some("gateway"));
    }
}

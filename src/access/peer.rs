//! Whether a peer of the control socket may give orders: what is confined to its own files must not have others' work
//! done by the supervisor (`[confine]`, INCIDENTS B7).
//!
//! What is told of a process by itself, its environment, can be forged or cleared. That it gained no privileges since
//! some ancestor cannot: the kernel hands that down, and confinement always sets it.

use crate::base::confine::Forebear;

/// One run that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Led {
    /// The pid of its gateway.
    pub leader: u32,
    /// Whether it is confined.
    pub confined: bool,
}

/// Whether the first of `line`, which goes on with its parent, and so on, is in a confined run. Who stands below
/// `supervisor` without a leader between was left by one of its `runs`; of which, nobody can tell.
pub fn is_confined(line: &[Forebear], supervisor: u32, runs: &[Led]) -> bool {
    // Whoever does not wait for an answer has gone already; that is not how this program asks.
    let Some(peer) = line.first() else { return true };
    if !peer.bound {
        return false;
    }
    for forebear in line {
        if let Some(run) = runs.iter().find(|run| run.leader == forebear.pid) {
            return run.confined;
        }
        if forebear.pid == supervisor {
            return runs.iter().any(|run| run.confined);
        }
    }
    // A gateway in a terminal, or what an adopted run left: the mark begins with the bond, so the run was confined.
    let bond = line.iter().take_while(|forebear| forebear.bound).count();
    let (first, above) = (&line[bond - 1], line.get(bond));
    first.mark.is_some() && above.is_none_or(|above| above.mark != first.mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &str) -> Vec<Forebear> {
        let forebear = |word: &str| {
            let (pid, rest) = word.split_at(word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len()));
            let mark = rest.trim_start_matches('+');
            Forebear {
                pid: pid.parse().unwrap(),
                bound: rest.starts_with('+'),
                mark: (!mark.is_empty()).then(|| mark.to_owned()),
            }
        };
        words.split_whitespace().map(forebear).collect()
    }

    #[test]
    fn who_is_in_a_confined_run_is_known_however_it_hides() {
        let runs = [Led { leader: 50, confined: true }, Led { leader: 60, confined: false }];
        for (who, words, confined) in [
            ("a terminal", "90 80 1", false),
            ("a terminal in a container that forbids privileges", "90+ 80+ 1", false),
            ("a child of the confined gateway", "90+a 50+a 7 1", true),
            ("one that cleared its environment", "90+ 50+a 7 1", true),
            ("an orphan of it", "90+ 7 1", true),
            ("an orphan, below a supervisor that is bound itself", "90+ 7+ 1", true),
            ("a child of the unconfined gateway", "90b 60b 7 1", false),
            ("one in a sandbox of its own there", "90+b 60b 7 1", false),
            ("the same below a supervisor that is bound itself", "90+b 60+b 7+ 1", false),
            ("a confined gateway in a terminal", "90+c 80+c 70 1", true),
            ("what an adopted run left", "90+c 1", true),
            ("a sandbox below an unconfined gateway in a terminal", "90+c 80c 70 1", false),
            ("one that is gone already", "", true),
        ] {
            assert_eq!(is_confined(&line(words), 7, &runs), confined, "{who}");
        }
        assert!(!is_confined(&line("90+ 7 1"), 7, &runs[1..]), "nothing is confined");
    }
}

//! What cron starts when the machine boots: the `@reboot` lines of a crontab, read as cron and then its shell read them.

use super::shell::{Simple, commands};

/// A command that runs once at boot.
#[derive(Clone, PartialEq, Eq)]
pub struct Job {
    /// The line, from 1.
    pub line: usize,
    /// As whom it runs, where the table has a column for that.
    pub user: Option<String>,
    /// The commands that its shell would run.
    pub commands: Vec<Simple>,
}

/// The jobs of a crontab that run at boot. A table of the system's has the user in front of the command.
pub fn at_boot(text: &str, of_system: bool) -> Vec<Job> {
    let mut assigned = std::collections::BTreeMap::new();
    let mut jobs = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("@reboot").filter(|rest| rest.starts_with([' ', '\t'])) {
            let rest = rest.trim_start();
            let (user, command) = match rest.split_once(char::is_whitespace).filter(|_| of_system) {
                Some((user, command)) => (Some(user.to_owned()), command),
                None => (None, rest),
            };
            // What stands behind a sign of its own is the command's input.
            let command = command.split('%').next().unwrap_or_default();
            jobs.push(Job { line: number + 1, user, commands: commands(command, &assigned, &[]) });
        } else if let Some((name, value)) = line.split_once('=').filter(|(name, _)| is_name(name.trim())) {
            let value = value.trim().trim_matches(['"', '\'']);
            assigned.insert(name.trim().to_owned(), value.to_owned());
        }
    }
    for job in &mut jobs {
        for command in &mut job.commands {
            let mut all = assigned.clone();
            all.append(&mut command.assigned);
            command.assigned = all;
        }
    }
    jobs
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_runs_at_boot_is_found_with_its_variables() {
        let text = "# @reboot openclaw gateway\nOPENCLAW_PROFILE=\"work\"\n0 * * * * openclaw gateway\n\
                    @reboot cd /x && /usr/bin/openclaw gateway run >/dev/null 2>&1 & \n@daily a\n";
        let jobs = at_boot(text, false);
        assert_eq!(jobs.len(), 1);
        assert_eq!((jobs[0].line, jobs[0].user.as_deref()), (4, None));
        let last = jobs[0].commands.last().unwrap();
        assert_eq!(last.words, ["/usr/bin/openclaw", "gateway", "run"]);
        assert_eq!(last.assigned["OPENCLAW_PROFILE"], "work");
    }

    #[test]
    fn a_table_of_the_systems_names_the_user() {
        let jobs = at_boot("@reboot ana openclaw gateway%input\n", true);
        assert_eq!(jobs[0].user.as_deref(), Some("ana"));
        assert_eq!(jobs[0].commands[0].words, ["openclaw", "gateway"]);
    }
}

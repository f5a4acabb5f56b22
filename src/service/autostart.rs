//! What a desktop session starts: an autostart entry of the XDG specification.

use super::shell;

/// The command of an autostart entry; `None` for one that is switched off, or runs nothing.
pub fn command(text: &str) -> Option<Vec<String>> {
    let mut inside = false;
    let mut line = None;
    for part in text.lines().map(str::trim) {
        if part.starts_with('[') {
            inside = part == "[Desktop Entry]";
        } else if let (true, Some((key, value))) = (inside, part.split_once('=')) {
            match (key.trim(), value.trim()) {
                ("Hidden", "true") | ("X-GNOME-Autostart-enabled", "false") => return None,
                ("Exec", value) => line = Some(value.to_owned()),
                _ => {}
            }
        }
    }
    // A field code stands for files that nobody opens at login.
    let words = shell::words(&line?);
    let words: Vec<String> =
        words.into_iter().filter(|word| !(word.len() == 2 && word.starts_with('%'))).collect();
    (!words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_is_switched_off_runs_nothing() {
        let entry = "[Desktop Entry]\nName=Gateway\nExec=\"/opt/open claw/openclaw\" gateway run %U\n";
        assert_eq!(command(entry).unwrap(), ["/opt/open claw/openclaw", "gateway", "run"]);
        assert_eq!(command(&format!("{entry}Hidden=true\n")), None);
        assert_eq!(command(&format!("{entry}X-GNOME-Autostart-enabled=false\n")), None);
        assert_eq!(command("[Other]\nExec=openclaw gateway\n"), None);
    }
}

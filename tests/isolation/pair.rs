//! Two profiles `a` and `b` that are apart, for tests that bring them together.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::world::World;

impl World {
    /// Writes the profiles `a` and `b`; `paths` are lines of `[paths]` in the manifest of `b`.
    pub fn pair(&self, paths: &str) {
        let (a, b) = (self.block(), self.block());
        self.manifest("a", &format!("[gateway]\nport = {a}\n"));
        self.manifest("b", &format!("[gateway]\nport = {b}\n[paths]\n{paths}\n"));
        for name in ["a", "b"] {
            self.private(&self.state(name).join("workspace"));
            self.config(name, json!({}));
        }
    }

    /// Writes the `openclaw.json` of a profile: an open gateway and what `more` adds at the top.
    pub fn config(&self, name: &str, more: Value) {
        let mut config = json!({ "gateway": { "auth": { "mode": "none" } } });
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        fs::write(self.state(name).join("openclaw.json"), config.to_string()).unwrap();
    }

    /// Asserts that `check` and every kind of start refuse both profiles with `code`, and name both and `what`.
    #[track_caller]
    pub fn refuses(&self, code: &str, what: &Path) {
        let check = self.run(&["profile", "check", "--json"]);
        assert_eq!(check.code, Some(4), "{check:?}");
        finds(&check.json(), code, &what.display().to_string());
        for name in ["a", "b"] {
            let foreground = self.run(&["--profile", name, "gateway", "run", "--json"]);
            assert_eq!(foreground.refused(78, code)["profile"], name);
            let refused = self.run(&["profile", "start", name, "--json"]);
            assert_eq!(refused.refused(78, code)["profile"], name);
        }
        assert!(!self.journal().contains("gateway spawned"));
    }
}

/// Asserts that a document of `profile check` has a conflict `code` between `a` and `b` that names `what`.
#[track_caller]
pub fn finds(document: &Value, code: &str, what: &str) {
    assert_eq!(document["ok"], false, "{document}");
    let conflicts = document["conflicts"].as_array().unwrap();
    let conflict = conflicts.iter().find(|conflict| conflict["code"] == code);
    let conflict = conflict.unwrap_or_else(|| panic!("{code} is missing: {document}"));
    assert_eq!((&conflict["profile"], &conflict["other"]), (&"a".into(), &"b".into()));
    assert_eq!(conflict["severity"], "error");
    let message = conflict["message"].as_str().unwrap();
    assert!(message.contains("`a`") && message.contains("`b`") && message.contains(what), "{message}");
    assert!(conflict["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()));
}

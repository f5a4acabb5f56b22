//! What an approval is bound to, and how it is shown to whoever decides: pure. The words shown are made of what would
//! be run, never of a text that came beside it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::wire::command_line;

/// Longest command line that can be decided about, in characters as it is shown; nobody reads more.
const SHOWN_MAX: usize = 16_384;
/// What of a plan is the node's own affair and goes back to it as it came.
const NODES_OWN: &[&str] = &["policySnapshot", "mutableFileOperand"];

/// What would be run, and for whom: an approval holds for exactly this.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// The node that runs it.
    pub node: String,
    argv: Vec<String>,
    cwd: Option<String>,
    agent: Option<String>,
    session: Option<String>,
    env: Env,
    own: Map<String, Value>,
}

/// The variables that are set for it: their names, and a mark of names and values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Env {
    /// The names, sorted.
    pub names: Vec<String>,
    /// The mark; none where nothing is set.
    pub mark: Option<String>,
}

/// Why what is asked for is not what was approved.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// The protocol's code.
    pub code: &'static str,
    /// A sentence.
    pub sentence: &'static str,
    /// What else is told, an object.
    pub details: Value,
}

impl Mismatch {
    fn of_request() -> Self {
        let (code, sentence) = ("APPROVAL_REQUEST_MISMATCH", "approval id does not match request");
        Mismatch { code, sentence, details: json!({}) }
    }

    /// `asked` is none where it is no environment at all.
    fn of_env(approved: &Env, asked: Option<&Env>) -> Self {
        let names = asked.map(|env| env.names.as_slice()).unwrap_or_default();
        let mut details = json!({ "envKeys": names });
        if approved.mark.is_none() {
            let sentence = "approval id missing env binding for requested env overrides";
            return Mismatch { code: "APPROVAL_ENV_BINDING_MISSING", sentence, details };
        }
        details["expectedEnvHash"] = json!(approved.mark);
        details["actualEnvHash"] = json!(asked.and_then(|env| env.mark.as_ref()));
        let sentence = "approval id env binding mismatch";
        Mismatch { code: "APPROVAL_ENV_MISMATCH", sentence, details }
    }
}

impl Env {
    /// Out of a request's `env`; none where it is no object of texts.
    pub fn read(env: &Value) -> Option<Env> {
        if env.is_null() {
            return Some(Env::default());
        }
        let set: BTreeMap<String, String> = serde_json::from_value(env.clone()).ok()?;
        // As the real gateway counts it: names and values in pairs, sorted by name.
        let digest = || Sha256::digest(json!(set.iter().collect::<Vec<_>>()).to_string());
        let mark = (!set.is_empty()).then(|| digest().iter().map(|byte| format!("{byte:02x}")).collect());
        Some(Env { names: set.into_keys().collect(), mark })
    }
}

impl Bound {
    /// Out of the plan that a node made; where the plan leaves something open, what `beside` says of it counts. None
    /// where the plan runs nothing.
    pub fn read(node: &str, plan: &Value, beside: &Value, env: Env) -> Option<Bound> {
        let argv: Vec<String> = serde_json::from_value(plan["argv"].clone()).ok()?;
        argv.first().filter(|program| !program.trim().is_empty())?;
        let said = |name: &str| text(&plan[name]).or_else(|| text(&beside[name]));
        let own = NODES_OWN.iter().filter(|name| !plan[**name].is_null());
        Some(Bound {
            node: node.to_owned(),
            argv,
            cwd: said("cwd"),
            agent: said("agentId"),
            session: said("sessionKey"),
            env,
            own: own.map(|name| ((*name).to_owned(), plan[*name].clone())).collect(),
        })
    }

    /// The command line for people.
    pub fn line(&self) -> String {
        command_line::of(&self.argv)
    }

    /// The plan as the node is given it.
    pub fn plan(&self) -> Value {
        let mut plan = json!({
            "argv": self.argv,
            "cwd": self.cwd,
            "commandText": self.line(),
            "commandPreview": null,
            "agentId": self.agent,
            "sessionKey": self.session,
        });
        if let Some(plan) = plan.as_object_mut() {
            plan.extend(self.own.clone());
        }
        plan
    }

    /// The same as those see it who decide.
    pub fn shown(&self) -> Value {
        json!({
            "argv": self.argv,
            "cwd": self.cwd,
            "agentId": self.agent,
            "sessionKey": self.session,
            "envHash": self.env.mark,
        })
    }

    /// Where it is run, by whom and in which session.
    pub fn circumstances(&self) -> [Option<&str>; 3] {
        [self.cwd.as_deref(), self.agent.as_deref(), self.session.as_deref()]
    }

    /// The variables that are set for it.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// Whether the parameters of a call ask for this. What they leave out is as it was approved; what they say must be.
    ///
    /// # Errors
    /// [`Mismatch`].
    pub fn admits(&self, params: &Value) -> Result<(), Mismatch> {
        let same = |name: &str, approved: &Option<String>| match &params[name] {
            Value::Null => true,
            said => said.is_string() && text(said) == *approved,
        };
        let command = &params["command"];
        let argv = command.is_null() || *command == json!(self.argv);
        if !argv
            || !same("cwd", &self.cwd)
            || !same("agentId", &self.agent)
            || !same("sessionKey", &self.session)
        {
            return Err(Mismatch::of_request());
        }
        // No `env` means none here as well: a variable less is another environment.
        let env = Env::read(&params["env"]);
        match &env {
            Some(env) if env.mark == self.env.mark => Ok(()),
            other => Err(Mismatch::of_env(&self.env, other.as_ref())),
        }
    }

    /// Puts into the parameters of a call what was approved.
    pub fn fill(&self, params: &mut Map<String, Value>) {
        params.insert("command".into(), json!(self.argv));
        params.insert("rawCommand".into(), json!(self.line()));
        params.insert("systemRunPlan".into(), self.plan());
        for (name, value) in
            ["cwd", "agentId", "sessionKey"].into_iter().zip([&self.cwd, &self.agent, &self.session])
        {
            match value {
                Some(value) => params.insert(name.into(), json!(value)),
                None => params.remove(name),
            };
        }
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A text in which nothing hides: whatever cannot be seen, or turns the direction of reading, is written out. None
/// where it is too long to be read.
pub fn visible(text: &str) -> Option<String> {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_invisible(letter) {
            shown.push_str(&format!("\\u{{{:X}}}", letter as u32));
        } else {
            shown.push(letter);
        }
        if shown.len() > SHOWN_MAX {
            return None;
        }
    }
    Some(shown)
}

/// Control and format characters, separators of lines, fillers, and every space but the plain one.
fn is_invisible(letter: char) -> bool {
    let format = matches!(letter as u32,
        0xAD | 0x0600..=0x0605 | 0x061C | 0x06DD | 0x070F | 0x0890 | 0x0891 | 0x08E2 | 0x115F | 0x1160 | 0x180E
        | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0
        | 0xFFF9..=0xFFFB | 0x110BD | 0x110CD | 0x13430..=0x1343F | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A
        | 0xE0000..=0xE0FFF);
    format || letter.is_control() || letter.is_whitespace() && letter != ' '
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(env: Value) -> Bound {
        let plan = json!({"argv": ["/bin/echo", "a b"], "cwd": null, "commandText": "ls", "agentId": "main"});
        Bound::read("n", &plan, &json!({"cwd": "/tmp"}), Env::read(&env).unwrap()).unwrap()
    }

    #[test]
    fn what_is_shown_is_what_is_run() {
        let bound = bound(Value::Null);
        assert_eq!(bound.line(), "/bin/echo \"a b\"");
        assert_eq!(
            bound.plan()["commandText"],
            "/bin/echo \"a b\"",
            "a text beside the words does not count"
        );
        assert_eq!(visible("a\u{202E}b\n\u{A0}c").unwrap(), "a\\u{202E}b\\u{A}\\u{A0}c");
        assert_eq!(visible(&"x".repeat(SHOWN_MAX + 1)), None);
        assert!(Bound::read("n", &json!({"argv": []}), &Value::Null, Env::default()).is_none());
        assert!(Bound::read("n", &json!({"argv": [" "]}), &Value::Null, Env::default()).is_none());
    }

    #[test]
    fn nothing_else_than_what_was_approved_is_admitted() {
        let bound = bound(json!({"LANG": "C"}));
        let same =
            json!({"command": ["/bin/echo", "a b"], "cwd": "/tmp", "agentId": "main", "env": {"LANG": "C"}});
        assert_eq!(bound.admits(&same), Ok(()));
        assert_eq!(bound.admits(&json!({"env": {"LANG": "C"}})), Ok(()));
        for (name, value) in [
            ("command", json!(["/bin/echo", "a", "b"])),
            ("command", json!("/bin/echo a b")),
            ("cwd", json!("/")),
            ("cwd", json!(["/tmp"])),
            ("agentId", json!("other")),
            ("sessionKey", json!("agent:main:main")),
        ] {
            let mut other = same.clone();
            other[name] = value;
            assert_eq!(bound.admits(&other), Err(Mismatch::of_request()), "{other}");
        }
        for env in [json!({"LANG": "D"}), json!({}), json!({"LANG": "C", "TZ": "x"}), json!({"LANG": 1})] {
            let refused = bound.admits(&json!({ "env": env })).unwrap_err();
            assert_eq!(refused.code, "APPROVAL_ENV_MISMATCH");
        }
        let bare = self::bound(Value::Null).admits(&json!({"env": {"A": "1"}})).unwrap_err();
        assert_eq!(bare.code, "APPROVAL_ENV_BINDING_MISSING");
        assert_eq!(bare.details, json!({"envKeys": ["A"]}));
    }

    #[test]
    fn a_call_is_filled_with_what_was_approved() {
        let mut params = json!({"command": ["x"], "sessionKey": "s", "timeoutMs": 5});
        let map = params.as_object_mut().unwrap();
        bound(Value::Null).fill(map);
        assert_eq!(
            (&params["command"], &params["cwd"], &params["timeoutMs"]),
            (&json!(["/bin/echo", "a b"]), &json!("/tmp"), &json!(5))
        );
        assert!(params.get("sessionKey").is_none() && params["systemRunPlan"]["argv"] == params["command"]);
    }
}

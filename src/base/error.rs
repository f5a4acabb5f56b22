//! The one error of the program: what kind of trouble, a stable code for scripts, a sentence for people,
//! who is in the way and what to do next. It is built where the trouble is understood and printed once, at
//! the edge; the same shape travels over the control socket and out through `--json` (DESIGN 3.4).

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::record::Holder;

/// Short for a result that fails with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What kind of trouble it is; decides the exit code (DESIGN 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It was tried and did not work. Exit 1.
    Failed,
    /// The command line is wrong. Exit 2.
    Usage,
    /// The profile, or the supervisor, is not running. Exit 3.
    NotRunning,
    /// Conflicts were found by a command that looks for them. Exit 4.
    Conflicts,
    /// A deadline passed. Exit 5.
    Deadline,
    /// The endpoint cannot be reached, or a program is missing. Exit 69.
    Unavailable,
    /// Refused by authentication or by file ownership. Exit 77.
    Denied,
    /// The configuration is invalid, or a start was refused for good; no service manager may retry. Exit 78.
    Config,
}

impl Kind {
    /// The process exit code that says the same.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::NotRunning => 3,
            Kind::Conflicts => 4,
            Kind::Deadline => 5,
            Kind::Unavailable => 69,
            Kind::Denied => 77,
            Kind::Config => 78,
        }
    }
}

/// An error with kind, code, message, and, where known, profile, holder, remedy and cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Error {
    kind: Kind,
    code: Cow<'static, str>,
    message: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    profile: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    holder: Option<Box<Holder>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remedy: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<Box<str>>,
}

impl Error {
    /// An error of `kind` with a stable `code` in snake case and a sentence for people.
    pub fn new(kind: Kind, code: &'static str, message: impl Into<String>) -> Self {
        Error {
            kind,
            code: Cow::Borrowed(code),
            message: message.into().into_boxed_str(),
            profile: None,
            holder: None,
            remedy: None,
            cause: None,
        }
    }

    /// Adds what to do next: a sentence or a command that is safe to type as it stands.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into().into_boxed_str());
        self
    }

    /// Adds the profile that is meant.
    pub fn profile(mut self, profile: impl fmt::Display) -> Self {
        self.profile = Some(profile.to_string().into_boxed_str());
        self
    }

    /// Adds who holds what was wanted.
    pub fn holder(mut self, holder: Holder) -> Self {
        self.holder = Some(Box::new(holder));
        self
    }

    /// Adds the underlying cause, printed behind the message.
    pub fn caused_by(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string().into_boxed_str());
        self
    }

    /// What kind of trouble it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The stable code, in snake case.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The sentence for people, without cause and remedy.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do next, where known.
    pub fn remedy_text(&self) -> Option<&str> {
        self.remedy.as_deref()
    }

    /// Who is in the way, where known.
    pub fn holder_record(&self) -> Option<&Holder> {
        self.holder.as_deref()
    }

    /// The profile that is meant, where known.
    pub fn profile_name(&self) -> Option<&str> {
        self.profile.as_deref()
    }

    /// The `error` object of DESIGN 3.4, for `--json`.
    pub fn to_json(&self) -> serde_json::Value {
        let mut body = serde_json::json!({ "code": self.code, "message": self.to_string() });
        if let Some(profile) = &self.profile {
            body["profile"] = serde_json::json!(profile);
        }
        if let Some(holder) = &self.holder {
            body["holder"] = serde_json::json!(holder);
        }
        if let Some(remedy) = &self.remedy {
            body["remedy"] = serde_json::json!(remedy);
        }
        serde_json::json!({ "ok": false, "error": body })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(cause) = &self.cause {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_the_exit_code_of_the_contract() {
        let codes = [
            (Kind::Failed, 1),
            (Kind::Usage, 2),
            (Kind::NotRunning, 3),
            (Kind::Conflicts, 4),
            (Kind::Deadline, 5),
            (Kind::Unavailable, 69),
            (Kind::Denied, 77),
            (Kind::Config, 78),
        ];
        for (kind, code) in codes {
            assert_eq!(kind.exit_code(), code, "{kind:?}");
        }
    }

    #[test]
    fn the_json_form_carries_message_with_cause_and_remedy() {
        let error = Error::new(Kind::Config, "config_invalid", "openclaw.json cannot be read")
            .profile("work")
            .caused_by("line 3: expected a comma")
            .remedy("mend line 3");
        assert_eq!(
            error.to_json(),
            serde_json::json!({"ok": false, "error": {
                "code": "config_invalid",
                "message": "openclaw.json cannot be read: line 3: expected a comma",
                "profile": "work",
                "remedy": "mend line 3",
            }})
        );
    }

    #[test]
    fn it_survives_the_control_socket() {
        let error = Error::new(Kind::Deadline, "start_timeout", "too slow").profile("a").remedy("wait");
        let text = serde_json::to_string(&error).unwrap();
        assert_eq!(serde_json::from_str::<Error>(&text).unwrap(), error);
    }
}

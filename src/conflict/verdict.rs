//! A conflict as a record for people and scripts (DESIGN 3.4), and as the error that refuses a start.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::record::Holder;
use crate::base::{Error, Kind, ProfileName};

/// What kind of conflict it is: the stable words of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The host has its one gateway already.
    HostHasPrimary,
    /// Somebody listens on a port of the claim.
    PortInUse,
    /// The ports of two gateways cross.
    PortBlockOverlap,
    /// Somebody holds the state directory.
    StateDirShared,
    /// One state directory lies in the other.
    StateDirNested,
    /// Two profiles have one configuration file.
    ConfigShared,
    /// Two profiles have one workspace.
    WorkspaceShared,
    /// Two profiles log in with one channel credential, or keep theirs in one place.
    CredentialShared,
    /// Two gateways have one identity: one is a copy of the other.
    DuplicateIdentity,
    /// Two services would run the same gateway.
    DuplicateService,
    /// A service starts the gateway on another port than its profile has.
    ServicePortMismatch,
    /// A record names a process that is not, or no longer, what it was written for.
    StaleRecord,
    /// A gateway that nobody here looks after has what is claimed.
    UnmanagedGateway,
    /// Another user's gateway has what is claimed.
    ForeignOwner,
}

impl Code {
    /// Every kind, in the order of the enumeration.
    pub const ALL: [Code; 14] = [
        Code::HostHasPrimary,
        Code::PortInUse,
        Code::PortBlockOverlap,
        Code::StateDirShared,
        Code::StateDirNested,
        Code::ConfigShared,
        Code::WorkspaceShared,
        Code::CredentialShared,
        Code::DuplicateIdentity,
        Code::DuplicateService,
        Code::ServicePortMismatch,
        Code::StaleRecord,
        Code::UnmanagedGateway,
        Code::ForeignOwner,
    ];

    /// The kind that `word` names.
    pub fn named(word: &str) -> Option<Code> {
        Code::ALL.into_iter().find(|code| code.as_str() == word)
    }

    /// The word used in JSON and as an error's code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Code::HostHasPrimary => "host_has_primary",
            Code::PortInUse => "port_in_use",
            Code::PortBlockOverlap => "port_block_overlap",
            Code::StateDirShared => "state_dir_shared",
            Code::StateDirNested => "state_dir_nested",
            Code::ConfigShared => "config_shared",
            Code::WorkspaceShared => "workspace_shared",
            Code::CredentialShared => "credential_shared",
            Code::DuplicateIdentity => "duplicate_identity",
            Code::DuplicateService => "duplicate_service",
            Code::ServicePortMismatch => "service_port_mismatch",
            Code::StaleRecord => "stale_record",
            Code::UnmanagedGateway => "unmanaged_gateway",
            Code::ForeignOwner => "foreign_owner",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Will hurt, but refuses nothing.
    Warning,
    /// Refuses a start.
    Error,
}

/// Two owners, or would-be owners, of something that only one may own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conflict {
    /// What kind.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// The profile whose claim it is about; `None` for a gateway of no known one.
    pub profile: Option<ProfileName>,
    /// The port, where it is about one.
    pub port: Option<u16>,
    /// Who is in the way.
    pub holder: Option<Holder>,
    /// What is wrong, in one sentence that names the holder.
    pub message: String,
    /// What to do next: safe to execute as it stands, since it is aimed at the holder and at nobody else.
    pub remedy: String,
    /// How the verdict was reached, for whoever asks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub explain: Vec<String>,
}

impl Conflict {
    /// The refusal that this conflict is: permanent, exit 78.
    pub fn to_error(&self) -> Error {
        let error =
            Error::new(Kind::Config, self.code.as_str(), self.message.clone()).remedy(self.remedy.clone());
        let error = match &self.profile {
            Some(profile) => error.profile(profile),
            None => error,
        };
        match &self.holder {
            Some(holder) => error.holder(holder.clone()),
            None => error,
        }
    }
}

/// The first conflict that refuses a start, as an error; `None` when nothing does.
pub fn first_refusal(conflicts: &[Conflict]) -> Option<Error> {
    conflicts.iter().find(|conflict| conflict.severity == Severity::Error).map(Conflict::to_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conflict(severity: Severity) -> Conflict {
        Conflict {
            code: Code::PortInUse,
            severity,
            profile: Some("work".parse().unwrap()),
            port: Some(1),
            holder: None,
            message: "port 1 is taken".into(),
            remedy: "free it".into(),
            explain: Vec::new(),
        }
    }

    #[test]
    fn its_json_has_the_keys_of_the_contract() {
        assert_eq!(
            serde_json::to_value(conflict(Severity::Error)).unwrap(),
            serde_json::json!({"code": "port_in_use", "severity": "error", "profile": "work", "port": 1,
                "holder": null, "message": "port 1 is taken", "remedy": "free it"})
        );
    }

    #[test]
    fn only_an_error_refuses_and_it_refuses_for_good() {
        assert_eq!(first_refusal(&[conflict(Severity::Info), conflict(Severity::Warning)]), None);
        let error = first_refusal(&[conflict(Severity::Warning), conflict(Severity::Error)]).unwrap();
        assert_eq!((error.kind().exit_code(), error.code()), (78, "port_in_use"));
        assert_eq!((error.remedy_text(), error.profile_name()), (Some("free it"), Some("work")));
    }

    #[test]
    fn the_words_of_code_and_json_are_the_same() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}

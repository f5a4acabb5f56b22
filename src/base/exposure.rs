//! How a gateway is reached from beyond its own machine, as it says itself and as `host status` shows it.

use serde::{Deserialize, Serialize};

use super::Error;

/// How far an exposure has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It is being made.
    #[default]
    Pending,
    /// It stands.
    Up,
    /// It could not be made; it is tried again by itself.
    Failed,
}

/// One way from outside to a gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exposure {
    /// By what: `serve` and `funnel` are Tailscale's.
    pub kind: String,
    /// How far it has come.
    pub state: Standing,
    /// Where clients connect, where that is known.
    #[serde(default)]
    pub url: Option<String>,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<Wrong>,
}

/// Why an exposure failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Wrong {
    /// A stable word in snake case.
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl From<&Error> for Wrong {
    fn from(error: &Error) -> Self {
        Wrong {
            code: error.code().to_owned(),
            message: error.to_string(),
            remedy: error.remedy_text().unwrap_or_default().to_owned(),
        }
    }
}

impl Exposure {
    /// One cell of a table: `tailnet serve https://host.tailnet.ts.net:8443/`, or what failed and why.
    pub fn in_words(&self) -> String {
        let kind = if self.kind == "serve" { "tailnet serve" } else { &self.kind };
        match (self.state, &self.error) {
            (Standing::Up, _) => format!("{kind} {}", self.url.as_deref().unwrap_or_default()),
            (Standing::Pending, _) => format!("{kind} pending"),
            (Standing::Failed, Some(wrong)) => format!("{kind} failed: {}", wrong.message),
            (Standing::Failed, None) => format!("{kind} failed"),
        }
    }
}

/// What a gateway leaves written of its exposures. It is worth something only while that very process runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExposureRecord {
    /// The gateway's process.
    pub pid: u32,
    /// Its exposures.
    pub exposure: Vec<Exposure>,
}

impl ExposureRecord {
    /// The file's name in the state directory.
    pub const NAME: &'static str = "exposure.json";

    /// What the text of such a file says of process `pid`; nothing when it is another's or cannot be read.
    pub fn of(text: &str, pid: u32) -> Vec<Exposure> {
        serde_json::from_str::<ExposureRecord>(text)
            .ok()
            .filter(|record| record.pid == pid)
            .map(|record| record.exposure)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_for_its_own_process_only() {
        let exposure = vec![Exposure {
            kind: "serve".into(),
            state: Standing::Up,
            url: Some("https://h.t.ts.net/".into()),
            error: None,
        }];
        let text = serde_json::to_string(&ExposureRecord { pid: 7, exposure: exposure.clone() }).unwrap();
        assert_eq!(ExposureRecord::of(&text, 7), exposure);
        assert_eq!(ExposureRecord::of(&text, 8), []);
        assert_eq!(ExposureRecord::of("{", 7), []);
        assert_eq!(exposure[0].in_words(), "tailnet serve https://h.t.ts.net/");
    }
}

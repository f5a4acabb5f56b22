//! The system's `tailscale` program, asked and held. Only what is needed is ever run: `status`, `serve status` and
//! `whois`, which look, and `serve` or `funnel` in the foreground, whose configuration is its own session's and ends
//! with it. Never in the background, and nothing is ever switched off or reset: what others configured is theirs.

use std::ffi::OsString;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::host::attended::{self, Attended, Ended};
use crate::host::files;

/// The program, wherever it is found first.
#[derive(Clone, Debug)]
pub struct Tailscale {
    /// Where it may be, absolute.
    pub candidates: Vec<PathBuf>,
    /// How long a question may take.
    pub patience: Duration,
}

/// Why the program gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is not installed.
    Missing,
    /// It took longer than this.
    Late(Duration),
    /// It ended with this complaint.
    Complained(String),
    /// It could not be run, or said what cannot be read.
    Broken(String),
}

/// Who may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Members of the tailnet.
    Tailnet,
    /// Everybody.
    Internet,
}

impl Tailscale {
    /// How this machine stands in its tailnet.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn status(&self) -> Result<Value, Trouble> {
        self.ask(&["status", "--json", "--peers=false"]).await
    }

    /// What is served now, whoever configured it.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn served(&self) -> Result<Value, Trouble> {
        self.ask(&["serve", "status", "--json"]).await
    }

    /// Whose machine has this address of the tailnet.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn whois(&self, address: IpAddr) -> Result<Value, Trouble> {
        self.ask(&["whois", "--json", &address.to_string()]).await
    }

    async fn ask(&self, words: &[&str]) -> Result<Value, Trouble> {
        let ended = attended::run(&self.argv(words)?, self.patience).await;
        let ended = ended.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => Trouble::Late(self.patience),
            _ => Trouble::Broken(error.to_string()),
        })?;
        if ended.code != Some(0) {
            return Err(complaint(&ended));
        }
        // Without any configuration some versions say nothing at all.
        if ended.output.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&ended.output).map_err(|error| Trouble::Broken(format!("no JSON: {error}")))
    }

    fn argv(&self, words: &[&str]) -> Result<Vec<OsString>, Trouble> {
        let program =
            self.candidates.iter().find(|path| files::is_executable(path)).ok_or(Trouble::Missing)?;
        Ok(std::iter::once(program.into()).chain(words.iter().map(OsString::from)).collect())
    }

    /// Shows port `own` of loopback under `https_port` and `path`, for as long as the answer lives.
    ///
    /// # Errors
    /// When the program cannot be run.
    pub fn show(
        &self,
        audience: Audience,
        https_port: u16,
        path: &str,
        own: u16,
    ) -> Result<Session, Trouble> {
        let verb = match audience {
            Audience::Tailnet => "serve",
            Audience::Internet => "funnel",
        };
        let (https, target) = (format!("--https={https_port}"), target(own));
        let mount = format!("--set-path={path}");
        let mut words = vec![verb, &https];
        if path != "/" {
            words.push(&mount);
        }
        words.push(&target);
        let attended = Attended::spawn(&self.argv(&words)?);
        attended.map(Session).map_err(|error| Trouble::Broken(error.to_string()))
    }
}

/// The gateway's listener as Tailscale is told of it.
pub fn target(own: u16) -> String {
    format!("http://127.0.0.1:{own}")
}

/// What stands in the foreground. Dropping it takes it down.
#[derive(Debug)]
pub struct Session(Attended);

impl Session {
    /// Waits for its end, which is never wished, and says why.
    pub async fn ended(&mut self) -> Trouble {
        match self.0.ended().await {
            Ok(ended) => complaint(&ended),
            Err(error) => Trouble::Broken(error.to_string()),
        }
    }

    /// What it has said so far.
    pub fn told(&self) -> String {
        self.0.told()
    }
}

fn complaint(ended: &Ended) -> Trouble {
    let said = if ended.errors.trim().is_empty() { &ended.output } else { &ended.errors };
    Trouble::Complained(said.trim().to_owned())
}

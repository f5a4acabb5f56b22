//! What this machine does for its gateway: finding programs, running them, telling its user something. Each call reads the
//! rules anew, so that a change holds at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::{Value, json};

use super::policy::{self, Rules};
use crate::host::files;
use crate::host::job::{self, Done, Job};

/// What it offers.
pub const COMMANDS: [&str; 4] = ["system.notify", "system.run", "system.run.prepare", "system.which"];
/// Where programs are looked for; the caller's environment has no say.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Most bytes of each output.
const OUTPUT_MAX: usize = 200_000;
/// How long a program may take for which no time is named, and at most.
const LIMIT: Duration = Duration::from_secs(30);
const LIMIT_MAX: Duration = Duration::from_secs(60 * 60);
/// Programs that are looked for at once.
const BINS_MAX: usize = 64;

/// Code and sentence of what went wrong.
pub type Failure = (&'static str, String);

/// This machine, as far as it serves.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The file of the rules.
    pub rules: PathBuf,
    /// What programs are told of the user: `HOME`, `USER` and the like.
    pub environment: BTreeMap<String, String>,
}

impl Machine {
    /// Does what is asked. It blocks until that is done, or `unwanted` says so.
    ///
    /// # Errors
    /// The real program's codes: `INVALID_REQUEST`, `SYSTEM_RUN_DENIED`, `UNAVAILABLE`.
    pub fn act(&self, command: &str, params: &Value, unwanted: &AtomicBool) -> Result<Value, Failure> {
        match command {
            "system.which" => which(params),
            "system.run.prepare" => self.prepare(params),
            "system.run" => self.run(params, unwanted),
            "system.notify" => self.notify(params, unwanted),
            _ => Err(("UNAVAILABLE", "command not supported".into())),
        }
    }

    /// The rules, where their file can be trusted; without one nothing is allowed.
    fn read(&self) -> Result<Rules, Failure> {
        let file = self.rules.display();
        let text = files::read(&self.rules).map_err(|error| denied(error.to_string()))?;
        let Some(text) = text else { return Ok(Rules::default()) };
        if !files::is_private(&self.rules) {
            return Err(denied(format!("{file} may be written by others; chmod 600 it")));
        }
        serde_json::from_str(&text).map_err(|error| denied(format!("{file}: {error}")))
    }

    fn prepare(&self, params: &Value) -> Result<Value, Failure> {
        let (argv, rules) = (argv_of(params)?, self.read()?);
        let text = |name: &str| params[name].as_str();
        Ok(json!({
            "plan": {
                "argv": argv,
                "cwd": text("cwd"),
                "commandText": argv.join(" "),
                "agentId": text("agentId"),
                "sessionKey": text("sessionKey"),
            },
            "execPolicy": { "security": rules.security.as_str(), "ask": "off" },
            "allowAlwaysCoverage": { "complete": false, "patterns": [] },
        }))
    }

    fn run(&self, params: &Value, unwanted: &AtomicBool) -> Result<Value, Failure> {
        let mut argv = argv_of(params)?;
        argv[0] = if argv[0].contains('/') {
            argv[0].clone()
        } else {
            found(&argv[0]).ok_or_else(|| invalid(format!("{} is not on this machine", argv[0])))?
        };
        if !self.read()?.permit(&argv) || !argv[0].starts_with('/') {
            let file = self.rules.display();
            return Err(denied(format!("approval required: {argv:?} is not in the allow-list of {file}")));
        }
        let wanted: BTreeMap<String, String> = match &params["env"] {
            Value::Null => BTreeMap::new(),
            env => serde_json::from_value(env.clone()).map_err(|error| invalid(format!("env: {error}")))?,
        };
        let refused = policy::refused(&wanted);
        if !refused.is_empty() {
            let what =
                format!("environment override rejected (blocked override keys: {})", refused.join(", "));
            return Err(denied(what));
        }
        let limit = params["timeoutMs"].as_u64().filter(|millis| *millis > 0).map(Duration::from_millis);
        let directory = params["cwd"].as_str().map_or_else(|| self.home(), PathBuf::from);
        let done = self.start(&argv, wanted, &directory, limit.unwrap_or(LIMIT).min(LIMIT_MAX), unwanted)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(json!({
            "exitCode": done.code,
            "timedOut": done.timed_out,
            "success": done.code == Some(0) && !done.timed_out,
            "stdout": text(&done.stdout),
            "stderr": text(&done.stderr),
            "error": null,
            "truncated": done.truncated,
        }))
    }

    fn notify(&self, params: &Value, unwanted: &AtomicBool) -> Result<Value, Failure> {
        let text = |name: &str| params[name].as_str().map(str::trim).unwrap_or_default().to_owned();
        let (title, body) = (text("title"), text("body"));
        if title.is_empty() && body.is_empty() {
            return Err(invalid("title or body required".into()));
        }
        let teller = found("notify-send")
            .ok_or_else(|| ("UNAVAILABLE", "notify-send is not on this machine".to_owned()))?;
        let title = if title.is_empty() { "OpenClaw".to_owned() } else { title };
        let argv = [teller, "--app-name=OpenClaw".into(), "--".into(), title, body];
        let done = self.start(&argv, BTreeMap::new(), &self.home(), LIMIT, unwanted)?;
        match done.code {
            Some(0) => Ok(json!({ "ok": true })),
            _ => Err(("UNAVAILABLE", String::from_utf8_lossy(&done.stderr).trim().to_owned())),
        }
    }

    fn home(&self) -> PathBuf {
        self.environment.get("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from)
    }

    fn start(
        &self,
        argv: &[String],
        more: BTreeMap<String, String>,
        directory: &Path,
        limit: Duration,
        unwanted: &AtomicBool,
    ) -> Result<Done, Failure> {
        let mut environment = self.environment.clone();
        environment.extend(more);
        environment.insert("PATH".into(), PATH.into());
        let job = Job { argv, environment: &environment, directory, limit, output_max: OUTPUT_MAX };
        job::run(&job, unwanted).map_err(|error| ("UNAVAILABLE", format!("{}: {error}", argv[0])))
    }
}

fn which(params: &Value) -> Result<Value, Failure> {
    let bins = params["bins"].as_array().ok_or_else(|| invalid("bins required".into()))?;
    let names = bins.iter().take(BINS_MAX).filter_map(Value::as_str).map(str::trim);
    let bins: BTreeMap<&str, String> = names.filter_map(|name| Some((name, found(name)?))).collect();
    Ok(json!({ "bins": bins }))
}

/// Where a program of that name lies.
fn found(name: &str) -> Option<String> {
    if name.is_empty() || name.contains('/') {
        return None;
    }
    let places = PATH.split(':').map(|folder| format!("{folder}/{name}"));
    places.into_iter().find(|place| files::is_executable(Path::new(place)))
}

fn argv_of(params: &Value) -> Result<Vec<String>, Failure> {
    let argv: Option<Vec<String>> = serde_json::from_value(params["command"].clone()).ok();
    argv.filter(|argv| argv.first().is_some_and(|program| !program.is_empty()))
        .ok_or_else(|| invalid("command required".into()))
}

fn invalid(why: String) -> Failure {
    ("INVALID_REQUEST", why)
}

fn denied(why: String) -> Failure {
    ("SYSTEM_RUN_DENIED", format!("SYSTEM_RUN_DENIED: {why}"))
}

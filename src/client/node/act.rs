//! What this machine does for its gateway: finding programs, running them, telling its user something. Each call reads the
//! rules anew, so that a change holds at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::{Value, json};

use super::approval::{self, Approval};
use super::list::List;
use super::policy::{self, Verdict};
use crate::host::files;
use crate::host::job::{self, Done, Job};
use crate::wire::command_line;

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

/// The code of what may not be run.
const DENIED: &str = "SYSTEM_RUN_DENIED";

/// Code and sentence of what went wrong.
pub type Failure = (&'static str, String);

/// This machine, as far as it serves.
#[derive(Clone, Debug)]
pub struct Machine {
    /// What may be run.
    pub list: List,
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

    /// What would be run, for whoever is asked about it: the program by its place, which is what will be started.
    fn prepare(&self, params: &Value) -> Result<Value, Failure> {
        let (argv, rules) = (placed(argv_of(params)?)?, self.list.read().map_err(denied)?);
        let text = |name: &str| params[name].as_str();
        let kept: Vec<Value> = if rules.grows_by(&argv) {
            vec![json!({ "pattern": command_line::of(&argv) })]
        } else {
            Vec::new()
        };
        Ok(json!({
            "plan": {
                "argv": argv,
                "cwd": text("cwd"),
                "commandText": command_line::of(&argv),
                "agentId": text("agentId"),
                "sessionKey": text("sessionKey"),
            },
            "execPolicy": { "security": rules.security.as_str(), "ask": rules.ask.as_str() },
            "allowAlwaysCoverage": { "complete": !kept.is_empty(), "patterns": kept },
        }))
    }

    fn run(&self, params: &Value, unwanted: &AtomicBool) -> Result<Value, Failure> {
        let approved = approval::read(params).map_err(invalid)?;
        let argv = placed(argv_of(params)?)?;
        let rules = self.list.read().map_err(denied)?;
        let verdict = rules.judge(&argv, approved.is_some());
        self.permit(verdict, &argv)?;
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
        let for_good = verdict == Verdict::Approved && approved == Some(Approval::Always);
        let kept = for_good && rules.grows_by(&argv);
        if kept {
            // What cannot be kept is not run: whoever allowed it for good would believe that it was.
            let keep = self.list.keep(&argv);
            keep.map_err(|why| denied(format!("approval state could not be persisted: {why}")))?;
        }
        let limit = params["timeoutMs"].as_u64().filter(|millis| *millis > 0).map(Duration::from_millis);
        let directory = params["cwd"].as_str().map_or_else(|| self.home(), PathBuf::from);
        let done = self.start(&argv, wanted, &directory, limit.unwrap_or(LIMIT).min(LIMIT_MAX), unwanted)?;
        let mut answer = told(&done);
        if for_good {
            answer["allowAlwaysKept"] = json!(kept);
        }
        Ok(answer)
    }

    /// The verdict about a command line, in the words of the real program.
    fn permit(&self, verdict: Verdict, argv: &[String]) -> Result<(), Failure> {
        let file = self.list.file().display();
        match verdict {
            Verdict::Run | Verdict::Approved => Ok(()),
            Verdict::Ask => {
                Err(denied(format!("approval required: {argv:?} is not allowed by {file} alone")))
            }
            Verdict::Miss => {
                Err(denied(format!("allowlist miss: {argv:?} is not in the allow-list of {file}")))
            }
            Verdict::Disabled => Err((DENIED, format!("SYSTEM_RUN_DISABLED: security=deny in {file}"))),
        }
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

/// What became of a program, as the caller is told.
fn told(done: &Done) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    json!({
        "exitCode": done.code,
        "timedOut": done.timed_out,
        "success": done.code == Some(0) && !done.timed_out,
        "stdout": text(&done.stdout),
        "stderr": text(&done.stderr),
        "error": null,
        "truncated": done.truncated,
    })
}

/// The command line with its program's place.
fn placed(mut argv: Vec<String>) -> Result<Vec<String>, Failure> {
    if !argv[0].contains('/') {
        argv[0] = found(&argv[0]).ok_or_else(|| invalid(format!("{} is not on this machine", argv[0])))?;
    }
    match argv[0].starts_with('/') {
        true => Ok(argv),
        false => Err(denied(format!("{}: the program's path must be absolute", argv[0]))),
    }
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
    (DENIED, format!("{DENIED}: {why}"))
}

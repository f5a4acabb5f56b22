//! A stand-in for the `tailscale` program with its own rules for what is served: one configuration with an etag, and
//! foreground sessions that are gone when their process is. A new foreground session gets a port only when nobody has
//! it, in the background or the foreground, on whatever path. What it knows stands beside the name it is called by, in
//! `tailscale.json`; every call is a line in `tailscale.log`.
//!
//! `mode` in the former: `ok`, `needs-login`, `denied`, `old`, `slow` (no call ever ends), `stuck` (a session waits for a
//! person), `raced` (another program writes between reading and writing, once).

#![expect(clippy::print_stderr, clippy::print_stdout, reason = "a program of its own, which has no renderer")]
// It may fail loudly.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Map, Value, json};

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().collect();
    let folder = Path::new(&words.remove(0)).parent().unwrap().to_path_buf();
    let mut log = OpenOptions::new().create(true).append(true).open(folder.join("tailscale.log")).unwrap();
    log.write_all(format!("{}\n", words.join(" ")).as_bytes()).unwrap();
    let node = Node(folder);
    if node.mode() == "slow" {
        forever();
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["status", "--json", ..] => node.status(),
        ["serve", "status", "--json"] => node.served().map(|served| println!("{served:#}")),
        ["whois", "--json", address] => node.whois(address),
        [verb @ ("serve" | "funnel"), ref rest @ ..] => node.show(verb == "funnel", rest),
        _ => Err("unknown subcommand".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            eprintln!("{complaint}");
            ExitCode::FAILURE
        }
    }
}

fn forever() -> ! {
    loop {
        std::thread::park();
    }
}

type Outcome<T = ()> = Result<T, String>;

/// The machine, by the folder that holds its state.
struct Node(PathBuf);

impl Node {
    fn state(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.0.join("tailscale.json")).unwrap()).unwrap()
    }

    fn mode(&self) -> String {
        self.state()["mode"].as_str().unwrap_or("ok").to_owned()
    }

    /// Held while the configuration is read or written.
    fn alone(&self) -> File {
        let lock = File::create(self.0.join("tailscale.lock")).unwrap();
        lock.lock().unwrap();
        lock
    }

    fn status(&self) -> Outcome {
        let state = if self.mode() == "needs-login" { "NeedsLogin" } else { "Running" };
        let own = json!({ "DNSName": "host.tail1.ts.net.", "TailscaleIPs": ["100.64.0.1"] });
        println!("{:#}", json!({ "Version": "1.90.0", "BackendState": state, "Self": own }));
        Ok(())
    }

    fn whois(&self, address: &str) -> Outcome {
        let state = self.state();
        let login = state["whois"][address].as_str().ok_or("peer not found")?;
        println!("{:#}", json!({ "Node": { "Name": "n." }, "UserProfile": { "LoginName": login } }));
        Ok(())
    }

    /// The whole configuration: what stands in the background, and the sessions whose process lives.
    fn served(&self) -> Outcome<Value> {
        let _alone = self.alone();
        Ok(self.config())
    }

    fn config(&self) -> Value {
        let mut config = self.state()["config"].as_object().cloned().unwrap_or_default();
        let mut sessions = Map::new();
        for entry in fs::read_dir(self.0.join("sessions")).into_iter().flatten().flatten() {
            let path = entry.path();
            let file = File::open(&path).unwrap();
            if file.try_lock().is_ok() {
                fs::remove_file(&path).unwrap();
                continue;
            }
            let session = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            sessions.insert(entry.file_name().into_string().unwrap(), session);
        }
        if !sessions.is_empty() {
            config.insert("Foreground".into(), sessions.into());
        }
        config.into()
    }

    fn show(&self, funnel: bool, words: &[&str]) -> Outcome {
        let (mut port, mut path, mut target) = (443_u16, "/".to_owned(), None);
        for word in words {
            match word.split_once('=') {
                _ if self.mode() == "old" => return Err(format!("flag provided but not defined: {word}")),
                Some(("--https", number)) => port = number.parse().map_err(|_| "no port")?,
                Some(("--set-path", mount)) => path = mount.to_owned(),
                None if word.starts_with("http://") => target = Some(*word),
                _ => return Err(format!("invalid argument format: {word}")),
            }
        }
        let (config, etag) = {
            let _alone = self.alone();
            (self.config(), etag(&self.config()))
        };
        if has_port(&config, port) {
            return Err("background configuration already exists".into());
        }
        match self.mode().as_str() {
            "denied" => return Err("sending serve config: Access denied: serve config denied".into()),
            "stuck" => {
                println!(
                    "\nServe is not enabled on your tailnet.\nTo enable, visit:\n\n\thttps://login.ts.net/f/serve\n"
                );
                forever();
            }
            "raced" => self.race(),
            _ => {}
        }
        let host = format!("host.tail1.ts.net:{port}");
        let mut session = json!({ "TCP": { port.to_string(): { "HTTPS": true } },
            "Web": { &host: { "Handlers": { path: { "Proxy": target.ok_or("no target")? } } } } });
        if funnel {
            session["AllowFunnel"] = json!({ host: true });
        }
        let alone = self.alone();
        if etag != self::etag(&self.config()) {
            return Err(
                "Another client is changing the serve config; please try again.\netag mismatch".into()
            );
        }
        fs::create_dir_all(self.0.join("sessions")).unwrap();
        let mut file = File::create(self.0.join("sessions").join(std::process::id().to_string())).unwrap();
        file.lock().unwrap();
        file.write_all(session.to_string().as_bytes()).unwrap();
        drop(alone);
        println!("Available within your tailnet:\n\nPress Ctrl+C to exit.");
        forever();
    }

    /// Another program's change, once.
    fn race(&self) {
        let _alone = self.alone();
        let mut state = self.state();
        state["mode"] = "ok".into();
        state["config"]["TCP"]["5432"] = json!({ "TCPForward": "127.0.0.1:5432" });
        fs::write(self.0.join("tailscale.json"), state.to_string()).unwrap();
    }
}

fn etag(config: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    config.to_string().hash(&mut hasher);
    hasher.finish()
}

fn has_port(config: &Value, port: u16) -> bool {
    let port = port.to_string();
    let sessions = config["Foreground"].as_object().into_iter().flat_map(|all| all.values());
    std::iter::once(config).chain(sessions).any(|one| one["TCP"].get(&port).is_some())
}

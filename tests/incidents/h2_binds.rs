//! H2: a gateway that others reach with nothing that keeps them out. The address decides, whichever file, flag or
//! variable it came from; what is refused never had a socket, however short.

use std::process::Command;

use serde_json::{Value, json};

use super::world::{World, said};

const STRONG: &str = "4f9d2c81b7e6450a93d1f08c6a2b7e54";

impl World {
    /// An embedded profile whose bind is what its configuration says; returns its port.
    pub fn bound_by_config(&self, name: &str) -> u16 {
        let port = self.block();
        self.manifest(name, &format!("runtime.kind = \"embedded\"\ngateway.port = {port}\n"));
        port
    }

    /// Writes the `gateway` of a profile's configuration.
    pub fn gateway(&self, name: &str, gateway: Value) {
        let state = if name == "default" { self.home(".openclaw") } else { self.state(name) };
        self.private(&state);
        std::fs::write(state.join("openclaw.json"), json!({ "gateway": gateway }).to_string()).unwrap();
    }
}

/// The addresses on which somebody listens on `port` and that are no loopback ones, as the kernel has them.
fn open_sockets(port: u16) -> Vec<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| std::fs::read_to_string(table).unwrap());
    let loopback = |address: &str| {
        (address.len() == 8 && address.ends_with("7F")) || address == "00000000000000000000000001000000"
    };
    let lines = tables.iter().flat_map(|table| table.lines().skip(1));
    lines
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (address, at) = words[1].split_once(':')?;
            let listens = words[3] == "0A" && u16::from_str_radix(at, 16) == Ok(port);
            (listens && !loopback(address)).then(|| address.to_owned())
        })
        .collect()
}

/// Runs the profile's gateway in the foreground to its refusal, and looks at the kernel's sockets all the while.
#[track_caller]
fn refused(world: &World, port: u16, args: &[&str], variables: &[(&str, &str)], code: &str) {
    let mut command: Command = world.command(args);
    let mut child = command.envs(variables.iter().copied()).spawn().unwrap();
    loop {
        assert_eq!(open_sockets(port), Vec::<String>::new(), "{args:?}");
        if child.try_wait().unwrap().is_some() {
            break;
        }
    }
    let error = said(child).refused(78, code);
    assert!(error["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{error}");
}

#[test]
fn incident_h2_an_open_address_without_a_strong_secret_is_refused_before_it_is_bound() {
    let world = World::new();
    let binds = [
        json!({"bind": "lan"}),
        json!({"bind": "custom", "customBindHost": "0.0.0.0"}),
        json!({"bind": "custom", "customBindHost": "::"}),
        json!({"bind": "custom", "customBindHost": "10.99.0.1"}),
        json!({"bind": "custom", "customBindHost": "box.lan"}),
    ];
    let guards = [
        json!({"mode": "none"}),
        json!({}),
        json!({"mode": "token", "token": "${EMPTY}"}),
        json!({"mode": "token", "token": "undefined"}),
        json!({"mode": "token", "token": "changeme"}),
        json!({"mode": "trusted-proxy", "trustedProxy": {"userHeader": "x-user"}}),
    ];
    for (round, name) in ["default", "work"].into_iter().enumerate() {
        let port = world.bound_by_config(name);
        for (place, bind) in binds.iter().enumerate() {
            for (number, guard) in guards.iter().enumerate() {
                // Every cell is in the golden table of the decision; here each bind meets each guard once.
                if (place + number + round) % 2 == 1 {
                    continue;
                }
                let mut gateway = bind.clone();
                (gateway["port"], gateway["auth"], gateway["mode"]) =
                    (port.into(), guard.clone(), "local".into());
                world.gateway(name, gateway);
                let code = if place == 4 { "bind_host_invalid" } else { "bind_unsafe" };
                let args = ["--profile", name, "gateway", "run", "--json"];
                refused(&world, port, &args, &[("EMPTY", ""), ("OPENCLAW_GATEWAY_BIND", "loopback")], code);
            }
        }
        // What the flag says counts before the file, and is looked at as closely.
        world.gateway(name, json!({"mode": "local", "port": port, "auth": {"mode": "none"}}));
        let args = ["--profile", name, "gateway", "run", "--bind", "lan", "--json"];
        refused(&world, port, &args, &[], "bind_unsafe");
    }
}

#[test]
fn incident_h2_the_supervisor_and_the_check_refuse_the_same() {
    let world = World::new();
    let port = world.bound_by_config("work");
    world
        .gateway("work", json!({"mode": "local", "port": port, "bind": "lan", "auth": {"token": "hunter2"}}));
    let error = world.run(&["profile", "start", "work", "--json"]).refused(78, "bind_unsafe");
    let told = error["message"].as_str().unwrap();
    assert!(told.contains("0.0.0.0") && told.contains("7 characters") && !told.contains("hunter2"), "{told}");
    assert_eq!(open_sockets(port), Vec::<String>::new());
    let check = world.run(&["profile", "check", "work", "--json"]);
    assert_eq!(check.code, Some(4), "{check:?}");
    assert_eq!(check.json()["conflicts"][0]["code"], "bind_unsafe", "{check:?}");
    let warnings = world.show("work")["warnings"].to_string();
    assert!(warnings.contains("a start is refused") && !warnings.contains("hunter2"), "{warnings}");
}

/// What a gateway that may be open shows in a network of its own, with an address in a LAN and one in a tailnet.
const OPEN: &str = r#"
ip link set lo up
ip addr add 10.99.0.1/24 dev lo
ip addr add 100.101.102.103/32 dev lo
for bind in loopback lan tailnet custom auto; do
  "$OC" --profile work gateway run --bind $bind >/dev/null 2>"$WORLD/log" &
  tries=0
  until "$OC" --profile work health --json >/dev/null 2>&1; do
    tries=$((tries+1)); test $tries -lt 100 || { cat "$WORLD/log"; exit 1; }
  done
  echo "$bind $(ss -Hltn "sport = :$PORT" | awk '{print $4}' | sort | tr '\n' ' ')"
  echo "$bind=$("$OC" host status --json | tr -d ' \n' | grep -o '"reached":"[a-z]*"')"
  kill $!; wait $!
done
"#;

#[test]
fn incident_h2_a_strong_secret_opens_the_address_that_was_asked_for_and_no_other() {
    let world = World::new();
    let namespace = ["/usr/bin/unshare", "--user", "--map-root-user", "--net"];
    if world.script(&namespace, "ip link set lo up && command -v ss awk").code != Some(0) {
        return eprintln!("skipped: this kernel gives no network of one's own");
    }
    let port = world.bound_by_config("work");
    let auth = json!({"mode": "token", "token": STRONG});
    world
        .gateway("work", json!({"mode": "local", "port": port, "customBindHost": "10.99.0.1", "auth": auth}));
    let said = world.script(&namespace, &format!("PORT={port}\n{OPEN}"));
    let line = |start: &str| {
        said.out
            .lines()
            .find_map(|line| line.strip_prefix(start))
            .unwrap_or_else(|| panic!("{start}: {said:?}"))
    };
    let boxed = ["/.dockerenv", "/run/.containerenv"].iter().any(|mark| std::path::Path::new(mark).exists());
    let auto = if boxed { (&["0.0.0.0"][..], "lan") } else { (&["127.0.0.1"][..], "loopback") };
    for (bind, addresses, exposure) in [
        ("loopback", &["127.0.0.1"][..], "loopback"),
        ("lan", &["0.0.0.0"], "lan"),
        ("tailnet", &["100.101.102.103", "127.0.0.1"], "tailnet"),
        ("custom", &["10.99.0.1", "127.0.0.1"], "lan"),
        ("auto", auto.0, auto.1),
    ] {
        let sockets: Vec<String> = addresses.iter().map(|address| format!("{address}:{port}")).collect();
        let expected = format!("{} [::1]:{port}", sockets.join(" "));
        assert_eq!(line(&format!("{bind} ")).trim(), expected, "{bind}");
        assert!(line(&format!("{bind}=")).contains(exposure), "{bind}: {said:?}");
    }
}

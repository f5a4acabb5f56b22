//! What people see, word for word: tables, errors and their remedies. Paths, ports, pids and times are
//! normalised, everything else is the program's.

use std::os::unix::process::CommandExt;
use std::process::Command;

use insta::assert_snapshot;

use super::fake::FAKE;
use super::world::{World, wait_for};

/// Runs commands one after the other and gives what a terminal would show of it, normalised. What is printed
/// on standard error is marked, and an exit code other than 0 named.
fn session(world: &World, port: u16, commands: &[&str]) -> String {
    let mut shown = String::new();
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().collect();
        let said = world.run(&words);
        shown.push_str(&format!("$ openclaw {command}\n{}", said.out));
        // Which steps are seen on the way is a matter of speed.
        for line in
            said.err.lines().filter(|line| !line.contains(" starting: ") && !line.ends_with(" stopping"))
        {
            shown.push_str(&format!("! {line}\n"));
        }
        if said.code != Some(0) {
            shown.push_str(&format!("exit {}\n", said.code.unwrap()));
        }
    }
    shown
        .replace(env!("CARGO_PKG_VERSION"), "VERSION")
        .replace(&world.path("home").display().to_string(), "~")
        .replace(&world.path("run").display().to_string(), "RUN")
        .replace(&(port + 110).to_string(), "LAST")
        .replace(&port.to_string(), "PORT")
}

/// Figures that differ from run to run, and the widths of the columns that they stand in.
macro_rules! assert_session {
    ($world:expr, $port:expr, [$($command:expr),* $(,)?], @$expected:literal) => {
        insta::with_settings!({filters => vec![
            (r"\bpid +\d+", "pid PID"),
            (r"PORT  +\d+", "PORT  PID"),
            (r"\d+\.\d MiB", "N MiB"),
            (r"\d+(\.\d)? ms", "N ms"),
            (r"\d+(\.\d)? %", "N %"),
            (r"(ms|uptime) +\d+s\b", "$1  Ns"),
            (r"\(pid PID, user \w+", "(pid PID, user USER"),
            (r", user \w+\n", ", user USER\n"),
            (r"process \d+", "process PID"),
            (r"([^\n]) {2,}", "$1  "),
        ]}, { assert_snapshot!(session($world, $port, &[$($command),*]), @$expected) });
    };
}

#[test]
fn a_session_from_nothing_to_ready_and_back() {
    let world = World::new();
    let port = world.block();
    let create = format!("profile create lookout --runtime embedded --port {port}");
    assert_session!(&world, port, ["profile list", &create, "profile list", "profile show lookout"], @r"
        $ openclaw profile list
        no profiles yet; begin with: openclaw profile start work
        $ openclaw profile create lookout --runtime embedded --port PORT
        created lookout: port PORT, state ~/.openclaw-lookout
        start it: openclaw profile start lookout
        $ openclaw profile list
         PROFILE  STATE  RUNTIME  PORT  PID  MEMORY  LATENCY  UPTIME  MANAGED
         lookout  stopped  embedded  PORT  -  -  -  -  yes
        $ openclaw profile show lookout
        profile  lookout
        state  stopped
        wanted  down
        runtime  embedded
        isolation  isolated
        managed  yes
        url  ws://127.0.0.1:PORT
        ports  PORT-LAST
        state dir  ~/.openclaw-lookout
        config  ~/.openclaw-lookout/openclaw.json
        workspace  ~/.openclaw-lookout/workspace
        restarts  0
    ");
    let quiet = world.run(&["profile", "start", "lookout", "--json"]).ok();
    assert_eq!(quiet.err, "", "no progress beside a document");
    assert_session!(
        &world, port,
        [
            "profile start lookout",
            "profile show lookout",
            "--profile lookout health",
            "profile env lookout",
            "profile check",
            "supervisor status",
            "profile stop lookout",
            "supervisor stop",
            "profile stop lookout",
            "supervisor status",
        ],
        @r"
            $ openclaw profile start lookout
             PROFILE  STATE  RUNTIME  PORT  PID  MEMORY  LATENCY  UPTIME  MANAGED
             lookout  ready  embedded  PORT  PID  N MiB  N ms  Ns  yes

            talk to it: openclaw --profile lookout health
            its output: openclaw profile logs lookout -f
            stop it:  openclaw profile stop lookout
            ! this host now has: lookout (port PORT)
            $ openclaw profile show lookout
            profile  lookout
            state  ready
            wanted  up
            runtime  embedded
            isolation  isolated
            managed  yes
            url  ws://127.0.0.1:PORT
            ports  PORT-LAST
            state dir  ~/.openclaw-lookout
            config  ~/.openclaw-lookout/openclaw.json
            workspace  ~/.openclaw-lookout/workspace
            restarts  0
            version  VERSION
            pid PID
            memory  N MiB
            cpu  N %
            latency  N ms
            uptime  Ns
            $ openclaw --profile lookout health
            lookout is healthy: ws://127.0.0.1:PORT answered in N ms
            agents 1, sessions 0, no channels
            $ openclaw profile env lookout
            export OPENCLAW_CONFIG_PATH='~/.openclaw-lookout/openclaw.json'
            export OPENCLAW_GATEWAY_PORT='PORT'
            export OPENCLAW_PROFILE='lookout'
            export OPENCLAW_STATE_DIR='~/.openclaw-lookout'
            export OPENCLAW_WORKSPACE_DIR='~/.openclaw-lookout/workspace'
            $ openclaw profile check
            held: state directory of `lookout` (~/.openclaw-lookout/gateway.lock) by openclaw (pid PID)
            1 profile: nothing is shared
            $ openclaw supervisor status
            supervisor VERSION: pid PID, 1 profile, N MiB, socket RUN/openclaw/supervisor.sock
            $ openclaw profile stop lookout
            lookout: stopped
            $ openclaw supervisor stop
            supervisor stopped
            $ openclaw profile stop lookout
            lookout: not running
            $ openclaw supervisor status
            ! error: no supervisor of this user runs
            !  try: it is started on demand: openclaw profile start work
            exit 3
        "
    );
}

#[test]
fn errors_about_names_and_words() {
    let world = World::new();
    let port = world.block();
    world.run(&["profile", "create", "work", "--port", &port.to_string()]).ok();
    assert_session!(
        &world, port,
        [
            "profile stop nobody",
            "profile start ../x",
            "profile create gateway",
            "profile create Work",
            "profile create work",
            "profile create near --port 65426",
            "profile create x --from resque",
            "--profile work health",
            "--dev --profile work health",
            "profile start",
            "profile lits",
            "--tiemout 4s health",
        ],
        @r#"
            $ openclaw profile stop nobody
            ! error: there is no profile `nobody`; there are: work
            !  try: create and start it: openclaw profile start nobody
            exit 3
            $ openclaw profile start ../x
            ! error: invalid value '../x' for '[NAME]...': invalid profile name "../x": it must begin with a letter or digit
            ! 
            ! For more information, try '--help'.
            exit 2
            $ openclaw profile create gateway
            ! error: the name `gateway` is reserved for the program's own services
            !  try: choose another name, for example work
            exit 2
            $ openclaw profile create Work
            ! error: `Work` differs from the existing profile `work` only by case
            !  try: use `work`, or choose a name that differs in more than case
            exit 2
            $ openclaw profile create work
            ! error: the profile `work` exists already
            !  try: openclaw profile show work
            exit 2
            $ openclaw profile create near --port 65426
            ! error: port 65426 is not from 1 to 65425: a gateway uses the 110 ports above its own
            !  try: choose a port from 1024 to 65425
            exit 2
            $ openclaw profile create x --from resque
            ! error: there is no template "resque"; did you mean `rescue`?
            !  try: choose one of default, work, rescue, remote
            exit 2
            $ openclaw --profile work health
            ! error: the gateway of `work` does not run: nobody listens on 127.0.0.1:PORT: Connection refused (os error 111)
            !  try: openclaw profile start work
            exit 3
            $ openclaw --dev --profile work health
            ! error: cannot combine --dev with --profile
            !  try: leave one of them out; --dev means --profile dev
            exit 2
            $ openclaw profile start
            ! error: the following required arguments were not provided:
            !  <NAME>...
            ! 
            ! Usage: openclaw profile start <NAME>...
            ! 
            ! For more information, try '--help'.
            exit 2
            $ openclaw profile lits
            ! error: unrecognized subcommand 'lits'
            ! 
            !  tip: a similar subcommand exists: 'list'
            ! 
            ! Usage: openclaw profile [OPTIONS] <COMMAND>
            ! 
            ! For more information, try '--help'.
            exit 2
            $ openclaw --tiemout 4s health
            ! error: unexpected argument '--tiemout' found
            ! 
            !  tip: a similar argument exists: '--timeout'
            ! 
            ! Usage: openclaw --timeout <DURATION> <COMMAND>
            ! 
            ! For more information, try '--help'.
            exit 2
        "#
    );
}

#[test]
fn errors_about_files() {
    let world = World::new();
    let port = world.block();
    world.run(&["profile", "create", "work", "--runtime", "embedded", "--port", &port.to_string()]).ok();
    std::fs::write(world.state("work").join("openclaw.json"), "{\n  gateway: {\n    port: ,\n}}\n").unwrap();
    assert_session!(&world, port, ["profile start work"], @r"
        $ openclaw profile start work
        ! error: ~/.openclaw-work/openclaw.json:3:11: expected value
        !  try: mend ~/.openclaw-work/openclaw.json; `openclaw config validate` lists every fault
        exit 78
    ");
    world.manifest("work", "[gateway]\nprot = 20000\n");
    assert_session!(&world, port, ["profile start work"], @r"
        $ openclaw profile start work
        ! error: ~/.config/openclaw/profiles/work.toml:2: unknown key `prot` in [gateway]; did you mean `port`?
        !  try: mend line 2 of ~/.config/openclaw/profiles/work.toml
        exit 78
    ");
}

#[test]
fn errors_about_what_others_hold() {
    let world = World::new();
    let (port, other) = (world.block(), world.block());
    world.run(&["profile", "create", "work", "--runtime", "embedded", "--port", &port.to_string()]).ok();
    let mut command = Command::new(&*FAKE);
    let command = world.surround(&mut command).arg0("/usr/bin/holder").args(["--port", &port.to_string()]);
    let mut holder = command.spawn().unwrap();
    wait_for("the holder", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    assert_session!(&world, port, ["profile start work"], @r"
        $ openclaw profile start work
        ! error: port PORT (gateway) of `work` is in use on 127.0.0.1 by holder (pid PID, user USER)
        !  held by: holder, pid PID, user USER
        !  try: end process PID if it is not needed, or set another port under [gateway] in the manifest
        exit 78
    ");
    holder.kill().unwrap();
    holder.wait().unwrap();
    let text = format!("[gateway]\nport = {other}\n[paths]\nstate_dir = \"~/.openclaw-work\"\n");
    world.manifest("play", &text);
    assert_session!(&world, other, ["profile check"], @r"
        $ openclaw profile check
        the state directories of `play` (~/.openclaw-work) and `work` (~/.openclaw-work) are one directory
          try: give `work` a state directory of its own by paths.state_dir in its manifest
        `play` and `work` have one configuration file, ~/.openclaw-work/openclaw.json
          try: give each profile its own file by paths.config_path in its manifest
        `play` and `work` work in one workspace, ~/.openclaw-work/workspace
          try: give each profile its own workspace by agents.defaults.workspace in its openclaw.json
        ! error: 3 shared things were found
        exit 4
    ");
}

#[test]
fn errors_about_a_gateway_that_does_not_come_up() {
    let world = World::new();
    let knobs = ["--never-listen", "--exit-after", "50", "--exit-code", "3", "--log-line", "no plug-in `x`"];
    let port = world.fake("short", "", "restarts_per_hour = 0", &knobs);
    assert_session!(&world, port, ["profile start short --no-color"], @r"
        $ openclaw profile start short --no-color
        ! error: the gateway of `short` failed: 0 restarts within an hour did not help; it ended with exit code 3: its last line was: no plug-in `x`
        !  try: openclaw profile logs short
        exit 1
    ");
    let port = world.fake("slow", "", "", &["--boot-delay", "9000"]);
    let late = world.run(&["profile", "start", "slow", "--timeout", "400ms"]);
    let told: Vec<&str> = late.err.lines().filter(|line| !line.starts_with("slow starting")).collect();
    assert_snapshot!(told.join("\n"), @r"
        error: `slow` is not ready yet; the start goes on in the background
          try: watch it: openclaw profile logs slow -f
    ");
    assert_session!(&world, port, ["profile stop slow"], @r"
        $ openclaw profile stop slow
        slow: stopped
    ");
}

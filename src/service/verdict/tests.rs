//! Command lines, what they are, and whose.

use super::*;

fn verdict_in(line: &str, environment: &[(&str, &str)]) -> Verdict {
    let environment = Environment::from_pairs(environment.iter().copied());
    let read = |path: &str| {
        (path == "/home/ana/bin/gw.sh")
            .then(|| "#!/bin/sh\nexport OPENCLAW_PROFILE=work\nexec openclaw gateway \"$@\"\n".into())
    };
    let argv = shell::words(line);
    judge(&Command {
        argv: &argv,
        environment: Some(&environment),
        directory: None,
        home: Some("/home/ana"),
        read: &read,
    })
}

fn seen(verdict: &Verdict) -> (Role, &str, u16, &str) {
    let profile = verdict.profile.as_ref().map_or("-", ProfileName::as_str);
    let dir = verdict.state_dir.as_deref().and_then(Path::to_str).unwrap_or("-");
    (verdict.role, profile, verdict.port.unwrap_or(0), dir)
}

#[test]
fn profile_port_and_directory_are_those_of_the_real_program() {
    let work = ("OPENCLAW_PROFILE", "work");
    let state = |dir| ("OPENCLAW_STATE_DIR", dir);
    type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, (&'a str, u16, &'a str));
    let cases: [Case<'_>; 13] = [
        ("openclaw gateway", vec![], ("default", 0, "/home/ana/.openclaw")),
        ("openclaw --profile work gateway", vec![], ("work", 0, "/home/ana/.openclaw-work")),
        ("openclaw gateway run --profile work --port 1", vec![], ("work", 1, "/home/ana/.openclaw-work")),
        ("openclaw gateway", vec![work], ("work", 0, "-")),
        (
            "openclaw gateway",
            vec![state("/home/ana/.openclaw-work")],
            ("work", 0, "/home/ana/.openclaw-work"),
        ),
        ("openclaw gateway", vec![state("~/.clawdbot-b")], ("b", 0, "/home/ana/.clawdbot-b")),
        ("openclaw gateway", vec![state("/srv/gw")], ("-", 0, "/srv/gw")),
        (
            "openclaw --profile a gateway",
            vec![state("/home/ana/.openclaw-b")],
            ("a", 0, "/home/ana/.openclaw-a"),
        ),
        ("openclaw --profile a gateway", vec![state("/srv/gw")], ("a", 0, "/srv/gw")),
        (
            "clawdbot gateway",
            vec![("CLAWDBOT_GATEWAY_PORT", "127.0.0.1:7")],
            ("default", 7, "/home/ana/.openclaw"),
        ),
        ("openclaw --dev gateway", vec![], ("dev", 0, "/home/ana/.openclaw-dev")),
        ("/home/ana/bin/gw.sh --port 5", vec![], ("work", 5, "-")),
        ("docker run -p 9:18789 -v /srv/s:/root/.openclaw openclaw", vec![], ("-", 9, "/srv/s")),
    ];
    for (line, environment, (profile, port, dir)) in cases {
        let verdict = verdict_in(line, &environment);
        assert_eq!(seen(&verdict), (Role::Gateway, profile, port, dir), "{line} {environment:?}");
    }
}

#[test]
fn an_environment_that_cannot_be_read_leaves_the_profile_open() {
    let argv = [String::from("openclaw-gateway")];
    let command =
        Command { argv: &argv, environment: None, directory: None, home: Some("/home/ana"), read: &|_| None };
    assert_eq!(seen(&judge(&command)), (Role::Gateway, "-", 0, "-"));
}

#[test]
fn wrappers_in_wrappers_come_to_an_end() {
    let read = |_: &str| Some("#!/bin/sh\n/loop; /loop\n".to_owned());
    let argv = [String::from("/loop")];
    let command = Command { argv: &argv, environment: None, directory: None, home: None, read: &read };
    assert_eq!(judge(&command), Verdict::other());
    assert_eq!(verdict_in(&"nohup ".repeat(1000), &[]), Verdict::other());
}

#[test]
fn incident_d2_a_word_in_a_path_a_name_or_an_argument_is_no_gateway() {
    for line in [
        "/opt/openclaw/bin/backup gateway",
        "/home/openclaw/bin/sync gateway run",
        "git -C /home/ana/.openclaw/workspace commit -m gateway",
        "echo openclaw gateway run",
        "pgrep -f 'openclaw gateway run'",
        "openclaw-gateway-notifier",
        "/Applications/OpenClaw.app/Contents/MacOS/OpenClaw",
        "systemctl --user start openclaw-gateway.service",
        "vim /home/ana/openclaw gateway",
        "openclaw-gateway status",
    ] {
        assert_eq!(verdict_in(line, &[]).role, Role::Other, "{line}");
    }
}

#[test]
fn the_reasons_are_told_and_hold_no_values() {
    let verdict = verdict_in("nohup openclaw gateway --token s3cret", &[]);
    assert_eq!(
        verdict.why,
        ["`nohup` becomes what follows it", "the program is `openclaw`", "its subcommand is `gateway`"]
    );
}

//! Exit codes that tell the truth where the real program's do not, and documents that say the same.

use super::recorded::{VERBS, recorded, words};
use super::world::World;

/// Verbs whose document tells a failure in their own words.
const TELLING: [&str; 5] =
    ["status", "status --deep", "gateway status", "gateway status --require-rpc", "gateway probe"];

#[test]
fn a_stopped_profile_is_told_by_every_verb() {
    let world = recorded(&[]);
    world.run(&["profile", "stop", "work"]).ok();
    for (verb, _) in VERBS.iter().chain(&[("logs", &[][..]), ("dashboard", &[]), ("nodes describe x", &[])]) {
        let said = world.run(&words(verb, &["--json"]));
        assert_eq!(said.code, Some(3), "{verb}: {said:?}");
        let document = said.json();
        match *verb {
            "status" | "status --deep" => assert_eq!(document["gateway"]["reachable"], false, "{document}"),
            "gateway probe" => {
                assert_eq!(
                    (&document["ok"], &document["degraded"]),
                    (&false.into(), &false.into()),
                    "{document}"
                );
                assert_eq!(document["warnings"][0]["code"], "no_gateway_reachable", "{document}");
            }
            telling if TELLING.contains(&telling) => {
                assert_eq!(document["rpc"]["connectFailure"]["kind"], "unreachable", "{document}");
                assert_eq!(document["port"]["status"], "free", "{document}");
            }
            _ => assert_eq!(document["error"]["code"], "gateway_not_running", "{document}"),
        }
    }
}

#[test]
fn a_wrong_token_is_a_refusal_and_never_shown() {
    let world = recorded(&[]);
    let config = "{\"gateway\": {\"auth\": {\"token\": \"wrong-0123456789abcdef0123\"}}}";
    std::fs::write(world.state("work").join("openclaw.json"), config).unwrap();
    for (verb, _) in VERBS {
        let said = world.run(&words(verb, &["--json", "-v"]));
        assert_eq!(said.code, Some(77), "{verb}: {said:?}");
        assert!(!said.out.contains("wrong-0") && !said.err.contains("wrong-0"), "{verb}: {said:?}");
        let document = said.json();
        match verb {
            "status" | "status --deep" => {
                assert!(document["gateway"]["authWarning"].is_string(), "{document}")
            }
            "gateway probe" => {
                assert_eq!(
                    (&document["ok"], &document["degraded"]),
                    (&false.into(), &true.into()),
                    "{document}"
                );
                assert_eq!(document["warnings"][0]["code"], "probe_detail_failed", "{document}");
                assert_eq!(document["targets"][0]["connect"]["ok"], true, "{document}");
            }
            telling if TELLING.contains(&telling) => {
                assert_eq!(document["rpc"]["connectFailure"]["kind"], "auth-rejected", "{document}");
                assert_eq!(document["rpc"]["gatewayReached"], true, "{document}");
            }
            _ => assert_eq!(document["error"]["code"], "gateway_auth_refused", "{document}"),
        }
    }
}

#[test]
fn a_slow_gateway_is_told_from_one_that_is_gone() {
    let world = recorded(&["--slow", "20000"]);
    for (verb, _) in VERBS {
        let said = world.run(&words(verb, &["--json", "--timeout", "100ms"]));
        assert_eq!(said.code, Some(5), "{verb}: {said:?}");
        if !TELLING.contains(&verb) {
            said.refused(5, "gateway_slow");
        }
    }
}

#[test]
fn a_gateway_without_a_method_is_told_by_its_kind() {
    let world = World::new();
    let name = world.name("work");
    world.run(&["profile", "create", &name, "--runtime", "embedded"]).ok();
    world.start(&name);
    for (verb, method) in [("gateway usage-cost", "usage.cost"), ("gateway call x.y", "x.y")] {
        let words: Vec<&str> =
            ["--profile", &name].into_iter().chain(verb.split(' ')).chain(["--json"]).collect();
        let error = world.run(&words).refused(1, "method_unknown");
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("this gateway has no {method} (embedded")), "{message}");
    }
    for verb in [
        &["status"][..],
        &["status", "--deep"],
        &["gateway", "status", "--require-rpc"],
        &["gateway", "probe"],
        &["logs"],
    ] {
        world.run(&[&["--profile", &name], verb].concat()).ok();
    }
}

//! B5 at run time: one bot in two gateways gets 409 from Telegram again and again, while both look healthy. The
//! profile's status says so and names the other profile, or another program where none of ours has that bot.

use std::fs;

use serde_json::{Value, json};

use super::world::World;

/// A token as Telegram gives them; nobody's.
const TOKEN: &str = "123456:AAH-not-a-real-token-of-anybody-0123";

const LINE: &str = "[telegram] 409: Conflict: terminated by other getUpdates request; make sure that only one bot \
                    instance is running";

/// A profile with the bot whose gateway says [`LINE`], again and again or once.
fn bot(world: &World, name: &str, top: &str, token: Option<&str>, again: bool) {
    let rate: &[&str] = if again { &["--log-rate", "20"] } else { &[] };
    let port = world.fake(name, "", "", &[&["--log-line", LINE], rate].concat());
    let manifest = world.home(format!(".config/openclaw/profiles/{name}.toml"));
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(manifest, format!("{top}{text}")).unwrap();
    fs::create_dir_all(world.state(name)).unwrap();
    let channels = token.map_or(json!({}), |token| json!({"telegram": {"enabled": true, "botToken": token}}));
    let config = json!({"gateway": {"port": port, "auth": {"mode": "none"}}, "channels": channels});
    fs::write(world.state(name).join("openclaw.json"), config.to_string()).unwrap();
}

fn warned(status: &Value) -> Vec<&str> {
    let warnings = status["warnings"].as_array().unwrap().iter().filter_map(Value::as_str);
    warnings.filter(|warning| warning.contains("409")).collect()
}

#[test]
fn incident_b5_repeated_409_names_the_other_profile() {
    let world = World::new();
    let (one, two) = (world.name("one"), world.name("two"));
    bot(&world, &one, "allow_shared_channels = [\"telegram\"]\n", Some(TOKEN), true);
    bot(&world, &two, "", Some(TOKEN), true);
    for (name, other) in [(&one, &two), (&two, &one)] {
        world.start(name);
        let status = world.until(name, "warned", |status| !warned(status).is_empty());
        let warnings = warned(&status);
        assert_eq!(warnings.len(), 1, "{status}");
        assert!(warnings[0].contains(&format!("`{other}`")), "{status}");
        assert_eq!(status["state"], "ready", "{status}");
        assert!(!status.to_string().contains(TOKEN), "{status}");
    }
    let listed = world.run(&["profile", "list", "--json"]).ok();
    assert!(listed.out.contains("polls with the same bot") && !listed.out.contains(TOKEN));
    assert!(!world.journal().contains(TOKEN));
}

#[test]
fn incident_b5_repeated_409_of_a_bot_that_no_other_profile_has() {
    let world = World::new();
    let (lone, once) = (world.name("lone"), world.name("once"));
    bot(&world, &lone, "", Some(TOKEN), true);
    bot(&world, &once, "", None, false);
    world.start(&lone);
    let status = world.until(&lone, "warned", |status| !warned(status).is_empty());
    assert!(warned(&status)[0].contains("another program"), "{status}");
    let status = world.start(&once);
    assert!(warned(&status).is_empty(), "one line may be the last breath of the run before: {status}");
}

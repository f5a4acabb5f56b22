//! The golden table: every bind beside every way to ask who comes, wherever either was written.

use std::path::Path;

use super::*;
use crate::access::credential;
use crate::base::{ProfileName, Secret};
use crate::profile::{Environment, Flags, Manifest, Profile, SecretSource, resolve};

const STRONG: &str = "4f9d2c81b7e6450a93d1f08c6a2b7e54";
const OWN: [&str; 4] = ["127.0.0.1", "10.99.0.1", "100.101.102.103", "fd00::5"];

/// A bind word, its custom host, the addresses it comes to and whether others reach them. `Err` has the code of a
/// refusal that no guard can mend.
type BindRow =
    (&'static str, Option<&'static str>, std::result::Result<&'static [&'static str], &'static str>, bool);

const BINDS: [BindRow; 11] = [
    ("loopback", None, Ok(&["127.0.0.1"]), false),
    ("auto", None, Ok(&["127.0.0.1"]), false),
    ("lan", None, Ok(&["0.0.0.0"]), true),
    ("tailnet", None, Ok(&["100.101.102.103", "127.0.0.1"]), true),
    ("custom", Some("0.0.0.0"), Ok(&["0.0.0.0"]), true),
    ("custom", Some("::"), Ok(&["::", "0.0.0.0"]), true),
    ("custom", Some("::ffff:10.99.0.1"), Ok(&["10.99.0.1", "127.0.0.1"]), true),
    ("custom", Some("127.0.0.2"), Ok(&["127.0.0.2", "127.0.0.1"]), false),
    ("custom", Some("10.99.0.1"), Ok(&["10.99.0.1", "127.0.0.1"]), true),
    ("custom", Some("box.lan"), Err("bind_host_invalid"), true),
    ("custom", None, Err("bind_host_missing"), true),
];

/// `gateway.auth` with the secret in its place, whether that keeps others out, and a word of what is said if not.
const GUARDS: [(&str, bool, &str); 12] = [
    ("mode: 'token', token: SECRET", true, ""),
    ("mode: 'password', password: SECRET", true, ""),
    ("token: SECRET", true, ""),
    ("mode: 'none', token: SECRET", false, "`none`"),
    ("", false, "neither gateway.auth.token"),
    ("mode: 'token', password: SECRET", false, "neither gateway.auth.token"),
    ("mode: 'token', token: ''", false, "gateway.auth.token is empty"),
    ("mode: 'token', token: 'undefined'", false, "gateway.auth.token is the literal text"),
    ("mode: 'token', token: 'changeme'", false, "examples"),
    ("mode: 'password', password: 'hunter2'", false, "7 characters"),
    ("mode: 'trusted-proxy'", false, "gateway.trustedProxies is empty"),
    ("mode: 'token', token: '${NOT_SET}'", false, "which is not set"),
];

struct Cell {
    profile: Profile,
    config: GatewayConfig,
    environment: Environment,
}

/// A profile whose bind comes from `source` and whose secret does too, as far as a secret may.
fn cell(name: &str, source: &str, bind: (&str, Option<&str>), auth: &str) -> Cell {
    let environment = Environment::from_pairs([("HOME", "/h"), ("T", STRONG)]);
    let secret = if source == "env" { "'${T}'".to_owned() } else { format!("'{STRONG}'") };
    let host = bind.1.map(|host| format!("customBindHost: '{host}',")).unwrap_or_default();
    // What the flag or the manifest says beats a harmless word in the file.
    let written = if matches!(source, "config" | "env") { bind.0 } else { "loopback" };
    let text =
        format!("{{gateway: {{bind: '{written}', {host} auth: {{{}}}}}}}", auth.replace("SECRET", &secret));
    let config = GatewayConfig::parse(&text, Path::new("openclaw.json")).unwrap();
    let word = Bind::WORDS.iter().find(|(word, _)| *word == bind.0).map(|(_, bind)| *bind);
    let flags = Flags { bind: word.filter(|_| source == "flag"), ..Flags::default() };
    let manifest = format!("gateway.bind = '{}'", bind.0);
    let manifest = Manifest::parse(&manifest, Path::new("m.toml")).unwrap();
    let manifest = Some(&manifest).filter(|_| source == "manifest");
    let name: ProfileName = name.parse().unwrap();
    let profile = resolve(&name, manifest, &config, &flags, &environment).unwrap();
    Cell { profile, config, environment }
}

fn judged(cell: &Cell) -> Result<Vec<IpAddr>> {
    let own = OWN.map(|text| text.parse().unwrap());
    let custom = cell.profile.custom_bind_host.as_deref();
    let wanted = Wanted { bind: cell.profile.bind, custom, own: &own, container: false };
    let lookup = |source: &SecretSource| {
        Ok(match source {
            SecretSource::Env(name) => cell.environment.raw(name).map(Secret::new),
            _ => None,
        })
    };
    let found = credential::for_local(&cell.config, &cell.environment, false, &lookup);
    let addresses = wanted.addresses()?;
    check(cell.profile.bind, &addresses, &Guard::of(&cell.config, found), false)?;
    Ok(addresses)
}

#[test]
fn incident_h2_the_address_decides_and_an_open_one_needs_a_strong_secret() {
    let mut cells = 0;
    for (bind, host, expected, open) in BINDS {
        for (auth, strong, said) in GUARDS {
            for source in ["config", "flag", "env", "manifest"] {
                for name in ["default", "work"] {
                    let at = format!("{bind} {host:?} / {auth} / {source} / {name}");
                    let found = judged(&cell(name, source, (bind, host), auth));
                    cells += 1;
                    match expected {
                        Err(code) => {
                            let error = found.unwrap_err();
                            assert_eq!((error.kind(), error.code()), (Kind::Config, code), "{at}");
                        }
                        Ok(addresses) if strong || !open => {
                            let addresses: Vec<IpAddr> =
                                addresses.iter().map(|text| text.parse().unwrap()).collect();
                            assert_eq!(found.expect(&at), addresses, "{at}");
                        }
                        Ok(addresses) => {
                            let error = found.expect_err(&at);
                            assert_eq!((error.kind(), error.code()), (Kind::Config, "bind_unsafe"), "{at}");
                            let told = error.message();
                            assert!(told.contains(said) && told.contains(addresses[0]), "{at}: {told}");
                            assert!(!told.contains("hunter2") && !told.contains("changeme"), "{told}");
                        }
                    }
                }
            }
        }
    }
    assert_eq!(cells, 11 * 12 * 4 * 2);
}

#[test]
fn a_proxy_guards_when_its_address_is_named_and_not_when_it_is_anybodys() {
    let guard = |proxies: &str| {
        let text = format!("{{gateway: {{trustedProxies: {proxies}, auth: {{mode: 'trusted-proxy'}}}}}}");
        let config = GatewayConfig::parse(&text, Path::new("openclaw.json")).unwrap();
        Guard::of(&config, Ok((Credential::None, CredentialSource::new("nothing"))))
    };
    assert_eq!(guard("['10.99.0.7']"), Guard::Proxies);
    for open in ["[]", "['0.0.0.0/0']", "['10.0.0.1', '::/0']"] {
        assert!(matches!(guard(open), Guard::Nothing(_)), "{open}");
    }
}

#[test]
fn auto_is_open_in_a_container_alone_and_a_host_without_a_tailnet_stays_at_home() {
    let wanted = |bind, container| Wanted { bind, custom: None, own: &[], container }.addresses().unwrap();
    let local = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    assert_eq!(wanted(Bind::Auto, false), local);
    assert_eq!(wanted(Bind::Auto, true), vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED)]);
    assert_eq!(wanted(Bind::Loopback, true), local);
    assert_eq!(wanted(Bind::Tailnet, false), local);
}

#[test]
fn a_secret_that_only_the_real_program_reads_counts_for_that_one_alone() {
    let lan = [IpAddr::V4(Ipv4Addr::UNSPECIFIED)];
    let unseen = Guard::Unseen("kept elsewhere".into());
    assert!(check(Bind::Lan, &lan, &unseen, true).is_ok());
    assert_eq!(check(Bind::Lan, &lan, &unseen, false).unwrap_err().code(), "bind_unsafe");
}

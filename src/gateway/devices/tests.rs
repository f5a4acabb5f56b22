//! The pure decisions about devices, held against the captures and against whoever would get more than their own.

use super::*;
use crate::gateway::admission::{By, Identity, Role};
use crate::wire::Client;

const NOW: u64 = 1_000_000_000;

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

fn asking(id: &str, role: &str, scopes: &[&str]) -> Card {
    Card {
        device_id: id.into(),
        public_key: format!("key of {id}"),
        platform: Some("linux".into()),
        client_id: Some("cli".into()),
        client_mode: Some("cli".into()),
        role: Some(role.into()),
        roles: words(&[role]),
        scopes: words(scopes),
        ..Card::default()
    }
}

/// A book in which `id` was approved by its owner for `role` and `scopes`.
fn paired(id: &str, role: &str, scopes: &[&str]) -> Book {
    let mut book = Book::default();
    let asked = pairing::ask(&book, asking(id, role, scopes), false, "r", NOW);
    book.apply(&asked.change);
    let approved =
        pairing::approve(&book, "r", &words(&[scope::ADMIN]), Via::Owner, &words(&["token"]), NOW).unwrap();
    book.apply(&approved.1);
    book
}

fn grant(id: &str, role: Role, scopes: &[&str]) -> Grant {
    Grant { role, scopes: words(scopes), device: Some(id.into()), by: By::Token }
}

fn program() -> Client {
    Client { id: "cli".into(), mode: "cli".into(), platform: "linux".into(), ..Client::default() }
}

#[test]
fn a_repeated_request_keeps_its_id_until_it_asks_for_more() {
    let mut book = Book::default();
    let first = pairing::ask(&book, asking("d", "operator", &["operator.write"]), false, "1", NOW);
    assert!(first.created && !first.request.is_repair && first.superseded.is_empty());
    book.apply(&first.change);
    let again = pairing::ask(&book, asking("d", "operator", &["operator.read"]), true, "2", NOW + 5);
    assert!(!again.created && !again.request.silent);
    assert_eq!((again.request.request_id.as_str(), again.request.ts), ("1", NOW));
    assert_eq!(again.request.card.scopes, ["operator.write"]);
    book.apply(&again.change);
    let more = pairing::ask(&book, asking("d", "operator", &["operator.admin"]), false, "3", NOW + 6);
    assert_eq!((more.request.request_id.as_str(), &more.superseded[..]), ("3", &words(&["1"])[..]));
    assert_eq!(more.request.card.scopes, ["operator.write", "operator.admin"]);
    book.apply(&more.change);
    assert_eq!(book.pending.keys().collect::<Vec<_>>(), ["3"]);
    // Another key is another device, whatever name it gives itself.
    let other = Card { public_key: "other".into(), ..asking("d", "operator", &[]) };
    assert!(pairing::ask(&book, other, false, "4", NOW + 7).created);
}

#[test]
fn a_request_waits_five_minutes_from_its_last_repetition_and_there_are_not_too_many() {
    let mut book = Book::default();
    book.apply(&pairing::ask(&book.clone(), asking("d", "node", &[]), false, "1", NOW).change);
    let later = NOW + book::PENDING_FOR_MS;
    assert!(book.waiting("1", later).is_some() && book.waiting("1", later + 1).is_none());
    book.apply(&pairing::ask(&book.clone(), asking("d", "node", &[]), false, "2", later).change);
    assert!(book.waiting("1", later + 1).is_some());
    let over = later + book::PENDING_FOR_MS + 1;
    assert_eq!(
        pairing::approve(&book, "1", &words(&[scope::ADMIN]), Via::Owner, &[], over),
        Err(Refused::Unknown)
    );
    assert!(pairing::reject(&book, "1", over).is_none());
    for number in 0..1000_u64 {
        let change = pairing::ask(
            &book,
            asking(&number.to_string(), "node", &[]),
            false,
            &number.to_string(),
            over + number,
        );
        book.apply(&change.change);
        assert!(book.pending.len() <= book::PENDING_MAX);
    }
    assert!(book.pending.contains_key("999") && !book.pending.contains_key("1"));
}

#[test]
fn an_approval_gives_what_was_asked_and_shows_it_as_recorded() {
    let mut book = Book::default();
    let card = Card {
        remote_ip: Some("192.0.2.2".into()),
        ..asking("d", "operator", &["operator.read", "operator.write"])
    };
    book.apply(&pairing::ask(&book.clone(), card, false, "r", NOW).change);
    assert_eq!(
        book.pending["r"].shown().to_string(),
        json!({
            "requestId": "r", "deviceId": "d", "publicKey": "key of d", "platform": "linux", "clientId": "cli",
            "clientMode": "cli", "role": "operator", "roles": ["operator"],
            "scopes": ["operator.read", "operator.write"], "remoteIp": "192.0.2.2", "silent": false,
            "isRepair": false, "ts": NOW,
        })
        .to_string()
    );
    let (device, change) =
        pairing::approve(&book, "r", &words(&[scope::ADMIN]), Via::Owner, &words(&["secret"]), NOW + 1)
            .unwrap();
    book.apply(&change);
    assert!(book.pending.is_empty());
    let shown = device.shown(Some(true));
    assert_eq!(
        shown["tokens"],
        json!([{"role": "operator", "scopes": ["operator.read", "operator.write"], "createdAtMs": NOW + 1}])
    );
    assert_eq!((&shown["approvedVia"], &shown["connected"]), (&json!("owner"), &json!(true)));
    assert!(!format!("{shown} {device:?}").contains("secret"));
}

#[test]
fn nobody_gives_away_what_they_have_not_got() {
    for (approver, scopes, refused) in [
        (&["operator.pairing"][..], &["operator.admin"][..], Some("operator.admin")),
        (&["operator.pairing"], &["operator.read"], Some("operator.read")),
        (&["operator.pairing", "operator.write"], &["operator.read", "operator.write"], None),
        (&["operator.pairing"], &["operator.pairing"], None),
        (&["operator.pairing"], &[], None),
        (&[], &["operator.read"], Some("operator.read")),
        (&["operator.admin"], &["operator.admin", "operator.approvals"], None),
    ] {
        let mut book = Book::default();
        book.apply(&pairing::ask(&book.clone(), asking("d", "operator", scopes), false, "r", NOW).change);
        let outcome = pairing::approve(&book, "r", &words(approver), Via::Owner, &words(&["t"]), NOW);
        let expected = refused.map(|scope| Refused::Missing(scope.into()));
        assert_eq!(outcome.err(), expected, "{approver:?} {scopes:?}");
    }
    let mut book = Book::default();
    book.apply(
        &pairing::ask(&book.clone(), asking("d", "node", &["operator.admin"]), false, "r", NOW).change,
    );
    let outcome = pairing::approve(&book, "r", &words(&[scope::ADMIN]), Via::Owner, &words(&["t"]), NOW);
    assert_eq!(outcome.err(), Some(Refused::Outside("operator.admin".into())));
}

#[test]
fn an_upgrade_adds_and_never_gives_back_what_was_taken() {
    let mut book = paired("d", "operator", &["operator.read", "operator.admin"]);
    // The owner narrows the token; the approval itself stays wider.
    let narrowed =
        token::rotate(&book, "d", "operator", Some(&words(&["operator.read"])), None, "n", NOW).unwrap();
    book.apply(&narrowed.1);
    book.apply(
        &pairing::ask(
            &book.clone(),
            asking("d", "operator", &["operator.read", "operator.talk"]),
            true,
            "r",
            NOW,
        )
        .change,
    );
    let admin = words(&[scope::ADMIN]);
    let (device, change) =
        pairing::approve(&book, "r", &admin, Via::Silent, &words(&["t2"]), NOW + 9).unwrap();
    book.apply(&change);
    let token = &device.tokens["operator"];
    assert_eq!(token.scopes, ["operator.read", "operator.talk"]);
    assert_eq!(
        (token.created_at_ms, token.rotated_at_ms, device.approved_via),
        (NOW, Some(NOW + 9), Via::Owner)
    );
}

#[test]
fn a_token_opens_what_it_was_made_for_with_its_own_key_alone() {
    let mut book = paired("d", "operator", &["operator.write"]);
    let check = |book: &Book, id: &str, key: &str, role: &str, token: &str, scopes: &[&str]| {
        token::check(book, id, key, role, token, &words(scopes))
    };
    let key = "key of d";
    for (id, key, role, token, scopes, expected) in [
        ("d", key, "operator", "token", &["operator.read"][..], Ok(())),
        ("d", key, "operator", "token", &["operator.admin"], Err(Wrong::Scopes)),
        ("d", key, "operator", "token", &["anything"], Err(Wrong::Scopes)),
        ("d", key, "operator", "tokem", &[], Err(Wrong::Token)),
        ("d", key, "operator", "", &[], Err(Wrong::Token)),
        ("d", "another", "operator", "token", &[], Err(Wrong::Token)),
        ("d", key, "node", "token", &[], Err(Wrong::Token)),
        ("e", key, "operator", "token", &[], Err(Wrong::Token)),
    ] {
        assert_eq!(check(&book, id, key, role, token, scopes), expected, "{id} {role} {token} {scopes:?}");
    }
    let (_, revoked) = token::revoke(&book, "d", "operator", None, NOW).unwrap();
    book.apply(&revoked);
    assert_eq!(check(&book, "d", key, "operator", "token", &[]), Err(Wrong::Token));
    assert_eq!(token::ensure(&book, "d", "operator", &[], "t", NOW), None, "a connect gives no new one");
    assert!(!book.paired["d"].has_role("operator"));
}

#[test]
fn hello_tells_the_same_token_again_and_a_wider_one_only_within_the_approval() {
    let mut book = paired("d", "operator", &["operator.read", "operator.pairing"]);
    let ensure =
        |book: &Book, scopes: &[&str]| token::ensure(book, "d", "operator", &words(scopes), "new", NOW + 1);
    let (same, change) = ensure(&book, &["operator.read"]).unwrap();
    assert_eq!((same.token.as_str(), change), ("token", None));
    assert_eq!(ensure(&book, &["operator.admin"]), None);
    let narrowed =
        token::rotate(&book, "d", "operator", Some(&words(&["operator.read"])), None, "n", NOW).unwrap();
    book.apply(&narrowed.1);
    let (wider, change) = ensure(&book, &["operator.pairing"]).unwrap();
    assert_eq!((wider.token.as_str(), wider.rotated_at_ms, change.is_some()), ("new", Some(NOW + 1), true));
    assert_eq!(token::ensure(&book, "e", "operator", &[], "t", NOW), None);
    assert_eq!(token::ensure(&book, "d", "node", &[], "t", NOW), None);
}

#[test]
fn what_a_device_lacks_is_told_in_the_order_of_the_real_gateway() {
    let book = paired("d", "operator", &["operator.write"]);
    let lacks = |id: &str, key: &str, role, scopes: &[&str], client: &Client| {
        judge::lacks(&book, &grant(id, role, scopes), key, client)
    };
    let (op, node, mac) = (Role::Operator, Role::Node, Client { platform: "darwin".into(), ..program() });
    let key = "key of d";
    assert_eq!(lacks("d", key, op, &["operator.read"], &program()), None);
    assert_eq!(lacks("e", key, op, &[], &program()), Some(Reason::NotPaired));
    assert_eq!(lacks("d", "another", op, &[], &program()), Some(Reason::NotPaired));
    assert_eq!(lacks("d", key, node, &["operator.admin"], &mac), Some(Reason::Metadata));
    assert_eq!(lacks("d", key, node, &["operator.admin"], &program()), Some(Reason::Role));
    assert_eq!(lacks("d", key, op, &["operator.admin"], &program()), Some(Reason::Scopes));
    assert_eq!(lacks("d", key, op, &["made.up"], &program()), Some(Reason::Scopes));
    let loud = Client { platform: " LINUX ".into(), ..program() };
    assert_eq!(lacks("d", key, op, &[], &loud), None);
}

#[test]
fn a_newer_version_of_the_same_system_is_no_other_device() {
    let mut book = paired("d", "node", &[]);
    let mut platform = |was: &str, is: &str, id: &str| {
        book.paired.get_mut("d").unwrap().card.platform = Some(was.into());
        let client = Client { id: id.into(), platform: is.into(), ..program() };
        judge::lacks(&book, &grant("d", Role::Node, &[]), "key of d", &client).is_none()
    };
    assert!(
        platform("iOS 18.1", "ios 26.0", "openclaw-ios") && platform("darwin", "macOS 15.1", "node-host")
    );
    assert!(!platform("ios 18.1", "ios 26.0", "cli") && !platform("linux", "macos 15.1", "node-host"));
    assert!(!platform("linux", "", "node-host"));
}

#[test]
fn only_a_program_of_this_machine_is_paired_in_silence() {
    let peer = |local, origin: Option<&str>| Peer {
        ip: [127, 0, 0, 1].into(),
        local,
        origin: origin.map(str::to_owned),
        host: None,
        user: None,
        identity: Identity::None,
    };
    let (here, far) = (peer(true, None), peer(false, None));
    let page = peer(true, Some("http://localhost:1"));
    let named = |id: &str, mode: &str| Client { id: id.into(), mode: mode.into(), ..program() };
    let (cli, ui, app) = (program(), named("openclaw-control-ui", "ui"), named("openclaw-macos", "ui"));
    let by = |by| Grant { by, ..grant("d", Role::Operator, &[]) };
    let (op, node) = (by(By::Token), grant("d", Role::Node, &[]));
    use Reason::{Metadata, NotPaired, Role as NewRole, Scopes};
    for (reason, known, grant, client, peer, allowed, silent) in [
        (NotPaired, false, &op, &cli, &here, true, true),
        (NotPaired, false, &op, &cli, &far, true, false),
        (NotPaired, false, &op, &cli, &here, false, false),
        (NotPaired, false, &node, &cli, &here, true, true),
        (NotPaired, false, &op, &cli, &page, true, false),
        (NotPaired, false, &op, &ui, &page, true, true),
        (NotPaired, false, &op, &ui, &far, true, false),
        (NewRole, true, &op, &cli, &here, true, true),
        (NewRole, true, &node, &cli, &here, true, false),
        (Scopes, true, &op, &cli, &here, true, true),
        (Scopes, true, &by(By::DeviceToken), &cli, &here, true, false),
        (Scopes, true, &op, &cli, &here, false, false),
        (Metadata, true, &op, &cli, &here, true, false),
        (Metadata, true, &op, &app, &here, true, true),
        (Metadata, true, &op, &ui, &page, true, false),
        (Metadata, true, &node, &app, &here, true, false),
    ] {
        let said = judge::is_silent(reason, known, grant, client, peer, allowed);
        assert_eq!(said, silent, "{reason:?} known={known} {:?} {} {peer:?}", grant.by, client.id);
    }
}

#[test]
fn silent_pairings_of_the_same_kind_end_when_a_newer_one_comes() {
    let mut book = Book::default();
    for (id, at) in [("a", NOW), ("b", NOW), ("c", NOW + 120_000), ("d", NOW + 120_000)] {
        let change = pairing::ask(&book, asking(id, "operator", &[]), true, id, at).change;
        book.apply(&change);
        let via = if id == "b" { Via::Owner } else { Via::Silent };
        let (_, change) = pairing::approve(&book, id, &[], via, &words(&["t"]), at).unwrap();
        book.apply(&change);
    }
    let over = |connected: &'static str| pairing::superseded(&book, "d", |id| id == connected, NOW + 120_000);
    assert_eq!(over("x"), ["a"], "b was let in by its owner, c is too young");
    assert!(over("a").is_empty());
    assert!(pairing::superseded(&book, "b", |_| false, NOW + 999_999).is_empty());
}

#[test]
fn whoever_came_by_a_devices_token_manages_that_device_and_no_node() {
    let manager = |scopes: &[&str], by| Manager::of(&Grant { by, ..grant("d", Role::Operator, scopes) });
    let (own, admin) =
        (manager(&[scope::PAIRING], By::DeviceToken), manager(&[scope::ADMIN], By::DeviceToken));
    let shared = manager(&[scope::PAIRING], By::Token);
    let (plain, node) = (paired("e", "operator", &[]), paired("e", "node", &[]));
    let (plain, node) = (plain.paired.get("e"), node.paired.get("e"));
    assert!(own.reaches("d") && !own.reaches("e") && shared.reaches("e") && admin.reaches("e"));
    assert!(!own.may_change("e", plain) && shared.may_change("e", node) && admin.may_change("e", node));
    assert!(own.may_change_token("d", "operator") && !own.may_change_token("d", "node"));
    assert!(!shared.may_change_token("e", "node") && admin.may_change_token("e", "node"));
    assert!(own.may_learn("d") && !own.may_learn("e") && !shared.may_learn("d"));
    let request = |role: &str| Pending { card: asking("e", role, &[]), ..Pending::default() };
    assert!(!own.may_approve(&request("operator")) && shared.may_approve(&request("operator")));
    assert!(!shared.may_approve(&request("node")) && admin.may_approve(&request("node")));
}

#[test]
fn every_change_can_be_undone() {
    let mut book = paired("d", "operator", &["operator.read"]);
    let before = book.clone();
    let asked = pairing::ask(&book, asking("d", "node", &[]), false, "r2", NOW);
    let undo_asked = book.apply(&asked.change);
    let undo_removed = book.apply(&pairing::remove(&book.clone(), "d").unwrap());
    assert!(book.pending.is_empty() && book.paired.is_empty());
    book.apply(&undo_removed);
    book.apply(&undo_asked);
    assert_eq!(book, before);
    assert_eq!(pairing::remove(&book, "nobody"), None);
}

#[test]
fn the_book_is_the_same_after_the_store() {
    let db = rusqlite::Connection::open_in_memory().unwrap();
    db.execute_batch(include_str!("../store/001_devices.sql")).unwrap();
    let mut book = paired("d", "operator", &["operator.read"]);
    let change = pairing::ask(&book, asking("e", "node", &[]), false, "r", NOW).change;
    book.apply(&change);
    rows::write(&db, &change).unwrap();
    rows::write(&db, &Change::of_device(book.paired["d"].clone())).unwrap();
    assert_eq!(rows::read(&db).unwrap(), book);
    let gone = pairing::remove(&book, "d").unwrap();
    rows::write(&db, &gone).unwrap();
    book.apply(&gone);
    db.execute("INSERT INTO device_paired VALUES ('x', '{broken')", []).unwrap();
    assert_eq!(rows::read(&db).unwrap(), book, "a broken record is left out");
    let seed = rows::seed(&db, [1; 32]).unwrap();
    assert_eq!((seed, rows::seed(&db, [2; 32]).unwrap()), ([1; 32], [1; 32]));
}

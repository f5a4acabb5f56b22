//! A frame of an open connection. Whatever it is, it is answered in the protocol's form or runs, it runs for nobody who
//! may not, more scopes never take anything away, and what ran is judged the same once it is written anew.

use std::sync::LazyLock;

use openclaw_supervisor::gateway::admission::{By, Grant, Role};
use openclaw_supervisor::gateway::dispatch::{self, Verdict};
use openclaw_supervisor::gateway::method::{self, Table};
use openclaw_supervisor::gateway::scope;
use openclaw_supervisor::wire::connect::ConnectParams;
use openclaw_supervisor::wire::handshake::{Handshake, Step};
use openclaw_supervisor::wire::{Frame, Request, fault, limits};
use serde_json::{Value, json};

use super::alike;

static TABLE: LazyLock<Table> = LazyLock::new(Table::of_all);

/// Operators with ever more scopes, then those beside that ladder, then a node.
const GRANTS: [(Role, &[&str]); 7] = [
    (Role::Operator, &[]),
    (Role::Operator, &[scope::READ]),
    (Role::Operator, &[scope::WRITE]),
    (Role::Operator, &[scope::ADMIN]),
    (Role::Operator, &[scope::PAIRING]),
    (Role::Operator, &["operator.foo", "node.x", ""]),
    (Role::Node, &[]),
];
/// How many of them are the ladder.
const LADDER: usize = 4;
/// What an answer is longer than its frame at most.
const ANSWER_BEYOND: usize = 16 * 1024;

/// Holds it.
pub fn hold(frame: &[u8]) {
    let json: Option<Value> = serde_json::from_slice(frame).ok();
    let ran: Vec<bool> =
        GRANTS.iter().map(|(role, scopes)| judged(frame, json.as_ref(), *role, scopes)).collect();
    assert!(ran[..LADDER].is_sorted(), "more scopes may do less: {ran:?}");
    assert!(!ran[4] && !ran[5] || ran[3], "an admin may not do what others may: {ran:?}");
    as_client(frame);
}

/// Whether the frame runs for such a connection, which has called for another role as often as it may.
fn judged(frame: &[u8], json: Option<&Value>, role: Role, scopes: &[&str]) -> bool {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let grant = Grant { role, scopes, device: None, by: By::None };
    let mut wrong = limits::WRONG_ROLE_MAX;
    match dispatch::judge(frame, &grant, &TABLE, &mut wrong) {
        Verdict::Ignore => assert!(json.is_none(), "JSON was ignored"),
        Verdict::Answer(text) => refused(&text, json, frame.len()),
        Verdict::AnswerAndClose(text) => {
            refused(&text, json, frame.len());
            assert!(wrong > limits::WRONG_ROLE_MAX && text.contains("unauthorized role: "), "{text}");
        }
        Verdict::Run(method, id, params) => {
            let json = json.expect("only JSON runs");
            assert_eq!(wrong, 0, "a call that runs ends the row of wrong ones");
            assert_eq!((&json["method"], &json["id"]), (&json!(method.name), &json!(id)));
            assert!(json.get("expectedProfileId").is_none(), "it is meant for another account");
            assert!(
                method.scope.is_none_or(|wanted| scope::covers(&grant.scopes, wanted)),
                "{}",
                method.name
            );
            let theirs = method::is_node_only(method.name);
            assert!(if role == Role::Node { theirs || method.scope.is_none() } else { !theirs });
            assert!(method.params.is_none_or(|shape| shape.check(&params).is_ok()), "{}", method.name);
            again(&grant, method.name, &id, &params);
            return true;
        }
    }
    false
}

/// A refusal is an answer in the protocol's form, to whom it is due and of moderate length.
fn refused(text: &str, json: Option<&Value>, length: usize) {
    let answer: Value = serde_json::from_str(text).expect("an answer is JSON");
    assert_eq!((&answer["type"], &answer["ok"]), (&json!("res"), &json!(false)), "{text}");
    let code = answer["error"]["code"].as_str().expect("a code");
    assert!([fault::INVALID_REQUEST, fault::FORBIDDEN].contains(&code), "{text}");
    assert!(answer["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{text}");
    let id = match &json.expect("what is no JSON has no answer")["id"] {
        Value::String(id) if !id.is_empty() => json!(id),
        Value::Number(number) => json!(number),
        _ => json!("invalid"),
    };
    assert!(text.contains(&format!("\"id\":{id}")), "{text} is not for {id}");
    assert!(text.len() <= 2 * length + ANSWER_BEYOND, "an answer of {} bytes to {length}", text.len());
}

/// Written anew, the same call is judged the same.
fn again(grant: &Grant, name: &str, id: &str, params: &Value) {
    let (id, method, params) = (id.to_owned(), name.to_owned(), params.clone());
    let request = Request { id: id.clone(), method, params: params.clone(), traceparent: None };
    let text = Frame::Req(request).to_text();
    match dispatch::judge(text.as_bytes(), grant, &TABLE, &mut 0) {
        Verdict::Run(found, said, with) => {
            assert_eq!((found.name, &said), (name, &id));
            assert!(alike(&with, &params), "{with} is not {params}");
        }
        other => panic!("{text} ran, and now: {other:?}"),
    }
}

/// A client reads the frame too: it is the same written anew, and leads to no state that it should not.
fn as_client(frame: &[u8]) {
    let Ok(frame) = serde_json::from_slice::<Frame>(frame) else { return };
    let text = frame.to_text();
    let back: Frame = serde_json::from_str(&text).expect("what we write can be read");
    let value = |frame: &Frame| serde_json::to_value(frame).expect("a frame is JSON");
    assert!(alike(&value(&back), &value(&frame)), "{text}");
    for mut handshake in [Handshake::AwaitChallenge, Handshake::AwaitHello] {
        let before = handshake.clone();
        let step = handshake.take(frame.clone(), |challenge| {
            assert!(!challenge.nonce.is_empty() && before == Handshake::AwaitChallenge);
            ConnectParams::default()
        });
        assert!(!matches!(step, Step::Open(_)) || before == Handshake::AwaitHello, "it opened unasked");
        assert_eq!(handshake != before, matches!(step, Step::Send(_)), "{step:?}");
    }
}

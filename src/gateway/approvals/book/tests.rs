//! The states cell by cell, and whatever order things may come in.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

fn record(id: &str, asker: Asker, until: u64) -> Record {
    Record {
        id: id.to_owned(),
        asker,
        bound: None,
        request: Value::Null,
        allowed: vec![Decision::AllowOnce, Decision::AllowAlways, Decision::Deny],
        until: Moment::from_millis(until),
        created_at_ms: 0,
        expires_at_ms: until,
        state: State::Waiting,
    }
}

fn by(device: &str) -> Asker {
    Asker::Connection { device: Some(device.into()), connection: format!("c-{device}") }
}

fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

const GRACE_MS: u64 = GRACE.as_millis() as u64;

#[test]
fn once_is_once_always_is_for_its_grace_and_a_denial_is_never() {
    let mut book = Book::default();
    for (id, decision) in
        [("once", Decision::AllowOnce), ("always", Decision::AllowAlways), ("no", Decision::Deny)]
    {
        book.open(record(id, by("a"), 60_000), at(0)).unwrap();
        assert_eq!(book.redeem(id, at(1)), None, "nobody has decided yet");
        assert_eq!(book.decide(id, decision, at(2)), Decided::Now);
        assert_eq!(book.decide(id, decision, at(3)), Decided::Before);
        let other = if decision == Decision::Deny { Decision::AllowOnce } else { Decision::Deny };
        assert_eq!(book.decide(id, other, at(3)), Decided::Otherwise);
        assert!(!book.end(id, End::Aborted, at(3)));
    }
    let uses = |book: &mut Book, id| [book.redeem(id, at(4)), book.redeem(id, at(5))];
    assert_eq!(uses(&mut book, "once"), [Some(Decision::AllowOnce), None]);
    assert_eq!(uses(&mut book, "always"), [Some(Decision::AllowAlways), Some(Decision::AllowAlways)]);
    assert_eq!(uses(&mut book, "no"), [None, None]);
    assert_eq!(book.redeem("always", at(2 + GRACE_MS)), None);
    assert!(book.find("always", at(2 + GRACE_MS)).is_none());
}

#[test]
fn what_nobody_decides_ends_by_itself_and_counts_for_nothing() {
    let mut book = Book::default();
    book.open(record("a", by("a"), 100), at(0)).unwrap();
    assert!(book.find("a", at(99)).unwrap().waits());
    let ended = State::Ended { end: End::Timeout, at: at(100) };
    assert_eq!(book.find("a", at(100)).unwrap().state, ended);
    assert_eq!(book.decide("a", Decision::AllowOnce, at(101)), Decided::Otherwise);
    assert_eq!(book.decide("x", Decision::AllowOnce, at(101)), Decided::Gone);
    assert_eq!(book.redeem("a", at(101)), None);
    // Decided in time, and used too late.
    book.open(record("b", by("a"), 200), at(101)).unwrap();
    assert_eq!(book.decide("b", Decision::AllowOnce, at(199)), Decided::Now);
    assert_eq!(book.redeem("b", at(201)), None);
    book.open(record("c", by("a"), 9000), at(101)).unwrap();
    assert!(book.end("c", End::NoRoute, at(102)) && !book.end("c", End::Aborted, at(103)));
}

#[test]
fn what_is_not_offered_is_no_decision() {
    let mut book = Book::default();
    let mut asked = record("a", by("a"), 100);
    asked.allowed.retain(|decision| *decision != Decision::AllowAlways);
    book.open(asked, at(0)).unwrap();
    assert_eq!(book.decide("a", Decision::AllowAlways, at(1)), Decided::NotOffered);
    assert_eq!(book.decide("a", Decision::Deny, at(1)), Decided::Now);
}

#[test]
fn so_many_wait_and_no_more_of_one_asker_and_of_all() {
    let mut book = Book::default();
    for number in 0..ASKER_MAX {
        book.open(record(&format!("a{number}"), by("a"), 100), at(0)).unwrap();
    }
    assert_eq!(book.open(record("more", by("a"), 100), at(0)), Err(Refused::Full));
    assert_eq!(book.open(record("a0", by("b"), 100), at(0)), Err(Refused::Taken));
    for number in ASKER_MAX..WAITING_MAX {
        book.open(record(&format!("b{number}"), by(&number.to_string()), 100), at(0)).unwrap();
    }
    assert_eq!(book.open(record("more", by("c"), 100), at(0)), Err(Refused::Full));
    book.open(record("more", by("c"), 300), at(100)).unwrap();
}

#[test]
fn an_id_may_be_shortened_as_long_as_it_is_one() {
    let mut book = Book::default();
    for id in ["ab-1", "ab-2", "cd"] {
        book.open(record(id, by("a"), 100), at(0)).unwrap();
    }
    let mut found = |text: &str| match book.look(text, at(1), |record| record.id != "ab-2") {
        Found::One(record) => record.id.clone(),
        Found::Many => "many".into(),
        Found::None => "none".into(),
    };
    assert_eq!(
        ["AB", "c", " cd ", "ab-2", "", "ä", "cde"].map(&mut found),
        ["ab-1", "cd", "cd", "none", "none", "none", "none"]
    );
    assert!(matches!(book.look("ab", at(1), |_| true), Found::Many));
}

#[test]
fn one_asker_is_not_another() {
    let bare = |connection: &str| Asker::Connection { device: None, connection: connection.into() };
    let elsewhere = Asker::Connection { device: Some("a".into()), connection: "other".into() };
    assert!(by("a").is(&elsewhere) && bare("1").is(&bare("1")));
    assert!(!by("a").is(&by("b")) && !bare("1").is(&bare("2")) && !bare("c-a").is(&by("a")));
    assert!(!Asker::Run("1".into()).is(&bare("1")) && Asker::Run("1".into()).is(&Asker::Run("1".into())));
}

/// Something that may happen to the approval of that number.
#[derive(Clone, Debug)]
enum Event {
    Open(u8, u64),
    Decide(u8, Decision),
    End(u8),
    Redeem(u8),
    Wait(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let decision = prop_oneof![Just(Decision::AllowOnce), Just(Decision::AllowAlways), Just(Decision::Deny)];
    prop_oneof![
        (0..4u8, 1..40_000u64).prop_map(|(number, time)| Event::Open(number, time)),
        (0..4u8, decision).prop_map(|(number, decision)| Event::Decide(number, decision)),
        (0..4u8).prop_map(Event::End),
        (0..4u8).prop_map(Event::Redeem),
        (0..20_000u64).prop_map(Event::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order: nothing is allowed that nobody allowed, what was allowed once is used once,
    /// and nothing is used after its time.
    #[test]
    fn nothing_is_used_that_was_not_allowed(events in prop::collection::vec(event(), 1..200)) {
        let (mut book, mut now) = (Book::default(), 0u64);
        // What was allowed: how, when, until when, how often it was used.
        let mut allowed: HashMap<u8, (Decision, u64, u64, usize)> = HashMap::new();
        let mut until: HashMap<u8, u64> = HashMap::new();
        for event in events {
            match event {
                Event::Open(number, time) => {
                    let id = number.to_string();
                    if book.open(record(&id, by("a"), now + time), at(now)).is_ok() {
                        allowed.remove(&number);
                        until.insert(number, now + time);
                    }
                }
                Event::Decide(number, decision) => {
                    if book.decide(&number.to_string(), decision, at(now)) == Decided::Now {
                        prop_assert!(now < until[&number], "a decision came too late");
                        allowed.insert(number, (decision, now, until[&number], 0));
                    }
                }
                Event::End(number) => {
                    if book.end(&number.to_string(), End::Aborted, at(now)) {
                        prop_assert!(!allowed.contains_key(&number));
                    }
                }
                Event::Redeem(number) => {
                    if let Some(used) = book.redeem(&number.to_string(), at(now)) {
                        let (decision, when, until, times) = allowed.get_mut(&number).expect("somebody allowed it");
                        *times += 1;
                        prop_assert_eq!(used, *decision);
                        prop_assert!(used != Decision::Deny && now <= *until && now - *when < GRACE_MS);
                        prop_assert!(used == Decision::AllowAlways || *times == 1);
                    }
                }
                Event::Wait(time) => now += time,
            }
            prop_assert!(book.records.len() <= 4);
            prop_assert!(book.waiting(at(now)).iter().all(|record| at(now) < record.until));
        }
    }
}

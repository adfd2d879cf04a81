//! Tables on a clock that only the test moves, and generated histories.

use proptest::prelude::*;

use super::*;
use crate::transport::ConnectFailure;

fn refusal() -> Ended {
    let kind = ConnectFailure::LoginRefused;
    Ended::Refused(Box::new(ConnectError { kind, message: "Permission denied".into(), hint: None }))
}

fn go(pace: &mut Pace, now: Instant) -> u64 {
    match pace.ask("deploy", now) {
        Turn::Go(number) => number,
        other => panic!("{other:?}"),
    }
}

fn waits(pace: &mut Pace, now: Instant) -> Option<Instant> {
    match pace.ask("deploy", now) {
        Turn::Wait(until) => until,
        other => panic!("{other:?}"),
    }
}

/// A pace whose login was accepted.
fn proven(most: usize, now: Instant) -> Pace {
    let mut pace = Pace::new(most);
    let first = go(&mut pace, now);
    pace.ended(first, Ended::LoggedIn, now, 0.0);
    pace
}

#[test]
fn one_host_first_then_as_many_as_may() {
    let (mut pace, now) = (Pace::new(16), Instant::now());
    let first = go(&mut pace, now);
    assert_eq!(waits(&mut pace, now), Some(now + PATIENCE), "nobody knows yet whether the login is any good");
    pace.ended(first, Ended::LoggedIn, now, 0.0);
    for _ in 0..16 {
        go(&mut pace, now);
    }
    assert_eq!(waits(&mut pace, now), None);
}

#[test]
fn a_wrong_key_costs_three_logins_and_not_five_hundred() {
    let (mut pace, now) = (Pace::new(16), Instant::now());
    let mut tried = 0;
    for _ in 0..500 {
        match pace.ask("deploy", now) {
            Turn::Go(number) => {
                tried += 1;
                assert!(matches!(pace.ask("deploy", now), Turn::Wait(_)), "one at a time");
                pace.ended(number, refusal(), now, 0.0);
            }
            Turn::GivenUp(refused, last) => {
                assert_eq!((refused, last.kind), (3, ConnectFailure::LoginRefused));
            }
            Turn::Wait(_) => panic!("nothing is under way"),
        }
    }
    assert_eq!(tried, 3);
    assert!(matches!(pace.ask("admin", now), Turn::Go(_)), "another login is another matter");
}

#[test]
fn one_host_that_refuses_a_good_login_stops_nobody() {
    let (now, mut pace) = (Instant::now(), proven(4, Instant::now()));
    for _ in 0..10 {
        let number = go(&mut pace, now);
        pace.ended(number, refusal(), now, 0.0);
    }
    for _ in 0..4 {
        go(&mut pace, now);
    }
}

#[test]
fn hosts_that_do_not_answer_do_not_hold_the_others_up() {
    let (mut pace, mut now) = (Pace::new(16), Instant::now());
    let mut dead = vec![go(&mut pace, now)];
    // While the first host is silent, another is tried each second, up to three in all.
    for _ in 0..2 {
        now = waits(&mut pace, now).expect("a moment");
        dead.push(go(&mut pace, now));
    }
    assert_eq!(waits(&mut pace, now + PATIENCE * 100), None, "three refusals at once are the most to be risked");
    for number in dead {
        pace.ended(number, Ended::Unheard, now, 0.0);
    }
    let next: Vec<_> = (0..4).map(|_| go(&mut pace, now)).collect();
    assert!(matches!(pace.ask("deploy", now), Turn::Wait(_)));
    // Hosts that stay silent for as long are not counted: each lets one more be tried, up to the limit.
    now += PATIENCE;
    for _ in 0..8 {
        go(&mut pace, now);
    }
    assert!(matches!(pace.ask("deploy", now), Turn::Wait(_)));
    now += PATIENCE;
    for _ in 0..4 {
        go(&mut pace, now);
    }
    assert_eq!((waits(&mut pace, now + PATIENCE), pace.under_way.len()), (None, 16));
    pace.ended(next[0], refusal(), now, 0.0);
    assert!(matches!(pace.ask("deploy", now), Turn::Wait(_)), "and slowly again, once one has refused");
}

#[test]
fn a_wrong_key_costs_few_logins_however_many_hosts_were_not_reached() {
    let (mut pace, now) = (Pace::new(50), Instant::now());
    for _ in 0..40 {
        let dead = go(&mut pace, now);
        pace.ended(dead, Ended::Unheard, now, 0.0);
    }
    let mut later = now;
    let mut silent = Vec::new();
    while let Turn::Go(number) = pace.ask("deploy", later) {
        silent.push(number);
        later += PATIENCE;
    }
    assert_eq!(silent.len(), 50);
    // Then the network is back, and all answer at once.
    let (tried, turned_away): (Vec<_>, Vec<_>) = silent.into_iter().partition(|number| pace.answered(*number));
    assert_eq!(tried.len(), 3);
    for number in turned_away {
        pace.ended(number, Ended::Otherwise, later, 0.0);
    }
    assert_eq!(waits(&mut pace, later + PATIENCE), None, "three are at it");
    for number in tried {
        pace.ended(number, refusal(), later, 0.0);
    }
    assert!(matches!(pace.ask("deploy", later), Turn::GivenUp(3, _)));
}

#[test]
fn whoever_was_turned_away_is_let_in_by_the_first_that_logs_in() {
    let (mut pace, now) = (Pace::new(9), Instant::now());
    let dead = go(&mut pace, now);
    pace.ended(dead, Ended::Unheard, now, 0.0);
    let silent = go(&mut pace, now);
    let later = now + PATIENCE;
    let numbers: Vec<_> = (0..3).map(|_| go(&mut pace, later)).chain([silent]).collect();
    assert_eq!(numbers.iter().map(|number| pace.answered(*number)).collect::<Vec<_>>(), [true, true, true, false]);
    pace.ended(numbers[3], Ended::Otherwise, later, 0.0);
    pace.ended(numbers[0], Ended::LoggedIn, later, 0.0);
    let again = go(&mut pace, later);
    assert!(pace.answered(again));
}

#[test]
fn drops_halve_the_limit_once_for_all_that_were_under_way() {
    let now = Instant::now();
    let mut pace = proven(16, now);
    let numbers: Vec<_> = (0..16).map(|_| go(&mut pace, now)).collect();
    let later = now + Duration::from_millis(10);
    for number in numbers {
        pace.ended(number, Ended::Dropped, later, 1.0);
    }
    assert_eq!(pace.limit, 8);
    assert_eq!(waits(&mut pace, later), Some(later + PAUSE.first));
    let again = later + PAUSE.first;
    let second = go(&mut pace, again);
    pace.ended(second, Ended::Dropped, again, 0.0);
    assert_eq!((pace.limit, waits(&mut pace, again)), (4, Some(again + PAUSE.first)), "twice as long, by half");
}

#[test]
fn the_limit_recovers_and_the_pauses_begin_anew() {
    let mut now = Instant::now();
    let mut pace = proven(4, now);
    for _ in 0..10 {
        let number = go(&mut pace, now);
        pace.ended(number, Ended::Dropped, now, 1.0);
        let until = waits(&mut pace, now).expect("a pause");
        assert!(until - now <= PAUSE.most);
        now = until;
    }
    assert_eq!(pace.limit, 1);
    for _ in 0..6 {
        let number = go(&mut pace, now);
        pace.ended(number, Ended::LoggedIn, now, 0.0);
    }
    assert_eq!((pace.limit, pace.cuts), (4, 0));
}

proptest! {
    /// In every history: never more than the limit, never more than three refusals of a login that no host accepted,
    /// and a caller that waits with nothing in progress has a moment to wait for.
    #[test]
    fn it_never_exceeds_its_limits_nor_gets_stuck(
        most in 1_usize..20,
        steps in prop::collection::vec((0_u8..8, 0_u64..3000, 0.0..1.0_f64), 1..200),
    ) {
        let mut pace = Pace::new(most);
        let mut now = Instant::now();
        let mut open: Vec<u64> = Vec::new();
        for (step, millis, luck) in steps {
            now += Duration::from_millis(millis);
            let end = match step {
                0..=2 => None,
                3 => Some(Ended::LoggedIn),
                4 => Some(refusal()),
                5 => Some(Ended::Dropped),
                6 => Some(Ended::Unheard),
                _ => Some(Ended::Otherwise),
            };
            match end {
                None if step == 0 => {
                    if let Some(number) = open.first() {
                        pace.answered(*number);
                    }
                }
                None => match pace.ask("deploy", now) {
                    Turn::Go(number) => open.push(number),
                    Turn::Wait(until) => {
                        prop_assert!(!open.is_empty() || until.is_some_and(|until| until > now));
                    }
                    Turn::GivenUp(refused, _) => prop_assert!(refused >= REFUSALS),
                },
                Some(end) => {
                    if let Some(number) = open.pop() {
                        // A host that refuses or accepts a login has answered before.
                        let tried = matches!(end, Ended::LoggedIn | Ended::Refused(_));
                        let end = if tried && !pace.answered(number) { Ended::Otherwise } else { end };
                        pace.ended(number, end, now, luck);
                    }
                }
            }
            prop_assert!(open.len() <= most && pace.limit >= 1 && pace.limit <= most);
            prop_assert_eq!(open.len(), pace.under_way.len());
            prop_assert!(pace.logins.get("deploy").is_none_or(|login| login.refused <= 3));
        }
    }
}

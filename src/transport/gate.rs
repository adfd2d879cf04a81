//! Where handshakes wait for their turn: the [`Pace`] with a clock and a queue. Also decides when closed connections
//! mean a ban.

use std::{collections::HashMap, sync::Mutex, time::Instant};

use provider_core::lock;
use tokio::{sync::Notify, time::sleep_until};

use super::{
    ConnectError, ConnectFailure, Halt,
    pacing::{Ended, Pace, Turn},
    ssh_words::BANNED_HINT,
};
use crate::inventory::Doorstep;

/// How many connections in a row a host must close without a word before a ban is assumed.
const CLOSED_DOORS: u32 = 3;

/// The same for a doorstep that answered before.
const CLOSED_AGAIN: u32 = 2;

/// How often such a doorstep must have answered before.
const ANSWERED: u32 = 3;

/// Lets handshakes begin at a pace that servers tolerate.
#[derive(Debug)]
pub(super) struct Gate {
    pace: Mutex<Pace>,
    doors: Mutex<HashMap<Doorstep, Door>>,
    changed: Notify,
}

/// What happened at a doorstep so far.
#[derive(Clone, Copy, Debug, Default)]
struct Door {
    answered: u32,
    closed: u32,
}

/// A handshake that may begin. Dropping it without reporting an end means that it was given up.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    number: u64,
    told: bool,
    turned_away: Notify,
}

impl Gate {
    /// At most `most` handshakes at once.
    pub(super) fn new(most: usize) -> Self {
        Self { pace: Mutex::new(Pace::new(most)), doors: Mutex::default(), changed: Notify::new() }
    }

    /// Waits until a handshake with this login may begin.
    ///
    /// # Errors
    /// When enough hosts have refused the login, and when the run halts before this handshake's turn.
    pub(super) async fn pass(&self, login: Option<&str>, mut halt: Halt) -> Result<Pass<'_>, ConnectError> {
        let name = login.unwrap_or_default();
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on, no notification is missed.
            changed.as_mut().enable();
            if halt.has_come() {
                return Err(ConnectError::halted());
            }
            let turn = lock(&self.pace).ask(name, Instant::now());
            match turn {
                Turn::Go(number) => return Ok(Pass::new(self, number)),
                Turn::GivenUp(refused, last) => return Err(given_up(login, refused, *last)),
                Turn::Wait(until) => tokio::select! {
                    () = changed => {}
                    () = moment(until) => {}
                    () = halt.comes() => {}
                },
            }
        }
    }

    fn ended(&self, number: u64, end: Ended) {
        lock(&self.pace).ended(number, end, Instant::now(), rand::random());
        self.changed.notify_waiters();
    }
}

impl<'a> Pass<'a> {
    fn new(gate: &'a Gate, number: u64) -> Self {
        Self { gate, number, told: false, turned_away: Notify::new() }
    }

    /// The host has answered; the login comes next.
    pub(super) fn answered(&self) {
        if !lock(&self.gate.pace).answered(self.number) {
            self.turned_away.notify_one();
        }
    }

    /// Waits until enough other handshakes are at the login to find out whether it works: this handshake is then to be
    /// dropped and begun again later.
    pub(super) async fn turned_away(&self) {
        self.turned_away.notified().await;
    }

    /// The login succeeded.
    pub(super) fn logged_in(mut self, doorstep: Doorstep) {
        self.told = true;
        self.gate.ended(self.number, Ended::LoggedIn);
        let mut doors = lock(&self.gate.doors);
        let door = doors.entry(doorstep).or_default();
        *door = Door { answered: door.answered + 1, closed: 0 };
    }

    /// The login failed. Returns the error, made clearer by what is known of the doorstep.
    pub(super) fn failed(mut self, doorstep: Doorstep, error: ConnectError) -> ConnectError {
        self.told = true;
        let error = lock(&self.gate.doors).entry(doorstep).or_default().judged(error);
        self.gate.ended(self.number, meaning(&error));
        error
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if !self.told {
            self.gate.ended(self.number, Ended::Otherwise);
        }
    }
}

impl Door {
    /// A doorstep that keeps closing connections has banned us: fail2ban and firewalls say no more than that.
    fn judged(&mut self, error: ConnectError) -> ConnectError {
        match error.kind {
            ConnectFailure::ClosedEarly | ConnectFailure::Refused => self.closed += 1,
            ConnectFailure::LoginRefused
            | ConnectFailure::HostKeyChanged
            | ConnectFailure::HostKeyUnknown
            | ConnectFailure::NoCommonAlgorithm
            | ConnectFailure::TooManyLogins
            | ConnectFailure::TooManySessions => {
                self.answered += 1;
                self.closed = 0;
            }
            ConnectFailure::NoRoute
            | ConnectFailure::TimedOut
            | ConnectFailure::NameNotFound
            | ConnectFailure::ForwardingRefused
            | ConnectFailure::Banned
            | ConnectFailure::LocalSsh
            | ConnectFailure::Halted
            | ConnectFailure::Other => {}
        }
        let often = self.closed >= CLOSED_DOORS && error.kind == ConnectFailure::ClosedEarly;
        let again = self.closed >= CLOSED_AGAIN && self.answered >= ANSWERED;
        if !(often || again) {
            return error;
        }
        let message = format!("{} times in a row, the last time: {}", self.closed, error.message);
        ConnectError { kind: ConnectFailure::Banned, message, hint: Some(BANNED_HINT.to_owned()) }
    }
}

/// What a failed handshake means for the pace of the others.
fn meaning(error: &ConnectError) -> Ended {
    match error.kind {
        ConnectFailure::LoginRefused => Ended::Refused(Box::new(error.clone())),
        ConnectFailure::ClosedEarly | ConnectFailure::TooManyLogins | ConnectFailure::Banned => Ended::Dropped,
        ConnectFailure::Refused
        | ConnectFailure::NoRoute
        | ConnectFailure::TimedOut
        | ConnectFailure::NameNotFound
        | ConnectFailure::HostKeyChanged
        | ConnectFailure::HostKeyUnknown
        | ConnectFailure::NoCommonAlgorithm => Ended::Unheard,
        ConnectFailure::TooManySessions
        | ConnectFailure::ForwardingRefused
        | ConnectFailure::LocalSsh
        | ConnectFailure::Halted
        | ConnectFailure::Other => Ended::Otherwise,
    }
}

fn given_up(login: Option<&str>, refused: u32, last: ConnectError) -> ConnectError {
    let who = login.map(|login| format!(" as `{login}`")).unwrap_or_default();
    let ConnectError { kind, message, hint } = last;
    let message = format!(
        "not tried, so that no account is locked: the first {refused} hosts tried refused the login{who}; the last said: {message}"
    );
    ConnectError { kind, message, hint }
}

/// Waits until `at`; forever, if it is `None`.
async fn moment(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{sync::watch, time::timeout};

    use super::*;

    fn error(kind: ConnectFailure) -> ConnectError {
        ConnectError { kind, message: "x".into(), hint: None }
    }

    #[test]
    fn a_door_that_closes_again_and_again_is_a_ban() {
        use ConnectFailure::{Banned, ClosedEarly, LoginRefused, Refused, TimedOut, TooManyLogins};
        for (story, end) in [
            (vec![ClosedEarly, ClosedEarly, ClosedEarly], Banned),
            (vec![ClosedEarly, ClosedEarly], ClosedEarly),
            (vec![Refused, Refused, Refused, Refused], Refused),
            (vec![ClosedEarly, TooManyLogins, ClosedEarly, ClosedEarly], ClosedEarly),
            (vec![LoginRefused, LoginRefused, LoginRefused, Refused, Refused], Banned),
            (vec![LoginRefused, LoginRefused, LoginRefused, Refused, TimedOut], TimedOut),
        ] {
            let mut door = Door::default();
            let judged = story.iter().map(|kind| door.judged(error(*kind)).kind).last();
            assert_eq!(judged, Some(end), "{story:?}");
        }
    }

    fn at(address: &str) -> Doorstep {
        Doorstep::Address(address.to_owned(), 22)
    }

    async fn pass(gate: &Gate) -> Pass<'_> {
        gate.pass(None, Halt::never()).await.expect("may pass")
    }

    #[tokio::test]
    async fn doors_of_one_address_are_not_taken_for_each_other() {
        use ConnectFailure::{Banned, ClosedEarly};
        let gate = Gate::new(9);
        let behind = |id: &str| Doorstep::Command(format!("tunnel {id}"));
        for doorsteps in [[at("nat"), Doorstep::Address("nat".into(), 2222)], [behind("i-1"), behind("i-2")]] {
            for round in 1..=3 {
                for doorstep in &doorsteps {
                    // The pace does not know this number, so nothing waits.
                    let pass = Pass::new(&gate, u64::MAX);
                    let kind = pass.failed(doorstep.clone(), error(ClosedEarly)).kind;
                    assert_eq!(kind, if round < 3 { ClosedEarly } else { Banned }, "{doorstep:?}");
                }
            }
        }
    }

    #[tokio::test]
    async fn a_pass_that_is_dropped_lets_the_next_one_go() {
        let gate = Gate::new(1);
        drop(pass(&gate).await);
        pass(&gate).await.logged_in(at("a"));
        let held = pass(&gate).await;
        let (next, ()) = tokio::join!(pass(&gate), async { held.logged_in(at("a")) });
        next.logged_in(at("b"));
    }

    #[tokio::test]
    async fn whoever_waits_when_the_run_halts_does_not_begin_and_whoever_must_still_may() {
        let gate = Gate::new(1);
        let (caller, halted) = watch::channel(false);
        let held = pass(&gate).await;
        // The result does not depend on the minute; it only makes a hang fail.
        let waiting = timeout(Duration::from_mins(1), gate.pass(None, Halt::when(halted.clone())));
        let (waiting, ()) = tokio::join!(waiting, async { _ = caller.send(true) });
        assert_eq!(waiting.expect("does not hang").expect_err("halted").kind, ConnectFailure::Halted);
        held.logged_in(at("a"));
        let late = gate.pass(None, Halt::when(halted)).await;
        assert_eq!(late.expect_err("halted").kind, ConnectFailure::Halted, "though nobody stands before it");
        pass(&gate).await.logged_in(at("a"));
    }

    #[tokio::test]
    async fn whoever_is_answered_when_enough_are_at_the_login_already_is_turned_away() {
        let gate = Gate::new(9);
        pass(&gate).await.failed(at("dead"), error(ConnectFailure::TimedOut));
        let answered = [pass(&gate).await, pass(&gate).await, pass(&gate).await, pass(&gate).await];
        answered.iter().for_each(Pass::answered);
        answered[3].turned_away().await;
        for early in &answered[..3] {
            timeout(Duration::ZERO, early.turned_away()).await.expect_err("may go on");
        }
    }

    #[tokio::test]
    async fn a_login_that_is_given_up_says_whose_words_it_was() {
        let gate = Gate::new(4);
        let ops = || gate.pass(Some("ops"), Halt::never());
        for _ in 0..3 {
            ops().await.expect("tried").failed(at("a"), error(ConnectFailure::LoginRefused));
        }
        let error = ops().await.expect_err("given up");
        assert_eq!(error.kind, ConnectFailure::LoginRefused);
        assert!(error.message.contains("the first 3 hosts tried refused the login as `ops`"), "{error}");
    }
}

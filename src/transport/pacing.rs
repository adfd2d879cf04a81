//! How many handshakes may be in progress, and which may begin: a pure state machine, with the clock as an input.
//!
//! Servers defend themselves. A login that is refused on a few hundred hosts at once locks the account; handshakes
//! beyond `MaxStartups` are dropped; clients that persist are banned. So:
//!
//! - A login that no host has accepted yet is tried on one host first, and given up when a few have refused it.
//! - Hosts that do not answer say nothing about the login, so other hosts may be tried: the more hosts are silent,
//!   the more others. If many answer after all, a few may go on, and the others begin again later.
//! - When a connection is dropped, the limit halves and all wait a moment, longer each time. The limit recovers
//!   handshake by handshake.
//!
//! Not here: waiting (`gate`), and trying a host again (the dispatcher).

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::{Backoff, ConnectError};

/// After this many refusals, a login that was never accepted is given up. Servers that lock accounts or ban clients
/// begin at three (Linux-PAM's `pam_faillock`) to five (fail2ban).
const REFUSALS: u32 = 3;

/// Each host that was not reached lets one more be tried at once, up to this many.
const IN_THEIR_PLACE: usize = 3;

/// A first host that takes longer than this is joined by another. Once a host was not reached, a host that has been
/// silent for this long is unlikely to answer, and no longer counts.
const PATIENCE: Duration = Duration::from_secs(1);

/// The wait after a dropped connection.
const PAUSE: Backoff = Backoff { first: Duration::from_millis(250), most: Duration::from_secs(8) };

/// The pace of one target's handshakes.
#[derive(Debug)]
pub(super) struct Pace {
    /// The highest limit.
    most: usize,
    limit: usize,
    /// Successful handshakes since the limit last changed.
    credit: usize,
    under_way: HashMap<u64, Handshake>,
    next: u64,
    logins: HashMap<String, Login>,
    paused_until: Option<Instant>,
    /// How many times in a row the limit was halved.
    cuts: u32,
    last_cut: Option<Instant>,
}

#[derive(Debug)]
struct Handshake {
    login: String,
    since: Instant,
    /// The host has answered: it may refuse the login at any moment.
    answered: bool,
}

/// What is known of a login.
#[derive(Debug, Default)]
struct Login {
    accepted: bool,
    /// Hosts that refused it, as long as none has accepted it.
    refused: u32,
    /// Hosts that were not reached.
    unheard: usize,
    /// The last refusal.
    last: Option<ConnectError>,
}

/// Whether a handshake may begin.
#[derive(Debug)]
pub(super) enum Turn {
    /// Yes. The caller reports its end under this number.
    Go(u64),
    /// Not before this moment, if given, or the end of another handshake.
    Wait(Option<Instant>),
    /// No: this many hosts have refused the login; the last one gave this error.
    GivenUp(u32, Box<ConnectError>),
}

/// How a handshake ended, as far as the pace is concerned.
#[derive(Clone, Debug)]
pub(super) enum Ended {
    /// Logged in.
    LoggedIn,
    /// The host refused the login.
    Refused(Box<ConnectError>),
    /// The host, or something in front of it, dropped the connection.
    Dropped,
    /// The host was not reached.
    Unheard,
    /// It was given up by this side, or failed for an unrelated reason.
    Otherwise,
}

impl Login {
    /// How many hosts may still refuse it before it is given up.
    fn refusals_left(&self) -> usize {
        usize::try_from(REFUSALS.saturating_sub(self.refused)).unwrap_or(0)
    }
}

impl Pace {
    /// At most `most` handshakes at once.
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            most,
            limit: most,
            credit: 0,
            under_way: HashMap::new(),
            next: 0,
            logins: HashMap::new(),
            paused_until: None,
            cuts: 0,
            last_cut: None,
        }
    }

    /// Whether a handshake with this login may begin now.
    pub(super) fn ask(&mut self, name: &str, now: Instant) -> Turn {
        let login = self.logins.entry(name.to_owned()).or_default();
        if login.refused >= REFUSALS
            && let Some(last) = &login.last
        {
            return Turn::GivenUp(login.refused, Box::new(last.clone()));
        }
        if self.under_way.len() >= self.limit {
            return Turn::Wait(None);
        }
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Turn::Wait(Some(until));
        }
        if !login.accepted {
            let mine = || self.under_way.values().filter(|it| it.login == name);
            if mine().filter(|it| it.answered).count() >= login.refusals_left() {
                return Turn::Wait(None);
            }
            let is_silent = |it: &&Handshake| {
                login.unheard > 0 && !it.answered && now.saturating_duration_since(it.since) >= PATIENCE
            };
            let silent = mine().filter(is_silent).count();
            let first = mine().filter(|it| !is_silent(it)).map(|it| it.since).min();
            let asked = mine().count() - silent;
            let unheard = login.unheard.min(IN_THEIR_PLACE) + silent;
            let most = unheard + login.refusals_left();
            if let Some(first) = first {
                let waited = now.saturating_duration_since(first).as_millis() / PATIENCE.as_millis();
                let allowed = 1 + unheard + usize::try_from(waited).unwrap_or(usize::MAX - unheard - 1);
                if asked >= most {
                    return Turn::Wait(None);
                }
                if asked >= allowed {
                    let steps = u32::try_from(asked - unheard).unwrap_or(1);
                    return Turn::Wait(Some(first + PATIENCE * steps));
                }
            }
        }
        let number = self.next;
        self.next += 1;
        self.under_way.insert(number, Handshake { login: name.to_owned(), since: now, answered: false });
        Turn::Go(number)
    }

    /// Notes that the host of a handshake has answered, and returns whether the handshake may go on to the login. It
    /// may not if those already at the login are enough to give it up, should they all be refused.
    pub(super) fn answered(&mut self, number: u64) -> bool {
        let Some(name) = self.under_way.get(&number).map(|it| it.login.clone()) else { return true };
        let login = self.logins.entry(name.clone()).or_default();
        let others = self.under_way.values().filter(|it| it.login == name && it.answered).count();
        if !login.accepted && others >= login.refusals_left() {
            return false;
        }
        if let Some(handshake) = self.under_way.get_mut(&number) {
            handshake.answered = true;
        }
        true
    }

    /// Notes how a handshake ended. `luck`, from 0 to 1, spreads the waits, so that hosts that were dropped together do
    /// not come back together.
    pub(super) fn ended(&mut self, number: u64, end: Ended, now: Instant, luck: f64) {
        let Some(handshake) = self.under_way.remove(&number) else { return };
        let login = self.logins.entry(handshake.login).or_default();
        match end {
            Ended::LoggedIn => {
                *login = Login { accepted: true, ..Login::default() };
                self.cuts = 0;
                self.credit += 1;
                if self.credit >= self.limit {
                    self.credit = 0;
                    self.limit = (self.limit + 1).min(self.most);
                }
            }
            Ended::Refused(error) if !login.accepted => {
                login.refused += 1;
                login.unheard = 0;
                login.last = Some(*error);
            }
            Ended::Dropped => {
                // Handshakes that began before the last cut were dropped under the old limit.
                if self.last_cut.is_none_or(|cut| handshake.since >= cut) {
                    self.cut(now, luck);
                }
            }
            Ended::Unheard => login.unheard += 1,
            Ended::Refused(_) | Ended::Otherwise => {}
        }
    }

    fn cut(&mut self, now: Instant, luck: f64) {
        self.limit = (self.limit / 2).max(1);
        self.credit = 0;
        self.last_cut = Some(now);
        let pause = PAUSE.after(self.cuts);
        self.cuts = self.cuts.saturating_add(1);
        self.paused_until = Some(now + pause.mul_f64(0.5 + luck.clamp(0.0, 1.0) / 2.0));
    }
}

#[cfg(test)]
mod tests;

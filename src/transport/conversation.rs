//! The conversation with a host's guard: what to say, when, and what its answers and its silence mean. Pure.
//!
//! It sends the request's opening first, and the order once the guard has shown that both directions work; from the
//! script's start on, the same stream is the lifeline. Only the guard's trailer, on both of its streams, ends a
//! conversation: not the end of a stream (a script's background child may hold one open), and not an exit status that
//! the carrier reports. Streams that end without a trailer mean that contact was lost.
//!
//! The host keeps the script's deadline. The clocks here only ensure that a silent host is given up some time after it
//! should have spoken. Callers pass in the current time.

mod broken_off;

use std::{io, time::Duration};

use tokio::time::Instant;

use super::{
    Job, OutputSink, RemoteExit, Stop, Stream, YEAR,
    barriers::Barriers,
    listener::{Heard, Listener},
};
use crate::guard::{EncodedRequest, Input, Lifeline, Nonce, Work};
pub(super) use broken_off::{BrokenOff, Guard};

/// How long a host may accept no bytes, how long its guard may take to be ready, and then how long to start the script.
/// Noise does not extend it: a login shell that talks on and on would never be given up.
const START: Duration = Duration::from_mins(1);

/// The guard gives up on a killed group after five seconds, and then says so; the rest is for the network.
const WORD: Duration = Duration::from_secs(15);

/// The same when the caller wants it to be over now.
const QUICK_WORD: Duration = Duration::from_secs(8);

/// An alarm that rings later than this means that this program stood still: Ctrl-Z, a paused container.
const LATE: Duration = Duration::from_millis(100);

/// After a standstill, how long to wait at most for what the host said during it. That may lie in a pipe, or with an
/// `ssh` that stood still too.
const CATCH_UP: Duration = Duration::from_secs(10);

/// How long to wait for the second stream once the first one is over.
const OTHER_STREAM: Duration = Duration::from_secs(5);

/// Which streams may still say something.
#[derive(Debug)]
struct Open {
    stdout: bool,
    stderr: bool,
}

/// The state of a conversation.
#[derive(Debug)]
pub(super) struct Conversation<'a> {
    job: &'a Job,
    listener: Listener,
    open: Open,
    /// Bytes to be written, in order.
    outbox: Vec<u8>,
    /// How many of them are written.
    written: usize,
    /// Goes to the outbox when the guard is ready.
    order: Option<Vec<u8>>,
    /// How many bytes of the command's input are still to be sent after the order.
    input_left: u64,
    /// The order and the input are written: the script may start.
    order_sent: bool,
    /// What the caller wants.
    wish: Stop,
    /// What the host was told so far.
    told: Stop,
    /// The wish is to terminate because the script was silent for too long.
    silent: bool,
    barriers: Barriers,
    /// When the script last gave a sign of life; before it starts, when the host last accepted bytes of the request.
    alive: Instant,
    /// When the host's last word is due.
    last_word: Option<Instant>,
    /// The host is not given up before this, because this program stood still.
    catches_up: Option<Instant>,
    /// Why the host was given up.
    given_up: Option<String>,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(job: &'a Job, request: EncodedRequest, nonce: &Nonce, now: Instant) -> Self {
        Self {
            job,
            listener: Listener::new(nonce, job.request.resume()),
            open: Open { stdout: true, stderr: true },
            outbox: request.opening,
            written: 0,
            order: Some(request.order),
            input_left: job.request.input().map_or(0, Input::length),
            order_sent: false,
            wish: Stop::No,
            told: Stop::No,
            silent: false,
            barriers: Barriers::new(job.request.barriers()),
            alive: now,
            last_word: None,
            catches_up: None,
            given_up: None,
        }
    }

    /// The result, once there is one.
    pub(super) fn end(&self) -> Option<Result<RemoteExit, BrokenOff>> {
        let complete = match &self.listener.exit {
            None => false,
            // These come on stdout only.
            Some(RemoteExit::Refused { .. } | RemoteExit::Recorded(_)) => true,
            Some(RemoteExit::Ended(_)) => self.listener.stderr_ended || !self.open.stderr,
        };
        let over = complete || self.given_up.is_some() || !(self.open.stdout || self.open.stderr);
        over.then(|| self.listener.exit.clone().ok_or_else(|| self.broken_off()))
    }

    /// Whether a stream may still say something.
    pub(super) fn is_open(&self, stream: Stream) -> bool {
        match stream {
            Stream::Stdout => self.open.stdout,
            Stream::Stderr => self.open.stderr,
        }
    }

    /// What the caller wants, as far as this conversation knows.
    pub(super) fn wish(&self) -> Stop {
        self.wish
    }

    /// How many barriers are open, as far as this conversation knows.
    pub(super) fn open_barriers(&self) -> u32 {
        self.barriers.open()
    }

    /// The bytes to be written now.
    pub(super) fn unwritten(&self) -> &[u8] {
        &self.outbox[self.written..]
    }

    /// Notes that `count` of those bytes were written.
    pub(super) fn wrote(&mut self, count: usize, now: Instant) {
        self.written += count;
        if self.unwritten().is_empty() {
            // Frees the memory: a script can be long, and hosts are many.
            self.outbox = Vec::new();
            self.written = 0;
            self.order_sent = self.order.is_none() && self.input_left == 0;
        }
        if self.listener.group.is_none() {
            self.alive = now;
        }
    }

    /// The offset of the next piece of the command's input, if one is wanted now. The input may be long, so it is sent
    /// in pieces.
    pub(super) fn wants_input(&self) -> Option<u64> {
        let input = self.job.request.input()?;
        let now = self.order.is_none() && self.unwritten().is_empty() && self.input_left > 0 && self.given_up.is_none();
        now.then(|| input.length() - self.input_left)
    }

    /// Takes the next piece of the input, or the reason why it cannot be read.
    pub(super) fn give_input(&mut self, piece: io::Result<&[u8]>) {
        match piece {
            Ok(bytes) => {
                self.input_left = self.input_left.saturating_sub(bytes.len() as u64);
                self.outbox.extend(bytes);
            }
            // A script whose input was not sent completely never starts.
            Err(error) => {
                self.given_up = Some(format!("the script never started: its input cannot be read again: {error}"));
            }
        }
    }

    /// Takes bytes from a stream.
    pub(super) fn hear(&mut self, stream: Stream, bytes: &[u8], out: &mut dyn OutputSink, now: Instant) {
        let was_started = self.listener.group.is_some();
        let heard = match stream {
            Stream::Stdout => self.listener.stdout(bytes, out),
            Stream::Stderr => self.listener.stderr(bytes, out),
        };
        match heard {
            Heard::Noise => {}
            Heard::Output => self.alive = now,
            // A repeated word gives the host no more time.
            Heard::Ready => {
                if let Some(order) = self.order.take() {
                    self.alive = now;
                    self.outbox.extend(order);
                }
            }
            Heard::Started => {
                if !was_started {
                    self.alive = now;
                    self.expect_end(now);
                }
                self.tell(now);
            }
            Heard::Ended => self.expect_word(now, OTHER_STREAM),
        }
        self.look_at_barriers(now);
    }

    /// Opens the first `open` barriers.
    pub(super) fn opens(&mut self, open: u32, now: Instant) {
        self.barriers.opened(open);
        // The script may have been reported at the next barrier before this one opened.
        self.look_at_barriers(now);
        self.release(now);
    }

    fn look_at_barriers(&mut self, now: Instant) {
        if self.listener.group.is_some() && self.barriers.stands(self.listener.held, now) {
            self.alive = now;
            self.expect_end(now);
            self.release(now);
            self.reassure(now);
        }
    }

    /// Tells the host now and then, while it holds a script, that this program is still there.
    fn reassure(&mut self, now: Instant) {
        if self.wish == Stop::No
            && let Some(line) = self.barriers.reassure(now)
        {
            self.outbox.extend(line.encode());
        }
    }

    /// Tells the host that a held script may go on.
    fn release(&mut self, now: Instant) {
        if self.wish == Stop::No
            && let Some(line) = self.barriers.release(self.job.request.deadline)
        {
            self.outbox.extend(line.encode());
            self.expect_end(now);
        }
    }

    /// A running script has the time that is left; a held one has unlimited time until it is told to go on.
    fn expect_end(&mut self, now: Instant) {
        let request = &self.job.request;
        let time = if self.barriers.waits() { Duration::MAX } else { self.barriers.left(request.deadline) };
        if self.told == Stop::No && self.listener.exit.is_none() {
            self.last_word = None;
            self.expect_word(now, time.saturating_add(request.grace).saturating_add(WORD));
        }
    }

    /// Hands the rest of what was heard to the sink, after the end.
    pub(super) fn finish(&mut self, out: &mut dyn OutputSink) {
        self.listener.over(out);
    }

    /// Notes that a stream has ended.
    pub(super) fn close(&mut self, stream: Stream, out: &mut dyn OutputSink, now: Instant) {
        // A recorded script's held-back bytes are sent again on re-attaching. They may be the guard's own words, cut
        // short.
        if !self.job.request.is_recorded() {
            self.listener.finish(stream, out);
        }
        match stream {
            Stream::Stdout => {
                self.open.stdout = false;
                self.expect_word(now, OTHER_STREAM);
            }
            Stream::Stderr => self.open.stderr = false,
        }
    }

    /// Takes the caller's wish to end the script.
    pub(super) fn wants(&mut self, wish: Stop, now: Instant) {
        self.wish = self.wish.max(wish);
        if self.listener.group.is_some() {
            self.tell(now);
        } else if matches!(self.job.request.work, Work::Query(_)) {
            self.given_up = Some("stopped before the host had told what it has on record".to_owned());
        } else if self.order_sent || self.job.request.follows() {
            // The guard must hear nothing before it has spoken; `hear` tells it then.
            self.expect_word(now, self.patience());
        } else {
            // A script that was not sent completely never starts.
            self.given_up = Some("stopped before the script was sent".to_owned());
        }
    }

    /// Tells the host the wish, unless it knows already.
    fn tell(&mut self, now: Instant) {
        if self.wish <= self.told {
            return;
        }
        let line = match self.wish {
            Stop::No => return,
            Stop::Terminate if self.silent => Lifeline::Idle { grace: self.job.request.grace },
            Stop::Terminate => Lifeline::Terminate { grace: self.job.request.grace },
            Stop::Kill => Lifeline::Kill,
        };
        self.told = self.wish;
        self.outbox.extend(line.encode());
        self.expect_word(now, self.patience());
    }

    fn patience(&self) -> Duration {
        match self.wish {
            Stop::No | Stop::Terminate => self.job.request.grace.saturating_add(WORD),
            Stop::Kill => QUICK_WORD,
        }
    }

    /// The host's last word is due within `time`, or earlier if it already was.
    fn expect_word(&mut self, now: Instant, time: Duration) {
        let then = later(now, time);
        self.last_word = Some(self.last_word.map_or(then, |known| known.min(then)));
    }

    /// When [`overdue`](Self::overdue) is to be called.
    pub(super) fn alarm(&self) -> Instant {
        let word_due = self.barriers.word_due().filter(|_| self.wish == Stop::No);
        word_due.into_iter().fold(self.patience_ends(), Instant::min)
    }

    /// When the host will have been silent for too long.
    fn patience_ends(&self) -> Instant {
        let ends = self.last_word.into_iter().fold(self.silence_ends(), Instant::min);
        self.catches_up.into_iter().fold(ends, Instant::max)
    }

    /// When the next sign of life is due.
    fn silence_ends(&self) -> Instant {
        match (self.listener.group, self.job.idle_timeout) {
            (None, _) => later(self.alive, START),
            (Some(_), Some(idle)) if self.told == Stop::No && !self.barriers.is_held() => later(self.alive, idle),
            (Some(_), _) => later(self.alive, Duration::MAX),
        }
    }

    /// Acts on an alarm that rang.
    pub(super) fn overdue(&mut self, now: Instant) {
        self.reassure(now);
        let late = now.saturating_duration_since(self.patience_ends());
        if late > LATE {
            self.catches_up = Some(now + late.min(CATCH_UP));
            return;
        }
        if now < self.patience_ends() {
            return;
        }
        if self.last_word.is_some_and(|then| then <= now) {
            self.given_up = Some(self.reproach());
        } else if self.silence_ends() <= now {
            if self.listener.group.is_some() {
                self.silent = true;
                self.wants(Stop::Terminate, now);
            } else if self.order_sent {
                self.given_up = Some(format!("the host did not say within {START:?} {}", self.first_word()));
            } else if self.unwritten().is_empty() {
                self.given_up = Some(self.before_the_order(&format!("the host was not ready for it within {START:?}")));
            } else {
                self.given_up = Some(self.before_the_order(&format!("the host took nothing of it for {START:?}")));
            }
        }
    }
}

/// `from + time`; a year counts as forever.
fn later(from: Instant, time: Duration) -> Instant {
    from + time.min(YEAR)
}

#[cfg(test)]
mod tests;

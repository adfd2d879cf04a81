//! One conversation with a host's guard over three byte streams, whatever carries them.
//!
//! The request is written, then the input stays open as the lifeline; output is passed on as it
//! comes, and the guard's own words are acted on. Its trailer, on both streams, is what ends the
//! conversation: neither the end of a stream (a script's background child may hold one open) nor an
//! exit status that the carrier reports. Streams that end without it mean that contact was lost.
//!
//! The host keeps the deadline; the clocks here only make sure that a host which says nothing more
//! is given up some time after it should have spoken.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{
    Job, Lost, OutputSink, RemoteExit, Stop, Stream,
    listener::{Heard, Listener},
};
use crate::guard::{Cause, Lifeline, Nonce};

/// How long a host may show no sign of life while it takes the request, before the script starts.
const START: Duration = Duration::from_secs(60);

/// The guard gives a killed group up after five seconds, and then says so; the rest is the way to us.
const WORD: Duration = Duration::from_secs(15);

/// How long the second stream is waited for when the first one has said that all is over.
const OTHER_STREAM: Duration = Duration::from_secs(5);

/// The three streams of a guard.
#[derive(Debug)]
pub(super) struct Streams<I, O, E> {
    pub(super) stdin: I,
    pub(super) stdout: O,
    pub(super) stderr: E,
}

/// Runs `job` on the guard at the other end of `streams`.
///
/// Dropping the future closes the lifeline: the guard then does what the job says of a lost contact.
pub(super) async fn exchange<I, O, E>(
    streams: Streams<I, O, E>,
    job: &Job,
    out: &mut dyn OutputSink,
    mut stop: watch::Receiver<Stop>,
) -> Result<RemoteExit, Lost>
where
    I: AsyncWrite + Unpin,
    O: AsyncRead + Unpin,
    E: AsyncRead + Unpin,
{
    let unsent = |message: String| Lost { group: None, sent: false, message };
    let nonce = Nonce::random();
    let request = job.request.encode(&nonce).map_err(|error| unsent(error.to_string()))?;
    if *stop.borrow() != Stop::No {
        return Err(unsent("stopped before the script was sent".to_owned()));
    }

    let Streams { stdin, mut stdout, mut stderr } = streams;
    let mut stdin = Some(stdin);
    let mut talk = Exchange::new(job, request, Listener::new(&nonce));
    let (mut from_stdout, mut from_stderr) = (vec![0; 64 * 1024], vec![0; 16 * 1024]);
    loop {
        if let Some(end) = talk.end() {
            return end;
        }
        tokio::select! {
            read = stdout.read(&mut from_stdout), if talk.open.stdout => match read {
                Ok(count) if count > 0 => talk.hear(Stream::Stdout, &from_stdout[..count], out),
                Ok(_) | Err(_) => talk.close(Stream::Stdout, out),
            },
            read = stderr.read(&mut from_stderr), if talk.open.stderr => match read {
                Ok(count) if count > 0 => talk.hear(Stream::Stderr, &from_stderr[..count], out),
                Ok(_) | Err(_) => talk.close(Stream::Stderr, out),
            },
            // A guard that refuses closes its input early, and says why on its output: keep reading.
            written = write_some(&mut stdin, talk.unwritten()) => match written {
                Some(count) => talk.sent(count),
                None => stdin = None,
            },
            wish = raised(&mut stop, talk.wish) => talk.wants(wish),
            () = sleep_until(talk.deadline) => talk.overdue(),
        }
    }
}

/// Writes some of `bytes`, if there are any; `None` when nothing can be written any more.
async fn write_some(stdin: &mut Option<impl AsyncWrite + Unpin>, bytes: &[u8]) -> Option<usize> {
    match stdin {
        Some(stdin) if !bytes.is_empty() => stdin.write(bytes).await.ok().filter(|count| *count > 0),
        _ => std::future::pending().await,
    }
}

/// Waits for a wish graver than `known`; for ever, if nobody can have one any more.
async fn raised(stop: &mut watch::Receiver<Stop>, known: Stop) -> Stop {
    let wish = stop.wait_for(|wish| *wish > known).await.ok().map(|wish| *wish);
    match wish {
        Some(wish) => wish,
        None => std::future::pending().await,
    }
}

/// Which streams have not ended.
struct Open {
    stdout: bool,
    stderr: bool,
}

/// How the conversation stands.
struct Exchange<'a> {
    job: &'a Job,
    listener: Listener,
    open: Open,
    /// What is to be written, in order.
    outbox: Vec<u8>,
    /// How much of that is written.
    written: usize,
    /// The whole request is written.
    request_sent: bool,
    /// What the caller wants.
    wish: Stop,
    /// What the host was told.
    told: Stop,
    /// It was told so because the script was silent.
    silent: bool,
    /// When [`overdue`](Self::overdue) has to look.
    deadline: Instant,
    /// When the host has to have said its last word.
    last_word: Option<Instant>,
    /// Why it is not waited for any longer.
    given_up: Option<String>,
    /// When the script or, before it starts, the host last gave a sign of life.
    alive: Instant,
}

impl<'a> Exchange<'a> {
    fn new(job: &'a Job, request: Vec<u8>, listener: Listener) -> Self {
        let now = Instant::now();
        Self {
            job,
            listener,
            open: Open { stdout: true, stderr: true },
            outbox: request,
            written: 0,
            request_sent: false,
            wish: Stop::No,
            told: Stop::No,
            silent: false,
            deadline: now + START,
            last_word: None,
            given_up: None,
            alive: now,
        }
    }

    /// The result, once there is one.
    fn end(&mut self) -> Option<Result<RemoteExit, Lost>> {
        let nothing_more = !self.open.stdout && !self.open.stderr;
        if let Some(exit) = &self.listener.exit {
            let complete = match exit {
                // A refusal is said on stdout only.
                RemoteExit::Refused { .. } => true,
                RemoteExit::Ended(_) => self.listener.stderr_ended || !self.open.stderr,
            };
            if !complete && self.given_up.is_none() {
                return None;
            }
            let mut exit = exit.clone();
            // The guard knows that it was told to stop the script, but not why.
            if let RemoteExit::Ended(trailer) = &mut exit
                && self.silent
                && trailer.cause == Cause::Stop
            {
                trailer.cause = Cause::Idle;
            }
            return Some(Ok(exit));
        }
        let message = match (&self.given_up, nothing_more) {
            (Some(message), _) => message.clone(),
            (None, true) if self.listener.group.is_some() => {
                "the connection ended while the script ran, before the host said how it ended".to_owned()
            }
            (None, true) => "the connection ended before the host said that the script started".to_owned(),
            (None, false) => return None,
        };
        let message = match self.listener.remark() {
            Some(remark) => format!("{message}; the host said: {remark}"),
            None => message,
        };
        Some(Err(Lost { group: self.listener.group, sent: self.request_sent, message }))
    }

    fn hear(&mut self, stream: Stream, bytes: &[u8], out: &mut dyn OutputSink) {
        let heard = match stream {
            Stream::Stdout => self.listener.stdout(bytes, out),
            Stream::Stderr => self.listener.stderr(bytes, out),
        };
        match heard {
            Heard::Noise if self.listener.group.is_none() => self.sign_of_life(),
            Heard::Noise => {}
            Heard::Output => self.sign_of_life(),
            Heard::Started => {
                let request = &self.job.request;
                self.last_word = Some(later(Instant::now(), request.deadline.saturating_add(request.grace + WORD)));
                self.sign_of_life();
                self.tell();
            }
            Heard::Ended => self.expect_word(OTHER_STREAM),
        }
    }

    fn close(&mut self, stream: Stream, out: &mut dyn OutputSink) {
        self.listener.finish(stream, out);
        match stream {
            Stream::Stdout => self.open.stdout = false,
            Stream::Stderr => self.open.stderr = false,
        }
        // Without stdout there is nothing to come but the last words on stderr.
        if !self.open.stdout {
            self.expect_word(OTHER_STREAM);
        }
    }

    fn unwritten(&self) -> &[u8] {
        &self.outbox[self.written..]
    }

    fn sent(&mut self, count: usize) {
        self.written += count;
        if self.unwritten().is_empty() {
            // A script can be long, and hosts are many.
            self.outbox = Vec::new();
            self.written = 0;
            self.request_sent = true;
        }
        if self.listener.group.is_none() {
            self.sign_of_life();
        }
    }

    fn wants(&mut self, wish: Stop) {
        self.wish = wish;
        if self.listener.group.is_some() {
            self.tell();
        } else {
            // The guard must not be told anything before it has spoken; if it does, it will be.
            self.expect_word(self.patience(wish));
        }
    }

    /// Tells the host what it has not been told yet.
    fn tell(&mut self) {
        if self.wish <= self.told {
            return;
        }
        let line = match self.wish {
            Stop::No => return,
            Stop::Terminate => Lifeline::Terminate { grace: self.job.request.grace },
            Stop::Kill => Lifeline::Kill,
        };
        self.told = self.wish;
        self.outbox.extend(line.encode());
        self.expect_word(self.patience(self.wish));
    }

    fn patience(&self, wish: Stop) -> Duration {
        match wish {
            Stop::No | Stop::Kill => WORD,
            Stop::Terminate => self.job.request.grace + WORD,
        }
    }

    /// The host's last word has to come within `time`, if not sooner.
    fn expect_word(&mut self, time: Duration) {
        let then = later(Instant::now(), time);
        self.last_word = Some(self.last_word.map_or(then, |known| known.min(then)));
        self.set_alarm();
    }

    fn sign_of_life(&mut self) {
        self.alive = Instant::now();
        self.set_alarm();
    }

    /// When the script may be told to end for its silence.
    fn idle_end(&self) -> Option<Instant> {
        let idle = self.job.idle_timeout.filter(|_| self.told == Stop::No)?;
        Some(later(self.alive, idle))
    }

    fn set_alarm(&mut self) {
        let silence = if self.listener.group.is_some() { self.idle_end() } else { Some(later(self.alive, START)) };
        self.deadline = [silence, self.last_word].into_iter().flatten().min().unwrap_or_else(|| later(self.alive, START));
    }

    fn overdue(&mut self) {
        let now = Instant::now();
        if self.last_word.is_some_and(|then| then <= now) {
            self.given_up = Some(self.reproach());
        } else if self.listener.group.is_none() {
            self.given_up = Some(format!("the host gave no sign of life for {START:?} while it took the script"));
        } else if self.idle_end().is_some_and(|then| then <= now) {
            self.silent = true;
            self.wish = self.wish.max(Stop::Terminate);
            self.tell();
        }
        self.set_alarm();
    }

    fn reproach(&self) -> String {
        if !self.open.stdout {
            return "the connection ended before the host said how the script ended".to_owned();
        }
        match self.wish {
            Stop::Terminate | Stop::Kill => "told to end the script, the host never said that it did".to_owned(),
            Stop::No => {
                format!("the script's deadline of {:?} passed, and the host never said how it ended", self.job.request.deadline)
            }
        }
    }
}

/// `from + time`, for ever being a year.
fn later(from: Instant, time: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    from + time.min(YEAR)
}

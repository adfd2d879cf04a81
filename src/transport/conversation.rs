//! What is said to a host's guard, when, and what its answers and its silence mean: pure.
//!
//! First the request, and nothing more until the guard has spoken; from then on the same stream is
//! the lifeline. The guard's trailer, on both of its streams, is what ends a conversation: neither
//! the end of a stream (a script's background child may hold one open) nor an exit status that the
//! carrier reports. Streams that end without it mean that contact was lost.
//!
//! The host keeps the script's deadline. The clocks here only see to it that a host which says
//! nothing more is given up some time after it should have spoken. They are told the time.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    Job, Lost, OutputSink, RemoteExit, Stop, Stream,
    listener::{Heard, Listener},
};
use crate::guard::{Cause, Lifeline};

/// How long a host may show no sign of life while it takes the request, before the script starts.
const START: Duration = Duration::from_secs(60);

/// The guard gives up on a killed group after five seconds, and then says so; the rest is the way to us.
const WORD: Duration = Duration::from_secs(15);

/// The same for somebody who wants it to be over now.
const QUICK_WORD: Duration = Duration::from_secs(8);

/// How long the second stream is waited for when the first one is over.
const OTHER_STREAM: Duration = Duration::from_secs(5);

/// How a conversation stands.
#[derive(Debug)]
pub(super) struct Conversation<'a> {
    job: &'a Job,
    listener: Listener,
    stdout_open: bool,
    stderr_open: bool,
    /// What is to be written, in order.
    outbox: Vec<u8>,
    /// How much of that is written.
    written: usize,
    /// The whole request is written: the script may start.
    request_sent: bool,
    /// What the caller wants.
    wish: Stop,
    /// What the host was told.
    told: Stop,
    /// It was told so because the script was silent.
    silent: bool,
    /// When the script or, before it starts, the host last gave a sign of life.
    alive: Instant,
    /// When the host has to have said its last word.
    last_word: Option<Instant>,
    /// Why it is not waited for any longer.
    given_up: Option<String>,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(job: &'a Job, request: Vec<u8>, listener: Listener, now: Instant) -> Self {
        Self {
            job,
            listener,
            stdout_open: true,
            stderr_open: true,
            outbox: request,
            written: 0,
            request_sent: false,
            wish: Stop::No,
            told: Stop::No,
            silent: false,
            alive: now,
            last_word: None,
            given_up: None,
        }
    }

    /// The result, once there is one.
    pub(super) fn end(&self) -> Option<Result<RemoteExit, Lost>> {
        let complete = match &self.listener.exit {
            None => false,
            // Said on stdout only.
            Some(RemoteExit::Refused { .. }) => true,
            Some(RemoteExit::Ended(_)) => self.listener.stderr_ended || !self.stderr_open,
        };
        let over = complete || self.given_up.is_some() || !(self.stdout_open || self.stderr_open);
        over.then(|| self.listener.exit.clone().map_or_else(|| Err(self.lost()), |exit| Ok(self.explained(exit))))
    }

    /// The guard knows that it was told to end the script, but not why.
    fn explained(&self, mut exit: RemoteExit) -> RemoteExit {
        if let RemoteExit::Ended(trailer) = &mut exit
            && self.silent
            && trailer.cause == Cause::Stop
        {
            trailer.cause = Cause::Idle;
        }
        exit
    }

    fn lost(&self) -> Lost {
        let message = match (&self.given_up, self.listener.group) {
            (Some(reason), _) => reason.clone(),
            (None, Some(_)) => {
                "the connection ended while the script ran, before the host said how it ended".to_owned()
            }
            (None, None) => "the connection ended before the host said that the script started".to_owned(),
        };
        let message = match self.listener.remark() {
            Some(remark) => format!("{message}; the host said: {remark}"),
            None => message,
        };
        Lost { group: self.listener.group, sent: self.request_sent, message }
    }

    /// Whether a stream may still say something.
    pub(super) fn is_open(&self, stream: Stream) -> bool {
        match stream {
            Stream::Stdout => self.stdout_open,
            Stream::Stderr => self.stderr_open,
        }
    }

    /// What the caller wants, as far as it is known here.
    pub(super) fn wish(&self) -> Stop {
        self.wish
    }

    /// What is to be written now.
    pub(super) fn unwritten(&self) -> &[u8] {
        &self.outbox[self.written..]
    }

    /// So much of it was written.
    pub(super) fn wrote(&mut self, count: usize, now: Instant) {
        self.written += count;
        if self.unwritten().is_empty() {
            // A script can be long, and hosts are many.
            self.outbox = Vec::new();
            self.written = 0;
            self.request_sent = true;
        }
        if self.listener.group.is_none() {
            self.alive = now;
        }
    }

    /// A stream said something.
    pub(super) fn hear(&mut self, stream: Stream, bytes: &[u8], out: &mut dyn OutputSink, now: Instant) {
        let heard = match stream {
            Stream::Stdout => self.listener.stdout(bytes, out),
            Stream::Stderr => self.listener.stderr(bytes, out),
        };
        match heard {
            Heard::Noise if self.listener.group.is_none() => self.alive = now,
            Heard::Noise => {}
            Heard::Output => self.alive = now,
            Heard::Started => {
                self.alive = now;
                let request = &self.job.request;
                self.expect_word(now, request.deadline.saturating_add(request.grace).saturating_add(WORD));
                self.tell(now);
            }
            Heard::Ended => self.expect_word(now, OTHER_STREAM),
        }
    }

    /// A stream has ended.
    pub(super) fn close(&mut self, stream: Stream, out: &mut dyn OutputSink, now: Instant) {
        self.listener.finish(stream, out);
        match stream {
            Stream::Stdout => {
                self.stdout_open = false;
                self.expect_word(now, OTHER_STREAM);
            }
            Stream::Stderr => self.stderr_open = false,
        }
    }

    /// The caller wants the script to end.
    pub(super) fn wants(&mut self, wish: Stop, now: Instant) {
        self.wish = self.wish.max(wish);
        if self.listener.group.is_some() {
            self.tell(now);
        } else if self.request_sent {
            // The guard must not be told anything before it has spoken. When it does, it will be.
            self.expect_word(now, self.patience());
        } else {
            // What is not sent whole is not run.
            self.given_up = Some("stopped before the script was sent".to_owned());
        }
    }

    /// Tells the host what it has not been told yet.
    fn tell(&mut self, now: Instant) {
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
        self.expect_word(now, self.patience());
    }

    fn patience(&self) -> Duration {
        match self.wish {
            Stop::No | Stop::Terminate => self.job.request.grace.saturating_add(WORD),
            Stop::Kill => QUICK_WORD,
        }
    }

    /// The host's last word has to come within `time`, if not sooner.
    fn expect_word(&mut self, now: Instant, time: Duration) {
        let then = later(now, time);
        self.last_word = Some(self.last_word.map_or(then, |known| known.min(then)));
    }

    /// When [`overdue`](Self::overdue) has to look.
    pub(super) fn alarm(&self) -> Instant {
        let silence = self.silence_ends();
        self.last_word.map_or(silence, |then| then.min(silence))
    }

    /// When there has to be another sign of life.
    fn silence_ends(&self) -> Instant {
        match (self.listener.group, self.job.idle_timeout) {
            (None, _) => later(self.alive, START),
            (Some(_), Some(idle)) if self.told == Stop::No => later(self.alive, idle),
            (Some(_), _) => later(self.alive, Duration::MAX),
        }
    }

    /// An alarm has rung.
    pub(super) fn overdue(&mut self, now: Instant) {
        if self.last_word.is_some_and(|then| then <= now) {
            self.given_up = Some(self.reproach());
        } else if self.silence_ends() <= now {
            if self.listener.group.is_some() {
                self.silent = true;
                self.wants(Stop::Terminate, now);
            } else {
                self.given_up = Some(format!("the host gave no sign of life for {START:?} while it took the script"));
            }
        }
    }

    fn reproach(&self) -> String {
        if !self.stdout_open {
            return "the connection ended before the host said how the script ended".to_owned();
        }
        match self.wish {
            Stop::Terminate | Stop::Kill => "told to end the script, the host never said that it did".to_owned(),
            Stop::No => format!(
                "the script's deadline of {:?} passed, and the host never said how it ended",
                self.job.request.deadline
            ),
        }
    }
}

/// `from + time`, where a year is for ever.
fn later(from: Instant, time: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    from + time.min(YEAR)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::guard::{GuardRequest, Nonce, OnLost, Work};

    /// Hears a script, and remembers that it started.
    #[derive(Default)]
    struct Out(Vec<u8>);

    impl OutputSink for Out {
        fn started(&mut self, _group: u32, _previous_revision: Option<&str>) {}

        fn output(&mut self, _stream: Stream, bytes: &[u8]) {
            self.0.extend_from_slice(bytes);
        }
    }

    fn job(idle_timeout: Option<Duration>) -> Job {
        let request = GuardRequest {
            work: Work::Run { command: "true".to_owned() },
            deadline: Duration::from_secs(100),
            grace: Duration::from_secs(10),
            on_lost: OnLost::Kill,
            env: BTreeMap::new(),
            args: Vec::new(),
        };
        Job { request, idle_timeout }
    }

    /// A conversation, its guard's secret, and a clock that is moved by hand.
    struct Scene<'a> {
        talk: Conversation<'a>,
        word: String,
        out: Out,
        now: Instant,
    }

    impl<'a> Scene<'a> {
        /// The request is sent, and nothing was heard.
        fn sent(job: &'a Job) -> Self {
            let nonce = Nonce::random();
            let request = job.request.encode(&nonce).expect("a good request");
            let text = String::from_utf8_lossy(&request).into_owned();
            let word =
                text.split("fleetwide 1 ").nth(1).and_then(|rest| rest.lines().next()).expect("the nonce").to_owned();
            let now = Instant::now();
            let mut talk = Conversation::new(job, request, Listener::new(&nonce), now);
            talk.wrote(talk.unwritten().len(), now);
            Self { talk, word, out: Out::default(), now }
        }

        fn started(job: &'a Job) -> Self {
            let mut scene = Self::sent(job);
            scene.says(Stream::Stderr, "started");
            scene.says(Stream::Stdout, "started 42 -");
            scene
        }

        fn says(&mut self, stream: Stream, words: &str) {
            let line = format!("\x1e{} {words}\n", self.word);
            self.talk.hear(stream, line.as_bytes(), &mut self.out, self.now);
        }

        /// Lets time pass up to the next alarm, and says how much it was.
        fn wait(&mut self) -> Duration {
            let passed = self.talk.alarm() - self.now;
            self.now = self.talk.alarm();
            self.talk.overdue(self.now);
            passed
        }

        fn lost(&self) -> Lost {
            self.talk.end().expect("it is over").expect_err("lost")
        }
    }

    #[test]
    fn both_streams_have_to_end() {
        let job = job(None);
        let mut scene = Scene::started(&job);
        scene.says(Stream::Stdout, "end exit 3 none gone - -");
        assert!(scene.talk.end().is_none(), "stderr may hold more of the script's");
        scene.talk.hear(Stream::Stderr, b"late", &mut scene.out, scene.now);
        scene.says(Stream::Stderr, "end");
        assert!(matches!(scene.talk.end(), Some(Ok(RemoteExit::Ended(_)))));
        assert_eq!(scene.out.0, b"late");
    }

    #[test]
    fn a_second_stream_that_hangs_does_not_hold_the_truth_back() {
        let job = job(None);
        let mut scene = Scene::started(&job);
        scene.says(Stream::Stdout, "end exit 3 none gone - -");
        assert_eq!(scene.wait(), OTHER_STREAM);
        assert!(matches!(scene.talk.end(), Some(Ok(RemoteExit::Ended(_)))));
    }

    #[test]
    fn a_refusal_is_said_on_one_stream_only() {
        let job = job(None);
        let mut scene = Scene::sent(&job);
        scene.says(Stream::Stdout, "refused busy run r-1 is under way");
        assert!(matches!(scene.talk.end(), Some(Ok(RemoteExit::Refused { .. }))));
    }

    #[test]
    fn a_guard_is_told_nothing_before_it_has_spoken() {
        let job = job(None);
        let mut scene = Scene::sent(&job);
        scene.talk.wants(Stop::Terminate, scene.now);
        assert!(scene.talk.unwritten().is_empty() && scene.talk.end().is_none());
        scene.says(Stream::Stdout, "started 42 -");
        assert_eq!(scene.talk.unwritten(), b"T 10\n");
        scene.talk.wants(Stop::Kill, scene.now);
        assert_eq!(scene.talk.unwritten(), b"T 10\nK\n");
    }

    #[test]
    fn a_request_that_is_not_sent_whole_starts_nothing() {
        let job = job(None);
        let nonce = Nonce::random();
        let now = Instant::now();
        let mut talk = Conversation::new(&job, b"request".to_vec(), Listener::new(&nonce), now);
        talk.wrote(3, now);
        talk.wants(Stop::Terminate, now);
        let lost = talk.end().expect("at once").expect_err("lost");
        assert!(!lost.sent);
    }

    #[test]
    fn a_host_that_falls_silent_is_given_up_after_its_deadline() {
        let job = job(None);
        let mut scene = Scene::started(&job);
        assert_eq!(scene.wait(), Duration::from_secs(100 + 10) + WORD);
        let lost = scene.lost();
        assert_eq!((lost.group, lost.sent), (Some(42), true));
        assert!(lost.message.contains("deadline of 100s passed"), "{lost:?}");
    }

    #[test]
    fn a_host_that_does_not_confirm_a_kill_is_given_up() {
        let job = job(None);
        let mut scene = Scene::started(&job);
        scene.talk.wants(Stop::Terminate, scene.now);
        assert_eq!(scene.talk.alarm() - scene.now, Duration::from_secs(10) + WORD);
        scene.talk.wants(Stop::Kill, scene.now);
        assert_eq!(scene.wait(), QUICK_WORD);
        assert!(scene.lost().message.contains("never said that it did"));
    }

    #[test]
    fn a_host_that_never_starts_is_given_up_and_may_have_started() {
        let job = job(None);
        let mut scene = Scene::sent(&job);
        assert_eq!(scene.wait(), START);
        let lost = scene.lost();
        assert_eq!((lost.group, lost.sent), (None, true));
    }

    #[test]
    fn silence_is_counted_from_the_last_output_and_ends_the_script_once() {
        let idle = Duration::from_secs(5);
        let job = job(Some(idle));
        let mut scene = Scene::started(&job);
        scene.now += Duration::from_secs(4);
        scene.talk.hear(Stream::Stderr, b".", &mut scene.out, scene.now);
        assert_eq!(scene.wait(), idle);
        assert_eq!(scene.talk.unwritten(), b"T 10\n");
        assert_eq!(scene.talk.alarm() - scene.now, Duration::from_secs(10) + WORD, "silence does not matter any more");
        scene.says(Stream::Stderr, "end");
        scene.says(Stream::Stdout, "end signal TERM stop gone - -");
        let Some(Ok(RemoteExit::Ended(trailer))) = scene.talk.end() else { panic!("ended") };
        assert_eq!(trailer.cause, Cause::Idle);
    }

    #[test]
    fn streams_that_end_early_say_where_it_stood_and_what_the_host_complained_of() {
        let job = job(None);
        let mut scene = Scene::sent(&job);
        scene.talk.hear(Stream::Stderr, b"\r\nThis account is \x1b[1mclosed.\r\n", &mut scene.out, scene.now);
        scene.talk.close(Stream::Stdout, &mut scene.out, scene.now);
        assert!(scene.talk.end().is_none(), "stderr may still say why");
        scene.talk.close(Stream::Stderr, &mut scene.out, scene.now);
        let lost = scene.lost();
        assert!(lost.message.ends_with("script started; the host said: This account is [1mclosed."), "{lost:?}");
    }
}

//! A guard played by hand, on a clock that is moved by hand.

use std::collections::BTreeMap;

use super::{
    super::{Lost, RunAs},
    *,
};
use crate::guard::{Attach, Cause, EncodedRequest, GuardRequest, Nonce, Offsets, OnLost, PayloadKind, Query, Work};

mod held;

/// Keeps the script's output.
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
        work: Work::Run { command: "true".to_owned(), input: None },
        deadline: Duration::from_secs(100),
        grace: Duration::from_secs(10),
        on_lost: OnLost::Kill,
        env: BTreeMap::new(),
        args: Vec::new(),
    };
    Job { request, idle_timeout, run_as: RunAs::Login }
}

fn attach() -> Job {
    let attach = Attach {
        app: "shop".to_owned(),
        run: "r1".to_owned(),
        attempt: 1,
        resume: Offsets::default(),
        payload: PayloadKind::Parts,
        barriers: 2,
    };
    let job = job(None);
    Job { request: GuardRequest { work: Work::Attach(attach), ..job.request }, ..job }
}

fn query() -> Job {
    let job = job(None);
    Job { request: GuardRequest { work: Work::Query(Query { app: "shop".to_owned() }), ..job.request }, ..job }
}

/// A conversation, its guard's secret, and a clock that is moved by hand.
struct Scene<'a> {
    talk: Conversation<'a>,
    word: String,
    out: Out,
    now: Instant,
}

impl<'a> Scene<'a> {
    /// The request was sent to a guard that was ready, and nothing more was heard.
    fn sent(job: &'a Job) -> Self {
        let mut scene = Self::asked(job);
        assert!(scene.talk.unwritten().is_empty(), "it is not told to start before it was heard");
        scene.says(Stream::Stdout, "ready");
        assert!(scene.talk.unwritten().starts_with(b"go\n"));
        scene.talk.wrote(scene.talk.unwritten().len(), scene.now);
        scene
    }

    /// The opening was sent, and nothing was heard.
    fn asked(job: &'a Job) -> Self {
        let nonce = Nonce::random();
        let request = job.request.encode(&nonce).expect("a good request");
        let text = String::from_utf8_lossy(&request.opening).into_owned();
        let word =
            text.split("fleetwide 1 ").nth(1).and_then(|rest| rest.lines().next()).expect("the nonce").to_owned();
        let now = Instant::now();
        let mut talk = Conversation::new(job, request, &nonce, now);
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

    /// Lets time pass up to the next alarm, and returns how much passed.
    fn wait(&mut self) -> Duration {
        let passed = self.talk.alarm() - self.now;
        self.now = self.talk.alarm();
        self.talk.overdue(self.now);
        passed
    }

    /// Takes the bytes to be written.
    fn written(&mut self) -> String {
        let taken = String::from_utf8_lossy(self.talk.unwritten()).into_owned();
        self.talk.wrote(taken.len(), self.now);
        taken
    }

    fn lost(&self) -> Lost {
        self.broken_off().lost
    }

    fn broken_off(&self) -> BrokenOff {
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
    let mut talk = Conversation::new(&job, request(), &nonce, now);
    talk.wrote(3, now);
    talk.wants(Stop::Terminate, now);
    let lost = talk.end().expect("at once").expect_err("lost").lost;
    assert!(!lost.sent);

    // Nor does a request of which only the opening was sent.
    let mut scene = Scene::asked(&job);
    scene.talk.wants(Stop::Terminate, scene.now);
    let BrokenOff { lost, guard, .. } = scene.broken_off();
    assert_eq!((lost.sent, guard), (false, Guard::NotAwaited));
}

fn request() -> EncodedRequest {
    EncodedRequest { opening: b"opening".to_vec(), order: b"go\n".to_vec() }
}

#[test]
fn a_host_whose_guard_is_never_ready_has_started_nothing() {
    let job = job(None);
    let mut scene = Scene::asked(&job);
    assert_eq!(scene.wait(), START);
    let BrokenOff { lost, guard, .. } = scene.broken_off();
    assert_eq!((lost.sent, guard), (false, Guard::Mute));
    assert!(lost.message.contains("was not ready for it"), "{lost:?}");

    let mut scene = Scene::asked(&job);
    scene.talk.close(Stream::Stdout, &mut scene.out, scene.now);
    scene.talk.close(Stream::Stderr, &mut scene.out, scene.now);
    assert!(!scene.lost().sent);
}

#[test]
fn a_guard_is_told_once_however_often_it_is_ready() {
    let job = job(None);
    let mut scene = Scene::sent(&job);
    scene.says(Stream::Stdout, "ready");
    assert!(scene.talk.unwritten().is_empty());
}

/// A host that repeats itself is not waited for any longer.
#[test]
fn a_host_that_repeats_itself_gets_no_more_time() {
    let job = job(None);
    let mut scene = Scene::sent(&job);
    let given_up = scene.talk.alarm();
    scene.now += START / 2;
    scene.says(Stream::Stdout, "ready");
    assert_eq!(scene.talk.alarm(), given_up);

    let mut scene = Scene::started(&job);
    let given_up = scene.talk.alarm();
    scene.now += Duration::from_secs(50);
    scene.says(Stream::Stdout, "started 42 -");
    assert_eq!(scene.talk.alarm(), given_up);
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
fn a_host_that_chatters_and_never_starts_is_given_up_as_soon() {
    let job = job(None);
    let mut scene = Scene::sent(&job);
    let given_up = scene.now + START;
    while scene.now < given_up {
        assert!(scene.talk.end().is_none());
        assert_eq!(scene.talk.alarm(), given_up);
        scene.now += Duration::from_secs(20);
        scene.talk.hear(Stream::Stdout, b"y\n", &mut scene.out, scene.now);
    }
    scene.talk.overdue(scene.now);
    let lost = scene.lost();
    assert_eq!((lost.group, lost.sent), (None, true));
    assert!(lost.message.ends_with("the host said: y"), "{lost:?}");
}

#[test]
fn a_request_that_is_taken_slowly_is_not_given_up() {
    let job = job(None);
    let now = Instant::now();
    let mut talk = Conversation::new(&job, request(), &Nonce::random(), now);
    let later = now + START / 2;
    talk.wrote(3, later);
    assert_eq!(talk.alarm(), later + START);
    talk.overdue(talk.alarm());
    let lost = talk.end().expect("given up").expect_err("lost").lost;
    assert!(!lost.sent && lost.message.contains("took nothing"), "{lost:?}");
}

#[test]
fn a_host_is_asked_once_and_all_that_it_tells_is_one_answer() {
    let query = query();
    let mut scene = Scene::sent(&query);
    for words in ["revision v1", "run r1-1 7 - v1 exit 0 none gone 0 0", "run r2-undo-1 7 v1 v2 running"] {
        scene.says(Stream::Stdout, words);
        assert!(scene.talk.end().is_none());
    }
    scene.says(Stream::Stdout, "told");
    let Some(Ok(RemoteExit::Recorded(recorded))) = scene.talk.end() else { panic!("an answer") };
    assert_eq!(recorded.revision.as_deref(), Some("v1"));
    let runs: Vec<_> = recorded.attempts.iter().map(|it| it.run.as_str()).collect();
    assert_eq!(runs, ["r1", "r2-undo"]);
}

/// A run that is missing from the answer would not be undone.
#[test]
fn half_an_answer_is_none() {
    let query = query();
    let mut scene = Scene::sent(&query);
    for words in ["revision v1", "run r1-1 7 - v1 what", "run r2-1 7 - v1 running", "told"] {
        scene.says(Stream::Stdout, words);
    }
    hang_up(&mut scene);
    let message = scene.lost().message;
    assert!(message.starts_with("the connection ended before the host said what it has on record"), "{message}");
    assert!(message.contains("r1-1 7 - v1 what"), "{message}");

    let mut scene = Scene::sent(&query);
    scene.says(Stream::Stdout, "revision v1");
    scene.talk.wants(Stop::Terminate, scene.now);
    assert_eq!(scene.lost().message, "stopped before the host had told what it has on record");
}

#[test]
fn silence_is_counted_from_the_last_output_and_ends_the_script_once() {
    let idle = Duration::from_secs(5);
    let job = job(Some(idle));
    let mut scene = Scene::started(&job);
    scene.now += Duration::from_secs(4);
    scene.talk.hear(Stream::Stderr, b".", &mut scene.out, scene.now);
    assert_eq!(scene.wait(), idle);
    assert_eq!(scene.talk.unwritten(), b"I 10\n", "the host is told why, for another guard may record the end");
    assert_eq!(scene.talk.alarm() - scene.now, Duration::from_secs(10) + WORD, "silence does not matter any more");
    scene.says(Stream::Stderr, "end");
    scene.says(Stream::Stdout, "end signal TERM idle gone - -");
    let Some(Ok(RemoteExit::Ended(trailer))) = scene.talk.end() else { panic!("ended") };
    assert_eq!(trailer.cause, Cause::Idle);
}

/// Only the way to the script is lost; that says nothing about the script.
#[test]
fn nothing_is_said_of_a_script_that_nobody_could_ask_about() {
    type Act = fn(&mut Scene<'_>);
    let attach = attach();
    let ends: [(Act, Scene<'_>, &str); 7] = [
        (hang_up, Scene::asked(&attach), "the host was not asked: the connection ended before it was sent"),
        (wait, Scene::asked(&attach), "the host was not asked: the host was not ready for it within 60s"),
        (end, Scene::asked(&attach), "the host was not asked: it was not ready for it in time"),
        (hang_up, Scene::sent(&attach), "the connection ended before the host said how the script goes on"),
        (wait, Scene::sent(&attach), "the host did not say within 60s how the script goes on"),
        (end, Scene::sent(&attach), "the host did not say how the script goes on, so it could not be told to end it"),
        (hang_up, Scene::started(&attach), "the connection ended before the host said how the script ended"),
    ];
    for (act, mut scene, words) in ends {
        act(&mut scene);
        assert_eq!(scene.lost().message, words);
    }
}

fn hang_up(scene: &mut Scene<'_>) {
    for stream in [Stream::Stdout, Stream::Stderr] {
        scene.talk.close(stream, &mut scene.out, scene.now);
    }
}

fn wait(scene: &mut Scene<'_>) {
    scene.wait();
}

fn end(scene: &mut Scene<'_>) {
    scene.talk.wants(Stop::Terminate, scene.now);
    scene.wait();
}

#[test]
fn who_stops_a_script_stops_it_for_no_silence() {
    let job = job(Some(Duration::from_secs(5)));
    let mut scene = Scene::started(&job);
    scene.talk.wants(Stop::Terminate, scene.now);
    scene.wait();
    assert_eq!(scene.talk.unwritten(), b"T 10\n");
}

#[test]
fn streams_that_end_early_say_where_it_stood_and_what_the_host_complained_of() {
    let job = job(None);
    let mut scene = Scene::asked(&job);
    scene.talk.hear(Stream::Stderr, b"\r\nThis account is \x1b[1mclosed.\r\n", &mut scene.out, scene.now);
    scene.talk.close(Stream::Stdout, &mut scene.out, scene.now);
    assert!(scene.talk.end().is_none(), "stderr may still say why");
    scene.talk.close(Stream::Stderr, &mut scene.out, scene.now);
    let lost = scene.lost();
    // Complete, including its terminator, so that the display can remove it.
    let said = "before it was sent; the host said: This account is \x1b[1mclosed.\x1b\\";
    assert!(lost.message.ends_with(said), "{lost:?}");
}

#[test]
fn a_guard_is_mute_only_if_neither_stream_had_a_word_of_it_up_to_their_ends() {
    let job = job(None);
    let ended = |stream, words: &str| {
        let mut scene = Scene::asked(&job);
        if words.is_empty() {
            scene.talk.hear(stream, b"\x1e0000 started\n", &mut scene.out, scene.now);
        } else {
            scene.says(stream, words);
        }
        scene.talk.close(Stream::Stdout, &mut scene.out, scene.now);
        scene.talk.close(Stream::Stderr, &mut scene.out, scene.now);
        scene.broken_off().guard
    };
    for stream in [Stream::Stdout, Stream::Stderr] {
        assert_eq!(ended(stream, ""), Guard::Mute);
        assert_eq!(ended(stream, "started\r"), Guard::Spoke);
    }
    assert_eq!(ended(Stream::Stdout, "started 42 -"), Guard::Spoke);
    assert_eq!(ended(Stream::Stderr, "started"), Guard::Spoke);
    assert_eq!(ended(Stream::Stdout, "ready"), Guard::Spoke);
}

/// When this program continues after Ctrl-Z or in a paused container, an alarm may ring before the host's words are
/// read.
#[test]
fn a_standstill_of_ours_is_not_the_hosts_silence() {
    let idle = Duration::from_secs(5);
    let job = job(Some(idle));
    let mut scene = Scene::started(&job);
    scene.now += Duration::from_secs(7);
    scene.talk.overdue(scene.now);
    assert_eq!(scene.written(), "", "it may have spoken");
    scene.talk.hear(Stream::Stdout, b"it did", &mut scene.out, scene.now);
    assert_eq!(scene.wait(), idle);
    assert_eq!(scene.written(), "I 10\n");
}

#[test]
fn a_script_that_ended_during_a_standstill_has_its_end() {
    let job = job(None);
    let mut scene = Scene::started(&job);
    scene.now += Duration::from_hours(1);
    scene.talk.overdue(scene.now);
    assert!(scene.talk.end().is_none());
    scene.says(Stream::Stderr, "end");
    scene.says(Stream::Stdout, "end exit 3 none gone - -");
    assert!(matches!(scene.talk.end(), Some(Ok(RemoteExit::Ended(_)))));
}

#[test]
fn a_host_that_says_nothing_after_a_standstill_is_given_up_then() {
    let job = job(None);
    let mut scene = Scene::started(&job);
    scene.now += Duration::from_hours(1);
    scene.talk.overdue(scene.now);
    assert_eq!(scene.wait(), CATCH_UP);
    assert!(scene.lost().message.starts_with("the script's deadline of 100s passed"));
}

//! Scripts in parts and queries, over a real connection.

use std::time::Duration;

use tokio::sync::watch;

use super::{
    super::{Job, RemoteExit, Session, Stop, Transport, Wishes},
    Output, host, in_time, job, run, session,
    sshd::Sshd,
    transport,
};
use crate::guard::{
    Attach, AttemptState, Cause, Deploy, Offsets, OnLost, Part, Payload, PayloadKind, Query, ScriptStatus, Work,
};

/// A deploy with these parts, and a barrier after the first.
fn parts(texts: &[&str]) -> Job {
    let part = |(at, run): (usize, &&str)| Part { name: format!("p{at}"), run: (*run).to_owned(), barrier: at == 0 };
    let mut job = job("");
    job.request.work = Work::Deploy(Deploy {
        app: "shop".to_owned(),
        run: "run1".to_owned(),
        attempt: 1,
        fence: 1,
        revision: Some("v1".to_owned()),
        payload: Payload::Parts(texts.iter().enumerate().map(part).collect()),
    });
    job
}

/// The ends that stop a job and open its barriers.
fn wishes() -> (watch::Sender<Stop>, watch::Sender<u32>, Wishes) {
    let (stop, open) = (watch::Sender::new(Stop::No), watch::Sender::new(0));
    let wishes = Wishes { stop: stop.subscribe(), open: open.subscribe() };
    (stop, open, wishes)
}

/// Runs a job up to the barrier, does `then`, and continues to the end.
async fn through(
    session: &mut dyn Session,
    job: &Job,
    wishes: Wishes,
    then: impl FnOnce(),
) -> (Result<RemoteExit, super::Lost>, Output) {
    let mut out = Output::default();
    let mut told = out.told.subscribe();
    let held = async {
        told.wait_for(|told| told.contains("held")).await.expect("it is held");
        then();
        std::future::pending::<()>().await;
    };
    let end = in_time(async {
        tokio::select! {
            end = session.run(job, &mut out, wishes) => end,
            () = held => unreachable!("it waits for ever"),
        }
    })
    .await;
    (end, out)
}

fn status(end: Result<RemoteExit, super::Lost>) -> (ScriptStatus, Cause) {
    match end {
        Ok(RemoteExit::Ended(trailer)) => (trailer.status, trailer.cause),
        other => panic!("the script did not end: {other:?}"),
    }
}

#[tokio::test]
async fn parts_are_told_among_their_output_and_held_until_the_barrier_is_open() {
    let sshd = Sshd::builder().start();
    let mut session = session(&sshd).await;
    let (_stop, open, wishes) = wishes();
    let job = parts(&["echo one; echo err >&2", "echo two", "exit 7", "echo never"]);
    let (end, out) = through(&mut *session, &job, wishes, || open.send_modify(|open| *open = 1)).await;
    assert_eq!(status(end), (ScriptStatus::Exited(7), Cause::None));
    assert_eq!(String::from_utf8_lossy(&out.stdout), "one\ntwo\n");
    let told = "begun 1, after 4+4: exit status 0, held 1, begun 2, after 8+4: exit status 0, begun 3, \
        after 8+4: exit status 7, ";
    assert_eq!(*out.told.borrow(), told);
}

#[tokio::test]
async fn what_is_held_ends_when_it_is_stopped() {
    let sshd = Sshd::builder().start();
    let mut session = session(&sshd).await;
    let (stop, _open, wishes) = wishes();
    let job = parts(&["echo one", "echo never"]);
    let (end, out) = through(&mut *session, &job, wishes, || stop.send_modify(|stop| *stop = Stop::Terminate)).await;
    assert_eq!((status(end).1, &out.stdout[..]), (Cause::Stop, &b"one\n"[..]));
}

#[tokio::test]
async fn what_was_held_when_contact_was_lost_is_found_again_and_released() {
    let sshd = Sshd::builder().start();
    let transport = transport(&sshd, |_| {});
    let mut job = parts(&["echo one", "echo two; exit 5"]);
    job.request.on_lost = OnLost::Finish;
    let mut first = transport.connect(&host(&sshd, 0)).await.expect("logs in").session;
    let (_stop, _open, closed) = wishes();
    let (end, _) = through(&mut *first, &job, closed, || sshd.cut_connections()).await;
    assert!(end.expect_err("lost").sent);

    let resume = Offsets { stdout: 4, stderr: 0 };
    let (app, run, payload) = ("shop".to_owned(), "run1".to_owned(), PayloadKind::Parts);
    job.request.work = Work::Attach(Attach { app, run, attempt: 1, resume, payload, barriers: 1 });
    let mut second = transport.connect(&host(&sshd, 0)).await.expect("logs in").session;
    let (_stop, open, wishes) = wishes();
    let (end, out) = through(&mut *second, &job, wishes, || open.send_modify(|open| *open = 1)).await;
    assert_eq!(status(end), (ScriptStatus::Exited(5), Cause::None));
    assert_eq!(String::from_utf8_lossy(&out.stdout), "two\n");
    let told = out.told.borrow().clone();
    assert!(told.starts_with("begun 1, after 0+0: exit status 0, held 1, begun 2, "), "{told}");
}

#[tokio::test]
async fn a_host_tells_what_it_has_on_record() {
    let sshd = Sshd::builder().start();
    let mut session = session(&sshd).await;
    let mut query = job("");
    query.request.work = Work::Query(Query { app: "shop".to_owned() });
    query.request.deadline = Duration::from_secs(1);
    let answer = |end| match end {
        Ok(RemoteExit::Recorded(recorded)) => recorded,
        other => panic!("no answer: {other:?}"),
    };
    let before = answer(run(&mut *session, &query).await.0);
    assert_eq!((before.revision, before.attempts.len()), (None, 0));

    let job = parts(&["exit 3"]);
    assert_eq!(status(run(&mut *session, &job).await.0).0, ScriptStatus::Exited(3));
    let after = answer(run(&mut *session, &query).await.0);
    let [attempt] = &after.attempts[..] else { panic!("one attempt: {after:?}") };
    assert_eq!((attempt.run.as_str(), attempt.attempt, attempt.revision.as_deref()), ("run1", 1, Some("v1")));
    let AttemptState::Ended(trailer) = &attempt.state else { panic!("it has ended: {attempt:?}") };
    assert_eq!(trailer.status, ScriptStatus::Exited(3));
}

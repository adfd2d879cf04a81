//! The report matches what a script does on the host, whatever that is.

use std::{fmt::Write as _, time::Duration};

use futures::future::join_all;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;

use super::{
    super::{Lost, RemoteExit, Stop, Transport, Wishes},
    Output, host, in_time, job, run, run_until_ready, session,
    sshd::Sshd,
    transport,
};
use crate::guard::{Cause, Deploy, GroupState, OnLost, Payload, Refusal, ScriptStatus, Trailer, Work};

fn ended(end: Result<RemoteExit, Lost>) -> Trailer {
    match end {
        Ok(RemoteExit::Ended(trailer)) => trailer,
        other => panic!("the script did not end: {other:?}"),
    }
}

fn is_killed_by(status: &ScriptStatus, name: &str) -> bool {
    matches!(status, ScriptStatus::Signaled(signal) if signal.to_string() == name)
}

/// `{ echo ready; … }` forever, with TERM handled as `trap` says.
fn endless(trap: &str) -> String {
    format!("trap {trap} TERM; echo ready; while :; do sleep 0.1; done")
}

fn deploy(fence: u64, script: &str) -> Work {
    Work::Deploy(Deploy {
        app: "shop".to_owned(),
        run: format!("run{fence}"),
        attempt: 1,
        fence,
        revision: Some("v1".to_owned()),
        payload: Payload::Script(script.as_bytes().to_vec()),
    })
}

#[tokio::test]
async fn every_exit_status_is_the_scripts_own() {
    let sshd = Sshd::builder().start();
    let mut session = session(&sshd).await;
    for status in [0, 1, 2, 126, 127, 128, 194, 254, 255] {
        let trailer = ended(run(&mut *session, &job(&format!("exit {status}"))).await.0);
        assert_eq!(trailer.status, ScriptStatus::Exited(status));
        assert_eq!(trailer.cause, Cause::None);
    }
    for signal in ["TERM", "KILL", "INT", "SEGV"] {
        let trailer = ended(run(&mut *session, &job(&format!("kill -s {signal} $$"))).await.0);
        assert!(is_killed_by(&trailer.status, signal), "{signal}: {trailer:?}");
        assert_eq!(trailer.cause, Cause::None);
    }
    session.close().await;
}

#[tokio::test]
async fn a_command_that_is_not_there_is_a_script_that_exits_127() {
    let sshd = Sshd::builder().start();
    let (end, out) = run(&mut *session(&sshd).await, &job("no-such-command")).await;
    assert_eq!(ended(end).status, ScriptStatus::Exited(127));
    assert!(String::from_utf8_lossy(&out.stderr).contains("no-such-command"));
}

#[tokio::test]
async fn twenty_megabytes_arrive_as_they_were_written() {
    let sshd = Sshd::builder().start();
    let (end, out) = run(&mut *session(&sshd).await, &job("seq 1 2900000; seq 1 200000 >&2")).await;
    let numbers = |last: u32| {
        (1..=last).fold(String::new(), |mut text, n| {
            let _ = writeln!(text, "{n}");
            text
        })
    };
    let wanted = numbers(2_900_000);
    assert!(wanted.len() > 20_000_000);
    assert!(out.stdout == wanted.as_bytes(), "{} bytes of {}", out.stdout.len(), wanted.len());
    assert!(out.stderr == numbers(200_000).as_bytes());
    assert_eq!(ended(end).status, ScriptStatus::Exited(0));
}

#[tokio::test]
async fn a_background_child_that_keeps_stdout_does_not_hold_us() {
    let sshd = Sshd::builder().start();
    let (end, out) = run(&mut *session(&sshd).await, &job("sleep 1000 & echo $!; exit 7")).await;
    let child: i32 = String::from_utf8_lossy(&out.stdout).trim().parse().expect("its number");
    kill_process(Pid::from_raw(child).expect("a number"), Signal::KILL).expect("it still runs");
    let trailer = ended(end);
    assert_eq!((trailer.status, trailer.cause), (ScriptStatus::Exited(7), Cause::None));
}

#[tokio::test]
async fn a_script_that_is_told_to_end_may_tidy_up() {
    let sshd = Sshd::builder().start();
    let script = job(&endless("'echo bye; exit 3'"));
    let (end, out) = run_until_ready(&mut *session(&sshd).await, &script, |stop| {
        stop.send_replace(Stop::Terminate);
    })
    .await;
    let trailer = ended(end);
    assert_eq!(
        (trailer.status, trailer.cause, trailer.group),
        (ScriptStatus::Exited(3), Cause::Stop, GroupState::Gone)
    );
    assert_eq!(out.stdout, b"ready\nbye\n");
}

#[tokio::test]
async fn one_that_does_not_listen_is_killed_after_its_grace() {
    let sshd = Sshd::builder().start();
    let mut script = job(&endless("''"));
    script.request.grace = Duration::from_secs(1);
    let (end, _) = run_until_ready(&mut *session(&sshd).await, &script, |stop| {
        stop.send_replace(Stop::Terminate);
    })
    .await;
    let trailer = ended(end);
    assert!(is_killed_by(&trailer.status, "KILL"), "{trailer:?}");
    assert_eq!((trailer.cause, trailer.group), (Cause::Stop, GroupState::Gone));
}

#[tokio::test]
async fn a_kill_does_not_wait_for_the_grace() {
    let sshd = Sshd::builder().start();
    let (end, _) = run_until_ready(&mut *session(&sshd).await, &job(&endless("''")), |stop| {
        stop.send_replace(Stop::Terminate);
        stop.send_replace(Stop::Kill);
    })
    .await;
    let trailer = ended(end);
    assert!(is_killed_by(&trailer.status, "KILL"), "{trailer:?}");
    assert_eq!((trailer.cause, trailer.group), (Cause::Kill, GroupState::Gone));
}

#[tokio::test]
async fn the_deadline_is_kept_on_the_host() {
    let sshd = Sshd::builder().start();
    let mut script = job(&endless("'exit 4'"));
    script.request.deadline = Duration::from_secs(1);
    let trailer = ended(run(&mut *session(&sshd).await, &script).await.0);
    assert_eq!((trailer.status, trailer.cause), (ScriptStatus::Exited(4), Cause::Timeout));
}

#[tokio::test]
async fn silence_ends_a_script_that_may_not_be_silent() {
    let sshd = Sshd::builder().start();
    let mut session = session(&sshd).await;
    let mut silent = job("echo ready; sleep 1000");
    silent.idle_timeout = Some(Duration::from_secs(1));
    let trailer = ended(run(&mut *session, &silent).await.0);
    assert_eq!((trailer.cause, trailer.group), (Cause::Idle, GroupState::Gone));

    let mut talkative = job("for n in 1 2 3 4 5 6; do echo $n; sleep 0.5; done");
    talkative.idle_timeout = Some(Duration::from_secs(2));
    let trailer = ended(run(&mut *session, &talkative).await.0);
    assert_eq!((trailer.status, trailer.cause), (ScriptStatus::Exited(0), Cause::None));
}

#[tokio::test]
async fn a_connection_that_is_cut_mid_script_is_lost_and_names_the_group() {
    let sshd = Sshd::builder().start();
    let (end, out) =
        run_until_ready(&mut *session(&sshd).await, &job(&endless("'exit 0'")), |_| sshd.cut_connections()).await;
    let lost = end.expect_err("nobody knows its end");
    assert!(lost.group.is_some() && lost.sent, "{lost:?}");
    assert_eq!(lost.group, out.group);
    assert!(lost.message.contains("while the script ran"), "{lost:?}");
    assert!(lost.message.contains("closed by remote host") || lost.message.contains("reset"), "ssh's words: {lost:?}");
}

#[tokio::test]
async fn a_run_that_was_stopped_before_sends_nothing() {
    let sshd = Sshd::builder().start();
    let (_stop, hear) = watch::channel(Stop::Terminate);
    let mut out = Output::default();
    let lost = session(&sshd).await.run(&job("true"), &mut out, Wishes::to_stop(hear)).await.expect_err("not run");
    assert_eq!((lost.sent, lost.group, out.group), (false, None, None));
}

/// A host that does `this` instead of running the guard, once it has read the whole request.
async fn forced(this: &str) -> Lost {
    let option = format!("ForceCommand while read -r l; do case $l in 'script '*) {this};; esac; done");
    let sshd = Sshd::builder().option(&option).start();
    run(&mut *session(&sshd).await, &job("true")).await.0.expect_err("not run")
}

#[tokio::test]
async fn a_host_that_ends_the_command_by_itself_never_started_the_script() {
    for status in [1, 127, 255] {
        let lost = forced(&format!("echo 'This account is closed.'; exit {status}")).await;
        assert_eq!((lost.group, lost.sent), (None, false), "{lost:?}");
        assert!(lost.message.contains("This account is closed."), "{lost:?}");
        assert!(lost.message.contains(&format!("exit status {status}; look at")), "{lost:?}");
    }
    let sshd = Sshd::builder().option("ForceCommand internal-sftp").start();
    let lost = run(&mut *session(&sshd).await, &job("true")).await.0.expect_err("not run");
    assert_eq!((lost.group, lost.sent), (None, false), "{lost:?}");
}

#[tokio::test]
async fn an_end_that_a_guard_could_have_had_before_it_was_ready_started_nothing() {
    // Output that is swallowed, a killed guard behind a shell, a killed guard, a cut connection.
    for end in ["exit 0", "exit 137", "kill -s KILL $$", "kill -s KILL $PPID"] {
        let lost = forced(end).await;
        assert_eq!((lost.group, lost.sent), (None, false), "{end}: {lost:?}");
    }
}

#[tokio::test]
async fn a_host_that_has_seen_a_later_run_refuses() {
    let sshd = Sshd::builder().start();
    let mut session = session(&sshd).await;
    let mut script = job("");
    script.request.work = deploy(2, "#!/bin/sh\necho $FLEETWIDE_RUN; exit 5\n");
    script.request.env.insert("FLEETWIDE_RUN".to_owned(), "$(touch pwned); \"'\n.".to_owned());
    let (end, out) = run(&mut *session, &script).await;
    assert_eq!(ended(end).status, ScriptStatus::Exited(5));
    assert_eq!(String::from_utf8_lossy(&out.stdout), "$(touch pwned); \"' .\n");

    script.request.work = deploy(1, "#!/bin/sh\nexit 0\n");
    let (end, out) = run(&mut *session, &script).await;
    assert!(matches!(end, Ok(RemoteExit::Refused { reason: Refusal::Fence, .. })), "{end:?}");
    assert_eq!(out.group, None);
}

#[tokio::test]
async fn twenty_hosts_at_once_are_twenty_hosts() {
    let sshd = Sshd::builder().hosts(20).start();
    let transport = transport(&sshd, |_| {});
    let mut script = job("");
    script.request.work = deploy(1, "#!/bin/sh\necho $XDG_STATE_HOME\n");
    script.request.on_lost = OnLost::Finish;
    let all = (0..20).map(|number| {
        let (sshd, transport, script) = (&sshd, &transport, &script);
        async move {
            let mut connected = transport.connect(&host(sshd, number)).await.expect("logs in");
            let (end, out) = run(&mut *connected.session, script).await;
            connected.session.close().await;
            assert_eq!(ended(end).status, ScriptStatus::Exited(0));
            assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), sshd.state(number).to_string_lossy());
            assert!(sshd.state(number).join("fleetwide/shop/revision").exists());
        }
    });
    in_time(join_all(all)).await;
}

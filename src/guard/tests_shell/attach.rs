//! The same attempt sent again: nothing runs twice, and the true end is reported.

use std::{fs, process::Child, time::Duration};

use super::{
    host::{Host, Running, Shell, await_that, deploy, recorded_group, whole},
    on_every_shell,
};
use crate::guard::{Cause, Control, GroupState, GuardRequest, Lifeline, Nonce, Offsets, OnLost, Refusal, ScriptStatus};

on_every_shell!(
    a_finished_attempt_is_told_again,
    a_running_attempt_is_followed_to_its_end,
    an_attached_client_can_stop_the_script,
    attached_guards_that_are_cut_off_leave_nothing_behind,
    a_later_attach_ends_the_earlier_one,
    what_an_attached_client_asked_for_is_done_when_it_is_cut_off,
    an_attached_guard_that_is_cut_off_kills_where_that_is_asked_for,
    an_attempt_that_never_started_says_so,
    what_was_never_started_cannot_start_later,
    a_guard_that_waits_for_the_rest_of_its_script_is_ended,
    a_reboot_is_told_as_such,
    a_guard_that_was_killed_is_told_as_such,
    an_attached_guard_never_strikes_a_group_of_an_earlier_boot,
);

fn a_finished_attempt_is_told_again(shell: Shell) {
    let host = Host::new(shell);
    let mut request = deploy("echo once >>count; echo 0123456789; echo abcdef >&2; kill -s KILL $$");
    let first = host.finish(&request);
    let again = host.finish(&request);
    assert_eq!((&again.stdout, &again.stderr), (&first.stdout, &first.stderr));
    assert_eq!(again.controls, first.controls);

    let rest = host.finish(&request.attach(Offsets { stdout: 4, stderr: 7 }));
    assert_eq!((&rest.stdout[..], &rest.stderr[..]), (&b"456789\n"[..], &b""[..]));
    assert_eq!(rest.trailer(), first.trailer());
    assert_eq!(fs::read_to_string(host.home.path().join("count")).unwrap(), "once\n");

    // Another attempt starts the script again.
    request.deploy_mut().attempt = 2;
    host.finish(&request);
    assert_eq!(fs::read_to_string(host.home.path().join("count")).unwrap(), "once\nonce\n");
}

fn a_running_attempt_is_followed_to_its_end(shell: Shell) {
    let host = Host::new(shell);
    let mut request = deploy("echo first; until [ -e go ]; do sleep 0.01; done; echo second; exit 42");
    request.on_lost = OnLost::Finish;
    let mut running = host.start(&request);
    running.until_printed("first\n");
    let mut guard = running.cut();

    let mut attached = host.start(&request.attach(Offsets { stdout: 6, stderr: 0 }));
    attached.until(|seen| !seen.controls.is_empty());
    fs::write(host.home.path().join("go"), "").unwrap();
    let seen = attached.finish();
    assert_eq!(seen.text(), "second\n");
    assert_eq!((&seen.trailer().status, seen.trailer().cause), (&ScriptStatus::Exited(42), Cause::None));
    assert_eq!(seen.trailer().stdout, Some(13));
    guard.wait().unwrap();
    host.await_silence();
}

fn an_attached_client_can_stop_the_script(shell: Shell) {
    let grace = Duration::from_secs(1);
    for (word, cause) in [(Lifeline::Terminate { grace }, Cause::Stop), (Lifeline::Idle { grace }, Cause::Idle)] {
        let host = Host::new(shell);
        let (request, mut guard) = cut_off(&host, "trap '' TERM; echo ready; sleep 300");
        let mut attached = host.start(&request.attach(Offsets::default()));
        attached.until_printed("ready\n").send(word);
        let seen = attached.finish();
        assert_eq!(seen.trailer().status.to_string(), "killed by KILL");
        assert_eq!((seen.trailer().cause, seen.trailer().group), (cause, GroupState::Gone));
        guard.wait().unwrap();
        host.await_silence();
        assert_eq!(host.finish(&request).trailer().cause, cause, "the guard that started it knows, too");
    }
}

/// A script that continues after contact was lost, its request, and the guard that started it.
fn cut_off(host: &Host, script: &str) -> (GuardRequest, Child) {
    let mut request = deploy(script);
    request.on_lost = OnLost::Finish;
    let mut running = host.start(&request);
    running.until_printed("ready\n");
    (request, running.cut())
}

const UNTIL_GO: &str = "echo ready; until [ -e go ]; do sleep 0.01; done; exit 3";

fn attached_guards_that_are_cut_off_leave_nothing_behind(shell: Shell) {
    let host = Host::new(shell);
    let (request, mut guard) = cut_off(&host, UNTIL_GO);
    let shells = || host.processes().iter().filter(|it| it.contains(" sh -c ")).count();
    let before = shells();
    assert!(before > 0, "the guard that started the script is there");
    let mut cut: Vec<Child> = (0..20)
        .map(|_| {
            let mut attached = host.start(&request.attach(Offsets::default()));
            attached.until_printed("ready\n");
            attached.cut()
        })
        .collect();
    await_that("only the guard that started the script is left", || {
        let now = shells();
        if now <= before { Ok(()) } else { Err(format!("{now} shells, and {before} before")) }
    });
    fs::write(host.home.path().join("go"), "").unwrap();
    for ended in cut.iter_mut().chain([&mut guard]) {
        ended.wait().unwrap();
    }
    host.await_silence();
    assert_eq!(host.status(&request), ScriptStatus::Exited(3));
}

/// The earlier attach's connection is dead, and the host does not know it.
fn a_later_attach_ends_the_earlier_one(shell: Shell) {
    let host = Host::new(shell);
    let (request, mut guard) = cut_off(&host, UNTIL_GO);
    let mut earlier = host.start(&request.attach(Offsets::default()));
    earlier.until_printed("ready\n");
    let mut later = host.start(&request.attach(Offsets::default()));
    later.until_printed("ready\n");
    let [Control::Started { .. }] = &earlier.finish().controls[..] else { panic!("it says no end, for there is none") };
    fs::write(host.home.path().join("go"), "").unwrap();
    assert_eq!(later.finish().trailer().status, ScriptStatus::Exited(3));
    guard.wait().unwrap();
    host.await_silence();
}

/// Here a KILL after the grace, of which the guard that started the script knows nothing.
fn what_an_attached_client_asked_for_is_done_when_it_is_cut_off(shell: Shell) {
    let host = Host::new(shell);
    let (request, mut guard) = cut_off(&host, "trap 'echo struck' TERM; echo ready; while :; do sleep 0.05; done");
    let mut attached = host.start(&request.attach(Offsets::default()));
    attached.until_printed("ready\n").send(Lifeline::Terminate { grace: Duration::from_secs(1) });
    attached.until_printed("struck\n");
    let mut cut = attached.cut();
    host.await_silence();
    for ended in [&mut cut, &mut guard] {
        ended.wait().unwrap();
    }
    let seen = host.finish(&request);
    assert_eq!((seen.trailer().status.to_string().as_str(), seen.trailer().cause), ("killed by KILL", Cause::Stop));
}

fn an_attached_guard_that_is_cut_off_kills_where_that_is_asked_for(shell: Shell) {
    let host = Host::new(shell);
    let request = deploy("echo ready; sleep 300");
    let mut first = host.start(&request);
    first.until_printed("ready\n");
    let mut attached = host.start(&request.attach(Offsets::default()));
    attached.until_printed("ready\n");
    let mut cut = attached.cut();
    assert_eq!(first.finish().trailer().cause, Cause::Lost);
    host.await_silence();
    cut.wait().unwrap();
}

fn an_attempt_that_never_started_says_so(shell: Shell) {
    let host = Host::new(shell);
    let run = host.state().join("runs/r1-1");
    fs::create_dir_all(&run).unwrap();
    let seen = host.finish(&deploy("touch ran"));
    assert_eq!(seen.refusal().0, Refusal::NeverStarted);
    assert!(!host.home.path().join("ran").exists());

    // The record exists as soon as the script runs.
    host.finish(&deploy("exit 0").of_run("r2"));
    await_that("the group is on record", || {
        recorded_group(&host.state().join("runs/r2-1")).map(drop).ok_or_else(String::new)
    });
}

/// The first request may still be on its way when the client asks.
fn what_was_never_started_cannot_start_later(shell: Shell) {
    let host = Host::new(shell);
    let request = deploy("touch ran");
    for _ in 0..2 {
        assert_eq!(host.finish(&request.attach(Offsets::default())).refusal().0, Refusal::NeverStarted);
    }
    assert_eq!(host.finish(&request).refusal().0, Refusal::NeverStarted);
    assert!(!host.home.path().join("ran").exists());

    let mut next = request;
    next.deploy_mut().attempt = 2;
    assert_eq!(host.status(&next), ScriptStatus::Exited(0));
    assert!(host.home.path().join("ran").exists());
}

/// Its connection is dead, and it does not know it.
fn a_guard_that_waits_for_the_rest_of_its_script_is_ended(shell: Shell) {
    let host = Host::new(shell);
    let request = deploy("touch ran; exit 0");
    let nonce = Nonce::random();
    let mut bytes = whole(&request, &nonce);
    bytes.truncate(bytes.len() - 3);
    let stuck = Running::send_raw(host.command(), &bytes, &nonce);
    await_that("it has begun to store the script", || {
        fs::metadata(host.state().join("runs/r1-1/script")).map(drop).map_err(|error| error.to_string())
    });
    let seen = host.start(&request.attach(Offsets::default())).finish();
    assert_eq!(seen.refusal().0, Refusal::NeverStarted);

    // It has released the lock.
    let mut next = request;
    next.deploy_mut().attempt = 2;
    assert_eq!(host.start(&next).finish().trailer().status, ScriptStatus::Exited(0));
    stuck.cut().wait().unwrap();
    host.await_silence();
}

/// A script whose guard was killed, as a reboot would kill it too.
fn orphan(host: &Host, script: &str) -> GuardRequest {
    let (request, mut guard) = cut_off(host, script);
    for process in host.processes() {
        let pid = process.split(['"', ' ']).nth(1).unwrap();
        let group = recorded_group(&host.state().join("runs/r1-1")).unwrap();
        if pid != group {
            let _ = std::process::Command::new("kill").args(["-s", "KILL", pid]).status().unwrap();
        }
    }
    guard.wait().unwrap();
    request
}

fn reboot(host: &Host) {
    let file = host.state().join("runs/r1-1/process");
    let record = fs::read_to_string(&file).unwrap();
    let (_, rest) = record.split_once('\n').unwrap();
    fs::write(&file, format!("another-boot\n{rest}")).unwrap();
}

fn end_group(host: &Host) {
    let group = recorded_group(&host.state().join("runs/r1-1")).unwrap();
    assert!(std::process::Command::new("kill").args(["-s", "KILL", &group]).status().unwrap().success());
    host.await_silence();
}

fn a_reboot_is_told_as_such(shell: Shell) {
    let host = Host::new(shell);
    let request = orphan(&host, "echo ready; exec sleep 300");
    end_group(&host);
    reboot(&host);
    let seen = host.finish(&request.attach(Offsets::default()));
    assert_eq!(seen.text(), "ready\n");
    assert_eq!((&seen.trailer().status, seen.trailer().cause), (&ScriptStatus::Rebooted, Cause::None));
    assert_eq!(seen.trailer().group, GroupState::Gone);
}

fn a_guard_that_was_killed_is_told_as_such(shell: Shell) {
    let host = Host::new(shell);
    let request = orphan(&host, "echo ready; until [ -e go ]; do read -r t <in; done 2>&1; echo done; exit 4");
    let attached = host.start(&request.attach(Offsets { stdout: 6, stderr: 0 }));
    fs::write(host.home.path().join("in"), "").unwrap();
    fs::write(host.home.path().join("go"), "").unwrap();
    let seen = attached.finish();
    assert!(seen.text().ends_with("done\n"), "its output is followed to its end: {}", seen.text());
    assert_eq!((&seen.trailer().status, seen.trailer().cause), (&ScriptStatus::Unknown, Cause::None));
    host.await_silence();

    // Only the attached guard keeps its deadline now.
    let host = Host::new(shell);
    let request = orphan(&host, "echo ready; exec sleep 300");
    let mut attach = request.attach(Offsets::default());
    attach.deadline = Duration::from_secs(1);
    let seen = host.finish(&attach);
    assert_eq!((seen.trailer().cause, seen.trailer().group), (Cause::Timeout, GroupState::Gone));
}

/// The group's number may have been reused.
fn an_attached_guard_never_strikes_a_group_of_an_earlier_boot(shell: Shell) {
    let host = Host::new(shell);
    let request = orphan(&host, "echo ready; exec sleep 300");
    reboot(&host);
    let mut attached = host.start(&request.attach(Offsets::default()));
    attached.until_printed("ready\n").send(Lifeline::Kill);
    let seen = attached.finish();
    assert_eq!(seen.trailer().status, ScriptStatus::Rebooted);
    end_group(&host);
}

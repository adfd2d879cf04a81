//! The same attempt sent again: nothing is run twice, and the true end is told.

use std::{fs, time::Duration};

use super::{
    host::{Host, Shell, await_that, deploy, recorded_group},
    on_every_shell,
};
use crate::guard::{Cause, GroupState, Lifeline, Offsets, OnLost, Refusal, ScriptStatus};

on_every_shell!(
    a_finished_attempt_is_told_again,
    a_running_attempt_is_followed_to_its_end,
    an_attached_client_can_stop_the_script,
    an_attempt_that_never_started_says_so,
);

fn a_finished_attempt_is_told_again(shell: Shell) {
    let host = Host::new(shell);
    let mut request = deploy("echo once >>count; echo 0123456789; echo abcdef >&2; kill -s KILL $$");
    let first = host.finish(&request);
    let again = host.finish(&request);
    assert_eq!((&again.stdout, &again.stderr), (&first.stdout, &first.stderr));
    assert_eq!(again.controls, first.controls);

    request.deploy_mut().resume = Offsets { stdout: 4, stderr: 7 };
    let rest = host.finish(&request);
    assert_eq!((&rest.stdout[..], &rest.stderr[..]), (&b"456789\n"[..], &b""[..]));
    assert_eq!(rest.trailer(), first.trailer());
    assert_eq!(fs::read_to_string(host.home.path().join("count")).unwrap(), "once\n");

    // Another attempt is another start.
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

    request.deploy_mut().resume.stdout = 6;
    let mut attached = host.start(&request);
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
    let host = Host::new(shell);
    let mut request = deploy("trap '' TERM; echo first; sleep 300");
    request.on_lost = OnLost::Finish;
    let mut running = host.start(&request);
    running.until_printed("first\n");
    let mut guard = running.cut();

    let mut attached = host.start(&request);
    attached.until_printed("first\n").send(Lifeline::Terminate { grace: Duration::from_secs(1) });
    let seen = attached.finish();
    assert_eq!(seen.trailer().status.to_string(), "killed by KILL");
    assert_eq!((seen.trailer().cause, seen.trailer().group), (Cause::Stop, GroupState::Gone));
    guard.wait().unwrap();
    host.await_silence();
    let told = host.finish(&request);
    assert_eq!(told.trailer().cause, Cause::Stop);
}

fn an_attempt_that_never_started_says_so(shell: Shell) {
    let host = Host::new(shell);
    let run = host.state().join("runs/r1-1");
    fs::create_dir_all(&run).unwrap();
    let seen = host.finish(&deploy("touch ran"));
    assert_eq!(seen.refusal().0, Refusal::NeverStarted);
    assert!(!host.home.path().join("ran").exists());

    // A record is there as soon as the script is.
    host.finish(&deploy("exit 0").of_run("r2"));
    await_that("the group is on record", || {
        recorded_group(&host.state().join("runs/r2-1")).map(drop).ok_or_else(String::new)
    });
}

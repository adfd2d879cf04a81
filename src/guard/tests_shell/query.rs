//! A query reports the host's record, and changes nothing there.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    process::Command,
};

use super::{
    host::{Host, Running, Seen, Shell, await_that, deploy, find, parts, query, recorded_group},
    on_every_shell,
};
use crate::guard::{AttemptState, Cause, Control, Offsets, RecordedAttempt, Refusal, ScriptStatus};

on_every_shell!(
    a_host_that_knows_nothing_says_so_and_stays_as_it_is,
    every_attempt_is_told_with_its_end,
    what_runs_and_what_is_held_is_told_as_running,
    what_died_without_an_end_is_told_as_such,
    what_never_started_is_told_as_such,
    a_run_whose_name_holds_dashes_is_that_run,
    attempts_of_another_host_in_the_same_home_are_not_told,
    a_home_that_is_read_only_can_be_asked,
    what_no_guard_writes_is_no_answer,
    what_is_no_attempt_is_not_told,
    what_cannot_be_read_is_not_taken_for_nothing,
    who_is_about_to_start_a_script_is_waited_for,
    what_an_earlier_boot_knew_of_the_start_may_be_lost,
);

fn revision(seen: &Seen) -> Option<&str> {
    match &seen.controls[..] {
        [Control::Revision(revision), .., Control::Told] => revision.as_deref(),
        _ => panic!("no answer: {seen:#?}"),
    }
}

fn attempts(seen: &Seen) -> Vec<&RecordedAttempt> {
    let mut attempts = Vec::new();
    for control in &seen.controls {
        if let Control::Recorded(attempt) = control {
            attempts.push(attempt);
        }
    }
    attempts
}

/// `r1-1: exit status 3`, and so on.
fn states(seen: &Seen) -> Vec<String> {
    let state = |it: &RecordedAttempt| match &it.state {
        AttemptState::Ended(trailer) => trailer.status.to_string(),
        AttemptState::Running => "running".to_owned(),
        AttemptState::Died => "died".to_owned(),
        AttemptState::NeverStarted => "never started".to_owned(),
    };
    attempts(seen).into_iter().map(|it| format!("{}-{}: {}", it.run, it.attempt, state(it))).collect()
}

fn a_host_that_knows_nothing_says_so_and_stays_as_it_is(shell: Shell) {
    let host = Host::new(shell);
    let seen = host.finish(&query());
    assert_eq!((revision(&seen), attempts(&seen)), (None, Vec::new()));
    assert_eq!(fs::read_dir(host.home.path()).unwrap().count(), 0);
}

fn every_attempt_is_told_with_its_end(shell: Shell) {
    let host = Host::new(shell);
    host.finish(&deploy("echo out"));
    let mut failed = deploy("exit 3").of_run("r2");
    failed.deploy_mut().revision = Some("v2 beta".to_owned());
    host.finish(&failed);
    let mut nameless = parts(&["kill -s KILL $$"]).of_run("r3");
    nameless.deploy_mut().revision = None;
    nameless.deploy_mut().attempt = 2;
    host.finish(&nameless);

    let seen = host.finish(&query());
    assert_eq!(revision(&seen), Some("v1"));
    assert_eq!(states(&seen), ["r1-1: exit status 0", "r2-1: exit status 3", "r3-2: killed by KILL"]);
    let revisions: Vec<_> =
        attempts(&seen).into_iter().map(|it| (it.previous.as_deref(), it.revision.as_deref())).collect();
    assert_eq!(revisions, [(None, Some("v1")), (Some("v1"), Some("v2 beta")), (Some("v1"), None)]);
    let fence = deploy("").deploy_mut().fence;
    assert!(attempts(&seen).iter().all(|it| it.fence == Some(fence)));
    let AttemptState::Ended(trailer) = &attempts(&seen)[0].state else { panic!("it has ended") };
    assert_eq!(trailer, host.finish(&deploy("").attach(Offsets::default())).trailer());
}

fn what_runs_and_what_is_held_is_told_as_running(shell: Shell) {
    let host = Host::new(shell);
    for request in [deploy("echo ready; sleep 300"), parts(&[":; echo ready", "touch ran"]).of_run("r2")] {
        let mut running = host.start(&request);
        running.until_printed("ready");
        // Its lock does not matter.
        let seen = host.start(&query()).finish();
        assert_eq!(states(&seen).last().unwrap().split(' ').next_back(), Some("running"));
        drop(running);
        host.await_silence();
    }
    let seen = host.finish(&query());
    assert_eq!(states(&seen), ["r1-1: killed by TERM", "r2-1: killed by TERM"]);
    let AttemptState::Ended(trailer) = &attempts(&seen)[0].state else { panic!("it has ended") };
    assert_eq!(trailer.cause, Cause::Lost);
}

fn what_died_without_an_end_is_told_as_such(shell: Shell) {
    let host = Host::new(shell);
    let mut running = host.start(&deploy("echo ready; exec sleep 300"));
    running.until_printed("ready");
    let run = host.state().join("runs/r1-1");
    await_that("the group is on record", || recorded_group(&run).map(drop).ok_or_else(String::new));
    // As a reboot would.
    host.kill_all();
    drop(running);
    assert_eq!(states(&host.finish(&query())), ["r1-1: died"]);
}

fn what_never_started_is_told_as_such(shell: Shell) {
    let host = Host::new(shell);
    assert_eq!(host.finish(&deploy("").attach(Offsets::default())).refusal().0, Refusal::NeverStarted);
    assert_eq!(states(&host.finish(&query())), ["r1-1: never started"]);
}

fn a_run_whose_name_holds_dashes_is_that_run(shell: Shell) {
    let host = Host::new(shell);
    host.finish(&deploy("exit 1").of_run("r1-undo"));
    let seen = host.finish(&query());
    assert_eq!((attempts(&seen)[0].run.as_str(), attempts(&seen)[0].attempt), ("r1-undo", 1));
}

fn attempts_of_another_host_in_the_same_home_are_not_told(shell: Shell) {
    let host = Host::new(shell);
    let as_host = |mut request: crate::guard::GuardRequest, id: &str| {
        request.env.insert("FLEETWIDE_HOST_ID".to_owned(), id.to_owned());
        request
    };
    host.finish(&as_host(deploy("").of_run("r1"), "aws:i-1"));
    host.finish(&as_host(deploy("").of_run("r2"), "aws:i-2"));
    assert_eq!(states(&host.finish(&as_host(query(), "aws:i-2"))), ["r2-1: exit status 0"]);
    assert_eq!(states(&host.finish(&query())).len(), 2, "who does not say for which one is told of all");
}

fn a_home_that_is_read_only_can_be_asked(shell: Shell) {
    let host = Host::new(shell);
    assert_eq!(host.status(&deploy("exit 5")), ScriptStatus::Exited(5));
    let everything = || -> Vec<_> {
        let folder = host.state().join("runs/r1-1");
        let files = [host.state(), folder.clone()].into_iter().flat_map(|it| fs::read_dir(it).unwrap());
        files.map(|file| file.unwrap()).map(|it| (it.path(), it.metadata().unwrap().mtime_nsec())).collect()
    };
    let before = everything();
    let guard = host.command();
    let mut command = Command::new(find("unshare"));
    command.args(["--map-root-user", "--mount", "sh", "-c"]);
    command.arg("mount --bind \"$HOME\" \"$HOME\" && mount -o remount,bind,ro \"$HOME\" && exec \"$@\"");
    command.arg("sh").arg(guard.get_program()).args(guard.get_args());
    host.dress(&mut command);
    host.link("mount", "mount");
    let seen = Running::start(command, &query()).finish();
    assert_eq!(states(&seen), ["r1-1: exit status 5"]);
    assert_eq!(everything(), before);
}

fn what_no_guard_writes_is_no_answer(shell: Shell) {
    let host = Host::new(shell);
    host.finish(&deploy("exit 5"));
    for (name, text) in
        [("format", "x1"), ("revision", "a 'b"), ("runs/r1-1/revision", "a 'b"), ("runs/r1-1/previous", "(")]
    {
        let file = host.state().join(name);
        let right = fs::read(&file).ok();
        fs::write(&file, text).unwrap();
        let (reason, told) = { host.finish(&query()) }.last_refusal();
        assert_eq!((reason, Path::new(&told)), (Refusal::Damaged, &*file));
        match right {
            Some(right) => fs::write(&file, right).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
    }
    fs::write(host.state().join("format"), "2").unwrap();
    assert_eq!(host.finish(&query()).last_refusal().0, Refusal::BadRequest);
    fs::set_permissions(host.state(), fs::Permissions::from_mode(0o755)).unwrap();
}

fn what_is_no_attempt_is_not_told(shell: Shell) {
    let host = Host::new(shell);
    host.finish(&deploy("exit 5"));
    let runs = host.state().join("runs");
    for name in ["old backup", "old", "r1-1.bak", "r1-", "-1", "r1-x", "17", "r1-12345678901", "a\nb-1", "*-1"] {
        fs::create_dir(runs.join(name)).unwrap();
    }
    fs::write(runs.join("r3-1"), "").unwrap();
    // A record that could not be read to its end is not read.
    fs::create_dir(runs.join("r2-1")).unwrap();
    assert!(Command::new(find("mkfifo")).arg(runs.join("r2-1/end")).status().unwrap().success());
    assert_eq!(states(&host.finish(&query())), ["r1-1: exit status 5", "r2-1: died"]);
}

fn what_cannot_be_read_is_not_taken_for_nothing(shell: Shell) {
    let host = Host::new(shell);
    host.finish(&deploy("exit 5"));
    let local = host.home.path().join(".local");
    let folders = [local.clone(), local.join("state"), host.state(), host.state().join("runs")];
    let files = ["format", "fence", "lock"].map(|it| host.state().join(it));
    let run = host.state().join("runs/r1-1");
    let kept = ["process", "end", "host", "fence", "previous", "revision"].map(|it| run.join(it));
    let mode = |path: &Path, bits| fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
    mode(host.home.path(), 0o755);
    mode(&local.join("state/fleetwide"), 0o755);
    folders.iter().chain([&run]).for_each(|folder| mode(folder, 0o755));
    files.iter().chain(&kept).for_each(|file| mode(file, 0o644));
    let answer = || {
        let seen = Running::start(host.command_of_nobody(), &query()).finish();
        host.await_silence();
        seen
    };
    assert_eq!(states(&answer()), ["r1-1: exit status 5"]);
    for (path, usual) in
        folders.iter().chain([&run]).map(|it| (it, 0o755)).chain(files[..1].iter().chain(&kept).map(|it| (it, 0o644)))
    {
        mode(path, 0);
        let (reason, text) = answer().last_refusal();
        assert_eq!((reason, text), (Refusal::ReadOnly, format!("cannot read {}", path.display())));
        mode(path, usual);
    }
}

fn who_is_about_to_start_a_script_is_waited_for(shell: Shell) {
    let host = Host::new(shell);
    let run = host.state().join("runs/r1-1");
    fs::create_dir_all(&run).unwrap();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let late = format!("printf '%s\\n' {} {} >{}", boot.trim(), std::process::id(), run.join("process").display());
    host.forge("sleep", &late);
    assert_eq!(states(&host.finish(&query())), ["r1-1: running"]);
}

/// Writes just before a power cut may be lost.
fn what_an_earlier_boot_knew_of_the_start_may_be_lost(shell: Shell) {
    let host = Host::new(shell);
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    for (run, boot, state) in
        [("r1-1", "earlier", "died"), ("r2-1", boot.trim(), "never started"), ("r3-1", "", "died")]
    {
        let run = host.state().join("runs").join(run);
        fs::create_dir_all(&run).unwrap();
        // No process has this number.
        fs::write(run.join("process"), format!("{boot}\n99999999 1\n")).unwrap();
        assert_eq!(states(&host.finish(&query())).last().unwrap().split(": ").last(), Some(state));
    }
}

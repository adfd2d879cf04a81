//! Stopping a script by a line, by its deadline or by losing contact, so that nothing of it is left.

use std::{fs, time::Duration};

use super::{
    host::{Host, Seen, Shell, await_that, deploy, run},
    on_every_shell,
};
use crate::guard::{Cause, GroupState, Lifeline, OnLost, ScriptStatus};

on_every_shell!(
    terminate_ends_the_whole_group,
    a_script_may_tidy_up_after_term,
    kill_needs_no_grace,
    kill_overtakes_a_grace,
    term_that_is_ignored_becomes_kill,
    a_child_that_ignores_term_is_killed_after_its_parent,
    a_stopped_script_can_be_stopped,
    the_deadline_is_kept_on_the_host,
    contact_lost_kills,
    contact_lost_finishes,
    a_cut_connection_lets_a_flood_finish,
    a_script_may_leave_a_server_behind,
    a_script_that_nobody_awaits_is_watched_to_its_end,
    a_script_that_nobody_awaits_keeps_its_deadline,
    a_child_that_left_the_group_ends_with_it,
    a_child_that_left_the_group_and_ignores_term_is_killed,
    a_daemon_outlives_a_natural_end,
    nothing_of_another_start_is_struck,
    a_guard_in_pieces_keeps_the_deadline,
);

const LONG: Duration = Duration::from_mins(5);

fn assert_killed(seen: &Seen, signal: &str, cause: Cause) {
    let trailer = seen.trailer();
    assert_eq!(trailer.status.to_string(), format!("killed by {signal}"));
    assert_eq!((trailer.cause, trailer.group), (cause, GroupState::Gone));
}

fn terminate_ends_the_whole_group(shell: Shell) {
    let host = Host::new(shell);
    for request in [run("sleep 300 & echo ready; wait"), deploy("sleep 300 & echo ready; wait")] {
        let mut running = host.start(&request);
        running.until_printed("ready").send(Lifeline::Terminate { grace: LONG });
        assert_killed(&running.finish(), "TERM", Cause::Stop);
        host.await_silence();
    }
}

fn a_script_may_tidy_up_after_term(shell: Shell) {
    let host = Host::new(shell);
    let mut running = host.start(&run("trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done"));
    running.until_printed("ready").send(Lifeline::Terminate { grace: LONG });
    let seen = running.finish();
    assert_eq!(seen.trailer().status, ScriptStatus::Exited(7));
    assert_eq!(seen.trailer().cause, Cause::Stop);
    assert_eq!(seen.text(), "ready\nbye\n");
    host.await_silence();
}

fn kill_needs_no_grace(shell: Shell) {
    let host = Host::new(shell);
    let mut running = host.start(&deploy("trap '' TERM; echo ready; sleep 300"));
    running.until_printed("ready").send(Lifeline::Kill);
    assert_killed(&running.finish(), "KILL", Cause::Kill);
    host.await_silence();
}

fn kill_overtakes_a_grace(shell: Shell) {
    let host = Host::new(shell);
    let mut running = host.start(&run("trap 'echo again' TERM; echo ready; while :; do sleep 0.05; done"));
    running.until_printed("ready").send(Lifeline::Terminate { grace: LONG });
    running.until_printed("again").send(Lifeline::Kill);
    assert_killed(&running.finish(), "KILL", Cause::Kill);
    host.await_silence();
}

fn term_that_is_ignored_becomes_kill(shell: Shell) {
    let host = Host::new(shell);
    let mut running = host.start(&run("trap '' TERM; echo ready; sleep 300"));
    running.until_printed("ready").send(Lifeline::Terminate { grace: Duration::from_secs(1) });
    assert_killed(&running.finish(), "KILL", Cause::Stop);
    host.await_silence();
}

fn a_child_that_ignores_term_is_killed_after_its_parent(shell: Shell) {
    let host = Host::new(shell);
    let script = "sh -c 'trap \"\" TERM; echo ready; sleep 300; sleep 300' & wait";
    let mut running = host.start(&deploy(script));
    running.until_printed("ready").send(Lifeline::Terminate { grace: Duration::from_secs(1) });
    assert_killed(&running.finish(), "TERM", Cause::Stop);
    host.await_silence();
}

fn a_stopped_script_can_be_stopped(shell: Shell) {
    let host = Host::new(shell);
    let mut running = host.start(&run("echo ready; kill -s STOP $$; echo woken"));
    running.until_printed("ready").send(Lifeline::Terminate { grace: LONG });
    assert_killed(&running.finish(), "TERM", Cause::Stop);
    host.await_silence();
}

fn the_deadline_is_kept_on_the_host(shell: Shell) {
    let host = Host::new(shell);
    for mut request in [run("sleep 300"), deploy("sleep 300")] {
        request.deadline = Duration::from_secs(1);
        assert_killed(&host.finish(&request), "TERM", Cause::Timeout);
    }
    let mut request = run("trap '' TERM; sleep 300");
    (request.deadline, request.grace) = (Duration::from_secs(1), Duration::from_secs(1));
    assert_killed(&host.finish(&request), "KILL", Cause::Timeout);
}

fn contact_lost_kills(shell: Shell) {
    let host = Host::new(shell);
    let mut running = host.start(&run("echo ready; sleep 300"));
    running.until_printed("ready").let_go();
    assert_killed(&running.finish(), "TERM", Cause::Lost);

    let mut request = deploy("trap '' TERM; echo ready; while :; do echo flood; done");
    request.grace = Duration::from_secs(1);
    let mut running = host.start(&request);
    running.until_printed("ready");
    running.cut().wait().unwrap();
    host.await_silence();
    let end = fs::read_to_string(host.state().join("runs/r1-1/end")).unwrap();
    assert!(end.starts_with("signal KILL lost gone "), "{end}");
}

fn contact_lost_finishes(shell: Shell) {
    let host = Host::new(shell);
    let script = "echo ready; until [ -e go ]; do sleep 0.01; done; echo done; exit 9";
    let mut request = deploy(script);
    request.on_lost = OnLost::Finish;
    let mut running = host.start(&request);
    running.until_printed("ready");
    let mut guard = running.cut();
    fs::write(host.home.path().join("go"), "").unwrap();
    guard.wait().unwrap();
    host.await_silence();
    let dir = host.state().join("runs/r1-1");
    assert_eq!(fs::read_to_string(dir.join("end")).unwrap().trim_end(), "exit 9 none gone 11 0");
    assert_eq!(fs::read_to_string(dir.join("stdout")).unwrap(), "ready\ndone\n");

    // So does a run, as long as it prints nothing.
    let mut request = run("echo ready; until [ -e went ]; do sleep 0.01; done; touch finished");
    request.on_lost = OnLost::Finish;
    let mut running = host.start(&request);
    running.until_printed("ready");
    let mut guard = running.cut();
    fs::write(host.home.path().join("went"), "").unwrap();
    guard.wait().unwrap();
    assert!(host.home.path().join("finished").exists());
    host.await_silence();
}

fn a_cut_connection_lets_a_flood_finish(shell: Shell) {
    let host = Host::new(shell);
    let mut request = deploy("echo ready; until [ -e go ]; do echo flood; echo flood >&2; done; seq 1 100000; exit 3");
    request.on_lost = OnLost::Finish;
    let mut running = host.start(&request);
    running.until_printed("ready");
    let mut guard = running.cut();
    fs::write(host.home.path().join("go"), "").unwrap();
    guard.wait().unwrap();
    host.await_silence();
    let end = fs::read_to_string(host.state().join("runs/r1-1/end")).unwrap();
    assert!(end.starts_with("exit 3 none gone "), "{end}");
}

fn a_script_may_leave_a_server_behind(shell: Shell) {
    let host = Host::new(shell);
    for request in [deploy("sleep 300 & echo $!; exit 0"), run("sleep 300 & echo $!; exit 0")] {
        let seen = host.start(&request).finish();
        assert_eq!(seen.trailer().status, ScriptStatus::Exited(0));
        assert_eq!(seen.trailer().group, GroupState::Alive);
        await_that("only the server is left", || match &host.processes()[..] {
            [only] if only.contains("sleep 300") => Ok(()),
            others => Err(format!("{others:#?}")),
        });
        assert!(std::process::Command::new("kill").arg(seen.text().trim()).status().unwrap().success());
        host.await_silence();
    }
}

/// The script's parent is killed, as the kernel does when memory is short.
fn a_script_that_nobody_awaits_is_watched_to_its_end(shell: Shell) {
    let host = Host::new(shell);
    let script = "kill -s KILL $PPID; echo ready; until [ -e go ]; do sleep 0.01; done; echo done";
    for request in [run(script), deploy(script)] {
        let mut running = host.start(&request);
        running.until_printed("ready");
        fs::write(host.home.path().join("go"), "").unwrap();
        let seen = running.finish();
        assert_eq!(seen.text(), "ready\ndone\n");
        assert_eq!((&seen.trailer().status, seen.trailer().cause), (&ScriptStatus::Unknown, Cause::None));
        assert_eq!(seen.trailer().group, GroupState::Gone);
        host.await_silence();
        fs::remove_file(host.home.path().join("go")).unwrap();
    }
}

fn a_script_that_nobody_awaits_keeps_its_deadline(shell: Shell) {
    let host = Host::new(shell);
    for mut request in [run("kill -s KILL $PPID; sleep 300"), deploy("kill -s KILL $PPID; sleep 300")] {
        request.deadline = Duration::from_secs(1);
        let seen = host.finish(&request);
        assert_eq!((&seen.trailer().status, seen.trailer().cause), (&ScriptStatus::Unknown, Cause::Timeout));
        assert_eq!(seen.trailer().group, GroupState::Gone);
    }
}

/// A double fork and its own session, as daemons use them.
const DAEMON: &str = "(setsid sh -c 'echo $$ >daemon; exec sleep 300' &) & until [ -s daemon ]; do sleep 0.01; done";

fn a_child_that_left_the_group_ends_with_it(shell: Shell) {
    let host = Host::new(shell);
    let script = format!("{DAEMON}; echo ready; sleep 300");
    for request in [run(&script), deploy(&script)] {
        let mut running = host.start(&request);
        running.until_printed("ready").send(Lifeline::Terminate { grace: LONG });
        assert_killed(&running.finish(), "TERM", Cause::Stop);
        host.await_silence();
        fs::remove_file(host.home.path().join("daemon")).unwrap();
    }
    let mut request = deploy(&script).of_run("r2");
    request.deadline = Duration::from_secs(1);
    assert_killed(&host.finish(&request), "TERM", Cause::Timeout);
}

fn a_child_that_left_the_group_and_ignores_term_is_killed(shell: Shell) {
    let host = Host::new(shell);
    let script = "(setsid sh -c 'trap \"\" TERM; echo ready; while :; do sleep 0.1; done' &) & exec sleep 300";
    let mut running = host.start(&deploy(script));
    running.until_printed("ready").send(Lifeline::Terminate { grace: Duration::from_secs(1) });
    assert_killed(&running.finish(), "TERM", Cause::Stop);
    host.await_silence();
}

fn a_daemon_outlives_a_natural_end(shell: Shell) {
    let host = Host::new(shell);
    let seen = host.start(&deploy(DAEMON)).finish();
    assert_eq!((&seen.trailer().status, seen.trailer().group), (&ScriptStatus::Exited(0), GroupState::Gone));
    let daemon = fs::read_to_string(host.home.path().join("daemon")).unwrap();
    assert!(std::process::Command::new("kill").arg(daemon.trim()).status().unwrap().success());
    host.await_silence();
}

/// The daemon of an earlier run, and everything on another host on the same machine.
fn nothing_of_another_start_is_struck(shell: Shell) {
    let (host, other) = (Host::new(shell), Host::new(shell));
    host.start(&deploy(DAEMON)).finish();
    let mut bystander = other.start(&deploy(format!("{DAEMON}; echo ready; until [ -e go ]; do sleep 0.01; done")));
    bystander.until_printed("ready");
    let mut running = host.start(&deploy("echo ready; sleep 300").of_run("r2"));
    running.until_printed("ready").send(Lifeline::Kill);
    assert_killed(&running.finish(), "KILL", Cause::Kill);

    fs::write(other.home.path().join("go"), "").unwrap();
    assert_eq!(bystander.finish().trailer().status, ScriptStatus::Exited(0));
    for host in [host, other] {
        let daemon = fs::read_to_string(host.home.path().join("daemon")).unwrap();
        assert!(std::process::Command::new("kill").arg(daemon.trim()).status().unwrap().success());
        host.await_silence();
    }
}

/// The guard's supervisor is killed, so its clock acts.
fn a_guard_in_pieces_keeps_the_deadline(shell: Shell) {
    let host = Host::new(shell);
    let mut request = deploy("echo ready; exec sleep 300");
    (request.deadline, request.on_lost) = (Duration::from_secs(10), OnLost::Finish);
    let mut running = host.start(&request);
    running.until_printed("ready");
    // The supervisor: the only process that reads the pipe and has a child that copies.
    let pump = fs::read_dir(host.state().join("runs/r1-1"))
        .unwrap()
        .find_map(|file| file.unwrap().file_name().to_str()?.strip_prefix("seen.").map(str::to_owned));
    assert!(pump.is_some(), "the pump has left its mark");
    let processes = host.processes();
    let parent = |pid: &str| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some(stat.rsplit_once(") ")?.1.split(' ').nth(1)?.to_owned())
    };
    let pids: Vec<String> = processes.iter().map(|it| it.split(['"', ' ']).nth(1).unwrap().to_owned()).collect();
    let stdin_of = |pid: &str| fs::read_link(format!("/proc/{pid}/fd/0")).map(|it| it.to_string_lossy().into_owned());
    let main = pids.iter().find(|pid| parent(pid).as_deref() == Some(&std::process::id().to_string())).unwrap();
    let supervise = pids
        .iter()
        .find(|pid| parent(pid).as_deref() == Some(main) && stdin_of(pid).is_ok_and(|it| it.starts_with("pipe:")))
        .unwrap();
    assert!(std::process::Command::new("kill").args(["-s", "KILL", supervise]).status().unwrap().success());
    running.cut().wait().unwrap();
    host.await_silence();
}

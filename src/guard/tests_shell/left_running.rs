//! Processes that a script leaves running when it ends by itself, such as a server started with `&`.

use std::fs;

use super::{
    host::{Host, Running, Shell, await_that, deploy},
    on_every_shell,
};
use crate::guard::{GroupState, ScriptStatus};

on_every_shell!(
    what_is_left_running_and_writes_on_and_on_does_not_hold_the_end_back,
    a_log_that_is_still_written_to_is_kept,
);

/// It writes faster than the connection carries: nothing is read before it has reached its limit.
fn what_is_left_running_and_writes_on_and_on_does_not_hold_the_end_back(shell: Shell) {
    const BLOCK: usize = 64 * 1024;
    let host = Host::new(shell);
    host.link("yes", "yes");
    // More than a connection holds, so that a copy is in progress when the end is recorded.
    let request = deploy(
        "seq 200000\n(until [ -e go ]; do sleep 0.02; done; ulimit -f 100000; exec yes) &\n\
         until [ -s \"${0%/*}/../r1-1/stdout\" ]; do sleep 0.02; done; exit 3",
    );
    let run = host.state().join("runs/r1-1");
    let size = || fs::metadata(run.join("stdout")).map_or(0, |it| it.len());
    let running = Running::start_deaf(host.command(), &request, || {
        await_that("the end is on record", || {
            let end = fs::read_to_string(run.join("end")).unwrap_or_default();
            if end.starts_with("exit 3") { Ok(()) } else { Err(end) }
        });
        fs::write(host.home.path().join("go"), "").unwrap();
        await_that("its limit is reached", || {
            let writes = host.processes().iter().any(|it| it.contains("yes") || it.contains("sleep 0.02"));
            if writes || size() < 40_000_000 { Err(format!("{} bytes", size())) } else { Ok(()) }
        });
    });
    let seen = running.finish();
    assert_eq!((&seen.trailer().status, seen.trailer().group), (&ScriptStatus::Exited(3), GroupState::Alive));
    let told = seen.stdout.len();
    let at_its_end = usize::try_from(seen.trailer().stdout.unwrap()).unwrap();
    assert!((at_its_end..at_its_end + 260 * BLOCK).contains(&told), "{told} of {} bytes", size());
    host.await_silence();
}

/// Otherwise an invisible file would fill the disk.
fn a_log_that_is_still_written_to_is_kept(shell: Shell) {
    let host = Host::new(shell);
    let seen = host.start(&deploy("echo $$ >server; sleep 300 & exit 0").of_run("r00")).finish();
    assert_eq!(seen.trailer().group, GroupState::Alive);
    let fill = |runs: std::ops::Range<u32>| {
        for run in runs {
            host.start(&deploy("exit 1").of_run(&format!("r{run:02}"))).finish();
        }
    };
    fill(1..12);
    let oldest = host.state().join("runs/r00-1");
    assert!(oldest.exists() && !host.state().join("runs/r01-1").exists());
    host.kill_all();
    host.await_silence();
    fill(12..13);
    assert!(!oldest.exists());
}

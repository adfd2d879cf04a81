//! One run of an app at a time, whatever locking tools the host has.

use std::{fs, os::unix::fs::symlink, process::Command};

use super::{
    host::{Host, Running, Seen, Shell, await_that, deploy, find, parts, recorded_group, whole},
    on_every_shell,
};
use crate::guard::{GuardRequest, Lifeline, Nonce, Refusal, ScriptStatus};

on_every_shell!(
    a_second_run_is_refused_while_the_first_lasts,
    the_lock_works_without_flock,
    the_lock_works_on_a_mac,
    a_lock_does_not_outlive_its_owner,
    a_script_that_outlived_its_guard_is_not_overtaken,
    an_attempt_that_never_came_whole_makes_room_for_the_next,
    an_upload_that_ends_late_touches_nothing_of_a_later_run,
    a_void_attempt_that_is_launched_late_runs_nothing,
);

fn assert_busy(host: &Host, run: &str, holder: &str) {
    assert_told_busy(&host.start(&deploy("touch pwned").of_run(run)).finish(), holder);
    assert!(!host.home.path().join("pwned").exists());
}

fn assert_told_busy(seen: &Seen, holder: &str) {
    let (reason, text) = seen.refusal();
    assert_eq!(reason, Refusal::Busy);
    assert!(text.contains(holder), "{text}");
}

fn a_second_run_is_refused_while_the_first_lasts(shell: Shell) {
    let host = Host::new(shell);
    let mut first = host.start(&deploy("echo ready; sleep 300"));
    first.until_printed("ready");
    assert_busy(&host, "r2", "r1-1");
    first.send(Lifeline::Kill);
    first.finish();
    let seen = host.finish(&deploy("echo mine").of_run("r2"));
    assert_eq!(seen.text(), "mine\n");
}

fn the_lock_works_without_flock(shell: Shell) {
    let host = Host::new(shell);
    host.without("flock");
    a_second_run_is_refused_while_the_first_lasts_on(&host);
    assert!(fs::symlink_metadata(host.state().join("owner")).is_err(), "the lock was not let go");
}

fn a_second_run_is_refused_while_the_first_lasts_on(host: &Host) {
    let mut first = host.start(&deploy("echo ready; sleep 300"));
    first.until_printed("ready");
    assert!(fs::symlink_metadata(host.state().join("owner")).is_ok());
    assert_busy(host, "r2", "r1-1");
    first.send(Lifeline::Kill);
    first.finish();
    let seen = host.finish(&deploy("echo mine").of_run("r2"));
    assert_eq!(seen.text(), "mine\n");
}

fn a_lock_does_not_outlive_its_owner(shell: Shell) {
    let host = Host::new(shell);
    host.without("flock");
    host.finish(&deploy("exit 0"));
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let boot = boot.trim();
    let own = std::process::id();
    // Another boot; a process that is gone; a process that reuses the number of one that is gone.
    for (at, owner) in [format!("other {own} 1 r0-1"), format!("{boot} 4194305 1 r0-1"), format!("{boot} {own} 1 r0-1")]
        .iter()
        .enumerate()
    {
        symlink(owner, host.state().join("owner")).unwrap();
        let seen = host.finish(&deploy("echo mine").of_run(&format!("s{at}")));
        assert_eq!(seen.text(), "mine\n", "{owner}");
    }
}

fn a_script_that_outlived_its_guard_is_not_overtaken(shell: Shell) {
    let host = Host::new(shell);
    let mut first = host.start(&deploy("echo ready; until [ -e go ]; do sleep 0.01; done"));
    first.until_printed("ready");
    let group = recorded_group(&host.state().join("runs/r1-1")).unwrap();
    // All processes of the guard are killed, as the kernel does when memory is short.
    for process in host.processes() {
        let pid: u32 = process.split('"').nth(1).unwrap().parse().unwrap();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let of_script = stat.rsplit(") ").next().unwrap().split(' ').nth(2) == Some(&group);
        if !of_script {
            std::process::Command::new("kill").args(["-s", "KILL", &pid.to_string()]).status().unwrap();
        }
    }
    first.cut().wait().unwrap();
    assert_busy(&host, "r2", "r1-1");
    fs::write(host.home.path().join("go"), "").unwrap();
    host.await_silence();
    let seen = host.finish(&deploy("echo mine").of_run("r2"));
    assert_eq!(seen.text(), "mine\n");
    // Nothing saw how the first one ended, and no end is invented.
    let seen = host.finish(&deploy("touch pwned"));
    assert_eq!(seen.trailer().status, ScriptStatus::Unknown);
    assert_eq!(seen.text(), "ready\n");
    assert!(!host.home.path().join("pwned").exists());
}

/// A guard that waits for the rest of its script, and holds the lock.
fn uploading(host: &Host, command: Command, request: &GuardRequest) -> Running {
    let nonce = Nonce::random();
    let bytes = whole(request, &nonce);
    let running = Running::send_raw(command, &bytes[..bytes.len() - 1], &nonce);
    let deploy = request.clone().deploy_mut().clone();
    let script = host.state().join(format!("runs/{}-{}/script", deploy.run, deploy.attempt));
    await_that("the script is on its way", || if script.exists() { Ok(()) } else { Err(String::new()) });
    running
}

/// The connection is cut, the host does not notice, and the same run comes again.
fn an_attempt_that_never_came_whole_makes_room_for_the_next(shell: Shell) {
    for flock in [true, false] {
        let host = Host::new(shell);
        if !flock {
            host.without("flock");
        }
        let mut request = deploy("echo mine; touch ran");
        let first = uploading(&host, host.command(), &request);
        assert_busy(&host, "r2", "r1-1");
        assert_busy(&host, "r1-undo", "r1-1");
        request.deploy_mut().attempt = 2;
        let seen = host.start(&request).finish();
        assert_eq!(seen.text(), "mine\n", "{flock}");
        first.cut().wait().unwrap();
        host.await_silence();
        request.deploy_mut().attempt = 1;
        assert_eq!(host.finish(&request).refusal().0, Refusal::NeverStarted);
    }
}

/// Its guard is dead by then, but what waits for the rest of the script is not.
fn an_upload_that_ends_late_touches_nothing_of_a_later_run(shell: Shell) {
    let host = Host::new(shell);
    let mut first = deploy("exit 0");
    first.deploy_mut().revision = Some("lost".to_owned());
    let cut_off = uploading(&host, host.command(), &first);
    first.deploy_mut().attempt = 2;
    assert_eq!(host.start(&first).finish().trailer().status, ScriptStatus::Exited(0));
    let mut later = deploy("echo ready; until [ -e go ]; do sleep 0.02; done").of_run("r2");
    later.deploy_mut().revision = Some("later".to_owned());
    later.deploy_mut().fence += 1;
    let fence = later.deploy_mut().fence;
    let mut running = host.start(&later);
    running.until_printed("ready");
    cut_off.cut().wait().unwrap();
    await_that("nothing waits for the script", || {
        let waits = host.processes().into_iter().find(|it| it.contains("head -c"));
        waits.map_or(Ok(()), Err)
    });
    fs::write(host.home.path().join("go"), "").unwrap();
    running.finish();
    host.await_silence();
    let kept = |name: &str| fs::read_to_string(host.state().join(name)).unwrap().trim().to_owned();
    assert_eq!((kept("revision"), kept("fence")), ("later".to_owned(), fence.to_string()));
}

/// Some shells take a folder for an empty script.
fn a_void_attempt_that_is_launched_late_runs_nothing(shell: Shell) {
    let host = Host::new(shell);
    let setsid = if shell == Shell::Busybox { find("busybox") } else { find("setsid") };
    let name = if shell == Shell::Busybox { " setsid" } else { "" };
    let wait = ": >launching\nuntil [ -e launch ]; do sleep 0.02; done";
    host.forge("setsid", &format!("{wait}\nexec {}{name} \"$@\"", setsid.display()));
    // Busybox has no flock here: a link whose owner is dead is taken over.
    let takes_over = shell == Shell::Busybox;
    for mut request in [deploy("echo ran >>ran"), parts(&["", "echo ran >>ran"]).of_run("r2")] {
        let first = host.start(&request);
        let run = host.state().join(format!("runs/{}-1", request.deploy_mut().run));
        let launching = host.home.path().join("launching");
        await_that("it is about to start", || if launching.exists() { Ok(()) } else { Err(String::new()) });
        request.deploy_mut().attempt = 2;
        let mut second = host.start(&request);
        second.until(|seen| takes_over || !seen.controls.is_empty());
        await_that("the first one is void", || if run.join("script").is_dir() { Ok(()) } else { Err(String::new()) });
        fs::write(host.home.path().join("launch"), "").unwrap();
        let seen = second.finish();
        first.cut().wait().unwrap();
        host.await_silence();
        let ran = fs::read_to_string(host.home.path().join("ran")).unwrap_or_default();
        if takes_over {
            assert_eq!((&seen.trailer().status, ran.as_str()), (&ScriptStatus::Exited(0), "ran\n"));
            fs::remove_file(host.home.path().join("ran")).unwrap();
        } else {
            assert_eq!((seen.refusal().0, ran.as_str()), (Refusal::Busy, ""));
        }
        let end = fs::read_to_string(run.join("end")).unwrap_or_default();
        assert!(!end.starts_with("exit 0"), "{end}");
        fs::remove_file(launching).unwrap();
        fs::remove_file(host.home.path().join("launch")).unwrap();
    }
}

impl Host {
    /// A host without `/proc` and flock, whose `ps` and `sysctl` print what BSD's do.
    fn mac(shell: Shell) -> Self {
        let host = Self::new(shell);
        host.without("flock");
        host.forge(
            "ps",
            "[ \"$1 $2 $3\" = '-o lstart= -p' ] && read -r it <\"/srv/$4/stat\" || exit 1\n\
             set -- ${it##*) }\necho \"Mon Jan  1 ${20} 2024\"",
        );
        let boot = "{ sec = 1700000000, usec = 0 } Tue Nov 14 22:13:20 2023";
        host.forge("sysctl", &format!("[ \"$2\" = kern.boottime ] && echo '{boot}'"));
        host
    }

    fn mac_command(&self) -> Command {
        let guard = self.command();
        let mut command = Command::new(find("unshare"));
        let hide = format!("{0} --bind /proc /srv && {0} -t tmpfs none /proc || exit", find("mount").display());
        command.args(["--mount", "/bin/sh", "-c", &format!("{hide}; s=$1; shift; exec \"$s\" \"$@\""), "sh"]);
        command.arg(guard.get_program()).args(guard.get_args());
        self.dress(&mut command);
        command
    }
}

/// There, the boot time and the start of a process have several words.
fn the_lock_works_on_a_mac(shell: Shell) {
    let host = Host::mac(shell);
    let first = uploading(&host, host.mac_command(), &deploy("touch ran"));
    let other = |run| Running::start(host.mac_command(), &deploy("echo mine").of_run(run)).finish();
    assert_told_busy(&other("r2"), "r1-1");
    first.cut().wait().unwrap();
    host.await_silence();
    assert_eq!(other("r2").text(), "mine\n");
    assert!(!host.home.path().join("ran").exists());

    let mut third = Running::start(host.mac_command(), &deploy("echo ready; sleep 300").of_run("r3"));
    third.until_printed("ready");
    assert_told_busy(&other("r4"), "r3-1");
    third.send(Lifeline::Kill);
    third.finish();
    host.await_silence();
}

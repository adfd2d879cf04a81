//! The script's exact status, whatever shell and awk the host has.

use super::{
    host::{Host, Shell, deploy, run},
    on_every_shell,
};
use crate::guard::{Cause, GroupState, Refusal, ScriptStatus};

on_every_shell!(
    the_shell_is_the_one_meant,
    every_exit_status_is_exact,
    every_signal_is_named,
    every_awk_tells_the_same,
    a_missing_command_is_127,
    a_missing_interpreter_is_told_before_the_start
);

const STATUSES: [u8; 14] = [0, 1, 2, 126, 127, 128, 129, 130, 137, 143, 194, 200, 254, 255];
/// Without QUIT, which bash and busybox ash ignore in themselves, with or without the guard.
const SIGNALS: [&str; 8] = ["TERM", "KILL", "INT", "ABRT", "HUP", "PIPE", "SEGV", "USR1"];

/// Otherwise all these tests would prove nothing.
fn the_shell_is_the_one_meant(shell: Shell) {
    let host = Host::new(shell);
    let seen = host.finish(&run("readlink /proc/$$/exe; :"));
    let expected = match shell {
        Shell::Dash => "/dash\n",
        Shell::Bash => "/bash\n",
        Shell::Busybox => "/busybox\n",
    };
    assert!(seen.text().ends_with(expected), "{}", seen.text());
}

fn every_exit_status_is_exact(shell: Shell) {
    let host = Host::new(shell);
    for status in STATUSES {
        assert_eq!(host.status(&run(&format!("exit {status}"))), ScriptStatus::Exited(status));
    }
    for status in [0, 143, 194, 255] {
        let script = format!("#!/bin/sh\nexit {status}\n");
        let seen = host.finish(&deploy(script).of_run(&format!("r{status}")));
        assert_eq!(seen.trailer().status, ScriptStatus::Exited(status));
        assert_eq!((seen.trailer().cause, seen.trailer().group), (Cause::None, GroupState::Gone));
    }
}

fn every_signal_is_named(shell: Shell) {
    let host = Host::new(shell);
    let killed_by = |status: &ScriptStatus| match status {
        ScriptStatus::Signaled(signal) => signal.to_string(),
        other => panic!("{other}"),
    };
    for signal in SIGNALS {
        let seen = host.finish(&run(&format!("kill -s {signal} $$")));
        assert_eq!(killed_by(&seen.trailer().status), signal);
        assert_eq!(seen.trailer().cause, Cause::None);
    }
    let seen = host.finish(&deploy("#!/bin/sh\nkill -s TERM $$\n"));
    assert_eq!(killed_by(&seen.trailer().status), "TERM");
}

fn every_awk_tells_the_same(shell: Shell) {
    let host = Host::new(shell);
    for awk in ["gawk", "mawk", "original-awk", "busybox"] {
        host.link("awk", awk);
        for status in [0, 1, 143, 255] {
            assert_eq!(host.status(&run(&format!("exit {status}"))), ScriptStatus::Exited(status), "{awk}");
        }
        for signal in ["TERM", "KILL", "SEGV"] {
            // With a core dump too, which awks report in different ways.
            let killed = host.status(&run(&format!("ulimit -c unlimited 2>/dev/null; kill -s {signal} $$")));
            assert_eq!(killed.to_string(), format!("killed by {signal}"), "{awk}");
        }
    }
}

fn a_missing_command_is_127(shell: Shell) {
    let host = Host::new(shell);
    assert_eq!(host.status(&run("no-such-command")), ScriptStatus::Exited(127));
    assert_eq!(host.status(&run("-e")), ScriptStatus::Exited(127), "it is no option");
    assert_eq!(host.status(&deploy("no-such-command")), ScriptStatus::Exited(127));
}

/// It must not look like the script's own 127.
fn a_missing_interpreter_is_told_before_the_start(shell: Shell) {
    let host = Host::new(shell);
    for line in ["#!/no/such/interpreter", "#!/usr/bin/env no-such-interpreter"] {
        let seen = host.finish(&deploy(format!("{line}\n")));
        let (reason, text) = seen.refusal();
        assert_eq!(reason, Refusal::NoTool);
        assert!(text.contains(line.rsplit(['!', ' ']).next().unwrap()), "{text}");
    }
    assert!(!host.state().exists());
}
